//! Exit codes, each with one meaning.

use std::process::ExitCode;

use gpu_sim::BoardError;
use gpu_sim::fault::FaultError;
use harness::control::ControlError;
use harness::device::DeviceError;
use harness::measure::MeasureError;
use harness::measure::command::CommandError;
use harness::plan_file::PlanFileError;
use harness::sweep::SweepError;
use harness::worker::offer::Unsupported;
use nvml_sim::schedule::LoadError;

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and everything is as it should be.
    Success,
    /// Something failed: a claim's value moved, a checksum differs, a file cannot be written.
    Failure,
    /// The command line or a plan cannot be accepted. clap uses the same code.
    Usage,
    /// The device is absent or may not be used.
    Device,
    /// Stopped at the end of the budget; the same command goes on.
    MoreToDo,
    /// Every run was tried and some failed; they are recorded, the same command tries them again.
    RunsFailed,
    /// Time was measured, energy was not; the reason is in the output.
    WithoutEnergy,
    /// What the command ended with that was run on emulated GPUs.
    OfCommand(u8),
}

impl Exit {
    /// The number that the shell sees.
    const fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Device => 3,
            Self::MoreToDo => 4,
            Self::RunsFailed => 5,
            Self::WithoutEnergy => 6,
            Self::OfCommand(code) => code,
        }
    }
}

/// A command line that cannot be accepted although every word of it can: nothing was done.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refusal(pub(crate) String);

/// Ends a verb with a [`Refusal`].
macro_rules! refuse {
    ($($argument:tt)*) => {
        return Err($crate::exit::Refusal(format!($($argument)*)).into())
    };
}

pub(crate) use refuse;

/// The table of exit codes for help texts.
pub(crate) const HELP: &str = "Exit codes: 0 done; 1 failed; 2 bad command line or plan; \
3 device absent or not permitted; 4 budget spent, more to do; 5 some runs or the measured command \
failed; 6 time without energy; emulate ends with the code of its command";

/// Prints an error with its causes and turns the result into a code.
pub(crate) fn report(result: anyhow::Result<Exit>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            code_of(&error)
        }
    };
    ExitCode::from(exit.number())
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
        let is_refusal = cause.is::<PlanFileError>()
            || cause.is::<CommandError>()
            || cause.is::<Refusal>()
            || cause.is::<Unsupported>()
            || cause.is::<LoadError>()
            || cause.is::<BoardError>()
            || cause.is::<FaultError>();
        if is_refusal {
            return Exit::Usage;
        }
        match cause.downcast_ref::<ControlError>() {
            Some(ControlError::NotAllowed { .. }) => return Exit::Usage,
            Some(
                ControlError::Permission { .. }
                | ControlError::Unreadable { .. }
                | ControlError::Device(_),
            ) => return Exit::Device,
            _ => {}
        }
        match cause.downcast_ref::<MeasureError>() {
            Some(MeasureError::Failed { .. } | MeasureError::Start(_)) => return Exit::RunsFailed,
            Some(MeasureError::Device(_)) => return Exit::Device,
            Some(MeasureError::Budget(_)) => return Exit::Usage,
            None => {}
        }
        let of_sweep = cause.downcast_ref::<SweepError>();
        if cause.is::<DeviceError>() || matches!(of_sweep, Some(SweepError::Device(_))) {
            return Exit::Device;
        }
    }
    Exit::Failure
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use anyhow::Context as _;
    use harness::plan_file;
    use harness::store::StoreError;

    use super::*;

    fn lost() -> DeviceError {
        DeviceError::Call {
            call: "nvmlDeviceGetPowerUsage",
            reason: "GPU is lost".to_owned(),
        }
    }

    fn code(error: impl Into<anyhow::Error>) -> Exit {
        code_of(&error.into())
    }

    #[test]
    fn every_error_has_its_code_also_below_a_context() {
        let plan = || plan_file::parse(Path::new("x.toml"), "name = 1").expect_err("no plan");
        let locked = || StoreError::Locked {
            root: PathBuf::from("runs"),
        };
        assert_eq!(code(plan()), Exit::Usage);
        assert_eq!(
            code(anyhow::Error::new(plan()).context("while planning")),
            Exit::Usage
        );
        assert_eq!(code(lost()), Exit::Device);
        assert_eq!(code(SweepError::Device(lost())), Exit::Device);
        assert_eq!(
            code(anyhow::Error::new(SweepError::from(lost())).context("sweep")),
            Exit::Device
        );
        let not_allowed = ControlError::NotAllowed {
            asks: "power_cap_w to 500".to_owned(),
        };
        assert_eq!(code(not_allowed), Exit::Usage);
        assert_eq!(code(ControlError::Device(lost())), Exit::Device);
        assert_eq!(code(SweepError::Store(locked())), Exit::Failure);
        assert_eq!(code(locked()), Exit::Failure);
        assert_eq!(code(anyhow::anyhow!("a claim moved")), Exit::Failure);
        assert_eq!(code(Refusal("two names for three".to_owned())), Exit::Usage);
        assert_eq!(code(CommandError::Empty), Exit::Usage);
        let failed = MeasureError::Failed {
            command: "c".to_owned(),
            ending: harness::measure::execution::Ending::Code(3),
            last_words: Vec::new(),
        };
        assert_eq!(code(failed), Exit::RunsFailed);
        assert_eq!(code(MeasureError::Device(lost())), Exit::Device);
    }

    #[test]
    fn codes_are_those_of_the_help_text() {
        let exits = [
            (Exit::Success, "0 done"),
            (Exit::Failure, "1 failed"),
            (Exit::Usage, "2 bad command line or plan"),
            (Exit::Device, "3 device absent"),
            (Exit::MoreToDo, "4 budget spent"),
            (
                Exit::RunsFailed,
                "5 some runs or the measured command failed",
            ),
            (Exit::WithoutEnergy, "6 time without energy"),
        ];
        for (exit, words) in exits {
            assert!(words.starts_with(&exit.number().to_string()), "{exit:?}");
            assert!(HELP.contains(words), "{words}");
            assert_eq!(report(Ok(exit)), ExitCode::from(exit.number()));
        }
    }

    #[test]
    fn a_chain_is_one_line_that_says_nothing_twice() {
        let error = Err::<(), _>(lost()).context("run 7").expect_err("lost");
        let text =
            "nvmlDeviceGetPowerUsage failed: GPU is lost; the run cannot go on without the device";
        assert_eq!(chain(&error), format!("run 7: {text}"));
        let quoted = Err::<(), _>(lost())
            .context(format!("run 7: {text}"))
            .expect_err("lost");
        assert_eq!(chain(&quoted), format!("run 7: {text}"));
    }
}
