//! One run: the readings around the executions of one window.

use metering::validity::LONGEST_TICK;
use metering::window::PlanError;
use model::sample::Sample;
use model::units::Nanos;

use super::execution::{Ending, Executions, Executor, Repetition, StartError};
use super::sampler::Sampler;
use crate::device::DeviceError;
use thiserror::Error;

/// Ticks that are recorded on each side of a window.
const TICKS_BESIDE: u32 = 3;

/// Executions and the readings around them: from a tick before the first to a tick after the last.
#[derive(Clone, Debug)]
pub struct Record {
    /// What ran.
    pub executions: Executions,
    /// The readings.
    pub samples: Vec<Sample>,
    /// Whether the counter ticked on both sides; true where there is none.
    pub has_ticks: bool,
}

/// Why a measurement came to an end before its time.
#[derive(Debug, Error)]
pub enum MeasureError {
    /// The device stopped answering.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The command could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// No window meets the budget that is asked for.
    #[error("budget of the instrument: {0}")]
    Budget(#[from] PlanError),
    /// The command failed.
    #[error("{command}: {ending}{}; nothing can be said about a command that fails; \
             --ignore-failure measures it nevertheless", said(.last_words))]
    Failed {
        /// The command.
        command: String,
        /// How it ended.
        ending: Ending,
        /// Its last lines on standard error.
        last_words: Vec<String>,
    },
}

fn said(lines: &[String]) -> String {
    if lines.is_empty() {
        String::new()
    } else {
        format!(", after saying '{}'", lines.join(" | "))
    }
}

/// Takes one run. `watch` is called after every sample.
///
/// # Errors
/// Where the device is lost or the command cannot be started. A failed command is no error here:
/// its ending stands in the executions.
pub fn take(
    sampler: &mut Sampler<'_>,
    executor: &mut dyn Executor,
    repetition: Repetition,
    watch: &mut dyn FnMut(&Sample),
) -> Result<Record, MeasureError> {
    sampler.take();
    let mut has_ticks = step_to_ticks(sampler)?;
    if sampler.last().is_none() {
        sampler.step()?;
    }
    executor.start(repetition);
    let executions = loop {
        sampler.step()?;
        if let Some(sample) = sampler.last() {
            watch(sample);
        }
        if let Some(executions) = executor.poll()? {
            break executions;
        }
    };
    while sampler
        .last()
        .is_none_or(|last| last.at_ns < executions.end())
    {
        sampler.step()?;
    }
    has_ticks &= step_to_ticks(sampler)?;
    Ok(Record {
        executions,
        samples: sampler.take(),
        has_ticks,
    })
}

/// Samples until the counter has ticked often enough to tell what the idle device draws on this side
/// of the window: one tick at the window, one whole beside it, one to close that.
fn step_to_ticks(sampler: &mut Sampler<'_>) -> Result<bool, DeviceError> {
    for _ in 0..TICKS_BESIDE {
        if !sampler.step_to_tick(LONGEST_TICK)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Samples the idle device for a while.
///
/// # Errors
/// Where the device is lost.
pub fn idle(sampler: &mut Sampler<'_>, duration: Nanos) -> Result<Vec<Sample>, DeviceError> {
    sampler.take();
    let end = sampler.now() + duration;
    while sampler.now() < end {
        sampler.step()?;
    }
    Ok(sampler.take())
}
