//! What the energy of a window is worth: the instrument's share of the uncertainty, and whether
//! counter and integrated power agree. The formulas are those of [`metering::window`].

use metering::class::BoardClass;
use metering::instrument::Instrument;
use metering::window::{Gate, Recording, Window, WindowEnergy, WindowError};
use model::reason::RunFault;
use model::trace::{Span, Trace};

use super::{add_fault, fault};
use crate::quantity::Percent;
use crate::row::Row;

/// Half of the 95 % intervals of the counter's energy, and the gate. A window without a counter has
/// neither. In a run of a plan with a tier, a closed gate is a fault: elsewhere it is only shown.
pub(super) fn describe(row: &mut Row, trace: &Trace, window: Span) {
    let energy = match energy_of(trace, window) {
        Ok(energy) => energy,
        Err(error) => {
            row.power_gate = Some(format!("untested: {}", error.code()));
            return;
        }
    };
    if energy.counter_j.is_none() {
        row.power_gate = Some(words(energy.agreement.gate));
        return;
    }
    row.instrument_pct = Some(Percent::new(
        energy.budget.sensed.relative_half_width() * 100.0,
    ));
    row.instrument_scale_pct = Some(Percent::new(
        energy.budget.truth.relative_half_width() * 100.0,
    ));
    row.power_gate = Some(words(energy.agreement.gate));
    let is_strict = trace.header.run.rules.is_some();
    if let (Gate::Closed(reason), true) = (energy.agreement.gate, is_strict) {
        let apart_pct = energy.agreement.relative_difference.unwrap_or_default() * 100.0;
        add_fault(
            row,
            fault(
                RunFault::CounterDisagreesWithPower,
                format!("{reason}: integrated power is {apart_pct:+.2} % from the counter"),
            ),
        );
    }
}

fn energy_of(trace: &Trace, window: Span) -> Result<WindowEnergy, WindowError> {
    let class = BoardClass::of_product(&trace.header.machine.device.name);
    let recording = Recording::new(&trace.samples, &Instrument::of_class(class))?;
    recording.energy(&Window::exact(window.begin_ns, window.end_ns))
}

fn words(gate: Gate) -> String {
    match gate {
        Gate::Open => "open".to_owned(),
        Gate::Untested(reason) => format!("untested: {reason}"),
        Gate::Closed(reason) => format!("closed: {reason}"),
    }
}
