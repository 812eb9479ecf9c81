//! The readings of the window, judged again by the rules that the harness had while it was open. A
//! trace of this harness says nothing new here; one of an older or another program may.

use metering::validity::{Demand, judge, requested_mhz};
use model::trace::{Flag, Span, Trace};
use model::units::Nanos;

use super::add_fault;
use crate::row::Row;

/// Adds what the harness did not say.
pub(super) fn describe(row: &mut Row, trace: &Trace, window: Span) {
    let run = &trace.header.run;
    let demand = if run.rules.is_some() {
        Demand::State(Nanos::from_millis(u64::from(run.session.sample_period_ms)))
    } else {
        Demand::Energy
    };
    let findings = judge(&trace.samples, window, requested_mhz(&run.point), demand);
    for fault in findings.faults {
        add_fault(row, fault);
    }
    for flag in findings.flags {
        add_flag(row, flag);
    }
}

/// Keeps the first flag of a kind.
fn add_flag(row: &mut Row, flag: Flag) {
    if !row.flags.iter().any(|known| known.flag == flag.flag) {
        row.flags.push(flag);
    }
}
