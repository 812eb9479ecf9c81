//! Names of points in keys.

use std::collections::{BTreeMap, BTreeSet};

use model::axis::{Axis, AxisValue};
use model::point::Point;

use crate::estimate::Estimates;

/// Which axes each sweep varies.
pub(super) struct PointKeys {
    varied: BTreeMap<String, BTreeSet<Axis>>,
}

impl PointKeys {
    pub(super) fn of(estimates: &Estimates) -> Self {
        let mut values: BTreeMap<(String, Axis), BTreeSet<Option<&AxisValue>>> = BTreeMap::new();
        for record in &estimates.estimates {
            for axis in Axis::ALL {
                let value = record.point.get(axis);
                values
                    .entry((record.sweep.clone(), axis))
                    .or_default()
                    .insert(value);
            }
        }
        let mut varied: BTreeMap<String, BTreeSet<Axis>> = BTreeMap::new();
        for ((sweep, axis), values) in values {
            if values.len() > 1 {
                varied.entry(sweep).or_default().insert(axis);
            }
        }
        Self { varied }
    }

    /// `candle.b1.p512`: engine, batch and prompt always, the other axes where they vary.
    pub(super) fn key(&self, sweep: &str, point: &Point) -> String {
        let varied = self.varied.get(sweep);
        let shown = |axis: &Axis| {
            matches!(axis, Axis::Engine | Axis::Batch | Axis::PromptTokens)
                || varied.is_some_and(|varied| varied.contains(axis))
        };
        let words: Vec<String> = point
            .iter()
            .filter(|(axis, _)| shown(axis))
            .map(|(axis, value)| format!("{}{value}", prefix(axis)))
            .collect();
        words.join(".")
    }
}

const fn prefix(axis: Axis) -> &'static str {
    match axis {
        Axis::Engine
        | Axis::Model
        | Axis::Precision
        | Axis::Quantisation
        | Axis::Phase
        | Axis::Scheduler
        | Axis::Implementation
        | Axis::Attention
        | Axis::Head => "",
        // Their words say nothing by themselves, or stand for other axes too.
        Axis::Graph => "graph-",
        Axis::Sampling => "sampling-",
        Axis::Weights => "weights-",
        Axis::Batch => "b",
        Axis::PromptTokens => "p",
        Axis::DecodeTokens => "d",
        Axis::ResolutionPx => "px",
        Axis::Steps => "s",
        Axis::Guidance => "g",
        Axis::SmClockMhz => "mhz",
        Axis::PowerCapW => "w",
    }
}
