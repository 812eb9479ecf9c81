//! Finding the watchdog of a harness, so that a test can end it too.

use std::fs;

use rustix::process::Pid;

/// The name of the program, as far as the kernel keeps names.
const NAME: &str = "(joulebench-watc)";

/// The watchdog that a harness has started and not yet waited for.
pub fn watchdog_of(harness: u32) -> Option<Pid> {
    let children = fs::read_to_string(format!("/proc/{harness}/task/{harness}/children"));
    let pids: Vec<String> = match children {
        Ok(children) => children.split_whitespace().map(str::to_owned).collect(),
        // Kernels without that list: every process is looked at.
        Err(_) => fs::read_dir("/proc")
            .ok()?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect(),
    };
    pids.into_iter()
        .find(|pid| is_watchdog(pid, harness))
        .and_then(|pid| pid.parse().ok())
        .and_then(Pid::from_raw)
}

fn is_watchdog(pid: &str, harness: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let Some((name, fields)) = stat.rsplit_once(") ") else {
        return false;
    };
    let mut fields = fields.split(' ');
    let lives = fields.next().is_some_and(|state| state != "Z");
    let parent = fields.next().and_then(|parent| parent.parse().ok());
    lives && parent == Some(harness) && format!("{name})").ends_with(NAME)
}
