//! The marks table: what the worker said.

use model::mark::{Mark, WorkerInfo};
use model::trace::{ReceivedMark, Stage, Trace, TraceHeader};
use model::units::Nanos;

use super::column::Filled;

/// A line of the worker.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    header: &'a TraceHeader,
    sequence: i64,
    received: &'a ReceivedMark,
}

/// The marks of a trace in the order in which they arrived.
pub(super) fn records(trace: &Trace) -> Vec<Record<'_>> {
    (0..)
        .zip(&trace.header.marks)
        .map(|(sequence, received)| Record {
            header: &trace.header,
            sequence,
            received,
        })
        .collect()
}

impl<'a> Record<'a> {
    fn kind(&self) -> &'static str {
        match self.received.mark {
            Mark::Ready { .. } => "ready",
            Mark::Begin { .. } => "begin",
            Mark::End { .. } => "end",
            Mark::Done { .. } => "done",
            Mark::Failed { .. } => "failed",
        }
    }

    fn phase(&self) -> Option<&'a str> {
        match &self.received.mark {
            Mark::Begin { phase, .. } | Mark::End { phase, .. } => Some(phase),
            _ => None,
        }
    }

    fn work(&self) -> Option<i64> {
        match &self.received.mark {
            Mark::End { work, .. } | Mark::Done { work, .. } => i64::try_from(*work).ok(),
            _ => None,
        }
    }

    fn worker(&self) -> Option<&'a WorkerInfo> {
        match &self.received.mark {
            Mark::Ready { worker, .. } => Some(worker),
            _ => None,
        }
    }

    fn digest(&self) -> Option<&'a str> {
        match &self.received.mark {
            Mark::Done { digest, .. } => Some(digest),
            _ => None,
        }
    }

    fn quality(&self) -> Option<String> {
        match &self.received.mark {
            Mark::Done { quality, .. } => serde_json::to_string(quality).ok(),
            _ => None,
        }
    }

    fn message(&self) -> Option<&'a str> {
        match &self.received.mark {
            Mark::Failed { message, .. } => Some(message),
            _ => None,
        }
    }

    fn since_window_ns(&self) -> Option<i64> {
        let begin = signed(self.header.span(Stage::Window)?.begin_ns)?;
        signed(self.received.mark.at())?.checked_sub(begin)
    }
}

fn signed(moment: Nanos) -> Option<i64> {
    i64::try_from(moment.get()).ok()
}

/// The table for these records.
pub(super) fn columns(records: &[Record<'_>]) -> Vec<Filled> {
    let worker = |get: fn(&WorkerInfo) -> &str| records.iter().map(move |r| r.worker().map(get));
    vec![
        Filled::texts(
            "run_id",
            records.iter().map(|r| Some(r.header.run.id.as_str())),
        )
        .about("content hash of the run, key of the runs table")
        .required(),
        Filled::integers("sequence", "1", records.iter().map(|r| Some(r.sequence)))
            .about("place of the mark in its run, from 0")
            .required(),
        Filled::texts(
            "provenance",
            records.iter().map(|r| Some(r.header.provenance.name())),
        )
        .about("measured, emulated or imported")
        .required(),
        Filled::texts("kind", records.iter().map(|r| Some(r.kind())))
            .about("ready, begin, end, done or failed")
            .required(),
        Filled::integers("t_ns", "ns", records.iter().map(Record::since_window_ns)).about(
            "moment of the mark, counted from the begin of the run's window; negative before it",
        ),
        Filled::integers(
            "at_ns",
            "ns",
            records.iter().map(|r| signed(r.received.mark.at())),
        )
        .about("moment of the mark on the machine's monotonic clock, stamped by the worker")
        .required(),
        Filled::integers(
            "received_ns",
            "ns",
            records.iter().map(|r| signed(r.received.received_ns)),
        )
        .about("when the harness had the line in hand, on the same clock")
        .required(),
        Filled::texts("phase", records.iter().map(Record::phase))
            .about("phase of work that begins or ends, for example prefill or decode"),
        Filled::integers("work", "1", records.iter().map(Record::work)).about(
            "units of work: of the phase for end; of the output phase over the whole run for done",
        ),
        Filled::texts("worker_name", worker(|w| &w.name))
            .about("program that did the work and its version"),
        Filled::texts("worker_engine", worker(|w| &w.engine))
            .about("library that computed and its version"),
        Filled::texts("worker_device", worker(|w| &w.device))
            .about("where it computed, for example cpu or cuda:0"),
        Filled::texts("worker_weights", worker(|w| &w.weights))
            .about("where the weights came from: seeded, file, tiny or none"),
        Filled::texts(
            "worker_weights_id",
            records
                .iter()
                .map(|r| r.worker().and_then(|w| w.weights_id.as_deref())),
        )
        .about("seed:N of random weights, or sha256:HASH of their files"),
        Filled::texts(
            "worker_inputs_id",
            records
                .iter()
                .map(|r| r.worker().and_then(|w| w.inputs_id.as_deref())),
        )
        .about("seed:N of drawn inputs, or sha256:HASH of the documents that were read"),
        Filled::texts("worker_output_phase", worker(|w| &w.output_phase))
            .about("phase whose work is the output of the run"),
        Filled::texts("worker_unit", worker(|w| &w.unit))
            .about("unit of that output, for example token"),
        Filled::texts("digest", records.iter().map(Record::digest))
            .about("SHA-256 of the outputs of one iteration"),
        Filled::texts("quality", records.iter().map(Record::quality))
            .about("quality metrics of the outputs, a JSON object"),
        Filled::texts("message", records.iter().map(Record::message))
            .about("what the worker says went wrong"),
    ]
}
