//! Energy per unit of output against batch size, a panel for each prompt length: a figure for each
//! sweep.

use std::collections::{BTreeMap, BTreeSet};

use model::axis::{Axis as PlanAxis, AxisValue};
use model::point::Point as PlanPoint;
use model::provenance::Provenance;

use super::chart::{Axis, Chart, Interval, Mark, Panel, Point, ScaleKind, Series, Ticks, Width};
use super::scale::tick_text;
use crate::estimate::{EstimateRecord, Estimates, Metric};

/// Axes that the figure itself shows; what else varies tells its series apart.
const SHOWN: [PlanAxis; 2] = [PlanAxis::Batch, PlanAxis::PromptTokens];

/// What the slug of every such figure begins with; the name of the sweep follows.
pub const SLUG: &str = "energy-per-token";

/// A chart of one sweep, and what its caption must say.
#[derive(Clone, Debug, PartialEq)]
pub struct EnergyFigure {
    /// What to draw.
    pub chart: Chart,
    /// Name of the sweep.
    pub sweep: String,
    /// Product name of the device.
    pub device: String,
    /// Fewest and most runs behind a point.
    pub runs: (usize, usize),
}

/// One point of the figure, before it is a place on paper.
struct Bar<'a> {
    prompt: u64,
    batch: u64,
    others: PlanPoint,
    record: &'a EstimateRecord,
}

/// A figure for each sweep of tokens in which something is run at two batch sizes or more, measured
/// ones first. Sweeps, devices and origins are never mixed in one figure.
pub fn figures(estimates: &Estimates) -> Vec<EnergyFigure> {
    let mut settings: BTreeMap<(Provenance, &str, &str), Vec<Bar>> = BTreeMap::new();
    for record in &estimates.estimates {
        if let Some(bar) = bar(record) {
            let setting = (
                record.provenance,
                record.sweep.as_str(),
                record.device.as_str(),
            );
            settings.entry(setting).or_default().push(bar);
        }
    }
    settings.retain(|_, bars| {
        bars.iter().any(|one| {
            bars.iter().any(|other| {
                one.batch < other.batch && one.prompt == other.prompt && one.others == other.others
            })
        })
    });
    let figure = |((provenance, sweep, device), bars): ((Provenance, &str, &str), Vec<Bar>)| {
        let runs = bars.iter().map(|bar| bar.record.n);
        Some(EnergyFigure {
            chart: chart(provenance, sweep, &bars),
            sweep: sweep.to_owned(),
            device: device.to_owned(),
            runs: (runs.clone().min()?, runs.max()?),
        })
    };
    settings.into_iter().filter_map(figure).collect()
}

fn bar(record: &EstimateRecord) -> Option<Bar<'_>> {
    if record.metric != Metric::EnergyPerUnit || record.unit != "J/token" {
        return None;
    }
    let number = |axis| record.point.get(axis).and_then(AxisValue::as_integer);
    let others = record
        .point
        .iter()
        .filter(|(axis, _)| !SHOWN.contains(axis));
    Some(Bar {
        prompt: number(PlanAxis::PromptTokens)?,
        batch: number(PlanAxis::Batch)?,
        others: others.map(|(axis, value)| (axis, value.clone())).collect(),
        record,
    })
}

fn chart(provenance: Provenance, sweep: &str, bars: &[Bar]) -> Chart {
    let batches: BTreeSet<u64> = bars.iter().map(|bar| bar.batch).collect();
    let looks: BTreeSet<&PlanPoint> = bars.iter().map(|bar| &bar.others).collect();
    let looks: Vec<&PlanPoint> = looks.into_iter().collect();
    let prompts: BTreeSet<u64> = bars.iter().map(|bar| bar.prompt).collect();
    let panels: Vec<Panel> = prompts
        .iter()
        .map(|prompt| Panel {
            title: format!("Prompt of {prompt} tokens"),
            span: None,
            shades: Vec::new(),
            series: series(bars, *prompt, &looks),
        })
        .collect();
    Chart {
        slug: format!("{SLUG}-{sweep}"),
        title: "Energy per token against batch size".to_owned(),
        description: describe(&panels),
        provenance,
        width: Width::Page,
        x: Axis {
            label: "Batch size",
            unit: Some("sequences"),
            column: "batch",
            scale: ScaleKind::Log,
            ticks: Ticks::At(batches.iter().map(|batch| *batch as f64).collect()),
        },
        y: Axis {
            label: "Energy per token",
            unit: Some("J"),
            column: "energy_per_token_j",
            scale: ScaleKind::Log,
            ticks: Ticks::Round,
        },
        panels,
    }
}

fn series(bars: &[Bar], prompt: u64, looks: &[&PlanPoint]) -> Vec<Series> {
    let of_look = |(look, others): (usize, &&PlanPoint)| {
        let mut points: Vec<Point> = bars
            .iter()
            .filter(|bar| bar.prompt == prompt && bar.others == **others)
            .map(|bar| Point {
                x: bar.batch as f64,
                y: bar.record.value,
                interval: bar
                    .record
                    .low
                    .zip(bar.record.high)
                    .map(|(low, high)| Interval { low, high }),
            })
            .collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        let label = label(others, looks);
        (!points.is_empty()).then_some(Series {
            label,
            look,
            mark: Mark::Estimates,
            points,
        })
    };
    looks.iter().enumerate().filter_map(of_look).collect()
}

/// The values of the axes in which the series differ; the engine where there is but one.
fn label(point: &PlanPoint, all: &[&PlanPoint]) -> String {
    let varies = |axis| all.iter().any(|other| other.get(axis) != point.get(axis));
    let words: Vec<String> = point
        .iter()
        .filter(|(axis, _)| varies(*axis))
        .map(|(_, value)| value.to_string())
        .collect();
    if words.is_empty() {
        return point
            .get(PlanAxis::Engine)
            .map_or_else(|| "energy".to_owned(), AxisValue::to_string);
    }
    words.join(", ")
}

/// Every value in words, for readers who cannot see the figure.
fn describe(panels: &[Panel]) -> String {
    let mut sentences =
        vec!["Energy per token in joules against batch size, on logarithmic axes.".to_owned()];
    for panel in panels {
        for series in &panel.series {
            let values: Vec<String> = series
                .points
                .iter()
                .map(|point| format!("{:.3} J at batch {}", point.y, tick_text(point.x)))
                .collect();
            sentences.push(format!(
                "{}, {}: {}.",
                panel.title,
                series.label,
                values.join(", ")
            ));
        }
    }
    sentences.join(" ")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::estimate::{ESTIMATES_SCHEMA, Method};

    pub(in crate::figure) fn record(
        engine: &str,
        batch: u64,
        prompt: u64,
        provenance: Provenance,
    ) -> EstimateRecord {
        let value = 4.0 / batch as f64 + prompt as f64 / 4096.0;
        EstimateRecord {
            sweep: "s".to_owned(),
            point: [
                (PlanAxis::Engine, AxisValue::Text(engine.to_owned())),
                (PlanAxis::Batch, AxisValue::Integer(batch)),
                (PlanAxis::PromptTokens, AxisValue::Integer(prompt)),
            ]
            .into_iter()
            .collect(),
            provenance,
            device: "GPU".to_owned(),
            boards: 1,
            engine_name: None,
            weights: None,
            weights_id: None,
            metric: Metric::EnergyPerUnit,
            unit: "J/token".to_owned(),
            value,
            low: Some(value * 0.99),
            high: Some(value * 1.01),
            level: 0.95,
            n: batch as usize,
            method: Method::GeometricMeanT,
            bootstrap_t: None,
            digest_consistent: None,
            reason: None,
        }
    }

    fn estimates(records: Vec<EstimateRecord>) -> Estimates {
        Estimates {
            schema: ESTIMATES_SCHEMA,
            estimates: records,
            comparisons: vec![],
            missing: vec![],
        }
    }

    #[test]
    fn a_panel_for_each_prompt_and_a_series_for_each_engine() {
        let mut records = Vec::new();
        for engine in ["pytorch", "candle"] {
            for (batch, prompt) in [(8, 512), (1, 512), (8, 2048), (1, 2048)] {
                records.push(record(engine, batch, prompt, Provenance::Measured));
            }
        }
        let figure = figures(&estimates(records)).remove(0);
        assert_eq!(figure.runs, (1, 8));
        let titles: Vec<_> = figure
            .chart
            .panels
            .iter()
            .map(|panel| panel.title.as_str())
            .collect();
        assert_eq!(titles, ["Prompt of 512 tokens", "Prompt of 2048 tokens"]);
        for panel in &figure.chart.panels {
            let labels: Vec<_> = panel
                .series
                .iter()
                .map(|series| series.label.as_str())
                .collect();
            assert_eq!(labels, ["candle", "pytorch"]);
            let batches: Vec<_> = panel.series[0].points.iter().map(|point| point.x).collect();
            assert_eq!(batches, [1.0, 8.0]);
        }
    }

    #[test]
    fn origins_are_never_mixed_and_measured_comes_first() {
        let records = vec![
            record("candle", 1, 512, Provenance::Emulated),
            record("candle", 2, 512, Provenance::Emulated),
            record("candle", 1, 512, Provenance::Measured),
            record("candle", 8, 512, Provenance::Measured),
        ];
        let figure = figures(&estimates(records)).remove(0);
        assert_eq!(figure.chart.provenance, Provenance::Measured);
        let batches = figure.chart.panels[0].series[0].points.iter();
        assert_eq!(batches.map(|point| point.x).collect::<Vec<_>>(), [1.0, 8.0]);
    }

    #[test]
    fn each_sweep_has_a_figure_of_its_own() {
        let of = |sweep: &str, batch| EstimateRecord {
            sweep: sweep.to_owned(),
            ..record("candle", batch, 512, Provenance::Measured)
        };
        let records = vec![of("s", 1), of("s", 8), of("t", 1), of("t", 8)];
        let slugs: Vec<String> = figures(&estimates(records))
            .into_iter()
            .map(|figure| figure.chart.slug)
            .collect();
        assert_eq!(slugs, ["energy-per-token-s", "energy-per-token-t"]);
    }

    #[test]
    fn a_missing_interval_is_drawn_as_none() {
        let mut only = record("candle", 1, 512, Provenance::Measured);
        only.low = None;
        let other = record("candle", 8, 512, Provenance::Measured);
        let figure = figures(&estimates(vec![only, other])).remove(0);
        assert_eq!(figure.chart.panels[0].series[0].points[0].interval, None);
    }

    #[test]
    fn one_batch_size_is_no_curve_and_other_units_are_left_to_other_figures() {
        let one = || record("candle", 1, 512, Provenance::Measured);
        assert_eq!(figures(&estimates(vec![one()])), []);
        let requests = |batch| EstimateRecord {
            unit: "J/request".to_owned(),
            ..record("candle", batch, 512, Provenance::Measured)
        };
        assert_eq!(figures(&estimates(vec![requests(1), requests(8)])), []);
    }

    #[test]
    fn without_energy_there_is_no_figure() {
        assert_eq!(figures(&estimates(vec![])), []);
    }
}
