//! The samples table: every reading, with its place in the run.

use model::sample::{Access, SAMPLE_COLUMNS, Sample};
use model::trace::{Stage, Trace, TraceHeader};
use model::units::Nanos;

use super::column::Filled;

/// A reading of a run.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    header: &'a TraceHeader,
    sequence: i64,
    window_begin: Option<Nanos>,
    sample: &'a Sample,
}

/// The readings of a trace in the order in which they were taken.
pub(super) fn records(trace: &Trace) -> Vec<Record<'_>> {
    let window_begin = trace.header.span(Stage::Window).map(|span| span.begin_ns);
    (0..)
        .zip(&trace.samples)
        .map(|(sequence, sample)| Record {
            header: &trace.header,
            sequence,
            window_begin,
            sample,
        })
        .collect()
}

impl Record<'_> {
    fn since_window_ns(&self) -> Option<i64> {
        let begin = i64::try_from(self.window_begin?.get()).ok()?;
        i64::try_from(self.sample.at_ns.get())
            .ok()?
            .checked_sub(begin)
    }

    /// The stage a reading belongs to. Both ends of the window are in it, because the energy of
    /// the window is the difference between exactly these two readings.
    fn stage(&self) -> Option<&'static str> {
        let within = |stage: Stage| {
            let span = self.header.span(stage)?;
            (span.begin_ns..=span.end_ns)
                .contains(&self.sample.at_ns)
                .then_some(stage.name())
        };
        [
            Stage::Window,
            Stage::IdleBefore,
            Stage::PreSoak,
            Stage::WarmUp,
            Stage::CoolDown,
            Stage::IdleAfter,
        ]
        .into_iter()
        .find_map(within)
    }
}

/// The table for these records.
pub(super) fn columns(records: &[Record<'_>]) -> Vec<Filled> {
    let mut table = vec![
        Filled::texts("run_id", records.iter().map(|r| Some(r.header.run.id.as_str())))
            .about("content hash of the run, key of the runs table")
            .required(),
        Filled::integers("sequence", "1", records.iter().map(|r| Some(r.sequence)))
            .about("place of the reading in its run, from 0")
            .required(),
        Filled::texts("provenance", records.iter().map(|r| Some(r.header.provenance.name())))
            .about("measured, emulated or imported")
            .required(),
        Filled::texts("stage", records.iter().map(Record::stage))
            .about("stage of the session: idle_before, warm_up, window, cool_down or idle_after; both ends of the window belong to it"),
        Filled::integers("t_ns", "ns", records.iter().map(Record::since_window_ns))
            .about("start of the read, counted from the begin of the run's window; negative before it"),
    ];
    table.extend(SAMPLE_COLUMNS.iter().map(|column| {
        let filled = match column.access {
            Access::Integer { get, .. } => Filled::integers(
                column.name,
                column.unit,
                records.iter().map(|r| get(r.sample)),
            ),
            Access::Float { get, .. } => Filled::floats(
                column.name,
                column.unit,
                records.iter().map(|r| get(r.sample)),
            ),
        }
        .about(column.description);
        if column.is_optional() {
            filled
        } else {
            filled.required()
        }
    }));
    table
}
