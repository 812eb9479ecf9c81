//! The validity of one run: a pure judgement of its samples and of what else is known of it.
//!
//! Every finding is a code with data; none is ever a zero in an estimate. A quarantined run is kept,
//! listed and taken again.

mod facts;
mod finding;
mod host;
mod sampled;

use model::sample::Sample;

pub use facts::{ClockReading, Limits, ProcessSeen, RunFacts, ViolationCounters};
pub use finding::{Finding, Judged, Limit, Severity};

/// Everything that is found in a run, in the order of its checks. Samples are in the order of time.
pub fn judge(samples: &[Sample], facts: &RunFacts, limits: &Limits) -> Vec<Judged> {
    let [begin, end] = facts.window;
    let from = samples.partition_point(|sample| sample.at_ns < begin);
    let to = samples
        .partition_point(|sample| sample.at_ns <= end)
        .max(from);
    // A value that was read before the window holds into it.
    let inside = &samples[from.saturating_sub(1)..to];
    let mut judged = Vec::new();
    sampled::clock(inside, facts, limits, &mut judged);
    sampled::limits(inside, facts, limits, &mut judged);
    sampled::gaps(inside, facts, limits, &mut judged);
    sampled::counter(inside, facts, limits, &mut judged);
    sampled::still(inside, limits, &mut judged);
    sampled::temperature(&samples[from..to], facts, &mut judged);
    host::violations(facts, &mut judged);
    host::processes(facts, &mut judged);
    host::clocks(facts, limits, &mut judged);
    judged
}

/// Whether a run is to be left out and taken again.
pub fn is_quarantined(judged: &[Judged]) -> bool {
    judged
        .iter()
        .any(|judged| judged.severity == Severity::Quarantine)
}

fn quarantine(finding: Finding) -> Judged {
    Judged {
        finding,
        severity: Severity::Quarantine,
    }
}

const fn note(finding: Finding) -> Judged {
    Judged {
        finding,
        severity: Severity::Note,
    }
}

#[cfg(test)]
mod tests;
