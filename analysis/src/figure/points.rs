//! Figures of points that differ in more than a number: energy over number formats and models, and
//! what we need relative to the peer.

use std::collections::{BTreeMap, BTreeSet};

use model::axis::{Axis as PlanAxis, AxisValue};
use model::point::Point as PlanPoint;
use model::provenance::Provenance;
use model::workload::{PRECISIONS, QUANTISATIONS};

use super::chart::{Axis, Interval, ScaleKind, Ticks};
use super::dots::{Dot, DotChart, DotRow};
use crate::estimate::{EstimateRecord, Estimates, Metric};
use crate::number::print_estimate;

/// What the slug of every figure of the points of a sweep begins with.
pub const SLUG: &str = "energy-of-points";

/// The figure of ratios to the peer over all sweeps.
pub const RATIO_SLUG: &str = "ratio-to-pytorch";

/// A chart, and what its caption must say.
#[derive(Clone, Debug, PartialEq)]
pub struct PointsFigure {
    /// What to draw.
    pub chart: DotChart,
    /// Sweeps that it shows.
    pub sweeps: Vec<String>,
    /// Product names of the devices.
    pub devices: Vec<String>,
    /// Fewest and most runs, or blocks, behind a dot.
    pub runs: (usize, usize),
}

/// A figure for each sweep that `fits`, and for each unit of output in it: energy of every point,
/// the share of the floor beside it.
pub fn energy_figures(estimates: &Estimates, fits: impl Fn(&str) -> bool) -> Vec<PointsFigure> {
    let mut groups: BTreeMap<(Provenance, &str, &str), Vec<&EstimateRecord>> = BTreeMap::new();
    let energies = estimates
        .estimates
        .iter()
        .filter(|record| record.metric == Metric::EnergyPerUnit && fits(&record.sweep));
    for record in energies {
        let group = (
            record.provenance,
            record.sweep.as_str(),
            record.unit.as_str(),
        );
        groups.entry(group).or_default().push(record);
    }
    let figure = |((provenance, sweep, unit), mut records): (
        (Provenance, &str, &str),
        Vec<&EstimateRecord>,
    )| {
        records.sort_by_key(|record| order(&record.point));
        let varied = varied(&records);
        let rows: Vec<DotRow> = records
            .iter()
            .map(|record| DotRow {
                label: label(&record.point, &varied),
                dots: vec![Some(dot(record.value, record.low, record.high))],
                note: floor_share(estimates, record),
            })
            .collect();
        let output = unit.strip_prefix("J/").unwrap_or(unit);
        PointsFigure {
            chart: DotChart {
                slug: format!("{SLUG}-{sweep}-{output}"),
                title: format!("Energy per {output} of each point"),
                description: describe(&format!("Energy per {output} in joules"), &rows),
                provenance,
                x: Axis {
                    label: "Energy per unit of output",
                    unit: Some(known_unit(output)),
                    column: "energy_per_unit_j",
                    scale: ScaleKind::Log,
                    ticks: Ticks::Round,
                },
                parting: None,
                series: vec!["energy".to_owned()],
                note: rows
                    .iter()
                    .any(|row| row.note.is_some())
                    .then(|| "of floor".to_owned()),
                rows,
            },
            sweeps: vec![sweep.to_owned()],
            devices: devices(&records),
            runs: runs(records.iter().map(|record| record.n)),
        }
    };
    groups.into_iter().map(figure).collect()
}

/// Energy and time of every measured point that has a peer, by those of the peer. Nothing where no
/// sweep has one.
pub fn ratio_figure(estimates: &Estimates) -> Option<PointsFigure> {
    let is_first = |record: &&EstimateRecord| {
        record.metric == Metric::Throughput && record.provenance == Provenance::Measured
    };
    let points: Vec<&EstimateRecord> = estimates.estimates.iter().filter(is_first).collect();
    let mut rows = Vec::new();
    let mut shown: Vec<&EstimateRecord> = Vec::new();
    let mut blocks = Vec::new();
    let sweeps: BTreeSet<&str> = points.iter().map(|record| record.sweep.as_str()).collect();
    for sweep in sweeps {
        let mut of_sweep: Vec<&EstimateRecord> = points
            .iter()
            .filter(|record| record.sweep == sweep && estimates.peer_of(record).is_some())
            .copied()
            .collect();
        of_sweep.sort_by_key(|record| order(&record.point));
        let varied = varied(&of_sweep);
        for record in of_sweep {
            let ratios = [Metric::EnergyPerUnit, Metric::IterationTime]
                .map(|metric| estimates.to_peer(record, metric));
            if ratios.iter().all(Option::is_none) {
                continue;
            }
            blocks.extend(ratios.iter().flatten().map(|ratio| ratio.n));
            let dots = ratios.map(|ratio| ratio.map(|it| dot(it.value, it.low, it.high)));
            rows.push(DotRow {
                label: with_model(&record.point, &without_model(&varied)),
                dots: dots.into(),
                note: Some(sweep.to_owned()),
            });
            shown.push(record);
        }
    }
    if rows.is_empty() {
        return None;
    }
    let sweeps: BTreeSet<String> = shown.iter().map(|record| record.sweep.clone()).collect();
    Some(PointsFigure {
        chart: DotChart {
            slug: RATIO_SLUG.to_owned(),
            title: "Energy and time relative to PyTorch".to_owned(),
            description: describe("Energy and time of ours by those of PyTorch", &rows),
            provenance: Provenance::Measured,
            x: Axis {
                label: "Ours by PyTorch, in the same blocks",
                unit: None,
                column: "ratio",
                scale: ScaleKind::Log,
                ticks: Ticks::Round,
            },
            parting: Some(1.0),
            series: vec!["energy".to_owned(), "time".to_owned()],
            note: Some("sweep".to_owned()),
            rows,
        },
        sweeps: sweeps.into_iter().collect(),
        devices: devices(&shown),
        runs: runs(blocks.into_iter()),
    })
}

fn known_unit(output: &str) -> &'static str {
    match output {
        "token" => "J per token",
        "request" => "J per sequence",
        "image" => "J per image",
        _ => "J",
    }
}

fn dot(value: f64, low: Option<f64>, high: Option<f64>) -> Dot {
    Dot {
        value,
        interval: low.zip(high).map(|(low, high)| Interval { low, high }),
    }
}

fn floor_share(estimates: &Estimates, record: &EstimateRecord) -> Option<String> {
    let share = estimates.get(&record.sweep, &record.point, Metric::FloorShare)?;
    let scaled = |bound: Option<f64>| bound.map(|bound| bound * 100.0);
    let printed = print_estimate(share.value * 100.0, scaled(share.low), scaled(share.high));
    Some(format!("{} %", printed.value))
}

fn devices(records: &[&EstimateRecord]) -> Vec<String> {
    let devices: BTreeSet<&String> = records.iter().map(|record| &record.device).collect();
    devices.into_iter().cloned().collect()
}

fn runs(counts: impl Iterator<Item = usize>) -> (usize, usize) {
    counts.fold((usize::MAX, 0), |(fewest, most), n| {
        (fewest.min(n), most.max(n))
    })
}

/// Axes in which the points differ.
fn varied(records: &[&EstimateRecord]) -> BTreeSet<PlanAxis> {
    PlanAxis::ALL
        .into_iter()
        .filter(|axis| {
            let values: BTreeSet<Option<&AxisValue>> = records
                .iter()
                .map(|record| record.point.get(*axis))
                .collect();
            values.len() > 1
        })
        .collect()
}

fn without_model(varied: &BTreeSet<PlanAxis>) -> BTreeSet<PlanAxis> {
    let left_out = [PlanAxis::Model, PlanAxis::Engine];
    varied
        .iter()
        .filter(|axis| !left_out.contains(axis))
        .copied()
        .collect()
}

fn model(point: &PlanPoint) -> String {
    point
        .get(PlanAxis::Model)
        .map_or_else(|| "work".to_owned(), ToString::to_string)
}

/// The model of a point and its values in these axes.
fn with_model(point: &PlanPoint, axes: &BTreeSet<PlanAxis>) -> String {
    if axes.is_empty() {
        model(point)
    } else {
        format!("{}, {}", model(point), label(point, axes))
    }
}

/// The values of a point in these axes, in words; the model where there is none.
fn label(point: &PlanPoint, axes: &BTreeSet<PlanAxis>) -> String {
    let words: Vec<String> = axes
        .iter()
        .filter_map(|axis| Some((*axis, point.get(*axis)?.to_string())))
        .filter(|(axis, word)| *axis != PlanAxis::Quantisation || word != "none")
        .map(|(axis, word)| match axis {
            PlanAxis::Batch => format!("batch {word}"),
            PlanAxis::PromptTokens => format!("prompt {word}"),
            PlanAxis::DecodeTokens => format!("{word} decoded"),
            _ => word,
        })
        .collect();
    match (words.is_empty(), axes.contains(&PlanAxis::Model)) {
        (true, false) => model(point),
        _ => words.join(", "),
    }
}

/// Where a point stands among the rows: by model, then by bits, then by the other axes.
fn order(point: &PlanPoint) -> (String, usize, usize, PlanPoint) {
    let place = |axis, words: &[&str]| {
        let word = point.get(axis).and_then(AxisValue::as_text);
        word.and_then(|word| words.iter().position(|other| *other == word))
            .unwrap_or(0)
    };
    (
        model(point),
        place(PlanAxis::Quantisation, QUANTISATIONS),
        place(PlanAxis::Precision, PRECISIONS),
        point.clone(),
    )
}

/// Every value in words, for readers who cannot see the figure.
fn describe(what: &str, rows: &[DotRow]) -> String {
    let mut sentences = vec![format!("{what}, on a logarithmic axis.")];
    for row in rows {
        let values: Vec<String> = row
            .dots
            .iter()
            .flatten()
            .map(|dot| print_estimate(dot.value, None, None).value)
            .collect();
        let note = row.note.as_ref().map(|note| format!(" ({note})"));
        sentences.push(format!(
            "{}: {}{}.",
            row.label,
            values.join(" and "),
            note.unwrap_or_default()
        ));
    }
    sentences.join(" ")
}
