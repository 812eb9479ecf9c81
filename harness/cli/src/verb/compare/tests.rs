//! The comparison that people read, on numbers that stand still.

use model::plan::DeviceKind;

use crate::verb::measure::tests::{SETTINGS, machine, on_a_gpu, without_energy};

use super::*;

fn text(measurements: Vec<Measurement>) -> String {
    let machine = machine("NVIDIA H200", DeviceKind::Nvml);
    let lines = ["./old --all", "./new --all"].map(str::to_owned);
    let names = ["old", "new"].map(str::to_owned).to_vec();
    let comparisons = compare::compare(&measurements);
    let report = Report {
        format: REPORT_FORMAT,
        provenance: Provenance::Measured,
        machine: &machine,
        settings: SETTINGS,
        seed: 7,
        commands: command_reports(names, &lines, comparisons, measurements, &SETTINGS),
    };
    format!("{}\n{}", report.text(), report.markdown())
}

#[test]
fn a_saving_on_a_gpu() {
    let mut new = on_a_gpu(0.88);
    new.runs[3].energy.as_mut().unwrap().energy_j *= 1.01;
    insta::assert_snapshot!(text(vec![on_a_gpu(1.0), new]));
}

#[test]
fn times_alone_where_there_is_no_energy() {
    let mut new = without_energy();
    for (run, factor) in new.runs.iter_mut().zip([0.97, 1.05, 0.99, 1.04, 0.96]) {
        run.time_s *= factor;
    }
    insta::assert_snapshot!(text(vec![without_energy(), new]));
}
