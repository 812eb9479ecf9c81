//! The machine that the harness runs on, as far as the kernel tells.

/// What identifies the host without naming it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Operating system and kernel release.
    pub kernel: String,
    /// Processor model.
    pub cpu: String,
    /// Processors that this process may use.
    pub cpu_count: u32,
    /// Main memory in MiB.
    pub memory_mib: u64,
}

/// Harness and version.
pub fn harness_version() -> String {
    format!("joulebench {}", env!("CARGO_PKG_VERSION"))
}

/// Reads the kernel's description of this machine; what it does not say is `unknown`.
pub fn describe() -> Host {
    let uname = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let cpuinfo = fs_err::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let meminfo = fs_err::read_to_string("/proc/meminfo").unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Host {
        kernel: format!("{} {}", text(uname.sysname()), text(uname.release())),
        cpu: cpu_model(&cpuinfo).unwrap_or_else(|| "unknown".to_owned()),
        cpu_count: u32::try_from(cpus).unwrap_or(u32::MAX),
        memory_mib: memory_mib(&meminfo).unwrap_or_default(),
    }
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

fn memory_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_understood() {
        assert_eq!(
            cpu_model("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"),
            Some("Some CPU @ 2 GHz".to_owned())
        );
        assert_eq!(memory_mib("MemTotal:       24576000 kB\n"), Some(24_000));
        assert_eq!(cpu_model(""), None);
    }
}
