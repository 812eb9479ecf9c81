//! Exit codes, each with one meaning.

use std::process::ExitCode;

use harness::device::DeviceError;
use harness::plan_file::PlanFileError;

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and everything is as it should be.
    Success = 0,
    /// Something failed: a claim's value moved, a checksum differs, a file cannot be written.
    Failure = 1,
    /// The command line or a plan cannot be accepted. clap uses the same code.
    Usage = 2,
    /// The device is absent or may not be used.
    Device = 3,
    /// Stopped at the end of the budget; the same command goes on.
    MoreToDo = 4,
    /// Every run was tried and some failed; they are recorded, the same command tries them again.
    RunsFailed = 5,
}

/// The table of exit codes for help texts.
pub(crate) const HELP: &str = "Exit codes: 0 done; 1 failed; 2 bad command line or plan; \
3 device absent or not permitted; 4 budget spent, more to do; 5 some runs failed";

/// Prints an error with its causes and turns the result into a code.
pub(crate) fn report(result: anyhow::Result<Exit>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            code_of(&error)
        }
    };
    ExitCode::from(exit as u8)
}

/// The error and its causes in one line; a cause that its parent quotes already is left out.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

fn code_of(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if cause.is::<PlanFileError>() {
            return Exit::Usage;
        }
        if cause.is::<DeviceError>() {
            return Exit::Device;
        }
    }
    Exit::Failure
}
