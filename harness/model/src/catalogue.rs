//! What a worker says that it can run: models with their variants, needs and metrics.
//!
//! `joulebench-worker list --json` prints a [`Catalogue`]; `joulebench workloads` shows it, and
//! `joulebench plan` checks a sweep against it. A worker of another project may do the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::axis::{Axis, AxisValue, Domain};
use crate::cost::PerPipe;
use crate::cost::phase::Phase;
use crate::point::Point;
use crate::resolution::Resolutions;

/// Version of the format. Changelog: 1 = first.
pub const CATALOGUE_SCHEMA: u32 = 1;

/// The models of a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// [`CATALOGUE_SCHEMA`].
    pub schema: u32,
    /// Program and version, as in `ready`.
    pub worker: String,
    /// The models, by family.
    pub models: Vec<Entry>,
}

/// A model, and what it needs at one point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Name, a value of the axis `model`.
    pub model: String,
    /// Family.
    pub family: String,
    /// Number of parameters.
    pub parameters: u64,
    /// Longest sequence; absent where there is no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    /// Values of each word axis that the model takes, the default first; an axis that is not here
    /// does not apply. `precision` has no default, and where `phase` is absent the whole iteration
    /// is run.
    pub variants: BTreeMap<Axis, Vec<String>>,
    /// Axes of counts that apply.
    pub counts: Vec<Axis>,
    /// Edges of square pictures that the model takes; absent where it takes no pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolutions: Option<Resolutions>,
    /// Quality metrics of the `done` mark.
    pub quality: Vec<Metric>,
    /// Where the weights of the project's own training are from, where there are any: their hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiny_weights_id: Option<String>,
    /// The point that the needs below are those of.
    pub at: Point,
    /// Phases of an iteration.
    pub phases: Vec<PhaseNeed>,
    /// Memory of the device.
    pub memory: Memory,
}

/// A quality metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Name, as in `done`.
    pub name: String,
    /// What it says, in a sentence.
    pub meaning: String,
}

/// Counts of a phase: those of the algorithm, so that any implementation needs as many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseNeed {
    /// Name, as in marks.
    pub phase: String,
    /// What the work is counted in.
    pub unit: String,
    /// Work.
    pub units: u64,
    /// Passes over the network, one after the other.
    pub passes: u64,
    /// Operations by pipe; a multiply-add is two.
    pub operations: PerPipe,
    /// Those of products of matrices, on any pipe.
    pub matrix_operations: f64,
    /// Bytes of weights that are read.
    pub weight_bytes: f64,
    /// Bytes of keys and values that are written and read.
    pub kv_bytes: f64,
    /// All memory traffic that no fusion avoids.
    pub compulsory_bytes: f64,
}

/// Bytes that a model takes on its device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Weights.
    pub weights_bytes: u64,
    /// Keys and values.
    pub cache_bytes: u64,
    /// Everything else.
    pub scratch_bytes: u64,
}

impl From<&Phase> for PhaseNeed {
    fn from(phase: &Phase) -> Self {
        Self {
            phase: phase.name.to_owned(),
            unit: phase.unit.to_owned(),
            units: phase.units,
            passes: phase.passes,
            operations: phase.cost.operations,
            matrix_operations: phase.matrix_operations,
            weight_bytes: phase.weight_bytes,
            kv_bytes: phase.kv_bytes,
            compulsory_bytes: phase.cost.dram_bytes - phase.spilled_bytes,
        }
    }
}

impl Memory {
    /// All of it.
    pub const fn total_bytes(&self) -> u64 {
        self.weights_bytes
            .saturating_add(self.cache_bytes)
            .saturating_add(self.scratch_bytes)
    }
}

impl Catalogue {
    /// The first axis of a point that the worker would refuse.
    ///
    /// # Errors
    /// A sentence that names axis and value and lists what is supported.
    pub fn check(&self, point: &Point) -> Result<(), String> {
        let Some(AxisValue::Text(model)) = point.get(Axis::Model) else {
            return Err("axis 'model' is missing: the worker runs models".to_owned());
        };
        let Some(entry) = self.models.iter().find(|entry| entry.model == *model) else {
            let names: Vec<&str> = self.models.iter().map(|entry| &*entry.model).collect();
            return Err(format!(
                "axis 'model' has the value '{model}', the worker supports: {}",
                names.join(", ")
            ));
        };
        point
            .iter()
            .try_for_each(|(axis, value)| entry.check(axis, value))?;
        entry.check_context(point)
    }
}

impl Entry {
    fn check(&self, axis: Axis, value: &AxisValue) -> Result<(), String> {
        let is_own = matches!(axis, Axis::Engine | Axis::Model) || axis.needs_control();
        if is_own {
            return Ok(());
        }
        let applies = match axis.domain() {
            Domain::Integers(..) | Domain::Decimals(..) => {
                axis == Axis::Batch || self.counts.contains(&axis)
            }
            _ => self.variants.contains_key(&axis),
        };
        if !applies {
            return Err(format!(
                "axis '{axis}' does not apply to model '{}'; leave it out of [axes]",
                self.model
            ));
        }
        match (self.variants.get(&axis), value.as_text()) {
            (Some(words), Some(word)) if !words.iter().any(|known| known == word) => Err(format!(
                "axis '{axis}' has the value '{word}', model '{}' takes: {}",
                self.model,
                words.join(", ")
            )),
            _ => self.check_edge(axis, value),
        }
    }

    fn check_edge(&self, axis: Axis, value: &AxisValue) -> Result<(), String> {
        let edge = value.as_integer().filter(|_| axis == Axis::ResolutionPx);
        match (edge, self.resolutions) {
            (Some(edge_px), Some(resolutions)) => resolutions.check(edge_px).map_err(|takes| {
                format!(
                    "axis '{axis}' has the value '{value}', model '{}' takes: {takes}",
                    self.model
                )
            }),
            _ => Ok(()),
        }
    }

    fn check_context(&self, point: &Point) -> Result<(), String> {
        let Some(context) = self.context else {
            return Ok(());
        };
        let count = |axis| point.get(axis).and_then(AxisValue::as_integer).unwrap_or(0);
        let positions = count(Axis::PromptTokens).saturating_add(count(Axis::DecodeTokens));
        if positions > context {
            return Err(format!(
                "prompt_tokens {} and decode_tokens {} make {positions} positions, model '{}' has \
                 {context}",
                count(Axis::PromptTokens),
                count(Axis::DecodeTokens),
                self.model
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Catalogue {
            schema: CATALOGUE_SCHEMA,
            worker: "test 1".into(),
            models: vec![Entry {
                model: "llama-tiny".into(),
                family: "llama".into(),
                parameters: 1,
                context: Some(100),
                variants: [
                    (Axis::Precision, words(&["f32", "bf16"])),
                    (Axis::Attention, words(&["fused", "naive"])),
                ]
                .into(),
                counts: vec![Axis::PromptTokens, Axis::DecodeTokens],
                resolutions: None,
                quality: vec![],
                tiny_weights_id: None,
                at: Point::default(),
                phases: vec![],
                memory: Memory::default(),
            }],
        }
    }

    fn point() -> Point {
        let word = |axis, word: &str| (axis, AxisValue::Text(word.into()));
        let count = |axis, count| (axis, AxisValue::Integer(count));
        [
            word(Axis::Engine, "candle"),
            word(Axis::Model, "llama-tiny"),
            word(Axis::Precision, "f32"),
            count(Axis::Batch, 1),
            count(Axis::PromptTokens, 80),
            count(Axis::DecodeTokens, 20),
            count(Axis::SmClockMhz, 1000),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn a_point_that_the_worker_takes_passes_and_others_say_what_it_takes() {
        let catalogue = catalogue();
        catalogue.check(&point()).expect("supported");
        let text = |axis, word: &str| point().with(axis, AxisValue::Text(word.into()));
        let refusals = [
            catalogue.check(&Point::default()),
            catalogue.check(&text(Axis::Model, "llama-7b")),
            catalogue.check(&text(Axis::Precision, "fp8")),
            catalogue.check(&text(Axis::Graph, "on")),
            catalogue.check(&point().with(Axis::Steps, AxisValue::Integer(4))),
            catalogue.check(&point().with(Axis::DecodeTokens, AxisValue::Integer(21))),
        ];
        let lines: Vec<String> = refusals.into_iter().map(Result::unwrap_err).collect();
        assert_eq!(
            lines,
            [
                "axis 'model' is missing: the worker runs models",
                "axis 'model' has the value 'llama-7b', the worker supports: llama-tiny",
                "axis 'precision' has the value 'fp8', model 'llama-tiny' takes: f32, bf16",
                "axis 'graph' does not apply to model 'llama-tiny'; leave it out of [axes]",
                "axis 'steps' does not apply to model 'llama-tiny'; leave it out of [axes]",
                "prompt_tokens 80 and decode_tokens 21 make 101 positions, model 'llama-tiny' has 100",
            ]
        );
    }

    #[test]
    fn an_edge_that_a_model_cannot_see_is_refused() {
        let mut catalogue = catalogue();
        let entry = &mut catalogue.models[0];
        entry.counts = vec![Axis::ResolutionPx];
        entry.context = None;
        entry.resolutions = Some(Resolutions::multiples(224, 16));
        let at = |edge_px| {
            let text = |word: &str| AxisValue::Text(word.into());
            Point::default()
                .with(Axis::Model, text("llama-tiny"))
                .with(Axis::ResolutionPx, AxisValue::Integer(edge_px))
        };
        catalogue.check(&at(32)).expect("supported");
        assert_eq!(
            catalogue.check(&at(40)).unwrap_err(),
            "axis 'resolution_px' has the value '40', model 'llama-tiny' takes: multiples of 16 \
             from 16 to 16384; nearest: 32 and 48"
        );
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let text = serde_json::to_string(&catalogue()).expect("plain data");
        let read: Catalogue = serde_json::from_str(&text).expect("its own text");
        assert_eq!(read, catalogue());
    }
}
