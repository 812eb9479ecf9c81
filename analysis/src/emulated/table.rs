//! Tables of emulated results.

use std::collections::{BTreeMap, BTreeSet};

use super::curve::Stat;
use super::optimum::Optimum;
use super::residual::Residual;
use super::tool::ToolReading;
use crate::number::print_estimate;
use crate::table::{Cell, Column, Table};

const EMULATED: &str = "emulated";

/// The best clock of each board, phase and objective.
pub(super) fn optima_table(optima: &[Optimum]) -> Table {
    Table {
        name: "dvfs-optima".into(),
        columns: vec![
            Column::data("sweep"),
            Column::words("device", "Board"),
            Column::words("phase", "Phase"),
            Column::words("objective", "Smallest"),
            Column::number("sm_clock_mhz", "at (MHz)"),
            Column::number("alike_mhz", "not told from it (MHz)"),
            Column::data("reference_mhz"),
            Column::number("energy_ratio", "Energy"),
            Column::data("energy_ratio_low"),
            Column::data("energy_ratio_high"),
            Column::number("time_ratio", "Time"),
            Column::data("time_ratio_low"),
            Column::data("time_ratio_high"),
            Column::number("n", "n"),
            Column::words("provenance", "Provenance"),
        ],
        rows: optima.iter().map(optimum_row).collect(),
        notes: vec![
            "Energy and time relative to the highest clock of the board, paired by block, with 95 % intervals. \
             The smallest of many noisy means is optimistic; clocks whose objective cannot be told from the \
             smallest, without correction for their number, are given as a range."
                .to_owned(),
        ],
    }
}

fn optimum_row(optimum: &Optimum) -> Vec<Cell> {
    let mut cells = vec![
        Cell::same(&optimum.sweep),
        Cell::same(optimum.device.trim_end_matches(" (emulated)")),
        Cell::same(&optimum.phase),
        Cell {
            data: optimum.objective.name().to_owned(),
            print: optimum.objective.title().to_owned(),
        },
        Cell::same(optimum.sm_clock_mhz.to_string()),
        Cell::same(range(optimum.lowest_mhz, optimum.highest_mhz)),
        Cell::same(optimum.reference_mhz.to_string()),
    ];
    cells.extend(stat(&optimum.energy));
    cells.extend(stat(&optimum.time));
    cells.extend([Cell::same(optimum.n.to_string()), Cell::same(EMULATED)]);
    cells
}

fn range(low: u32, high: u32) -> String {
    if low == high {
        low.to_string()
    } else {
        format!("{low}\u{2013}{high}")
    }
}

fn stat(stat: &Stat) -> [Cell; 3] {
    let printed = print_estimate(stat.value, stat.low, stat.high);
    [
        Cell::number(Some(stat.value), printed.with_interval()),
        Cell::number(stat.low, ""),
        Cell::number(stat.high, ""),
    ]
}

/// A deviation in percent with its sign, as typesetters write it.
fn signed(error_pct: f64, decimals: usize) -> String {
    format!("{error_pct:+.decimals$}").replace('-', "\u{2212}")
}

/// What is left between silicon and the boards that imitate it.
pub(super) fn residuals_table(residuals: &[Residual]) -> Table {
    Table {
        name: "emulator-residuals".into(),
        columns: vec![
            Column::words("board", "Board"),
            Column::words("row", "Recorded"),
            Column::words("quantity", "Quantity"),
            Column::number("reference", "Silicon"),
            Column::number("model", "Emulated"),
            Column::words("unit", "Unit"),
            Column::number("error_pct", "Error (%)"),
            Column::number("tolerance_pct", "Allowed (%)"),
            Column::words("used_for", "Used for"),
            Column::data("is_within"),
            Column::data("source"),
            Column::data("provenance"),
        ],
        rows: residuals.iter().map(residual_row).collect(),
        notes: vec![
            "A row that was fitted shows how well the form holds, one that was kept back (holdout) what it \
             predicts. Rows without an allowed error are shown, not judged; a cross marks a row beyond it."
                .to_owned(),
        ],
    }
}

fn residual_row(residual: &Residual) -> Vec<Cell> {
    let mark = if residual.is_within { "" } else { " \u{2717}" };
    vec![
        Cell::same(&residual.board),
        Cell::same(&residual.row),
        Cell::same(&residual.quantity),
        Cell::number(Some(residual.reference), digits(residual.reference)),
        Cell::number(Some(residual.model), digits(residual.model)),
        Cell::same(&residual.unit),
        Cell::number(
            Some(residual.error_pct),
            format!("{}{mark}", signed(residual.error_pct, 1)),
        ),
        Cell::number(
            residual.tolerance_pct,
            residual
                .tolerance_pct
                .map_or_else(String::new, |t| t.to_string()),
        ),
        Cell::same(&residual.used_for),
        Cell::same(residual.is_within.to_string()),
        Cell::same(&residual.source),
        Cell::same(EMULATED),
    ]
}

/// Four significant digits; powers of ten from ten thousand on.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 1e4 => format!("{value:.3e}"),
        size if size >= 1e3 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// What each tool says of each load, as errors in percent on each board.
pub(super) fn tools_table(readings: &[ToolReading]) -> Table {
    let loads: BTreeSet<&str> = readings.iter().map(|r| r.load.as_str()).collect();
    let mut lines: BTreeMap<[&str; 3], BTreeMap<(&str, &str), &ToolReading>> = BTreeMap::new();
    for reading in readings {
        lines
            .entry([&reading.client, &reading.version, &reading.method])
            .or_default()
            .insert((&reading.load, &reading.board), reading);
    }
    let boards: BTreeSet<&str> = readings.iter().map(|r| r.board.as_str()).collect();
    let mut columns = vec![
        Column::words("client", "Tool"),
        Column::words("version", "Version"),
        Column::words("method", "Method"),
    ];
    columns.extend(loads.iter().filter_map(|load| load_column(load)));
    columns.push(Column::data("provenance"));
    let rows = lines
        .iter()
        .map(|([client, version, method], cells)| {
            let mut row = vec![
                Cell::same(*client),
                Cell::same(*version),
                Cell::same(*method),
            ];
            for load in loads.iter().filter(|load| load_column(load).is_some()) {
                let texts: Vec<String> = boards
                    .iter()
                    .map(|board| error_text(cells.get(&(*load, *board)).copied()))
                    .collect();
                row.push(Cell::same(texts.join(" / ")));
            }
            row.push(Cell::same(EMULATED));
            row
        })
        .collect();
    let boards: Vec<&str> = boards.into_iter().collect();
    Table {
        name: "tool-readings".into(),
        columns,
        rows,
        notes: vec![format!(
            "Error of the reported energy in percent, on {}; a dash where the tool reports none, with its \
             reason in the data.",
            boards.join(" / ")
        )],
    }
}

/// The loads of the client tests.
fn load_column(load: &str) -> Option<Column> {
    Some(match load {
        "steady" => Column::number("steady_error_pct", "Steady"),
        "burst" => Column::number("burst_error_pct", "Burst"),
        "pulses" => Column::number("pulses_error_pct", "Pulses"),
        "prefill-decode" => Column::number("prefill_decode_error_pct", "Prefill, decode"),
        _ => return None,
    })
}

fn error_text(reading: Option<&ToolReading>) -> String {
    match reading.and_then(|reading| reading.error_pct) {
        Some(error) if error.abs() < 9.95 => signed(error, 1),
        Some(error) => signed(error, 0),
        None => "\u{2013}".to_owned(),
    }
}
