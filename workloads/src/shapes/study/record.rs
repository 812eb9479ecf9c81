//! What the study found, as it is written down.

use std::collections::BTreeMap;

use scoring::clip::CaptionFit;
use scoring::frechet::{FrechetDifference, FrechetDistance};
use scoring::interval::Interval;
use serde::{Deserialize, Serialize};

/// A study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// Program and version.
    pub worker: String,
    /// Library that computes, with its version.
    pub engine: String,
    /// Where it computed.
    pub device: String,
    /// Models that see.
    pub models: Vec<ModelRecord>,
    /// Drawings of `shapes-diffusion`, by sampler, steps and format.
    pub drawings: Vec<Cell>,
}

/// A model that sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecord {
    /// Name of the model.
    pub model: String,
    /// What tells its weights from others.
    pub weights_id: String,
    /// What it was asked, one sentence.
    pub task: String,
    /// Results by number format, the reference first.
    pub variants: Vec<Variant>,
}

/// Results of one number format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Format of weights and arithmetic.
    pub variant: String,
    /// Metrics by name; more is better in all of them.
    pub metrics: BTreeMap<String, Interval>,
    /// The same metrics beside f32, over the same pictures; empty for f32.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub beside_f32: BTreeMap<String, Beside>,
}

/// A metric less that of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// Difference over the same pictures. At 90 %, so that each end is a one-sided limit at 95 %.
    pub difference: Interval,
    /// How far it may fall: a twentieth of the reference.
    pub margin: f64,
    /// What follows.
    pub verdict: Verdict,
}

/// Whether at least 95 % of the quality is retained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is above the margin.
    Retained,
    /// The whole interval is below the margin.
    Lost,
    /// The margin is inside.
    Undecided,
}

impl Beside {
    /// Judges a difference of a metric of which more is better.
    pub fn new(difference: Interval, reference: f64) -> Self {
        let margin = 0.05 * reference.abs();
        let verdict = if difference.low >= -margin {
            Verdict::Retained
        } else if difference.high < -margin {
            Verdict::Lost
        } else {
            Verdict::Undecided
        };
        Self {
            difference,
            margin,
            verdict,
        }
    }
}

/// Drawings of one sampler with so many steps in one format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Sampler.
    pub scheduler: String,
    /// Steps.
    pub steps: usize,
    /// Format of weights and arithmetic.
    pub variant: String,
    /// Distance of the features of `shapes-net` to those of held-out pictures.
    pub distance: FrechetDistance,
    /// Share of drawings in which `shapes-net` sees the asked kind and colour.
    pub caption_accuracy: Interval,
    /// How near `shapes-clip` finds drawings and captions.
    pub caption_fit: CaptionFit,
    /// `1` for each drawing in which the asked kind and colour was seen, otherwise `0`.
    pub right: String,
    /// Accuracy and fit beside f32 with the same sampler, steps and noise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub beside_f32: BTreeMap<String, Beside>,
    /// Distance less that of f32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance_beside_f32: Option<FrechetDifference>,
}

#[cfg(test)]
mod tests {
    use scoring::interval::{Level, Method};

    use super::*;

    #[test]
    fn a_verdict_follows_from_the_interval_and_a_twentieth_of_the_reference() {
        let of = |value: f64, half: f64| {
            let interval =
                Interval::symmetric(value, half, Level::P90, 9, Method::PairedDifferenceT);
            Beside::new(interval, 0.8).verdict
        };
        assert_eq!(of(0.0, 0.03), Verdict::Retained);
        assert_eq!(of(-0.03, 0.02), Verdict::Undecided);
        assert_eq!(of(-0.08, 0.03), Verdict::Lost);
    }
}
