//! What people read, on numbers that stand still.

use harness::measure::bench::IdlePower;
use harness::measure::condition::{Condition, Range, ReasonShare};
use harness::measure::energy::{BudgetLine, NoEnergy, WindowEnergy};
use metering::validity::ClockReason;
use metering::window::Source as Cause;
use model::machine::{Device, Machine};
use model::plan::DeviceKind;
use model::reason::Absence;
use model::units::Nanos;

use harness::measure::RunResult;

use super::*;

pub(crate) const SETTINGS: Settings = Settings {
    runs: RunCount::Fixed(5),
    warmup_runs: 0,
    idle_s: 2.0,
    shortest_window_s: 1.0,
    instrument_budget: None,
    ignore_failure: false,
};

pub(crate) fn machine(name: &str, kind: DeviceKind) -> Machine {
    Machine {
        harness: "joulebench".to_owned(),
        kernel: "Linux".to_owned(),
        cpu: "Some CPU".to_owned(),
        cpu_count: 2,
        memory_mib: 4_096,
        device: Device {
            kind,
            name: name.to_owned(),
            board_id: None,
            driver: None,
            cuda: None,
            vbios: None,
            memory_mib: None,
            power_limit_mw: None,
            max_sm_clock_mhz: None,
            max_memory_clock_mhz: None,
            ecc: None,
            mig: None,
            persistence: None,
            package_energy_range_uj: None,
            true_window_energy_mj: None,
        },
        absent: std::collections::BTreeMap::new(),
    }
}

fn window(energy_j: f64) -> WindowEnergy {
    let line = |cause, share: f64| BudgetLine {
        cause,
        standard_j: share * energy_j,
    };
    WindowEnergy {
        energy_j,
        corrected_j: energy_j,
        budget: vec![
            line(Cause::Gain, 0.029),
            line(Cause::Offset, 0.007),
            line(Cause::Edge, 0.001),
            line(Cause::TickTime, 0.000_1),
            line(Cause::Resolution, 0.000_01),
        ],
        integral_off: Some(0.004),
        sensors_disagree: false,
    }
}

/// Five runs of some 700 W for a second, on a GPU that gets warmer.
pub(crate) fn on_a_gpu(factor: f64) -> Measurement {
    let runs = [1.04, 1.002, 0.999, 1.0, 0.998]
        .iter()
        .zip(0_u32..)
        .map(|(scatter, number)| {
            let time_s = 1.001 * scatter * factor;
            let begin_ns = Nanos::from_seconds(10.0 * f64::from(number));
            let celsius = f64::from(44 + 3 * number);
            let constant = |value| Range {
                low: value,
                mean: value,
                high: value,
            };
            RunResult {
                begin_ns,
                end_ns: begin_ns + Nanos::from_seconds(time_s),
                executions: 1,
                time_s,
                energy: Ok(window(702.4 * scatter * factor)),
                package: Err(NoEnergy::Sensor(Absence::NoPermission)),
                condition: Condition {
                    sm_clock_mhz: Some(constant(1_980.0 - 15.0 * f64::from(number))),
                    temperature_c: Some(constant(celsius)),
                    end_temperature_c: Some(celsius),
                    reasons: vec![ReasonShare {
                        reason: ClockReason::PowerCap,
                        share: 0.62,
                    }],
                },
                failure: None,
            }
        });
    Measurement {
        runs: runs.collect(),
        idle: IdlePower {
            before_w: Some(74.6),
            after_w: Some(88.1),
        },
        foreign_processes: Some(2),
        pilot: None,
        window: None,
    }
}

pub(crate) fn without_energy() -> Measurement {
    let mut measurement = on_a_gpu(1.0);
    for run in &mut measurement.runs {
        run.energy = Err(NoEnergy::Sensor(Absence::NotSupported));
        run.condition = Condition::default();
    }
    measurement.idle = IdlePower::default();
    measurement.foreign_processes = None;
    measurement
}

fn report(machine: &Machine, measurement: Measurement, provenance: Provenance) -> Report<'_> {
    let summary = Summary::of(&measurement);
    Report {
        format: REPORT_FORMAT,
        provenance,
        name: "infer",
        command: "python infer.py --batch 8".to_owned(),
        machine,
        warnings: warnings(&measurement, &summary, &SETTINGS),
        settings: SETTINGS,
        summary,
        measurement,
    }
}

#[test]
fn the_summary_of_a_gpu() {
    let machine = machine("NVIDIA H200", DeviceKind::Nvml);
    let report = report(&machine, on_a_gpu(1.0), Provenance::Measured);
    insta::assert_snapshot!(report.text());
}

#[test]
fn the_summary_without_energy() {
    let machine = machine("Some CPU", DeviceKind::Cpu);
    let report = report(&machine, without_energy(), Provenance::Measured);
    assert_eq!(exit_of(&report.warnings), Exit::WithoutEnergy);
    insta::assert_snapshot!(report.text());
}

#[test]
fn the_exports() {
    let machine = machine("NVIDIA H200", DeviceKind::Nvml);
    let report = report(&machine, on_a_gpu(1.0), Provenance::Emulated);
    insta::assert_snapshot!("csv", report.csv());
    insta::assert_snapshot!("markdown", report.markdown());
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["format"], REPORT_FORMAT);
    assert_eq!(json["provenance"], "emulated");
    assert_eq!(json["summary"]["energy_j"]["scatter"]["n"], 5);
    assert!(json["measurement"]["runs"][0]["package"]["Err"].is_object());
}
