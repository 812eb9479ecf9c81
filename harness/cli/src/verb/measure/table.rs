//! Lines of tables: Markdown for each command, CSV for each run.

use harness::measure::summary::Estimate;
use harness::measure::{Measurement, Summary};
use model::provenance::Provenance;

/// Head of the Markdown table.
pub(crate) const MARKDOWN_HEADER: &str = "| command | energy [J] | net of idle [J] | power [W] | time [s] | runs |\n|:--|--:|--:|--:|--:|--:|\n";

/// One line of the Markdown table.
pub(crate) fn row_of(name: &str, summary: &Summary) -> String {
    let cell = |estimate: Option<&Estimate>| match estimate {
        None => "absent".to_owned(),
        Some(estimate) => match estimate.bounds {
            None => plain(estimate.value),
            Some([low, high]) => {
                format!(
                    "{} [{}, {}]",
                    plain(estimate.value),
                    plain(low),
                    plain(high)
                )
            }
        },
    };
    format!(
        "| `{}` | {} | {} | {} | {} | {} |\n",
        name.replace('|', "\\|"),
        cell(summary.energy_j.as_ref()),
        cell(summary.net_energy_j.as_ref()),
        cell(summary.power_w.as_ref()),
        cell(Some(&summary.time_s)),
        summary.runs
    )
}

/// Four significant digits without a prefix.
fn plain(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1_000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        size if size >= 1.0 => 3,
        size if size >= 0.1 => 4,
        _ => 6,
    };
    format!("{value:.decimals$}")
}

/// The lines of one command in the CSV.
pub(crate) fn csv_lines(
    text: &mut String,
    name: &str,
    provenance: Provenance,
    measurement: &Measurement,
) {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let idle_w = measurement.idle.mean_w();
    for (run, number_of_run) in measurement.runs.iter().zip(1_u32..) {
        let net = run
            .energy_j()
            .zip(idle_w)
            .map(|(gross, idle)| gross - idle * run.time_s);
        let cells = [
            format!("\"{}\"", name.replace('"', "\"\"")),
            number_of_run.to_string(),
            provenance.to_string(),
            run.executions.to_string(),
            run.time_s.to_string(),
            number(run.energy_j()),
            number(net),
            number(run.power_w()),
            number(run.package_j()),
            number(run.condition.sm_clock_mhz.map(|clock| clock.mean)),
            number(
                run.condition
                    .temperature_c
                    .map(|temperature| temperature.mean),
            ),
            run.failure.as_ref().map_or_else(
                || "exit code 0".to_owned(),
                |failure| failure.ending.to_string(),
            ),
            run.energy
                .as_ref()
                .err()
                .map(|reason| reason.code())
                .unwrap_or_default()
                .to_owned(),
        ];
        text.push_str(&cells.join(","));
        text.push('\n');
    }
}
