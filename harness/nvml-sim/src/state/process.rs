//! Processes that hold contexts: whether they still live.

use super::EventKind;

/// Whether a process runs: a zombie has given back all it held.
pub(crate) fn is_alive(pid: u32) -> bool {
    // The state is the first word after the name, which is in brackets and may hold anything.
    fs_err::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| !rest.starts_with(['Z', 'X']))
    })
}

/// What happens to a GPU when a process is found dead.
pub(crate) const fn gone(pid: u32) -> EventKind {
    EventKind::SetContext {
        pid,
        open: false,
        memory_bytes: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_a_zombie_does_not() {
        assert!(is_alive(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        // It ends at once, and stays a zombie until somebody waits for it.
        let begin = std::time::Instant::now();
        while is_alive(pid) && begin.elapsed().as_secs() < 10 {
            std::thread::yield_now();
        }
        assert!(!is_alive(pid));
        child.wait().unwrap();
        assert!(!is_alive(pid));
    }
}
