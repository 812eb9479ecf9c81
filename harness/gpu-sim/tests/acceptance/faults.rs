//! Things that go wrong with a card.

use gpu_sim::SensorFault;

use crate::lab::{at, endless, ideal, joules, mean_w, play, reach};

#[test]
fn frozen_sensors_show_the_same_until_they_thaw_even_when_history_is_forgotten() {
    let mut gpu = ideal("h200");
    gpu.set_context(true);
    reach(&mut gpu, 2.0);
    let (before, samples) = (gpu.read(), gpu.power_samples());
    gpu.inject(SensorFault::FrozenSensor, true);
    gpu.set_work(endless("gemm-bf16"));
    for second in 3..40 {
        reach(&mut gpu, f64::from(second));
        gpu.forget_before(at((f64::from(second) - 15.0).max(0.0)));
        let now = gpu.read();
        assert_eq!(
            (
                now.energy,
                now.power_instant,
                now.power_usage,
                now.temperature_c,
                now.sm_clock
            ),
            (
                before.energy,
                before.power_instant,
                before.power_usage,
                before.temperature_c,
                before.sm_clock
            )
        );
        assert_eq!(gpu.power_samples(), samples);
    }
    assert!(mean_w(&gpu, 30.0, 39.0) > 600.0, "the truth goes on");
    gpu.inject(SensorFault::FrozenSensor, false);
    let thawed = gpu.read();
    assert!(joules(thawed.energy) - joules(before.energy) > 20_000.0);
    assert_ne!(thawed.power_instant, before.power_instant);
}

#[test]
fn a_counter_that_is_reset_begins_at_zero_and_goes_on() {
    for is_frozen in [false, true] {
        let mut gpu = ideal("a100-80");
        play(&mut gpu, &[(5.05, endless("copy"))]);
        if is_frozen {
            gpu.inject(SensorFault::FrozenSensor, true);
            reach(&mut gpu, 7.05);
        }
        gpu.inject(SensorFault::CounterReset, true);
        gpu.inject(SensorFault::FrozenSensor, false);
        assert_eq!(gpu.read().energy.get(), 0);
        let begin_s = crate::lab::seconds(gpu.now());
        reach(&mut gpu, begin_s + 3.0);
        let (shown, truth) = (
            joules(gpu.read().energy),
            3.0 * mean_w(&gpu, begin_s, begin_s + 3.0),
        );
        let tick = 0.1 * truth / 3.0;
        assert!((shown - truth).abs() <= tick + 0.01, "{shown} J, {truth} J");
        // The end of the fault gives nothing back.
        gpu.inject(SensorFault::CounterReset, false);
        assert!((joules(gpu.read().energy) - shown).abs() < 1e-9);
    }
}

#[test]
fn a_counter_that_falls_back_does_so_by_what_was_said() {
    let mut gpu = ideal("v100");
    play(&mut gpu, &[(5.0, endless("copy"))]);
    let before = gpu.read().energy.get();
    gpu.inject(SensorFault::CounterBackwards { by_mj: 250_000 }, true);
    assert_eq!(gpu.read().energy.get(), before - 250_000);
    gpu.inject(
        SensorFault::CounterBackwards {
            by_mj: u64::MAX / 4,
        },
        true,
    );
    assert_eq!(gpu.read().energy.get(), 0, "a counter is never below zero");
}

#[test]
fn a_clock_that_is_not_honoured_stays_free_until_the_fault_is_over() {
    let mut gpu = ideal("h200");
    gpu.set_context(true);
    gpu.set_work(endless("copy"));
    gpu.inject(SensorFault::ClockNotHonoured, true);
    gpu.lock_core_clocks(Some((600, 600)));
    reach(&mut gpu, 2.0);
    assert_eq!(gpu.core_clock_mhz(), 1_980);
    assert_eq!(
        gpu.settings().locked_core_mhz,
        Some((600, 600)),
        "the driver says it is locked"
    );
    gpu.inject(SensorFault::ClockNotHonoured, false);
    reach(&mut gpu, 3.0);
    assert_eq!(gpu.core_clock_mhz(), 600);
}

#[test]
fn memory_errors_are_counted_and_stay_counted() {
    let mut gpu = ideal("h100-sxm");
    gpu.inject(
        SensorFault::Ecc {
            single: 3,
            double: 0,
        },
        true,
    );
    gpu.inject(
        SensorFault::Ecc {
            single: 3,
            double: 0,
        },
        false,
    );
    gpu.inject(
        SensorFault::Ecc {
            single: 1,
            double: 2,
        },
        true,
    );
    let shown = gpu.read();
    assert_eq!((shown.ecc_single, shown.ecc_double), (4, 2));
}
