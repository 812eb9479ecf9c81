//! Figures over the core clock: energy of a unit of work, and EDP and ED²P beside it, for each
//! emulated board. Relative to the highest clock, so that boards of different speed share an axis.

use std::collections::BTreeSet;

use model::provenance::Provenance;

use super::chart::{Axis, Chart, Interval, Mark, Panel, Point, ScaleKind, Series, Ticks, Width};
use crate::emulated::curve::{Curve, Objective};

/// The figures, one for each objective.
pub fn figures(curves: &[Curve]) -> Vec<Chart> {
    if curves.is_empty() {
        return Vec::new();
    }
    Objective::ALL
        .into_iter()
        .map(|objective| figure(curves, objective))
        .collect()
}

fn figure(curves: &[Curve], objective: Objective) -> Chart {
    let phases: BTreeSet<&str> = curves.iter().map(|curve| curve.phase.as_str()).collect();
    let boards: BTreeSet<&str> = curves.iter().map(|curve| curve.device.as_str()).collect();
    let boards: Vec<&str> = boards.into_iter().collect();
    // Prefill comes before decode in time; by name it is the other way round.
    let panels = phases
        .iter()
        .rev()
        .map(|phase| Panel {
            title: title_of(phase),
            span: None,
            shades: Vec::new(),
            series: boards
                .iter()
                .enumerate()
                .flat_map(|(look, board)| {
                    curves
                        .iter()
                        .filter(move |curve| curve.phase == **phase && curve.device == **board)
                        .map(move |curve| series(curve, look, objective))
                })
                .collect(),
        })
        .collect();
    let (slug, title, label, column) = match objective {
        Objective::Energy => (
            "dvfs-energy",
            "Energy over the core clock",
            "Energy per token, relative",
            "relative_energy",
        ),
        Objective::Edp => (
            "dvfs-edp",
            "Energy-delay product over the core clock",
            "EDP, relative",
            "relative_edp",
        ),
        Objective::Ed2p => (
            "dvfs-ed2p",
            "Energy-delay-squared product over the core clock",
            "ED²P, relative",
            "relative_ed2p",
        ),
    };
    Chart {
        slug: slug.to_owned(),
        title: title.to_owned(),
        description: describe(curves, objective),
        provenance: Provenance::Emulated,
        width: Width::Page,
        x: Axis {
            label: "Core clock asked for",
            unit: Some("MHz"),
            column: "sm_clock_mhz",
            scale: ScaleKind::Linear,
            ticks: Ticks::Round,
        },
        y: Axis {
            label,
            unit: None,
            column,
            scale: ScaleKind::Log,
            ticks: Ticks::Round,
        },
        panels,
    }
}

fn title_of(phase: &str) -> String {
    match phase {
        "prefill" => "Prefill".to_owned(),
        "decode" => "Decode".to_owned(),
        other => other.to_owned(),
    }
}

fn series(curve: &Curve, look: usize, objective: Objective) -> Series {
    let points = curve
        .points
        .iter()
        .map(|point| {
            let stat = point.relative[&objective];
            Point {
                x: f64::from(point.sm_clock_mhz),
                y: stat.value,
                interval: stat
                    .low
                    .zip(stat.high)
                    .map(|(low, high)| Interval { low, high }),
            }
        })
        .collect();
    Series {
        label: curve.device.trim_end_matches(" (emulated)").to_owned(),
        look,
        mark: Mark::Curve,
        points,
    }
}

/// Where each curve is lowest, in words, for readers who cannot see the figure.
fn describe(curves: &[Curve], objective: Objective) -> String {
    let mut sentences = vec![format!(
        "{} relative to the highest clock against core clock, emulated boards.",
        objective.title()
    )];
    for curve in curves {
        let lowest = curve.points.iter().min_by(|a, b| {
            a.relative[&objective]
                .value
                .total_cmp(&b.relative[&objective].value)
        });
        if let Some(point) = lowest {
            sentences.push(format!(
                "{}, {}: lowest at {} MHz with {:.3}.",
                curve.device.trim_end_matches(" (emulated)"),
                curve.phase,
                point.sm_clock_mhz,
                point.relative[&objective].value
            ));
        }
    }
    sentences.join(" ")
}
