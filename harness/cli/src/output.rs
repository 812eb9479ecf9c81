//! Standard output that may be closed: `joulebench … | head` is no failure.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stdout};
use std::sync::atomic::{AtomicBool, Ordering};

/// The reader of standard output has left.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Writes to standard output. A reader that left is no error; anything else is said once on
/// standard error, since the result of a command is in its files and its exit code.
pub(crate) fn write(text: Arguments<'_>) {
    let mut out = stdout().lock();
    match out.write_fmt(text).and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            CLOSED.store(true, Ordering::Relaxed);
        }
        Err(error) => eprintln!("error: standard output: {error}"),
    }
}

/// Whether somebody still reads: what prints for ever ends where nobody does.
pub(crate) fn is_open() -> bool {
    !CLOSED.load(Ordering::Relaxed)
}

/// Prints a line.
macro_rules! say {
    () => { $crate::output::write(format_args!("\n")) };
    ($($argument:tt)*) => {
        $crate::output::write(format_args!("{}\n", format_args!($($argument)*)))
    };
}

pub(crate) use say;
