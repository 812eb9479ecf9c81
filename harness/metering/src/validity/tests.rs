use model::units::{Megahertz, Millijoules, Milliwatts, Nanos};
use proptest::prelude::*;

use super::*;
use crate::series::Field;

/// Ten seconds at 100 Hz in which nothing is wrong.
fn sound() -> (Vec<Sample>, RunFacts) {
    let samples = (0..1_100_u64)
        .map(|i| Sample {
            at_ns: Nanos::from_millis(1_000 + 10 * i),
            energy_mj: Some(Millijoules::new(5_000_000 + 40_000 * (i / 10))),
            power_mw: Some(Milliwatts::new(400_000 + (i / 10 * 37) % 101)),
            power_average_mw: Some(Milliwatts::new(400_000 + (i / 10 * 37) % 101)),
            sm_clock_mhz: Some(Megahertz::new(if i % 100 < 50 { 1_410 } else { 1_425 })),
            temperature_c: Some(50 + i64::try_from(i / 400).unwrap()),
            event_reasons: Some(0),
            ..Sample::default()
        })
        .collect();
    let facts = RunFacts {
        window: [Nanos::from_millis(1_500), Nanos::from_millis(11_500)],
        sample_period: Nanos::from_millis(10),
        tick_s: 0.1,
        requested_clock_mhz: Some((1_410, 15)),
        allowed_temperature_c: Some([40, 60]),
        start_temperature_c: Some((50, 2)),
        device_uuid: "GPU-1".to_owned(),
        own_pids: vec![100, 101],
        processes: vec![seen(100, "GPU-1"), seen(555, "GPU-2")],
        clocks: vec![clocks(0.0, 0.0, 0.0), clocks(10.0, 10.0, 10.002)],
        violations: Some([violations(7.0, 0.0), violations(7.0, 0.0)]),
    };
    (samples, facts)
}

fn seen(pid: u32, uuid: &str) -> ProcessSeen {
    ProcessSeen {
        pid,
        device_uuid: uuid.to_owned(),
    }
}

fn violations(power_s: f64, thermal_s: f64) -> ViolationCounters {
    ViolationCounters {
        power_ns: Nanos::from_seconds(power_s),
        thermal_ns: Nanos::from_seconds(thermal_s),
    }
}

fn clocks(monotonic_s: f64, boot_s: f64, real_s: f64) -> ClockReading {
    ClockReading {
        monotonic_ns: Nanos::from_seconds(50.0 + monotonic_s),
        boot_ns: Nanos::from_seconds(80.0 + boot_s),
        real_ns: Nanos::from_seconds(1e9 + real_s),
    }
}

/// Codes with what follows from them.
type Codes = Vec<(&'static str, Severity)>;

fn codes(judged: &[Judged]) -> Codes {
    judged
        .iter()
        .map(|judged| (judged.finding.code(), judged.severity))
        .collect()
}

/// What is found after one thing is changed.
fn found(change: impl FnOnce(&mut Vec<Sample>, &mut RunFacts)) -> Codes {
    let (mut samples, mut facts) = sound();
    change(&mut samples, &mut facts);
    codes(&judge(&samples, &facts, &Limits::default()))
}

#[test]
fn nothing_is_found_in_a_sound_run() {
    assert_eq!(found(|_, _| {}), vec![]);
}

#[test]
fn each_fault_of_the_samples_is_found_and_named() {
    use Severity::{Note, Quarantine};
    let in_middle = |samples: &mut Vec<Sample>, change: &dyn Fn(&mut Sample)| {
        samples[400..600].iter_mut().for_each(change);
    };
    let cases: Vec<(Codes, Codes)> = vec![
        (
            found(|s, _| in_middle(s, &|s| s.sm_clock_mhz = Some(Megahertz::new(1_200)))),
            vec![("clock_not_held", Quarantine)],
        ),
        (
            found(|s, _| {
                for s in s {
                    s.sm_clock_mhz = None;
                }
            }),
            vec![("not_read", Quarantine)],
        ),
        (
            found(|s, _| in_middle(s, &|s| s.event_reasons = Some(0x4))),
            vec![("limited", Note)],
        ),
        (
            found(|s, _| in_middle(s, &|s| s.event_reasons = Some(0x40 | 0x8))),
            vec![("limited", Quarantine), ("limited", Quarantine)],
        ),
        (
            found(|s, _| {
                s.remove(500);
            }),
            vec![("missed_samples", Note)],
        ),
        (
            found(|s, _| {
                s.drain(400..470);
            }),
            vec![("missed_samples", Quarantine)],
        ),
        (
            found(|s, _| {
                let shown = s[300].energy_mj;
                for s in &mut s[300..400] {
                    s.energy_mj = shown;
                }
            }),
            vec![("counter_frozen", Quarantine)],
        ),
        (
            found(|s, _| {
                for s in &mut s[700..] {
                    s.energy_mj = s.energy_mj.map(|e| Millijoules::new(e.get() - 1_000_000));
                }
            }),
            vec![("counter_backwards", Quarantine)],
        ),
        (
            found(|s, _| {
                for s in &mut s[700..] {
                    s.energy_mj = s.energy_mj.map(|e| Millijoules::new(e.get() - 7_000_000));
                }
            }),
            vec![("counter_reset", Quarantine)],
        ),
        (
            found(|s, _| {
                let (power, average) = (s[300].power_mw, s[300].power_average_mw);
                s[300..900]
                    .iter_mut()
                    .for_each(|s| (s.power_mw, s.power_average_mw) = (power, average));
            }),
            vec![("sensor_frozen", Quarantine)],
        ),
    ];
    hold(cases);
}

fn hold(cases: Vec<(Codes, Codes)>) {
    for (index, (found, expected)) in cases.into_iter().enumerate() {
        assert_eq!(found, expected, "case {index}");
    }
}

#[test]
fn what_surrounds_the_samples_is_found_and_named() {
    use Severity::{Note, Quarantine};
    hold(vec![
        (
            found(|s, _| s[900].temperature_c = Some(61)),
            vec![("temperature_out_of_band", Quarantine)],
        ),
        (
            found(|_, f| f.start_temperature_c = Some((53, 2))),
            vec![("start_temperature", Note)],
        ),
        (
            found(|_, f| {
                f.processes
                    .extend([seen(7, "GPU-1"), seen(7, "GPU-1"), seen(8, "GPU-3")]);
            }),
            vec![("foreign_process", Quarantine)],
        ),
        (
            found(|_, f| f.clocks.push(clocks(20.0, 3_620.0, 3_620.002))),
            vec![("host_suspended", Quarantine)],
        ),
        (
            found(|_, f| f.clocks.push(clocks(20.0, 20.0, 18.0))),
            vec![("clock_stepped", Note)],
        ),
        (
            found(|_, f| f.violations = Some([violations(7.0, 0.0), violations(7.5, 0.0)])),
            vec![("violation_time", Note)],
        ),
        (
            found(|_, f| f.violations = Some([violations(7.0, 0.0), violations(7.0, 0.1)])),
            vec![("violation_time", Quarantine)],
        ),
    ]);
}

#[test]
fn one_step_off_is_held_and_two_steps_are_not() {
    let at = |mhz: u32| {
        found(|s, _| {
            for s in s {
                s.sm_clock_mhz = Some(Megahertz::new(mhz));
            }
        })
    };
    assert_eq!(at(1_395), vec![]);
    assert_eq!(at(1_425), vec![]);
    assert_eq!(at(1_380), vec![("clock_not_held", Severity::Quarantine)]);
}

#[test]
fn residency_is_weighted_by_time_and_not_by_samples() {
    // A burst of a hundred samples in 10 ms at another clock is a thousandth of the window.
    let with_burst = found(|samples, _| {
        let at = samples[500].at_ns;
        let burst: Vec<Sample> = (1..100)
            .map(|i| Sample {
                at_ns: at + Nanos::new(i * 100_000),
                sm_clock_mhz: Some(Megahertz::new(300)),
                ..samples[500].clone()
            })
            .collect();
        samples.splice(501..501, burst);
    });
    assert_eq!(with_burst, vec![]);
}

#[test]
fn outside_the_window_nothing_counts() {
    let before = found(|s, _| {
        s[..20]
            .iter_mut()
            .for_each(|s| s.sm_clock_mhz = Some(Megahertz::new(300)));
    });
    assert_eq!(before, vec![]);
}

#[test]
fn findings_read_well_and_keep_their_codes_in_data() {
    let judged = quarantine(Finding::ForeignProcess {
        pid: 7,
        device_uuid: "GPU-1".to_owned(),
    });
    assert_eq!(judged.finding.to_string(), "process 7 used GPU-1");
    let json = serde_json::to_value(&judged).unwrap();
    assert_eq!(json["finding"]["code"], "foreign_process");
    let frozen = Finding::SensorFrozen {
        field: Field::PowerAverage,
        for_s: 6.0,
    };
    assert_eq!(frozen.to_string(), "power_average_mw stood still for 6.0 s");
}

proptest! {
    #[test]
    fn any_run_is_judged_without_panic(
        times in proptest::collection::vec(0u64..20_000, 0..60),
        energy in proptest::collection::vec(proptest::option::of(0u64..10_000), 60),
        window in (0u64..20_000, 0u64..20_000),
    ) {
        let mut times = times;
        times.sort_unstable();
        let samples: Vec<Sample> = times
            .iter()
            .zip(energy)
            .map(|(at, energy)| Sample {
                at_ns: Nanos::from_millis(*at),
                energy_mj: energy.map(Millijoules::new),
                ..Sample::default()
            })
            .collect();
        let (_, mut facts) = sound();
        facts.window = [Nanos::from_millis(window.0), Nanos::from_millis(window.1)];
        let judged = judge(&samples, &facts, &Limits::default());
        for found in judged {
            prop_assert!(!found.finding.to_string().is_empty());
        }
    }
}
