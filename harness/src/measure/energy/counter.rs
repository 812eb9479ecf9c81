//! By the counter of the board.

use metering::instrument::Instrument;
use metering::window::{Gate, Recording, Source as Cause, WindowError};
use model::machine::Machine;
use model::reason::Absence;
use model::sample::Sample;
use model::units::{Joules, Nanos, Seconds};

use super::{BudgetLine, NoEnergy, Point, WindowEnergy};

/// Share by which the power just outside a window may differ from that of the tick beside.
const OUTSIDE_LIMIT: f64 = 0.10;

/// The new values of the counter, at the readings that showed them.
pub(super) fn ticks(samples: &[Sample]) -> Vec<Point> {
    let known = samples
        .iter()
        .filter_map(|sample| Some((sample.at_ns, sample.energy_mj?)));
    known
        .clone()
        .zip(known.skip(1))
        .filter(|((_, before), (_, after))| before != after)
        .map(|(_, (at, energy))| Point {
            at,
            energy: Joules::from(energy),
        })
        .collect()
}

/// The energy between two moments, from the ticks around.
pub(super) fn energy(
    instrument: &Instrument,
    machine: &Machine,
    samples: &[Sample],
    begin: Nanos,
    end: Nanos,
) -> Result<WindowEnergy, NoEnergy> {
    if let Some(reason) = machine.absent.get("energy_mj") {
        return Err(NoEnergy::Sensor(*reason));
    }
    let recording = Recording::new(samples, instrument).map_err(|error| reason(&error))?;
    let around = recording
        .around(begin, end)
        .ok_or(NoEnergy::CounterFrozen)?;
    let counted = recording.energy(&around).map_err(|error| reason(&error))?;
    let (open, close) = (around.begin.at_ns, around.end.at_ns);
    let half_tick = Nanos::from_seconds(instrument.counter.period_s.value / 2.0);
    let beside = |at: Nanos| {
        let tick = recording.around(at, at).ok_or(NoEnergy::CounterFrozen)?;
        let energy = recording.energy(&tick).map_err(|error| reason(&error))?;
        Ok(energy.energy_j / energy.duration_s)
    };
    let (before_w, after_w) = (
        beside(open.saturating_sub(half_tick))?,
        beside(close + half_tick)?,
    );
    let head_s = Seconds::from(begin.saturating_sub(open)).get();
    let tail = Tail::of(samples, end, close, before_w.min(after_w), after_w);
    let energy_j = counted.energy_j - before_w * head_s - tail.energy_j;
    if energy_j <= 0.0 {
        return Err(NoEnergy::NotResolved);
    }
    let outside_j = libm::hypot(
        OUTSIDE_LIMIT * before_w * head_s / 3_f64.sqrt(),
        tail.standard_j,
    );
    Ok(WindowEnergy {
        energy_j,
        corrected_j: counted.budget.truth.energy_j * energy_j / counted.energy_j,
        budget: lines(
            &counted,
            energy_j,
            Seconds::from(end.saturating_sub(begin)),
            outside_j,
        ),
        integral_off: counted
            .agreement
            .relative_difference
            .filter(|_| !matches!(counted.agreement.gate, Gate::Untested(_))),
        sensors_disagree: matches!(counted.agreement.gate, Gate::Closed(_)),
    })
}

/// What the device takes from the end of the window to the tick that closes it.
struct Tail {
    energy_j: f64,
    standard_j: f64,
}

impl Tail {
    /// While its clock has not fallen yet, a GPU without work draws more than an idle one, up to
    /// about twice as much (an H200: 75 and 124 W); then what it draws in the tick after.
    fn of(samples: &[Sample], end: Nanos, close: Nanos, idle_w: f64, after_w: f64) -> Self {
        let settled = clock_settles(samples, end).min(close);
        let high_s = Seconds::from(settled.saturating_sub(end)).get();
        let low_s = Seconds::from(close.saturating_sub(settled)).get();
        Self {
            energy_j: 1.5 * idle_w * high_s + after_w * low_s,
            standard_j: libm::hypot(
                0.5 * idle_w * high_s,
                (after_w - idle_w).max(OUTSIDE_LIMIT * after_w) * low_s,
            ) / 3_f64.sqrt(),
        }
    }
}

/// When the clock has come down to where it is in the last sample: in the middle between the two
/// samples that show it. Of a device that does not show its clock, never.
fn clock_settles(samples: &[Sample], end: Nanos) -> Nanos {
    let Some(rest) = samples.last().and_then(|last| last.sm_clock_mhz) else {
        return Nanos::new(u64::MAX);
    };
    let is_high = |sample: &Sample| sample.sm_clock_mhz.is_none_or(|clock| clock > rest);
    let Some(high) = samples.iter().rposition(is_high) else {
        return end;
    };
    let (last_high, first_low) = (samples[high].at_ns, samples[high + 1].at_ns);
    let middle = last_high + Nanos::new(first_low.saturating_sub(last_high).get() / 2);
    middle.max(end)
}

/// The lines of the window from tick to tick, for what lies between begin and end.
fn lines(
    counted: &metering::window::WindowEnergy,
    energy_j: f64,
    time: Seconds,
    outside_j: f64,
) -> Vec<BudgetLine> {
    let (of_energy, of_time) = (
        energy_j.abs() / counted.energy_j,
        time.get() / counted.duration_s,
    );
    counted
        .budget
        .lines
        .iter()
        .map(|line| {
            let share = match line.source {
                Cause::Gain | Cause::Drift => of_energy,
                Cause::Offset => of_time,
                _ => 1.0,
            };
            let own_j = line.standard_uncertainty_j * share;
            let standard_j = match line.source {
                Cause::Edge => libm::hypot(own_j, outside_j),
                _ => own_j,
            };
            BudgetLine {
                cause: line.source,
                standard_j,
            }
        })
        .collect()
}

const fn reason(error: &WindowError) -> NoEnergy {
    match error {
        WindowError::Empty { .. } => NoEnergy::NoTime,
        WindowError::NoReadings => NoEnergy::Sensor(Absence::ReadFailed),
        WindowError::OutsideRecording { .. } | WindowError::CounterFrozen { .. } => {
            NoEnergy::CounterFrozen
        }
        WindowError::SampledTooSlowly { .. } => NoEnergy::SampledTooSlowly,
        WindowError::CounterBackwards { .. } => NoEnergy::CounterBackwards,
    }
}
