//! States that the tests of this verb share, and what is asked of them.

use std::collections::BTreeMap;

use model::machine::Device;
use model::units::{Megahertz, Millijoules, Milliwatts};

use super::*;

fn machine(kind: DeviceKind, absent: &[(&str, Absence)]) -> Machine {
    Machine {
        harness: "joulebench".to_owned(),
        kernel: "Linux".to_owned(),
        cpu: "Some CPU".to_owned(),
        cpu_count: 2,
        memory_mib: 4_096,
        device: Device {
            kind,
            name: "NVIDIA H200".to_owned(),
            board_id: None,
            driver: None,
            cuda: None,
            vbios: None,
            memory_mib: None,
            power_limit_mw: Some(700_000),
            max_sm_clock_mhz: Some(1_980),
            max_memory_clock_mhz: None,
            ecc: None,
            mig: None,
            persistence: None,
            package_energy_range_uj: None,
            true_window_energy_mj: None,
        },
        absent: absent
            .iter()
            .map(|(name, reason)| ((*name).to_owned(), *reason))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn sample(at_ms: u64, power_mw: u64, energy_mj: u64) -> Sample {
    let is_busy = power_mw > 100_000;
    Sample {
        at_ns: Nanos::from_millis(at_ms),
        power_instant_mw: Some(Milliwatts::new(power_mw)),
        energy_mj: Some(Millijoules::new(energy_mj)),
        sm_clock_mhz: Some(Megahertz::new(if is_busy { 1_755 } else { 345 })),
        memory_clock_mhz: Some(Megahertz::new(3_201)),
        temperature_c: Some(52),
        event_reasons: Some(if is_busy { 0x4 } else { 0x1 }),
        sm_util_pct: Some(97.0),
        dram_util_pct: Some(41.0),
        ..Sample::default()
    }
}

/// Thirty seconds: idle at 75 W for ten, then 650 W. The counter ticks every 100 ms.
pub(in super::super) fn busy_state() -> State {
    let mut state = State::new("NVIDIA H200".to_owned(), &machine(DeviceKind::Nvml, &[]));
    let (mut counter, mut shown) = (5_000_000, 5_000_000);
    for at_ms in (0..=30_000).step_by(50) {
        let power_mw = if at_ms <= 10_000 { 75_000 } else { 650_000 };
        counter += if at_ms == 0 { 0 } else { power_mw / 20 };
        if at_ms % 100 == 0 {
            shown = counter;
        }
        state.take(&sample(at_ms, power_mw, shown));
    }
    state.processes = Some(1);
    state
}

pub(in super::super) fn processor_without_energy() -> State {
    let absent = [("package_energy_uj", Absence::NotSupported)];
    let mut bare = machine(DeviceKind::Cpu, &absent);
    bare.device.power_limit_mw = None;
    let mut state = State::new("Some CPU".to_owned(), &bare);
    state.take(&Sample {
        at_ns: Nanos::from_millis(1_000),
        ..Sample::default()
    });
    state.take(&Sample {
        at_ns: Nanos::from_millis(3_000),
        ..Sample::default()
    });
    state
}

#[test]
fn counter_and_integral_are_compared_between_the_same_ticks() {
    let snapshot = busy_state().snapshot().unwrap();
    // 10 s at 75 W and 20 s at 650 W.
    assert!(
        (snapshot.energy_j.unwrap() - 13_750.0).abs() < 1e-6,
        "{snapshot:?}"
    );
    let ratio = snapshot.integral_to_counter.unwrap();
    assert!((ratio - 1.0).abs() < 2e-3, "{ratio}");
}

#[test]
fn a_reset_counts_from_here_on() {
    let mut state = busy_state();
    state.reset();
    state.take(&sample(30_100, 650_000, 1_000));
    assert_eq!(state.snapshot().unwrap().energy_j, Some(0.0));
    state.take(&sample(30_200, 650_000, 66_000));
    let snapshot = state.snapshot().unwrap();
    assert_eq!(snapshot.energy_j, Some(65.0));
    assert!((snapshot.energy_time_s - 0.1).abs() < 1e-9);
    // A counter that begins anew is no negative energy.
    state.take(&sample(30_300, 650_000, 2_000));
    assert_eq!(state.snapshot().unwrap().energy_j, Some(67.0));
}

#[test]
fn a_processor_has_power_by_its_counter_also_where_that_begins_anew() {
    let mut known = machine(DeviceKind::Cpu, &[]);
    known.device.package_energy_range_uj = Some(100_000_000);
    let mut state = State::new("Some CPU".to_owned(), &known);
    for (at_ms, energy_uj) in [(0, 99_000_000), (100, 99_900_000), (200, 900_000)] {
        state.take(&Sample {
            at_ns: Nanos::from_millis(at_ms),
            package_energy_uj: Some(Microjoules::new(energy_uj)),
            ..Sample::default()
        });
    }
    let snapshot = state.snapshot().unwrap();
    assert!(
        (snapshot.power_w.unwrap() - 10.0).abs() < 1e-9,
        "{snapshot:?}"
    );
    assert!((snapshot.energy_j.unwrap() - 1.9).abs() < 1e-9);
}

#[test]
fn what_is_absent_has_a_reason_and_is_no_zero() {
    let snapshot = processor_without_energy().snapshot().unwrap();
    assert_eq!((snapshot.power_w, snapshot.energy_j), (None, None));
    assert_eq!(snapshot.absence, Some(Absence::NotSupported));
}
