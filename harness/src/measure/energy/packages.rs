//! By the counters of the processor packages (RAPL).

use metering::window::Source as Cause;
use model::machine::Machine;
use model::reason::Absence;
use model::sample::Sample;
use model::units::{Joules, Microjoules, Nanos, Seconds};

use super::{BudgetLine, NoEnergy, Point, WindowEnergy};

/// Limit of the scale error of RAPL. Its maker states none; comparisons with meters find a few
/// per cent on processors that measure their energy.
const SCALE_LIMIT: f64 = 0.05;
/// RAPL refreshes about every millisecond.
const REFRESH: Nanos = Nanos::from_millis(1);

/// Uncertainty of the moments of two refreshes, in seconds.
fn edges_s() -> f64 {
    Seconds::from(REFRESH).get() / 6_f64.sqrt()
}

/// The window whose refreshes make this half of the 95 % interval, by the energy.
pub(super) fn least_window_s(target: f64) -> f64 {
    metering::window::coverage_factor(0.0) * edges_s() / target
}

/// The energy between two moments, from the readings beside.
pub(super) fn energy(
    machine: &Machine,
    samples: &[Sample],
    begin: Nanos,
    end: Nanos,
) -> Result<WindowEnergy, NoEnergy> {
    let points = points(machine, samples)?;
    let (from, to) = (interpolated(&points, begin)?, interpolated(&points, end)?);
    let energy = to - from;
    let duration = Seconds::from(end.saturating_sub(begin));
    let line = |cause, standard_j| BudgetLine { cause, standard_j };
    Ok(WindowEnergy {
        energy_j: energy.get(),
        corrected_j: energy.get(),
        budget: vec![
            line(Cause::Gain, energy.get().abs() * SCALE_LIMIT / 3_f64.sqrt()),
            line(Cause::TickTime, (energy / duration).get() * edges_s()),
        ],
        integral_off: None,
        sensors_disagree: false,
    })
}

/// The counter of the packages as a rising line: where it starts again, its range is added.
pub(super) fn points(machine: &Machine, samples: &[Sample]) -> Result<Vec<Point>, NoEnergy> {
    let absence = || {
        let reason = machine.absent.get("package_energy_uj").copied();
        NoEnergy::Sensor(reason.unwrap_or(Absence::ReadFailed))
    };
    let range = machine.device.package_energy_range_uj.ok_or_else(absence)?;
    let mut points: Vec<Point> = Vec::new();
    let (mut wraps, mut last) = (0_u64, 0_u64);
    for sample in samples {
        let reading = sample.package_energy_uj.ok_or_else(absence)?.get();
        if reading < last {
            wraps += 1;
        }
        last = reading;
        let risen = Microjoules::new(reading + wraps * range);
        points.push(Point {
            at: sample.at_ns,
            energy: Joules::from(risen),
        });
    }
    Ok(points)
}

fn interpolated(points: &[Point], at: Nanos) -> Result<Joules, NoEnergy> {
    let after = points.partition_point(|point| point.at < at);
    let beside = |index: usize| points.get(index).ok_or(NoEnergy::CounterFrozen);
    let later = beside(after)?;
    if later.at == at || after == 0 {
        return Ok(later.energy);
    }
    let earlier = beside(after - 1)?;
    let share = Seconds::from(at.saturating_sub(earlier.at))
        / Seconds::from(later.at.saturating_sub(earlier.at));
    Ok(earlier.energy + (later.energy - earlier.energy) * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Backend, DEFAULT_BOARD, board};

    fn machine(range_uj: Option<u64>, absent: Option<Absence>) -> Machine {
        let backend = Backend::Emulated(board(DEFAULT_BOARD).unwrap());
        let mut machine = backend.open(0).unwrap().sense().machine();
        machine.device.package_energy_range_uj = range_uj;
        machine.absent.clear();
        if let Some(reason) = absent {
            machine
                .absent
                .insert("package_energy_uj".to_owned(), reason);
        }
        machine
    }

    fn samples(readings: &[(u64, u64)]) -> Vec<Sample> {
        readings
            .iter()
            .map(|(at_ms, energy_uj)| Sample {
                at_ns: Nanos::from_millis(*at_ms),
                package_energy_uj: Some(Microjoules::new(*energy_uj)),
                ..Sample::default()
            })
            .collect()
    }

    #[test]
    fn a_window_between_readings_is_interpolated_also_where_the_counter_begins_anew() {
        // 10 W throughout; the counter starts again at 1 J.
        let samples = samples(&[(0, 800_000), (10, 900_000), (20, 0), (30, 100_000)]);
        let window = energy(
            &machine(Some(1_000_000), None),
            &samples,
            Nanos::from_millis(5),
            Nanos::from_millis(27),
        );
        let window = window.unwrap();
        assert!((window.energy_j - 0.22).abs() < 1e-12, "{window:?}");
        let scale = window
            .budget
            .iter()
            .find(|line| line.cause == Cause::Gain)
            .unwrap();
        assert!((scale.standard_j - 0.22 * 0.05 / 3_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_read_is_a_reason() {
        let (begin, end) = (Nanos::from_millis(5), Nanos::from_millis(27));
        let readings = samples(&[(0, 1), (30, 2)]);
        let of = |machine: &Machine, samples: &[Sample]| energy(machine, samples, begin, end);
        let forbidden = machine(None, Some(Absence::NoPermission));
        assert_eq!(
            of(&forbidden, &readings),
            Err(NoEnergy::Sensor(Absence::NoPermission))
        );
        let mut gap = readings.clone();
        gap[1].package_energy_uj = None;
        let readable = machine(Some(1_000_000), None);
        assert_eq!(
            of(&readable, &gap),
            Err(NoEnergy::Sensor(Absence::ReadFailed))
        );
        assert_eq!(of(&readable, &readings[..1]), Err(NoEnergy::CounterFrozen));
    }
}
