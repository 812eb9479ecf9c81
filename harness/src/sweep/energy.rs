//! The energy of a sealed run for one unit of its work, for the one purpose of deciding how many
//! blocks a sweep needs. The analysis computes it with more care, for the estimates.

use model::mark::Mark;
use model::plan::DeviceKind;
use model::sample::Sample;
use model::trace::{Stage, Trace};
use model::units::{Microjoules, Nanos};

/// Joules per unit of output: the counter between the bounds of the window, by the work of the
/// output phase. The idle tail of at most a tick is part of it, the same for every run.
///
/// # Errors
/// Why there is none.
pub(super) fn energy_per_unit_j(trace: &Trace) -> Result<f64, String> {
    let window = trace
        .header
        .span(Stage::Window)
        .ok_or("the run ended before its window")?;
    let counter = counter_uj(trace);
    let at = |moment| {
        energy_uj_at(&counter, moment)
            .ok_or("the window's bounds have no reading of an energy counter")
    };
    let energy_uj = at(window.end_ns)? - at(window.begin_ns)?;
    let work = work_since(trace, window.begin_ns);
    if energy_uj <= 0.0 || work == 0 {
        return Err(format!("{energy_uj} µJ for {work} units of work"));
    }
    #[expect(clippy::cast_precision_loss, reason = "units of work of one window")]
    let work = work as f64;
    Ok(energy_uj / 1e6 / work)
}

/// Moments and values of the device's counter in µJ, wraps undone.
fn counter_uj(trace: &Trace) -> Vec<(Nanos, f64)> {
    let device = &trace.header.machine.device;
    let of_sample = |sample: &Sample| match device.kind {
        DeviceKind::Cpu => sample.package_energy_uj.map(Microjoules::get),
        DeviceKind::Nvml | DeviceKind::Emulated => sample
            .energy_mj
            .and_then(|energy| energy.get().checked_mul(1_000)),
    };
    let range_uj = device.package_energy_range_uj.unwrap_or(0);
    let (mut wrapped_uj, mut previous_uj) = (0, 0);
    let readings = trace.samples.iter().filter_map(|sample| {
        let energy_uj = of_sample(sample)?;
        if energy_uj < previous_uj {
            wrapped_uj += range_uj;
        }
        previous_uj = energy_uj;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a board's lifetime is below 2^53 µJ · 1e3"
        )]
        Some((sample.at_ns, (energy_uj + wrapped_uj) as f64))
    });
    readings.collect()
}

/// The counter at a moment: its reading, or the straight line between the two beside it.
fn energy_uj_at(counter: &[(Nanos, f64)], moment: Nanos) -> Option<f64> {
    let next = counter.partition_point(|(at, _)| *at < moment);
    let (after, after_uj) = counter.get(next)?;
    if *after == moment {
        return Some(*after_uj);
    }
    let (before, before_uj) = counter.get(next.checked_sub(1)?)?;
    #[expect(clippy::cast_precision_loss, reason = "the time between two samples")]
    let (part, whole) = (
        moment.saturating_sub(*before).get() as f64,
        after.saturating_sub(*before).get() as f64,
    );
    Some(before_uj + part / whole * (after_uj - before_uj))
}

/// Work of the output phase that ended after a moment.
fn work_since(trace: &Trace, begin: Nanos) -> u64 {
    let marks = || trace.header.marks.iter().map(|received| &received.mark);
    let output_phase = marks().find_map(|mark| match mark {
        Mark::Ready { worker, .. } => Some(worker.output_phase.as_str()),
        _ => None,
    });
    let ended = marks().filter_map(|mark| match mark {
        Mark::End { at_ns, phase, work }
            if *at_ns >= begin && Some(phase.as_str()) == output_phase =>
        {
            Some(*work)
        }
        _ => None,
    });
    ended.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use model::units::Joules;

    use super::*;
    use crate::fixture::emulated_trace;

    #[test]
    fn it_is_the_counter_by_the_work() {
        let trace = emulated_trace();
        let window = trace.header.span(Stage::Window).expect("a good run");
        let per_unit_j = energy_per_unit_j(&trace).expect("a good run");
        let work = work_since(&trace, window.begin_ns);
        assert!(work > 0 && work.is_multiple_of(16), "{work} tokens");
        let truth_mj = trace
            .header
            .machine
            .device
            .true_window_energy_mj
            .expect("emulated");
        let truth = Joules::new(truth_mj / 1e3);
        #[expect(clippy::cast_precision_loss, reason = "some hundred tokens")]
        let ratio = per_unit_j * work as f64 / truth.get();
        // The card's own scale, three standard deviations of 3 %, and a tick of the short window.
        assert!((0.85..1.15).contains(&ratio), "{ratio}");
    }

    #[test]
    fn what_is_missing_is_said() {
        let mut trace = emulated_trace();
        trace
            .samples
            .iter_mut()
            .for_each(|sample| sample.energy_mj = None);
        let error = energy_per_unit_j(&trace).expect_err("no counter");
        assert!(error.contains("no reading of an energy counter"), "{error}");
        trace.header.spans.clear();
        let error = energy_per_unit_j(&trace).expect_err("no window");
        assert_eq!(error, "the run ended before its window");
    }

    #[test]
    fn a_wrapped_counter_of_packages_goes_on() {
        let mut trace = emulated_trace();
        trace.header.machine.device.kind = DeviceKind::Cpu;
        trace.header.machine.device.package_energy_range_uj = Some(1_000);
        trace.samples.truncate(3);
        for (sample, energy_uj) in trace.samples.iter_mut().zip([990, 5, 20]) {
            sample.package_energy_uj = Some(Microjoules::new(energy_uj));
        }
        let values: Vec<f64> = counter_uj(&trace).into_iter().map(|(_, uj)| uj).collect();
        assert_eq!(values, [990.0, 1_005.0, 1_020.0]);
    }
}
