//! Signals that reach the emulator while a command runs go to the command.
//!
//! What the terminal sends (Ctrl-C, Ctrl-\) reaches both by itself when both are in its foreground;
//! sent on, the command would see it twice.

use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

/// The command that signals go to; 0 for none.
static COMMAND: AtomicI32 = AtomicI32::new(0);
/// A signal that came before there was a command; 0 for none.
static EARLY: AtomicI32 = AtomicI32::new(0);
/// `SIG_IGN`: who started us wants the signal ignored, as `nohup` does.
const IGNORED: usize = 1;

type Handler = extern "C" fn(i32);

#[expect(unsafe_code, reason = "the standard library cannot set a handler")]
unsafe extern "C" {
    /// `signal(2)` of the C library, which std links. Interrupted calls are taken up again.
    fn signal(number: i32, handler: usize) -> usize;
}

/// Signals that are handed on. They have the same numbers on all Linux.
const HANDED_ON: [Signal; 6] = [
    Signal::TERM,
    Signal::HUP,
    Signal::USR1,
    Signal::USR2,
    Signal::INT,
    Signal::QUIT,
];

/// Hands signals on to a command, as long as this lives.
pub(super) struct HandOn {
    command: &'static AtomicI32,
    before: Vec<(i32, usize)>,
}

impl HandOn {
    /// A signal waits until [`HandOn::to`] names the command: none may end this process before it
    /// has cleaned up.
    pub(super) fn begin() -> Self {
        COMMAND.store(0, Ordering::SeqCst);
        EARLY.store(0, Ordering::SeqCst);
        let from_terminal = if in_foreground() { ignore } else { hand_on };
        let before = HANDED_ON
            .iter()
            .map(|&number| {
                let handler: Handler = match number {
                    Signal::INT | Signal::QUIT => from_terminal,
                    _ => hand_on,
                };
                (number.as_raw(), set(number.as_raw(), handler as usize))
            })
            .inspect(|&(number, before)| {
                if before == IGNORED {
                    set(number, IGNORED);
                }
            })
            .collect();
        Self {
            command: &COMMAND,
            before,
        }
    }

    pub(super) fn to(&self, pid: u32) {
        self.command.store(pid.cast_signed(), Ordering::SeqCst);
        let early = EARLY.swap(0, Ordering::SeqCst);
        if early != 0 {
            hand_on(early);
        }
    }

    /// The command has been waited for: its number may belong to another process soon.
    pub(super) fn ended(&self) {
        self.command.store(0, Ordering::SeqCst);
    }
}

impl Drop for HandOn {
    fn drop(&mut self) {
        self.ended();
        for &(number, handler) in &self.before {
            set(number, handler);
        }
    }
}

#[expect(unsafe_code, reason = "see `signal`")]
fn set(number: i32, handler: usize) -> usize {
    // SAFETY: the handlers below only use what is allowed in a handler: atomics and kill(2). A
    // value of `before` was a disposition a moment ago.
    unsafe { signal(number, handler) }
}

extern "C" fn ignore(_: i32) {}

extern "C" fn hand_on(number: i32) {
    let Some(pid) = Pid::from_raw(COMMAND.load(Ordering::SeqCst)) else {
        EARLY.store(number, Ordering::SeqCst);
        return;
    };
    if let Some(signal) = Signal::from_named_raw(number) {
        // It may have ended a moment ago.
        let _ = kill_process(pid, signal);
    }
}

/// Whether this process is in the foreground of its terminal, from `/proc/self/stat`: fields 5
/// (process group) and 8 (group in the foreground), after the name in brackets.
fn in_foreground() -> bool {
    let Ok(stat) = fs_err::read_to_string("/proc/self/stat") else {
        return false;
    };
    let Some((_, rest)) = stat.rsplit_once(") ") else {
        return false;
    };
    let fields: Vec<&str> = rest.split(' ').collect();
    matches!((fields.get(2), fields.get(5)), (Some(group), Some(front)) if group == front)
}
