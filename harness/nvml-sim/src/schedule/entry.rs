//! The words of a load file.

use model::axis::AxisValue;
use model::cost::PhaseCost;
use model::point::Point;
use model::units::{Nanos, Seconds};
use serde::Deserialize;

use super::work::WorkSource;

/// A load file as it is written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    /// Whether the load holds a CUDA context from its begin to its end, which keeps clocks high
    /// between its kernels.
    #[serde(default = "yes")]
    pub(super) context: bool,
    /// The phases in their order.
    pub(super) phase: Vec<Entry>,
}

const fn yes() -> bool {
    true
}

/// One phase, or phases that are repeated.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// An index, or `"all"`.
    pub(super) gpu: Option<AxisValue>,
    /// How long the phase lasts.
    pub(super) for_s: Option<f64>,
    /// A named kernel, or `"idle"`.
    pub(super) work: Option<String>,
    /// A phase of a model.
    pub(super) model: Option<Point>,
    /// Work by its counts.
    pub(super) cost: Option<PhaseCost>,
    /// How often the work is done; absent, as often as the phase has time for.
    pub(super) times: Option<u64>,
    /// How often `phases` are repeated.
    pub(super) repeat: Option<u64>,
    /// What is repeated.
    pub(super) phases: Option<Vec<Self>>,
}

impl Source {
    /// One kernel or model for a time.
    pub(super) fn simple(work: WorkSource, gpu: Option<u32>, lasting: Nanos) -> Self {
        let mut entry = Entry {
            gpu: gpu.map(|index| AxisValue::Integer(u64::from(index))),
            for_s: Some(Seconds::from(lasting).get()),
            ..Entry::default()
        };
        match work {
            WorkSource::Named(name) => entry.work = Some(name),
            WorkSource::Model(point) => entry.model = Some(point),
            WorkSource::Cost(cost) => entry.cost = Some(cost),
        }
        Self {
            context: true,
            phase: vec![entry],
        }
    }
}
