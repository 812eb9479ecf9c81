//! Signals that end a program: settings are given back first, whatever the main thread is doing.

use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::{ControlError, Lease};

/// From now on SIGINT, SIGTERM and SIGHUP give everything back and end this process as the signal
/// would have. A signal that whoever started us wants ignored (`nohup`) stays ignored.
///
/// `report` hears of what was not given back.
///
/// # Errors
/// Where the system sets no handler.
pub fn give_back_on_signals(lease: &Arc<Lease>, report: fn(&ControlError)) -> std::io::Result<()> {
    let ignored = ignored_signals();
    let caught: Vec<i32> = [SIGINT, SIGTERM, SIGHUP]
        .into_iter()
        .filter(|signal| ignored >> (signal - 1) & 1 == 0)
        .collect();
    let mut signals = Signals::new(caught)?;
    let lease = Arc::downgrade(lease);
    std::thread::spawn(move || {
        for signal in signals.forever() {
            // A lease that has ended has nothing to give back.
            if let Some(Err(error)) = lease.upgrade().map(|lease| lease.end_for_ever()) {
                report(&error);
            }
            // It returns only for signals that do not end a process, and these do.
            let _ = emulate_default_handler(signal);
        }
    });
    Ok(())
}

/// The mask of signals that this process ignores; bit 0 is signal 1.
fn ignored_signals() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    mask(&status).unwrap_or_default()
}

fn mask(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_mask_is_read() {
        // SIGHUP is 1 and SIGPIPE 13.
        assert_eq!(mask("SigIgn:\t0000000000001001\n"), Some(0x1001));
        assert_eq!(mask(""), None);
    }
}
