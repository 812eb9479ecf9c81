//! What can be measured, as the harness and the worker say it together.

use std::fs;
use std::path::Path;

use model::catalogue::Catalogue;
use model::workload::MODELS;
use serde_json::Value;
use tests::program::{Outcome, built, joulebench};

fn listed(arguments: &[&str]) -> Outcome {
    let words = [&["workloads"], arguments].concat();
    Outcome::of(&mut joulebench(words))
}

#[test]
fn every_model_is_listed_as_run_or_as_counted_only() {
    let said = listed(&[]).expect_code(0).stdout;
    for model in MODELS {
        let is_listed = said
            .split(|c: char| c.is_whitespace() || c == ',')
            .any(|word| word == *model);
        assert!(is_listed, "no '{model}' in:\n{said}");
    }
    for word in [
        "precision",
        "weights",
        "quality",
        "memory GB",
        "TFLOP",
        "floor ms",
    ] {
        assert!(said.contains(word), "no '{word}' in:\n{said}");
    }
}

#[test]
fn one_model_is_described_at_the_point_that_is_asked_for() {
    let words = [
        "llama-7b",
        "--batch",
        "8",
        "--prompt-tokens",
        "2048",
        "--json",
    ];
    let said = listed(&words).expect_code(0).stdout;
    let value: Value = serde_json::from_str(&said).unwrap();
    let catalogue: Catalogue = serde_json::from_value(value["catalogue"].clone()).unwrap();
    let [entry] = catalogue.models.as_slice() else {
        panic!("{} models", catalogue.models.len())
    };
    assert_eq!(entry.parameters, 6_738_415_616);
    assert_eq!(
        entry.at.to_string(),
        "model=llama-7b precision=bf16 batch=8 prompt_tokens=2048 decode_tokens=128"
    );
    assert_eq!(entry.memory.weights_bytes, 2 * 6_738_415_616);
    let text = listed(&["llama-7b"]).expect_code(0).stdout;
    for metric in &entry.quality {
        assert!(text.contains(&metric.meaning), "{text}");
    }
}

#[test]
fn what_the_worker_does_not_know_is_refused_with_what_it_does() {
    listed(&["llama-9t"])
        .expect_code(1)
        .expect_error(&["'llama-9t'", "this worker supports: llama-tiny, llama-7b"]);
    listed(&["llama-tiny", "--prompt-tokens", "9999"])
        .expect_code(1)
        .expect_error(&["model 'llama-tiny' has 4096"]);
    listed(&["--worker", "no-such-worker"])
        .expect_code(1)
        .expect_error(&["no-such-worker list --json"]);
}

/// A plan for our worker on this processor, with more axes.
fn plan(folder: &Path, model: &str, axes: &str) -> String {
    let file = folder.join("plan.toml");
    let worker = built("joulebench-worker").display().to_string();
    let text = format!(
        r#"name = "quick"
title = "A plan for our worker"
seed = 1
blocks = 1
session = {{ device = "cpu", sample_period_ms = 5, idle_s = 0.0, warmup_s = 0.0, window_s = 0.1, cooldown_s = 0.0, timeout_s = 20.0 }}
[engines.candle]
command = [{worker:?}]
[axes]
model = ["{model}"]
precision = ["f32"]
batch = [1]
prompt_tokens = [8]
decode_tokens = [4]
{axes}
"#
    );
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_plan_that_the_worker_would_refuse_is_refused_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("runs");
    for (model, axes, expected) in [
        (
            "llama-9t",
            "",
            "axis 'model' has the value 'llama-9t', the worker supports: ",
        ),
        (
            "llama-tiny",
            "head = [\"masked_lm\"]",
            "axis 'head' does not apply to model 'llama-tiny'; leave it out of [axes]",
        ),
        (
            "llama-tiny",
            "quantisation = [\"none\", \"q4_k\"]\nresolution_px = [64]",
            "(engine 'candle', point ",
        ),
    ] {
        let plan = plan(folder.path(), model, axes);
        Outcome::of(&mut joulebench(["plan", &plan]))
            .expect_code(2)
            .expect_error(&[expected]);
        let words = ["run", &plan, "--store", store.to_str().unwrap()];
        Outcome::of(&mut joulebench(words))
            .expect_code(2)
            .expect_error(&[expected]);
        assert!(!store.exists());
    }
}

#[test]
fn weights_and_phases_are_axes_of_a_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("runs");
    let axes = "phase = [\"prefill\", \"decode\"]\nweights = [\"seeded\"]";
    let plan = plan(folder.path(), "llama-tiny", axes);
    let words = ["run", &plan, "--store", store.to_str().unwrap()];
    Outcome::of(&mut joulebench(words)).expect_code(0);
    let out = folder.path().join("out");
    let quick = store.join("quick");
    let words = [
        "analyze",
        "--out",
        out.to_str().unwrap(),
        quick.to_str().unwrap(),
    ];
    Outcome::of(&mut joulebench(words)).expect_code(0);
    let mut reader = csv::Reader::from_path(out.join("rows.csv")).unwrap();
    let rows: Vec<std::collections::BTreeMap<String, String>> =
        reader.deserialize().map(Result::unwrap).collect();
    let mut phases: Vec<&str> = rows.iter().map(|row| &*row["phase"]).collect();
    phases.sort_unstable();
    assert_eq!(phases, ["decode", "prefill"]);
    for row in &rows {
        assert_eq!(row["weights"], "seeded");
        assert_eq!(row["weights_id"], "seed:1");
        assert_eq!(row["faults"], "");
    }
}

/// An axis that a plan does not have is no part of the ids of its runs, so traces of older releases
/// stay those of their plan.
#[test]
fn runs_of_the_committed_campaign_keep_their_ids() {
    let words = [
        "status",
        "artifacts/plans/h200-llama-7b.toml",
        "--store",
        "artifacts/raw",
    ];
    let said = Outcome::of(&mut joulebench(words)).expect_code(0).stdout;
    assert!(said.contains("45 of 45 runs are sealed"), "{said}");
}
