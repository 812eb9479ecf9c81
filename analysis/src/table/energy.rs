//! The measured tables: what a unit of output costs at each point, and how fast it came.
//!
//! One builder for all kinds of work: the table of everything, for machines and the report, and for
//! the paper a table for each sweep, or for each kind of work of a sweep that mixes them. What no
//! point has, or all have alike, is not printed.

use std::collections::{BTreeMap, BTreeSet};

use model::axis::Axis;
use model::point::Point;
use model::provenance::Provenance;
use serde::Serialize;

use super::quantities::{COLUMNS, ratio_cells};
use super::{ABSENT, Cell, Column, Table};
use crate::estimate::{EstimateRecord, Estimates, Metric};

/// All estimates of one point.
#[derive(Clone, Debug)]
struct Measured<'a> {
    records: Vec<&'a EstimateRecord>,
}

/// How work is done, as far as tables must be apart: the times that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Tokens are made after a prompt was read; also commands that say nothing of their phases.
    Generation,
    /// The answer comes of one pass.
    Pass,
    /// Sound is encoded, then text is made.
    Transcription,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Generation => "generation",
            Self::Pass => "pass",
            Self::Transcription => "transcription",
        }
    }
}

/// A table of one sweep, with what its caption must say.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepTable {
    /// The table.
    pub table: Table,
    /// Its caption's facts.
    pub entry: SweepTableEntry,
}

/// What a page that shows a table of a sweep has to say about it: one entry of
/// `tables/sweeps.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SweepTableEntry {
    /// Name of the table's files.
    pub table: String,
    /// Name of the sweep.
    pub sweep: String,
    /// The kind of work.
    pub kind: Kind,
    /// Models in it.
    pub models: Vec<String>,
    /// Product names of the devices.
    pub devices: Vec<String>,
    /// Unit of output.
    pub units: Vec<String>,
    /// Measured, emulated or imported.
    pub provenance: Provenance,
}

impl<'a> Measured<'a> {
    fn first(&self) -> &'a EstimateRecord {
        self.records[0]
    }

    fn of(&self, metric: Metric) -> Option<&'a EstimateRecord> {
        let mut records = self.records.iter();
        records.find(|record| record.metric == metric).copied()
    }

    fn axis(&self, axis: Axis) -> Option<String> {
        self.first().point.get(axis).map(ToString::to_string)
    }

    fn unit(&self) -> Option<&'a str> {
        self.of(Metric::Throughput)?.unit.strip_suffix("/s")
    }

    fn kind(&self) -> Kind {
        if self.of(Metric::EncodeTime).is_some() {
            Kind::Transcription
        } else if self.of(Metric::InferTime).is_some() {
            Kind::Pass
        } else {
            Kind::Generation
        }
    }
}

/// One row for each point of each sweep. Where there are measured points, emulated ones are left to
/// `estimates.json`: the two never stand in one table.
pub fn energy_table(estimates: &Estimates) -> Table {
    table(
        "energy-per-token".to_owned(),
        estimates,
        &points(estimates),
        false,
    )
}

/// A table for each kind of work of each sweep, in the order of names. Origins are never mixed, as
/// in [`energy_table`].
pub fn sweep_tables(estimates: &Estimates) -> Vec<SweepTable> {
    let mut groups: BTreeMap<(&str, Kind), Vec<Measured>> = BTreeMap::new();
    for point in points(estimates) {
        let group = (point.first().sweep.as_str(), point.kind());
        groups.entry(group).or_default().push(point);
    }
    let kinds = |sweep: &str| groups.keys().filter(|group| group.0 == sweep).count();
    groups
        .iter()
        .map(|((sweep, kind), points)| {
            let name = match kinds(sweep) {
                1 => format!("sweep-{sweep}"),
                _ => format!("sweep-{sweep}-{}", kind.name()),
            };
            let words = |get: &dyn Fn(&Measured) -> Option<String>| -> Vec<String> {
                let words: BTreeSet<String> = points.iter().filter_map(get).collect();
                words.into_iter().collect()
            };
            SweepTable {
                entry: SweepTableEntry {
                    table: name.clone(),
                    sweep: (*sweep).to_owned(),
                    kind: *kind,
                    models: words(&|point| point.axis(Axis::Model)),
                    devices: words(&|point| Some(point.first().device.clone())),
                    units: words(&|point| point.unit().map(str::to_owned)),
                    provenance: points[0].first().provenance,
                },
                table: table(name, estimates, points, true),
            }
        })
        .collect()
}

/// The points of the first origin that there is, measured before emulated, with their estimates.
fn points(estimates: &Estimates) -> Vec<Measured<'_>> {
    let records = || estimates.estimates.iter();
    let shown = records().map(|record| record.provenance).min();
    let mut points: BTreeMap<(&str, &str, &Point), Vec<&EstimateRecord>> = BTreeMap::new();
    for record in records().filter(|record| Some(record.provenance) == shown) {
        let key = (record.sweep.as_str(), record.device.as_str(), &record.point);
        points.entry(key).or_default().push(record);
    }
    let measured = |records| Measured { records };
    points.into_values().map(measured).collect()
}

fn table(name: String, estimates: &Estimates, points: &[Measured], of_one_sweep: bool) -> Table {
    let rows: Vec<Vec<Cell>> = points.iter().map(|point| row(estimates, point)).collect();
    let units: BTreeSet<&str> = points.iter().filter_map(Measured::unit).collect();
    let unit = match units.first() {
        Some(unit) if units.len() == 1 => unit,
        _ => "unit",
    };
    let mut columns = columns(unit, of_one_sweep);
    for (index, column) in columns.iter_mut().enumerate() {
        let prints: BTreeSet<&str> = rows.iter().map(|row| row[index].print.as_str()).collect();
        let is_same = prints.len() < 2 && LEFT_OUT_WHERE_ALIKE.contains(&column.key);
        let is_absent = !prints.is_empty() && prints.iter().all(|print| *print == ABSENT);
        if is_same || is_absent {
            column.title = None;
        }
    }
    Table {
        name: name.into(),
        columns,
        notes: notes(estimates, points),
        rows,
    }
}

/// Columns that say nothing where all rows have the same.
const LEFT_OUT_WHERE_ALIKE: [&str; 6] = [
    "sweep",
    "model",
    "format",
    "variant",
    "decode_tokens",
    "unit",
];

fn columns(unit: &str, of_one_sweep: bool) -> Vec<Column> {
    let mut columns = vec![
        Column::words("sweep", "Sweep"),
        Column::words("engine", "Engine"),
        Column::words("model", "Model"),
        Column::words("format", "Format"),
        Column::words("variant", "Variant"),
        Column::data("engine_name"),
        Column::data("weights"),
        Column::data("weights_id"),
        Column::data("point"),
        Column::number("batch", "Batch"),
        Column::number("prompt_tokens", "Prompt"),
        Column::number("decode_tokens", "Decoded"),
        Column::number("n", "n"),
        Column::words("unit", "Unit"),
    ];
    for column in &COLUMNS {
        columns.extend(column.columns(unit, of_one_sweep));
    }
    columns.extend([
        Column::number("energy_to_pytorch", "Energy to PyTorch"),
        Column::data("energy_to_pytorch_low"),
        Column::data("energy_to_pytorch_high"),
        Column::data("energy_to_pytorch_n"),
        Column::number("time_to_pytorch", "Time to PyTorch"),
        Column::data("time_to_pytorch_low"),
        Column::data("time_to_pytorch_high"),
        Column::data("time_to_pytorch_n"),
        Column::data("device"),
        Column::data("boards"),
        Column::data("digest_consistent"),
        if of_one_sweep {
            Column::data("provenance")
        } else {
            Column::words("provenance", "Provenance")
        },
    ]);
    columns
}

/// How the work was computed, where the plan says so.
fn variant(point: &Point) -> Option<String> {
    let words: Vec<String> = Axis::ALL
        .into_iter()
        .filter(|axis| axis.is_variant())
        .filter_map(|axis| point.get(axis))
        .map(ToString::to_string)
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// The number format in a word: that of the weights where they are quantised, otherwise that of
/// everything.
pub(crate) fn format_of(point: &Point) -> Option<String> {
    let of = |axis| point.get(axis).map(ToString::to_string);
    of(Axis::Quantisation)
        .filter(|word| word != "none")
        .or_else(|| of(Axis::Precision))
}

fn row(estimates: &Estimates, point: &Measured) -> Vec<Cell> {
    let first = point.first();
    let word = |text: Option<String>| Cell::word(text.as_deref());
    let axis = |axis| word(point.axis(axis));
    let n = point.records.iter().map(|record| record.n).max();
    let mut cells = vec![
        Cell::same(&first.sweep),
        axis(Axis::Engine),
        axis(Axis::Model),
        word(format_of(&first.point)),
        word(variant(&first.point)),
        Cell::word(first.engine_name.as_deref()),
        Cell::word(first.weights.as_deref()),
        Cell::word(first.weights_id.as_deref()),
        Cell::same(first.point.to_string()),
        axis(Axis::Batch),
        axis(Axis::PromptTokens),
        axis(Axis::DecodeTokens),
        Cell::same(n.unwrap_or(0).to_string()),
        Cell::word(point.unit()),
    ];
    for column in &COLUMNS {
        cells.extend(column.cells(point.of(column.metric)));
    }
    for metric in [Metric::EnergyPerUnit, Metric::IterationTime] {
        let ratio = estimates.to_peer(first, metric);
        cells.extend(ratio_cells(ratio.as_ref()));
    }
    cells.extend([
        Cell::same(&first.device),
        Cell::same(first.boards.to_string()),
        word(first.digest_consistent.map(|same| same.to_string())),
        Cell::same(first.provenance.name()),
    ]);
    cells
}

fn notes(estimates: &Estimates, points: &[Measured]) -> Vec<String> {
    let mut notes = Vec::new();
    if !points.is_empty() {
        notes.push(
            "In brackets: 95 % intervals. One run is one fresh process; n counts runs. Energy \
             is of the whole iteration, with idle power of the board. The floor is the least time \
             that arithmetic and memory of the board allow."
                .to_owned(),
        );
    }
    let sweeps: BTreeSet<&str> = points
        .iter()
        .map(|point| point.first().sweep.as_str())
        .collect();
    let reasons: BTreeSet<&str> = estimates
        .missing
        .iter()
        .filter(|record| record.metric == Metric::EnergyPerUnit)
        .filter(|record| sweeps.contains(record.sweep.as_str()))
        .map(|record| record.reason.as_str())
        .collect();
    notes.extend(
        reasons
            .into_iter()
            .map(|reason| format!("No energy: {reason}.")),
    );
    notes
}
