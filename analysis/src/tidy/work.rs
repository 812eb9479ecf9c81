//! What the worker did in the window, by its marks.

use std::collections::BTreeMap;

use model::axis::{Axis, AxisValue};
use model::mark::Mark;
use model::point::Point;
use model::reason::RunFault;
use model::trace::{Fault, Span, TraceHeader};
use model::units::{Nanos, Seconds};

use super::{count, fault};

/// The marks of the window, added up. A command that prints none has one phase all the same: the
/// harness marks its start and its end.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) unit: Option<String>,
    pub(super) first_begin: Option<Nanos>,
    pub(super) last_end: Option<Nanos>,
    pub(super) output: Option<u64>,
    pub(super) iterations: Option<u64>,
    pub(super) digest: Option<String>,
    claimed: Option<u64>,
    phases: BTreeMap<String, Phase>,
}

/// All executions of one phase.
#[derive(Debug, Default)]
struct Phase {
    executions: Vec<Execution>,
}

#[derive(Clone, Copy, Debug)]
struct Execution {
    time_ns: u64,
    work: u64,
}

impl Work {
    pub(super) fn of(header: &TraceHeader, window: Span) -> Self {
        let mut work = Self::default();
        let mut output_phase = None;
        let mut open: BTreeMap<&str, Nanos> = BTreeMap::new();
        for received in &header.marks {
            let mark = &received.mark;
            if let Mark::Ready { worker, .. } = mark {
                work.unit = Some(worker.unit.clone());
                output_phase = Some(worker.output_phase.as_str());
            }
            if mark.at() < window.begin_ns {
                continue;
            }
            match mark {
                Mark::Begin { at_ns, phase } => {
                    work.first_begin.get_or_insert(*at_ns);
                    open.insert(phase, *at_ns);
                }
                Mark::End {
                    at_ns,
                    phase,
                    work: amount,
                } => {
                    if let Some(begin) = open.remove(phase.as_str()) {
                        work.last_end = work.last_end.max(Some(*at_ns));
                        work.phases
                            .entry(phase.clone())
                            .or_default()
                            .executions
                            .push(Execution {
                                time_ns: at_ns.saturating_sub(begin).get(),
                                work: *amount,
                            });
                    }
                }
                Mark::Done {
                    work: claimed,
                    digest,
                    ..
                } => {
                    work.claimed = Some(*claimed);
                    work.digest = Some(digest.clone());
                }
                Mark::Ready { .. } | Mark::Failed { .. } => {}
            }
        }
        if let Some(phase) = output_phase.and_then(|name| work.phases.get(name)) {
            work.output = Some(
                phase
                    .executions
                    .iter()
                    .map(|execution| execution.work)
                    .sum(),
            );
            work.iterations = Some(phase.executions.len() as u64);
        }
        work
    }

    /// From the first `begin` to the last `end`.
    pub(super) fn duration(&self) -> Option<Seconds> {
        Some(Seconds::from(
            self.last_end?.saturating_sub(self.first_begin?),
        ))
    }

    /// Mean time of a phase.
    pub(super) fn mean_phase(&self, name: &str) -> Option<Seconds> {
        let executions = &self.phases.get(name)?.executions;
        let total_ns = executions.iter().map(|execution| execution.time_ns).sum();
        Some(Seconds::from(Nanos::new(total_ns)) / count(executions.len() as u64))
    }

    /// Where the marks do not add up, or are not the work that the point asks for.
    pub(super) fn faults(&self, point: &Point) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.output.unwrap_or(0) == 0 {
            faults.push(fault(
                RunFault::NoWork,
                "no end mark of the output phase with work inside the window".to_owned(),
            ));
        }
        if let (Some(claimed), Some(output)) = (self.claimed, self.output)
            && claimed != output
        {
            faults.push(fault(
                RunFault::WorkMismatch,
                format!("done says {claimed} units, the end marks add up to {output}"),
            ));
        }
        // A pass over sequences or sounds counts each of them once, whatever its length.
        for (phase, axis) in [
            ("prefill", Some(Axis::PromptTokens)),
            ("decode", Some(Axis::DecodeTokens)),
            ("infer", None),
            ("encode", None),
        ] {
            faults.extend(self.phase_mismatch(point, phase, axis));
        }
        faults
    }

    /// A phase does its work for each of the batch; per sequence one, or as many units as the axis
    /// says.
    fn phase_mismatch(&self, point: &Point, name: &str, axis: Option<Axis>) -> Option<Fault> {
        let number = |axis| point.get(axis).and_then(AxisValue::as_integer);
        let (each, of_axis) = match axis {
            Some(axis) => (number(axis)?, format!(" x {axis}")),
            None => (1, String::new()),
        };
        let expected = number(Axis::Batch)? * each;
        let executions = &self.phases.get(name)?.executions;
        let wrong = executions
            .iter()
            .find(|execution| execution.work != expected)?;
        Some(fault(
            RunFault::WorkMismatch,
            format!(
                "one {name} phase did {} units, expected batch{of_axis} = {expected}",
                wrong.work
            ),
        ))
    }
}
