//! Models as tables for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use analysis::floor::h200;
use model::axis::Axis;
use model::catalogue::{Catalogue, Entry};
use model::cost::workload;

/// Widest line of a list of words.
const WIDTH: usize = 96;

/// Every model: a line each, below what its family takes.
pub(super) fn all(catalogue: &Catalogue) -> String {
    let mut text = String::new();
    for alike in catalogue.models.chunk_by(is_alike) {
        let first = &alike[0];
        let _ = writeln!(text, "{}", first.family);
        variants(&mut text, &first.variants);
        let names: Vec<&str> = first.quality.iter().map(|metric| &*metric.name).collect();
        words(&mut text, "quality", &names);
        header(&mut text);
        for entry in alike {
            line(&mut text, entry);
        }
        text.push('\n');
    }
    text
}

/// One model, with its phases and its metrics explained.
pub(super) fn one(entry: &Entry) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{} ({})", entry.model, entry.family);
    if let Some(context) = entry.context {
        let _ = writeln!(text, "  {:<15} {context} positions", "context");
    }
    if let Some(edges) = entry.resolutions {
        let _ = writeln!(
            text,
            "  {:<15} {} to {} px in steps of {}, native {}",
            "resolution", edges.least_px, edges.most_px, edges.step_px, edges.native_px
        );
    }
    variants(&mut text, &entry.variants);
    if let Some(id) = &entry.tiny_weights_id {
        let _ = writeln!(text, "  {:<15} {id}", "tiny weights");
    }
    text.push_str("  quality\n");
    for metric in &entry.quality {
        let _ = writeln!(text, "    {:<26} {}", metric.name, metric.meaning);
    }
    header(&mut text);
    line(&mut text, entry);
    let _ = writeln!(
        text,
        "  memory: weights {:.3} GB, cache {:.3} GB, scratch {:.3} GB",
        giga(entry.memory.weights_bytes),
        giga(entry.memory.cache_bytes),
        giga(entry.memory.scratch_bytes),
    );
    let _ = writeln!(
        text,
        "  {:<12} {:>12} {:>8} {:>12} {:>12} {:>12} {:>12}",
        "phase", "work", "passes", "TFLOP", "moved GB", "weights GB", "cache GB"
    );
    for phase in &entry.phases {
        let _ = writeln!(
            text,
            "  {:<12} {:>12} {:>8} {:>12.4} {:>12.4} {:>12.4} {:>12.4}",
            phase.phase,
            format!("{} {}", phase.units, phase.unit),
            phase.passes,
            phase.matrix_operations / 1e12,
            phase.compulsory_bytes / 1e9,
            phase.weight_bytes / 1e9,
            phase.kv_bytes / 1e9,
        );
    }
    text
}

/// Whether two models take the same, so that it need be said once.
fn is_alike(a: &Entry, b: &Entry) -> bool {
    a.family == b.family && a.variants == b.variants && a.quality == b.quality
}

fn variants(text: &mut String, variants: &BTreeMap<Axis, Vec<String>>) {
    for (axis, values) in variants {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        words(text, axis.name(), &values);
    }
}

fn words(text: &mut String, name: &str, values: &[&str]) {
    let _ = writeln!(text, "  {name:<15} {}", values.join(", "));
}

fn header(text: &mut String) {
    let _ = writeln!(
        text,
        "  {:<18} {:>14} {:<36} {:>9} {:>10} {:>10} {:>9}",
        "model", "parameters", "at", "memory GB", "TFLOP", "moved GB", "floor ms"
    );
}

fn line(text: &mut String, entry: &Entry) {
    let sum = |get: fn(&model::catalogue::PhaseNeed) -> f64| -> f64 {
        entry.phases.iter().map(get).sum()
    };
    let floor = workload::phases(&entry.at)
        .ok()
        .and_then(|phases| h200().floor_of_all(&phases))
        .map_or_else(
            || "–".to_owned(),
            |floor| format!("{:.2}", floor.get() * 1e3),
        );
    let _ = writeln!(
        text,
        "  {:<18} {:>14} {:<36} {:>9.3} {:>10.4} {:>10.3} {:>9}",
        entry.model,
        entry.parameters,
        at(entry),
        giga(entry.memory.total_bytes()),
        sum(|phase| phase.matrix_operations) / 1e12,
        sum(|phase| phase.compulsory_bytes) / 1e9,
        floor,
    );
}

/// The point without the model: `bf16 batch=1 prompt=512 decode=128`.
fn at(entry: &Entry) -> String {
    let short = |axis: Axis| match axis {
        Axis::PromptTokens => "prompt=",
        Axis::DecodeTokens => "decode=",
        Axis::Batch => "batch=",
        Axis::ResolutionPx => "px=",
        Axis::Steps => "steps=",
        Axis::Guidance => "guidance=",
        _ => "",
    };
    let words: Vec<String> = entry
        .at
        .iter()
        .filter(|(axis, _)| *axis != Axis::Model)
        .map(|(axis, value)| format!("{}{value}", short(axis)))
        .collect();
    words.join(" ")
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn giga(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

/// Words in lines.
pub(super) fn wrapped(words: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() + 2 < WIDTH => {
                line.push_str(", ");
                line.push_str(word);
            }
            last => {
                if let Some(line) = last {
                    line.push(',');
                }
                lines.push((*word).to_owned());
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use model::axis::AxisValue;
    use model::catalogue::{CATALOGUE_SCHEMA, Memory, Metric, PhaseNeed};
    use model::point::Point;

    use super::*;

    fn entry(model: &str, parameters: u64) -> Entry {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let text = |axis, word: &str| (axis, AxisValue::Text(word.into()));
        let count = |axis, count| (axis, AxisValue::Integer(count));
        let at: Point = [
            text(Axis::Model, model),
            text(Axis::Precision, "bf16"),
            count(Axis::Batch, 1),
            count(Axis::PromptTokens, 512),
            count(Axis::DecodeTokens, 128),
        ]
        .into_iter()
        .collect();
        let phases = workload::phases(&at).expect("a model of the vocabulary");
        Entry {
            model: model.into(),
            family: "llama".into(),
            parameters,
            context: Some(4096),
            variants: [
                (Axis::Precision, words(&["f32", "bf16"])),
                (Axis::Attention, words(&["fused", "naive"])),
            ]
            .into(),
            counts: vec![Axis::PromptTokens, Axis::DecodeTokens],
            resolutions: None,
            quality: vec![Metric {
                name: "distinct_outputs".into(),
                meaning: "how many different outputs the iterations gave".into(),
            }],
            tiny_weights_id: (model == "llama-tiny").then(|| "sha256:0123".into()),
            at,
            phases: phases.iter().map(PhaseNeed::from).collect(),
            memory: Memory {
                weights_bytes: 2 * parameters,
                cache_bytes: 335_544_320,
                scratch_bytes: 1_000_000,
            },
        }
    }

    #[test]
    fn a_list_says_once_what_a_family_takes() {
        let catalogue = Catalogue {
            schema: CATALOGUE_SCHEMA,
            worker: "test".into(),
            models: vec![
                entry("llama-tiny", 526_976),
                entry("llama-7b", 6_738_415_616),
            ],
        };
        insta::assert_snapshot!(all(&catalogue));
    }

    #[test]
    fn one_model_is_explained() {
        insta::assert_snapshot!(one(&entry("llama-tiny", 526_976)));
    }

    #[test]
    fn words_fill_lines() {
        assert_eq!(wrapped(&["a", "b"]), ["a, b"]);
        let long = "x".repeat(90);
        assert_eq!(
            wrapped(&[&long, "b", "twelve"]),
            [format!("{long}, b,"), "twelve".into()]
        );
    }
}
