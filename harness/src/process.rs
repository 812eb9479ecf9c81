//! Other processes: whether one runs, and ending a whole group.

use rustix::process::{Pid, Signal, kill_process_group};

/// Where the start of a process stands in `/proc/PID/stat`, counted after the name: field 22 of
/// proc(5), and the state, field 3, is the first.
const START: usize = 22 - 3;

/// Whether a process runs: a zombie holds nothing.
pub(crate) fn is_alive(pid: u32) -> bool {
    after_name(pid).is_some_and(|fields| !fields.starts_with(['Z', 'X']))
}

/// When a process started, in ticks since the machine did; with its number it is one process and no
/// other, for numbers are used again. `None` where it is gone.
pub(crate) fn started(pid: u32) -> Option<u64> {
    after_name(pid)?.split(' ').nth(START)?.parse().ok()
}

fn after_name(pid: u32) -> Option<String> {
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in brackets and may hold anything.
    stat.rsplit_once(") ").map(|(_, fields)| fields.to_owned())
}

/// Ends the process group of this number; one that is gone already is as good.
pub(crate) fn kill_group(pid: u32) {
    if let Some(group) = as_pid(pid) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// The number as the kernel takes it; `None` where no process can have it.
pub(crate) fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn this_process_lives_and_an_ended_one_does_not() {
        assert!(is_alive(std::process::id()));
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(!is_alive(child.id()));
        assert_eq!(started(child.id()), None);
        let own = started(std::process::id()).unwrap();
        assert!(own > 0 && started(std::process::id()) == Some(own));
        assert_eq!(as_pid(0), None);
        assert_eq!(as_pid(u32::MAX), None);
    }

    #[test]
    fn a_group_ends_as_a_whole() {
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 60 & wait"])
            .process_group(0)
            .spawn()
            .unwrap();
        kill_group(shell.id());
        assert!(!shell.wait().unwrap().success());
        kill_group(shell.id());
    }
}
