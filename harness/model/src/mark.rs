//! The worker protocol: JSON lines between harness and worker.
//!
//! `docs/worker-protocol.md` is the page for people who write a worker in another language; the
//! types here are what the harness parses. Both sides stamp with the one monotonic clock of the
//! machine (`CLOCK_MONOTONIC`), so a mark needs no translation.

use serde::{Deserialize, Serialize};

use crate::axis::AxisValue;
use crate::point::Point;
use crate::units::Nanos;

/// Version of the protocol. Changelog: 1 = first.
pub const PROTOCOL_VERSION: u32 = 1;

/// Name of the environment variable that carries the [`RunRequest`] to the worker as JSON.
pub const REQUEST_VARIABLE: &str = "JOULEBENCH_RUN";

/// What the worker is asked to do; sent once, before it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// [`PROTOCOL_VERSION`] of the harness.
    pub protocol: u32,
    /// The run's content hash, to be echoed nowhere but in logs.
    pub run_id: String,
    /// The axis values of this run.
    pub point: Point,
    /// Seed of the weights: the same for every run of a sweep.
    pub weights_seed: u64,
    /// Seed of the inputs: the same for every run of a point.
    pub input_seed: u64,
    /// How long to work before saying [`Mark::Ready`], in seconds.
    pub warmup_s: f64,
}

/// One line of the worker on its standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mark", rename_all = "snake_case", deny_unknown_fields)]
pub enum Mark {
    /// Loaded and warm; the worker waits for [`Command::Go`].
    Ready {
        /// When, on the monotonic clock.
        at_ns: Nanos,
        /// Who works and with what.
        worker: WorkerInfo,
    },
    /// A phase of work begins; the device is idle (synchronised) at this moment.
    Begin {
        /// When, on the monotonic clock.
        at_ns: Nanos,
        /// Name of the phase, for example `prefill`.
        phase: String,
    },
    /// The phase ended; the device was synchronised before the stamp was taken.
    End {
        /// When, on the monotonic clock.
        at_ns: Nanos,
        /// Name of the phase.
        phase: String,
        /// Work done in the phase, counted in the unit that `ready` named for it.
        work: u64,
    },
    /// All work is done; the process exits next.
    Done {
        /// When, on the monotonic clock.
        at_ns: Nanos,
        /// Units of output over all `end` marks of the output phase since `go`.
        work: u64,
        /// SHA-256 (hex) of the outputs of one iteration.
        digest: String,
        /// Quality metrics of these outputs, by name.
        quality: std::collections::BTreeMap<String, f64>,
    },
    /// The worker cannot go on.
    Failed {
        /// When, on the monotonic clock.
        at_ns: Nanos,
        /// What went wrong and what to do, one line.
        message: String,
    },
}

/// One line of the harness to the worker's standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Start the measured iterations.
    Go,
    /// Finish the current iteration, say `done`, exit.
    Stop,
}

/// What a worker says of itself in `ready`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerInfo {
    /// Program and version, for example `joulebench-worker 0.1.0`.
    pub name: String,
    /// Library that computes, with its version, for example `candle 0.11.1`.
    pub engine: String,
    /// Where it computes: `cpu` or `cuda:0`.
    pub device: String,
    /// Where the weights come from: `seeded`, `file` or `tiny`; `none` for commands without.
    pub weights: String,
    /// What tells these weights from others: `seed:N`, or `sha256:…` of their files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_id: Option<String>,
    /// What tells these inputs from others, together with the axes of the point: `seed:N` of random
    /// ones, or `sha256:… from N` of texts and the number of the first that is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs_id: Option<String>,
    /// The phase whose work is the output of the run, for example `decode`.
    pub output_phase: String,
    /// Unit of that output, singular: `token`, `image`, `request`.
    pub unit: String,
}

impl Mark {
    /// When the mark was made.
    pub const fn at(&self) -> Nanos {
        match self {
            Self::Ready { at_ns, .. }
            | Self::Begin { at_ns, .. }
            | Self::End { at_ns, .. }
            | Self::Done { at_ns, .. }
            | Self::Failed { at_ns, .. } => *at_ns,
        }
    }

    /// Parses one line of a worker.
    ///
    /// # Errors
    /// The JSON error of the line; the caller names worker and line.
    pub fn parse(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }
}

impl RunRequest {
    /// A whole-number axis of the request, or the message that a worker should fail with.
    ///
    /// # Errors
    /// A sentence naming the axis, where it is missing or not a whole number.
    pub fn integer(&self, axis: crate::axis::Axis) -> Result<u64, String> {
        match self.point.get(axis) {
            Some(AxisValue::Integer(value)) => Ok(*value),
            Some(other) => Err(format!(
                "axis '{axis}' has the value '{other}', expected a whole number"
            )),
            None => Err(format!(
                "axis '{axis}' is missing from the point; add it to [axes] of the plan"
            )),
        }
    }

    /// A word axis of the request, or the message that a worker should fail with.
    ///
    /// # Errors
    /// A sentence naming the axis, where it is missing or not a word.
    pub fn text(&self, axis: crate::axis::Axis) -> Result<&str, String> {
        match self.point.get(axis) {
            Some(AxisValue::Text(value)) => Ok(value),
            Some(other) => Err(format!(
                "axis '{axis}' has the value '{other}', expected a word"
            )),
            None => Err(format!(
                "axis '{axis}' is missing from the point; add it to [axes] of the plan"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_the_documented_lines() {
        let end = Mark::End {
            at_ns: Nanos::new(7),
            phase: "decode".into(),
            work: 128,
        };
        let line = serde_json::to_string(&end).expect("a mark serialises");
        assert_eq!(
            line,
            r#"{"mark":"end","at_ns":7,"phase":"decode","work":128}"#
        );
        assert_eq!(Mark::parse(&line).expect("its own line parses"), end);
        assert_eq!(
            serde_json::to_string(&Command::Go).expect("a command serialises"),
            r#"{"command":"go"}"#
        );
    }

    #[test]
    fn garbage_and_unknown_fields_are_refused() {
        assert!(Mark::parse("hello").is_err());
        assert!(Mark::parse(r#"{"mark":"begin","at_ns":1,"phase":"x","extra":1}"#).is_err());
    }
}
