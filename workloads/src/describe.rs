//! What a model is, takes, and costs at least, without running it.

use std::collections::BTreeMap;
use std::fmt;

use model::axis::{Axis, AxisValue};
use model::catalogue::{CATALOGUE_SCHEMA, Catalogue, Entry, Memory, Metric, PhaseNeed};
use model::point::Point;

use crate::Error;
use crate::family::{Summary, Takes};
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::Kind;
use crate::job::word::{Only, Word};
use crate::registry::Registry;
use crate::weights::{Places, Weights};

/// Prompt and decode lengths of a description where none are asked for; less where the model has
/// no room for them.
const USUAL_PROMPT_TOKENS: usize = 512;
const USUAL_DECODE_TOKENS: usize = 128;
/// Denoising steps of a description where none are asked for.
const USUAL_STEPS: u64 = 50;

/// The catalogue of all models, or of one, at the values of `wanted`; where it is silent, at
/// batch 1 and usual lengths, in bf16 where the model has it.
///
/// # Errors
/// The one model is unknown, or a value is none of those that it takes.
pub fn catalogue(
    registry: &Registry,
    places: &Places,
    one: Option<&str>,
    wanted: &Point,
) -> Result<Catalogue, Error> {
    let names: Vec<&str> = match one {
        Some(name) => vec![name],
        None => registry.models().map(|(name, _)| name).collect(),
    };
    let models = names
        .into_iter()
        .map(|name| entry(registry, places, name, wanted, one.is_some()))
        .collect::<Result<_, _>>()?;
    Ok(Catalogue {
        schema: CATALOGUE_SCHEMA,
        worker: concat!("joulebench-worker ", env!("CARGO_PKG_VERSION")).into(),
        models,
    })
}

/// A model at a point. In a list of many, values that it does not take are left out; of one that
/// was asked for by name, they are refused.
fn entry(
    registry: &Registry,
    places: &Places,
    model: &str,
    wanted: &Point,
    strict: bool,
) -> Result<Entry, Error> {
    let family = registry.family(model)?;
    let summary = family.summary(model);
    let mut point = usual_point(model, &summary);
    for (axis, value) in wanted.iter() {
        let with = point.clone().with(axis, value.clone());
        if strict || Job::from_point(&with, registry, &Places::default()).is_ok() {
            point = with;
        }
    }
    let job = Job::from_point(&point, registry, &Places::default())?;
    let need = family.memory(&job)?;
    let phases = family
        .cost(&job)
        .map_err(|error| Error::Request(error.to_string()))?;
    let tiny = Job {
        origin: crate::job::word::Origin::Tiny,
        ..job.clone()
    };
    Ok(Entry {
        model: model.to_owned(),
        family: family.name().to_owned(),
        parameters: summary.parameters,
        context: summary.context.map(|positions| positions as u64),
        variants: words(&summary.takes),
        counts: counts(summary.kind),
        resolutions: summary.kind.resolutions(),
        quality: summary
            .quality
            .iter()
            .map(|metric| Metric {
                name: metric.name.to_owned(),
                meaning: metric.meaning.to_owned(),
            })
            .collect(),
        tiny_weights_id: Weights::find(&tiny, places)
            .ok()
            .map(|weights| weights.id().to_owned()),
        at: point,
        phases: phases.iter().map(PhaseNeed::from).collect(),
        memory: Memory {
            weights_bytes: need.weights_bytes,
            cache_bytes: need.cache_bytes,
            scratch_bytes: need.scratch_bytes,
        },
    })
}

/// The point of a description where nothing is asked for.
fn usual_point(model: &str, summary: &Summary) -> Point {
    let precisions = summary.takes.precision;
    let precision = if precisions.contains(&Precision::Bf16) {
        Precision::Bf16
    } else {
        precisions.first().copied().unwrap_or(Precision::F32)
    };
    let room = summary.context.unwrap_or(usize::MAX);
    let decode = USUAL_DECODE_TOKENS.min(room / 4);
    let (prompt, decode) = match summary.kind {
        Kind::Generate => (Some(USUAL_PROMPT_TOKENS.min(room - decode)), Some(decode)),
        Kind::Read { native_tokens } => (
            Some(native_tokens.unwrap_or(USUAL_PROMPT_TOKENS).min(room)),
            None,
        ),
        Kind::Transcribe => (None, Some(decode)),
        Kind::See { .. } | Kind::Draw { .. } => (None, None),
    };
    let steps = match summary.kind {
        Kind::Draw { most_steps, .. } => Some(USUAL_STEPS.min(most_steps)),
        _ => None,
    };
    let edge_px = summary.kind.resolutions().map(|taken| taken.native_px);
    let number = |axis, number: u64| (axis, AxisValue::Integer(number));
    let count = |axis, count: usize| (axis, AxisValue::Integer(count as u64));
    [
        (Axis::Model, AxisValue::Text(model.to_owned())),
        (
            Axis::Precision,
            AxisValue::Text(precision.word().to_owned()),
        ),
        count(Axis::Batch, 1),
    ]
    .into_iter()
    .chain(prompt.map(|tokens| count(Axis::PromptTokens, tokens)))
    .chain(decode.map(|tokens| count(Axis::DecodeTokens, tokens)))
    .chain(edge_px.map(|edge_px| number(Axis::ResolutionPx, edge_px)))
    .chain(steps.map(|steps| number(Axis::Steps, steps)))
    .collect()
}

fn counts(kind: Kind) -> Vec<Axis> {
    match kind {
        Kind::Generate => vec![Axis::PromptTokens, Axis::DecodeTokens],
        Kind::Read { .. } => vec![Axis::PromptTokens],
        Kind::Transcribe => vec![Axis::DecodeTokens],
        Kind::See { .. } => vec![Axis::ResolutionPx],
        Kind::Draw { .. } => vec![Axis::ResolutionPx, Axis::Steps, Axis::Guidance],
    }
}

/// Words of each axis that applies.
fn words(takes: &Takes) -> BTreeMap<Axis, Vec<String>> {
    fn of<W: Word>(words: &[W]) -> (Axis, Vec<String>) {
        let words = words.iter().map(|word| word.word().to_owned()).collect();
        (W::AXIS, words)
    }
    let phase: &[Only] = if takes.phase { Only::ALL } else { &[] };
    [
        of(takes.precision),
        of(takes.quantisation),
        of(phase),
        of(takes.implementation),
        of(takes.attention),
        of(takes.graph),
        of(takes.sampling),
        of(takes.scheduler),
        of(takes.head),
        of(takes.weights),
    ]
    .into_iter()
    .filter(|(_, words)| !words.is_empty())
    .collect()
}

/// A catalogue as a table for people.
pub struct Table<'a>(pub &'a Catalogue);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.0.models.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write_entry(f, entry)?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with four digits")]
fn write_entry(f: &mut fmt::Formatter<'_>, entry: &Entry) -> fmt::Result {
    writeln!(
        f,
        "{} ({}): {} parameters",
        entry.model, entry.family, entry.parameters
    )?;
    if let Some(context) = entry.context {
        writeln!(f, "  context         {context}")?;
    }
    if let Some(edges) = entry.resolutions {
        writeln!(
            f,
            "  {:<15} {} to {} px in steps of {}, native {}",
            "resolution", edges.least_px, edges.most_px, edges.step_px, edges.native_px
        )?;
    }
    for (axis, words) in &entry.variants {
        writeln!(f, "  {:<15} {}", axis.name(), words.join(", "))?;
    }
    let metrics: Vec<&str> = entry.quality.iter().map(|metric| &*metric.name).collect();
    writeln!(f, "  {:<15} {}", "quality", metrics.join(", "))?;
    writeln!(f, "  {:<15} {}", "at", entry.at)?;
    writeln!(
        f,
        "  {:<15} {:.4} GB: weights {:.4}, cache {:.4}, scratch {:.4}",
        "memory",
        entry.memory.total_bytes() as f64 / 1e9,
        entry.memory.weights_bytes as f64 / 1e9,
        entry.memory.cache_bytes as f64 / 1e9,
        entry.memory.scratch_bytes as f64 / 1e9,
    )?;
    writeln!(
        f,
        "  {:<8} {:>12} {:>10} {:>10} {:>12} {:>12}",
        "phase", "work", "passes", "TFLOP", "weights GB", "cache GB"
    )?;
    for phase in &entry.phases {
        writeln!(
            f,
            "  {:<8} {:>12} {:>10} {:>10.4} {:>12.4} {:>12.4}",
            phase.phase,
            phase.units,
            phase.passes,
            phase.matrix_operations / 1e12,
            phase.weight_bytes / 1e9,
            phase.kv_bytes / 1e9,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(one: Option<&str>, wanted: &Point) -> Result<Catalogue, Error> {
        catalogue(&Registry::own(), &Places::default(), one, wanted)
    }

    fn batch(batch: u64) -> Point {
        Point::default().with(Axis::Batch, AxisValue::Integer(batch))
    }

    #[test]
    fn the_7b_model_is_described() {
        let mut described = described(Some("llama-7b"), &batch(8)).expect("known");
        insta::assert_snapshot!("llama_7b_text", Table(&described));
        described.worker = "[version]".into();
        insta::assert_json_snapshot!("llama_7b_json", described);
    }

    #[test]
    fn unknown_words_are_refused_of_one_model_and_passed_over_in_a_list() {
        let message = described(Some("llama"), &Point::default())
            .expect_err("unknown")
            .to_string();
        assert!(
            message.starts_with("axis 'model' has the value 'llama', this worker supports: "),
            "{message}"
        );
        let fp8 = Point::default().with(Axis::Precision, AxisValue::Text("fp8".into()));
        let message = described(Some("llama-tiny"), &fp8)
            .expect_err("not taken")
            .to_string();
        assert!(
            message.contains("model 'llama-tiny' takes: f32"),
            "{message}"
        );
        let list = described(None, &fp8).expect("passed over");
        assert_eq!(list.models.len(), Registry::own().models().count());
    }

    /// Every model of every family can be described, and what it says of itself holds together.
    #[test]
    fn every_model_is_described() {
        let list = described(None, &batch(2)).expect("all of them");
        for entry in &list.models {
            let name = &entry.model;
            assert!(entry.parameters > 0, "{name}");
            assert!(!entry.quality.is_empty(), "{name}");
            assert!(!entry.phases.is_empty(), "{name}");
            assert!(entry.memory.weights_bytes > 0, "{name}");
            assert_eq!(entry.at.get(Axis::Batch), Some(&AxisValue::Integer(2)));
            list.check(&entry.at).expect("its own point");
        }
    }
}
