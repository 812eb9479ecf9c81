//! Targets, and how far the work is from them.

use std::collections::BTreeSet;

use super::{ABSENT, Bounded, Cell, Column, Table};
use crate::estimate::Metric;
use crate::number::print_estimate;
use crate::target::{Gauge, MeasuredTarget, Outcome, TargetNumber, TargetResult, Targets};

/// One row for each target.
pub fn targets_table(targets: &Targets) -> Table {
    Table {
        name: "targets".into(),
        columns: vec![
            Column::data("id"),
            Column::words("workload", "Work"),
            Column::data("metric"),
            Column::words("seen_stock", "Stock, seen before"),
            Column::words("seen_pytorch", "PyTorch, seen before"),
            Column::number("floor", "Floor"),
            Column::words("target", "Target"),
            Column::number("value", "Measured"),
            Column::data("low"),
            Column::data("high"),
            Column::data("unit"),
            Column::number("floor_share", "Of floor (%)"),
            Column::data("floor_share_low"),
            Column::data("floor_share_high"),
            Column::number("speed_to_pytorch", "Speed to PyTorch"),
            Column::data("speed_to_pytorch_low"),
            Column::data("speed_to_pytorch_high"),
            Column::number("n", "n"),
            Column::data("boards"),
            Column::words("sweep", "Sweep"),
            Column::words("outcome", "Outcome"),
            Column::data("missed_by_pct"),
            Column::data("reason"),
            Column::data("provenance"),
        ],
        rows: targets.targets.iter().map(row).collect(),
        notes: notes(targets),
    }
}

fn notes(targets: &Targets) -> Vec<String> {
    let mut notes = vec![
        format!(
            "Seen before: {} These two columns are no results of this artifact.",
            targets.seen_source
        ),
        "In brackets: 95 % intervals; speed is that of ours by that of PyTorch in the same \
             blocks. A target is met or missed where the whole interval says so, undecided \
             otherwise."
            .to_owned(),
    ];
    let reasons: BTreeSet<&str> = targets
        .targets
        .iter()
        .filter_map(|target| target.reason.as_deref())
        .collect();
    notes.extend(reasons.into_iter().map(sentence));
    notes
}

/// A reason as a sentence.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

fn row(target: &TargetResult) -> Vec<Cell> {
    let measured = target.measured.as_ref();
    let of = |get: fn(&MeasuredTarget) -> Option<TargetNumber>| measured.and_then(get);
    let (scale, unit) = scale_of(target);
    let mut cells = vec![
        Cell::same(&target.id),
        Cell::same(&target.workload),
        Cell::same(target.metric.name()),
        Cell::word(target.seen.stock.as_deref()),
        Cell::word(target.seen.pytorch.as_deref()),
        Cell::number(
            target.floor,
            target.floor.map_or(String::new(), |floor| {
                format!("{} {unit}", print_estimate(floor * scale, None, None).value)
            }),
        ),
        Cell::same(target_text(target, scale, unit)),
    ];
    cells.extend(number_cells(of(|found| Some(found.value)), scale, unit));
    cells.push(Cell::word(measured.map(|found| found.unit.as_str())));
    // Its interval is that of the measured value, which stands beside it.
    let mut floor_share = number_cells(of(|found| found.floor_share), 100.0, "");
    if let Some((value, _)) = floor_share[0].print.split_once(" [") {
        floor_share[0].print = String::from(value);
    }
    cells.extend(floor_share);
    cells.extend(number_cells(of(|found| found.speed_to_peer), 1.0, ""));
    let n = of(|found| Some(found.value)).map(|number| number.n.to_string());
    cells.extend([
        Cell::word(n.as_deref()),
        Cell::word(measured.map(|found| found.boards.to_string()).as_deref()),
        Cell::same(&target.sweep),
        Cell {
            data: target.outcome.name().to_owned(),
            print: outcome_text(target),
        },
        Cell::number(target.missed_by_pct, ""),
        Cell::word(target.reason.as_deref()),
        Cell::word(measured.map(|found| found.provenance.name())),
    ]);
    cells
}

/// Factor and unit of print. Times are printed in milliseconds.
fn scale_of(target: &TargetResult) -> (f64, &str) {
    match target.metric {
        Metric::Throughput => (
            1.0,
            target
                .measured
                .as_ref()
                .map_or("token/s", |found| found.unit.as_str()),
        ),
        _ => (1e3, "ms"),
    }
}

fn target_text(target: &TargetResult, scale: f64, unit: &str) -> String {
    let sign = if target.is_least {
        "\u{2265}"
    } else {
        "\u{2264}"
    };
    let plain = |number: f64| {
        // The bound as it was set, without the last bits of its scaling.
        let text = format!("{number:.6}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match target.gauge {
        Gauge::Value => format!("{sign} {} {unit}", plain(target.bound * scale)),
        Gauge::SpeedToPeer => format!("{sign} {} \u{d7} PyTorch", plain(target.bound)),
        Gauge::FloorShare => format!("{sign} {} % of floor", plain(target.bound * 100.0)),
    }
}

fn number_cells(number: Option<TargetNumber>, scale: f64, unit: &str) -> [Cell; 3] {
    let Some(number) = number else {
        return [(); 3].map(|()| Cell::word(None));
    };
    let scaled = |bound: Option<f64>| bound.map(|bound| bound * scale);
    let printed = print_estimate(
        number.value * scale,
        scaled(number.low),
        scaled(number.high),
    );
    let value = match unit {
        "" => printed.value.clone(),
        unit => format!("{} {unit}", printed.value),
    };
    let text = match printed.interval() {
        Some(interval) => format!("{value} {interval}"),
        None => value,
    };
    let bounded = Bounded {
        value: Some(number.value),
        low: number.low,
        high: number.high,
    };
    Cell::estimate(bounded, text)
}

fn outcome_text(target: &TargetResult) -> String {
    let by = || match target.missed_by_pct {
        Some(percent) => format!("{} %", print_estimate(percent, None, None).value),
        None => ABSENT.to_owned(),
    };
    match target.outcome {
        Outcome::Met => "met".to_owned(),
        Outcome::Missed => format!("missed by {}", by()),
        Outcome::Undecided => "undecided".to_owned(),
        Outcome::NotMeasured => "not measured".to_owned(),
    }
}
