//! Which right is missing, and how an administrator grants exactly that one.
//!
//! The kernel module asks `capable(CAP_SYS_ADMIN)` for every call that locks clocks or sets power
//! limits (`NV_IS_SUSER` in `kernel-open/common/inc/nv-linux.h` of NVIDIA's open kernel modules).

/// Bit of `CAP_SYS_ADMIN` in the masks of `/proc/PID/status`, from `linux/capability.h`.
const CAP_SYS_ADMIN: u32 = 21;

/// Whether this process has `CAP_SYS_ADMIN`; `None` where the kernel does not say.
pub fn holds_sys_admin() -> Option<bool> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    effective(&status).map(|mask| mask >> CAP_SYS_ADMIN & 1 == 1)
}

fn effective(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// The missing right in words.
pub fn missing_right() -> String {
    let user = rustix::process::getuid().as_raw();
    let group = rustix::process::getgid().as_raw();
    in_words(holds_sys_admin(), user, group)
}

fn in_words(holds_sys_admin: Option<bool>, user: u32, group: u32) -> String {
    if holds_sys_admin == Some(true) {
        return "this process has the capability CAP_SYS_ADMIN and the driver refuses all the same: \
                the GPU belongs to a container or virtual machine whose host keeps control; \
                start the container with --cap-add=SYS_ADMIN, or ask whoever runs the host"
            .to_owned();
    }
    format!(
        "the driver asks for the capability CAP_SYS_ADMIN, which this process (user {user}) lacks; \
         an administrator grants that one, for one command, with: sudo setpriv --reuid={user} \
         --regid={group} --init-groups --inh-caps=+sys_admin --ambient-caps=+sys_admin -- \
         joulebench run PLAN --allow-control (a container also needs --cap-add=SYS_ADMIN; \
         'nvidia-smi -acp UNRESTRICTED' frees only application clocks and does not help)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_mask_is_read() {
        let status = "Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000200000\n";
        assert_eq!(effective(status), Some(1 << CAP_SYS_ADMIN));
        assert_eq!(effective("Name:\tx\n"), None);
        assert!(holds_sys_admin().is_some());
    }

    #[test]
    fn one_right_is_named_with_the_command_that_grants_it() {
        let lacking = in_words(Some(false), 1_000, 100);
        assert_eq!(lacking.matches("CAP_SYS_ADMIN").count(), 1);
        assert!(lacking.contains("--reuid=1000 --regid=100"), "{lacking}");
        assert!(in_words(Some(true), 0, 0).contains("--cap-add"));
    }
}
