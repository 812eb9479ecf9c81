//! Whether the work that a worker says it did adds up and is what the point asks for. The analysis
//! looks again, since traces travel; this look keeps a bad run from being sealed.

use model::axis::{Axis, AxisValue};
use model::mark::Mark;
use model::point::Point;
use model::reason::RunFault;
use model::trace::{Fault, ReceivedMark, Span, Stage};
use model::units::Nanos;

/// Phases whose work follows from the point: batch times this axis.
const PHASES: [(&str, Axis); 2] = [
    ("prefill", Axis::PromptTokens),
    ("decode", Axis::DecodeTokens),
];

/// What is wrong with the marks of the window; empty where it adds up, or where there is no window.
pub(super) fn faults(marks: &[ReceivedMark], spans: &[Span], point: &Point) -> Vec<Fault> {
    let Some(window) = spans.iter().find(|span| span.stage == Stage::Window) else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    faults.extend(sum_fault(marks, window.begin_ns));
    faults.extend(
        PHASES
            .iter()
            .filter_map(|(phase, axis)| phase_fault(marks, window.begin_ns, point, phase, *axis)),
    );
    faults
}

/// Names and counts of the phases that ended in the window.
fn ended(marks: &[ReceivedMark], begin: Nanos) -> impl Iterator<Item = (&str, u64)> {
    marks
        .iter()
        .filter_map(move |received| match &received.mark {
            Mark::End { at_ns, phase, work } if *at_ns >= begin => Some((phase.as_str(), *work)),
            _ => None,
        })
}

fn sum_fault(marks: &[ReceivedMark], begin: Nanos) -> Option<Fault> {
    let output_phase = marks.iter().find_map(|received| match &received.mark {
        Mark::Ready { worker, .. } => Some(worker.output_phase.as_str()),
        _ => None,
    })?;
    let claimed = marks.iter().find_map(|received| match received.mark {
        Mark::Done { work, .. } => Some(work),
        _ => None,
    })?;
    let output = ended(marks, begin)
        .filter(|(phase, _)| *phase == output_phase)
        .fold(0, |sum: u64, (_, work)| sum.saturating_add(work));
    if output == 0 {
        return Some(Fault {
            fault: RunFault::NoWork,
            detail: format!(
                "no phase '{output_phase}', the output phase of ready, ended with work"
            ),
        });
    }
    (claimed != output).then(|| Fault {
        fault: RunFault::WorkMismatch,
        detail: format!("done says {claimed} units, the end marks add up to {output}"),
    })
}

fn phase_fault(
    marks: &[ReceivedMark],
    begin: Nanos,
    point: &Point,
    phase: &str,
    axis: Axis,
) -> Option<Fault> {
    let number = |axis| point.get(axis).and_then(AxisValue::as_integer);
    let expected = number(Axis::Batch)? * number(axis)?;
    let (_, wrong) =
        ended(marks, begin).find(|(name, work)| *name == phase && *work != expected)?;
    Some(Fault {
        fault: RunFault::WorkMismatch,
        detail: format!("a {phase} phase did {wrong} units, expected batch x {axis} = {expected}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(decoded: u64, claimed: u64) -> Vec<ReceivedMark> {
        let ready = r#"{"mark":"ready","at_ns":1,"worker":{"name":"n","engine":"e","device":"cpu",
            "weights":"none","output_phase":"decode","unit":"token"}}"#;
        let end = |at: u64, phase: &str, work: u64| {
            format!(r#"{{"mark":"end","at_ns":{at},"phase":"{phase}","work":{work}}}"#)
        };
        let done =
            format!(r#"{{"mark":"done","at_ns":90,"work":{claimed},"digest":"","quality":{{}}}}"#);
        [
            ready.to_owned(),
            end(20, "prefill", 8),
            end(30, "decode", decoded),
            done,
        ]
        .iter()
        .map(|line| Mark::parse(line).unwrap())
        .map(|mark| ReceivedMark {
            received_ns: mark.at(),
            mark,
        })
        .collect()
    }

    fn codes(marks: &[ReceivedMark], begin: u64) -> Vec<RunFault> {
        let point = [
            (Axis::Batch, 2),
            (Axis::PromptTokens, 4),
            (Axis::DecodeTokens, 3),
        ]
        .into_iter()
        .fold(Point::default(), |point, (axis, value)| {
            point.with(axis, AxisValue::Integer(value))
        });
        let window = Span {
            stage: Stage::Window,
            begin_ns: Nanos::new(begin),
            end_ns: Nanos::new(100),
        };
        faults(marks, &[window], &point)
            .into_iter()
            .map(|fault| fault.fault)
            .collect()
    }

    #[test]
    fn work_that_adds_up_and_was_asked_for_has_no_fault() {
        assert_eq!(codes(&marks(6, 6), 10), []);
    }

    #[test]
    fn a_wrong_sum_and_a_wrong_count_are_mismatches() {
        assert_eq!(codes(&marks(6, 7), 10), [RunFault::WorkMismatch]);
        assert_eq!(codes(&marks(5, 5), 10), [RunFault::WorkMismatch]);
        assert_eq!(
            codes(&marks(5, 6), 10),
            [RunFault::WorkMismatch, RunFault::WorkMismatch]
        );
    }

    #[test]
    fn work_from_before_the_window_is_no_work_of_the_window() {
        assert_eq!(codes(&marks(6, 6), 50), [RunFault::NoWork]);
    }
}
