//! Running a command to its end.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use super::LaunchError;
use super::signals::HandOn;

/// How often the command is looked at while it runs.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Looks between two calls of the watcher.
const LOOKS_PER_WATCH: u32 = 10;

pub(super) fn run(
    command: &[OsString],
    environment: &[(&'static str, OsString)],
    mut watch: impl FnMut(),
) -> Result<u8, LaunchError> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(LaunchError::NoCommand);
    };
    let name = || program.to_string_lossy().into_owned();
    let signals = HandOn::begin();
    let mut child = Command::new(program)
        .args(arguments)
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .spawn()
        .map_err(|source| LaunchError::Start {
            command: name(),
            source,
        })?;
    signals.to(child.id());
    for look in 1_u32.. {
        let ended = child.try_wait().map_err(|source| LaunchError::Wait {
            command: name(),
            source,
        })?;
        if let Some(status) = ended {
            signals.ended();
            return Ok(code(status));
        }
        if look.is_multiple_of(LOOKS_PER_WATCH) {
            watch();
        }
        wait_a_little();
    }
    unreachable!("the loop ends with the command")
}

#[expect(
    clippy::disallowed_methods,
    reason = "waits for another program in real time; no measurement and no emulated time depends on it"
)]
fn wait_a_little() {
    std::thread::sleep(LOOK_EVERY);
}

/// As a shell has it.
fn code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|number| 128 + number));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255)
}
