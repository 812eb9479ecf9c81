use model::units::Megahertz;

use super::*;
use crate::fixture::{EMULATED_AXES, plan, plan_text};

const PERIOD: Nanos = Nanos::from_millis(10);

fn run(clock_mhz: Option<u64>) -> Run {
    let axes = clock_mhz.map_or_else(
        || EMULATED_AXES.to_owned(),
        |mhz| format!("{EMULATED_AXES}\nsm_clock_mhz = [{mhz}]"),
    );
    plan(&plan_text("emulated", &axes, ""))
        .runs()
        .swap_remove(0)
}

/// A second at 500 W and 1,980 MHz, sampled every 10 ms, with changes.
fn codes(run: &Run, change: impl Fn(usize, &mut Sample) -> bool) -> Vec<RunFault> {
    let watch = watched(run, change);
    let mut faults = watch.faults();
    faults.extend(watch.strict_faults(run, PERIOD));
    faults.into_iter().map(|fault| fault.fault).collect()
}

/// The change says whether the sample was taken at all.
fn watched(run: &Run, change: impl Fn(usize, &mut Sample) -> bool) -> Watch {
    let mut watch = Watch::default();
    for index in 0..=100_usize {
        let at_ms = 10 * index as u64;
        let mut sample = Sample {
            at_ns: Nanos::from_millis(1_000 + at_ms),
            energy_mj: Some(Millijoules::new(7_000_000 + 500 * at_ms)),
            power_instant_mw: Some(Milliwatts::new(500_000 + index as u64 % 3)),
            sm_clock_mhz: Some(Megahertz::new(1_980)),
            event_reasons: Some(0),
            ..Sample::default()
        };
        if change(index, &mut sample) {
            watch.see(&sample, requested_mhz(run));
        }
    }
    watch
}

#[test]
fn a_window_as_it_should_be_has_no_finding() {
    for clock in [None, Some(1_980), Some(1_965)] {
        assert_eq!(codes(&run(clock), |_, _| true), []);
        assert_eq!(watched(&run(clock), |_, _| true).flags(), []);
    }
}

#[test]
fn a_clock_counts_as_held_within_a_step_for_99_percent_of_the_time() {
    let slow = |samples: usize| {
        move |index: usize, sample: &mut Sample| {
            if index < samples {
                sample.sm_clock_mhz = Some(Megahertz::new(1_950));
            }
            true
        }
    };
    assert_eq!(codes(&run(Some(1_980)), slow(1)), []);
    assert_eq!(codes(&run(Some(1_980)), slow(2)), [RunFault::ClockNotHeld]);
    assert_eq!(codes(&run(None), slow(100)), [], "nobody asked for a clock");
    let fault = watched(&run(Some(1_980)), slow(2)).strict_faults(&run(Some(1_980)), PERIOD);
    assert_eq!(
        fault[0].detail,
        "within 15 MHz of the requested 1980 MHz for 98.00 % of the window, expected 99 %; the clock was \
         1950 to 1980 MHz, with the power cap in force for 0.00 s"
    );
}

#[test]
fn residency_is_weighted_by_time_and_not_by_samples() {
    // Ten slow samples that stand for a whole tenth of a second, of which nine were not taken.
    let found = codes(&run(Some(1_980)), |index, sample| {
        if (50..60).contains(&index) {
            sample.sm_clock_mhz = Some(Megahertz::new(990));
        }
        !(51..60).contains(&index)
    });
    assert_eq!(found, [RunFault::ClockNotHeld, RunFault::MissedSamples]);
}

#[test]
fn heat_is_a_fault_and_the_power_cap_a_flag() {
    for (bit, name) in THROTTLES {
        let hot = |index: usize, sample: &mut Sample| {
            sample.event_reasons = Some(if index == 40 { bit | POWER_CAP } else { 0 });
            true
        };
        assert_eq!(codes(&run(None), hot), [RunFault::Throttled]);
        let watch = watched(&run(None), hot);
        let detail = &watch.strict_faults(&run(None), PERIOD)[0].detail;
        assert_eq!(*detail, format!("{name} for 0.01 s of 1.00 s"));
        assert_eq!(watch.flags()[0].flag, RunFlag::PowerCapped);
    }
}

#[test]
fn samples_that_are_missing_are_a_fault_from_five_percent_on() {
    assert_eq!(codes(&run(None), |index, _| index % 25 != 10), []);
    assert_eq!(
        codes(&run(None), |index, _| index % 10 != 5),
        [RunFault::MissedSamples]
    );
    let unread = |index: usize, sample: &mut Sample| {
        if index % 10 == 5 {
            sample.energy_mj = None;
        }
        true
    };
    assert_eq!(codes(&run(None), unread), [RunFault::MissedSamples]);
    // A device without a counter misses none.
    let none = |_: usize, sample: &mut Sample| {
        sample.energy_mj = None;
        true
    };
    assert_eq!(codes(&run(None), none), []);
}

#[test]
fn a_sensor_is_frozen_only_where_the_counter_contradicts_it() {
    let shows = |mw: u64| {
        move |_: usize, sample: &mut Sample| {
            sample.power_instant_mw = Some(Milliwatts::new(mw));
            true
        }
    };
    assert_eq!(
        codes(&run(None), shows(500_000)),
        [],
        "steady power is steady"
    );
    assert_eq!(codes(&run(None), shows(125_000)), [RunFault::SensorFrozen]);
}

#[test]
fn a_counter_that_goes_back_is_a_fault_with_both_readings() {
    let back = |index: usize, sample: &mut Sample| {
        if index == 50 {
            sample.energy_mj = Some(Millijoules::new(1));
        }
        true
    };
    assert_eq!(codes(&run(None), back), [RunFault::CounterBackwards]);
    assert_eq!(
        watched(&run(None), back).faults()[0].detail,
        "the energy counter went from 7245000 mJ to 1 mJ inside the window"
    );
}
