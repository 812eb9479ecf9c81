//! Free memory of the host.

use std::fs;
use std::path::Path;

/// What the kernel could give without swapping, and at most what each control group around this
/// process has left.
pub(super) fn free_bytes() -> Option<u64> {
    let available = fs::read_to_string("/proc/meminfo")
        .ok()
        .as_deref()
        .and_then(available);
    [available, group_left()].into_iter().flatten().min()
}

/// `MemAvailable` of `/proc/meminfo`.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// What the tightest of the control groups leaves: limits hold for all groups below.
fn group_left() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    // Version 2 has one line, `0::/path`; version 1 names its controllers.
    let version_2 = own.lines().find_map(|line| line.strip_prefix("0::"));
    let version_1 = own
        .lines()
        .filter_map(|line| line.split_once(':')?.1.split_once(':'))
        .find_map(|(controllers, path)| {
            controllers
                .split(',')
                .any(|name| name == "memory")
                .then_some(path)
        });
    let of = |root: &str, path: &str, [limit, used]: [&str; 2]| {
        let root = Path::new(root);
        root.join(path.trim_start_matches('/'))
            .ancestors()
            .take_while(|folder| folder.starts_with(root))
            .filter_map(|folder| left(folder, limit, used))
            .min()
    };
    let files_1 = ["memory.limit_in_bytes", "memory.usage_in_bytes"];
    [
        version_2.and_then(|path| of("/sys/fs/cgroup", path, ["memory.max", "memory.current"])),
        version_1.and_then(|path| of("/sys/fs/cgroup/memory", path, files_1)),
    ]
    .into_iter()
    .flatten()
    .min()
}

/// What one group has left; `None` where it has no limit. Pages of files count as used, although
/// the kernel would drop them, so they are taken off.
fn left(folder: &Path, limit: &str, used: &str) -> Option<u64> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
    let cached = text("memory.stat").map_or(0, |stat| inactive_file(&stat));
    Some(number(limit)?.saturating_sub(number(used)?.saturating_sub(cached)))
}

/// Bytes of files that the kernel drops first.
fn inactive_file(stat: &str) -> u64 {
    stat.lines()
        .find_map(|line| line.strip_prefix("inactive_file ")?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn available_memory_is_read_in_bytes() {
        let text = "MemTotal:       8000 kB\nMemAvailable:       4000 kB\n";
        assert_eq!(available(text), Some(4_096_000));
        assert_eq!(available("MemTotal: 8000 kB\n"), None);
    }

    #[test]
    fn a_group_leaves_its_limit_less_what_is_held() {
        let folder = TempDir::new().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("writes");
        };
        let found = || left(folder.path(), "memory.max", "memory.current");
        assert_eq!(found(), None);
        write("memory.max", "max\n");
        write("memory.current", "700\n");
        assert_eq!(found(), None);
        write("memory.max", "1000\n");
        assert_eq!(found(), Some(300));
        write("memory.stat", "anon 600\ninactive_file 100\n");
        assert_eq!(found(), Some(400));
        write("memory.current", "5000\n");
        assert_eq!(found(), Some(0));
    }
}
