//! Tests: the committed tiny models, through the loader and the families that measured runs use.
//! Nothing is trained here.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::{Init, VarBuilder};
use model::quality::Outcomes;
use sha2::{Digest, Sha256};

use super::study;
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::{Extent, Sequences, Task};
use crate::job::word::{Attention, Head, Implementation, Origin, Word};
use crate::registry::Registry;
use crate::training;
use crate::weights::Places;
use crate::workload::{Outcome, Unobserved};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts/models")
}

fn places() -> Places {
    Places {
        models: Some(models()),
        ..Places::default()
    }
}

fn tiny(model: &str, precision: Precision, task: Task) -> Job {
    Job {
        origin: Origin::Tiny,
        ..Job::plain(model, precision, task)
    }
}

fn generation(precision: Precision) -> Job {
    let extent = Extent {
        batch: 8,
        prompt_tokens: 48,
        decode_tokens: 32,
    };
    tiny("gpt2-tiny", precision, Task::Generate(extent))
}

fn reading(head: Head, precision: Precision) -> Job {
    let sequences = Sequences {
        batch: 64,
        tokens: 64,
    };
    let mut job = tiny("bert-tiny", precision, Task::Read(sequences));
    job.variant.head = head;
    job
}

fn sentiment(precision: Precision) -> Job {
    let sequences = Sequences {
        batch: 64,
        tokens: 40,
    };
    tiny("lstm-sentiment", precision, Task::Read(sequences))
}

fn outcome_at(job: &Job, places: &Places) -> Result<Outcome, crate::Error> {
    let mut work = Registry::own().load(job, places, &Device::Cpu)?;
    work.iterate(&mut Unobserved)?;
    work.iterate(&mut Unobserved)?;
    work.outcome()
}

fn outcome(job: &Job) -> Outcome {
    outcome_at(job, &places()).expect("runs")
}

/// Three digits: beyond these, processors differ.
fn three_digits(quality: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let round = |value: &f64| format!("{value:.2e}").parse().expect("a number");
    let rounded = quality
        .iter()
        .map(|(name, value)| (name.clone(), round(value)));
    rounded.collect()
}

#[test]
fn every_model_has_its_checksums_and_fits_the_repository() {
    for name in training::names() {
        let folder = models().join(name);
        let files = if training::TRAINED.contains(&name) {
            4
        } else {
            3
        };
        let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).expect("checksums");
        assert_eq!(sums.lines().count(), files, "{name}");
        for line in sums.lines() {
            let (digest, file) = line.split_once("  ").expect("digest and name");
            let bytes = std::fs::read(folder.join(file)).expect("is there");
            let found = model::run::hex(&Sha256::digest(&bytes));
            assert_eq!(found, digest, "{name}/{file}");
            assert!(bytes.len() < 2 << 20, "{name}/{file}");
        }
        let log = std::fs::read_to_string(folder.join("training.json")).expect("a log");
        let log: serde_json::Value = serde_json::from_str(&log).expect("JSON");
        // What the log says of the data is what this program would draw.
        let material = training::course(name).expect("a course").material();
        assert_eq!(log["data"], material.log(), "{name}");
        let losses = log["loss"].as_array().expect("a curve");
        let loss = |point: usize| losses[point]["loss"].as_f64().expect("a number");
        assert!(loss(losses.len() - 1) < loss(0) / 2.0, "{name} has learned");
    }
}

#[test]
fn quality_of_the_tiny_models() {
    for (model, jobs) in [
        (
            "gpt2-tiny",
            vec![("text", generation as fn(Precision) -> Job)],
        ),
        (
            "bert-tiny",
            vec![
                ("classification", |it| reading(Head::Classification, it)),
                ("masked_lm", |it| reading(Head::MaskedLm, it)),
            ],
        ),
        ("lstm-sentiment", vec![("classification", sentiment)]),
    ] {
        let mut metrics = BTreeMap::new();
        for (task, job) in jobs {
            for precision in [Precision::F32, Precision::F16] {
                let outcome = outcome(&job(precision));
                let key = format!("{task} {}", precision.word());
                metrics.insert(key, three_digits(&outcome.quality));
            }
        }
        insta::assert_json_snapshot!(format!("quality_{model}"), metrics);
    }
}

/// The reference is of other operations, and agrees where the numbers are the same.
#[test]
fn quality_does_not_depend_on_the_composition() {
    for mut job in [
        generation(Precision::F32),
        reading(Head::Classification, Precision::F32),
        reading(Head::MaskedLm, Precision::F32),
        sentiment(Precision::F32),
    ] {
        let usual = three_digits(&outcome(&job).quality);
        let agreement = if matches!(job.task, Task::Read(_)) {
            "reference_agreement"
        } else {
            "token_agreement"
        };
        assert_eq!(usual[agreement], 1.0, "{usual:?}");
        job.variant.attention = Attention::Naive;
        assert_eq!(three_digits(&outcome(&job).quality), usual);
        job.variant.implementation = Implementation::Reference;
        assert_eq!(three_digits(&outcome(&job).quality), usual);
    }
}

/// Other seeds of the inputs are other documents.
#[test]
fn the_seed_of_the_inputs_picks_the_documents() {
    let mut job = generation(Precision::F32);
    let first = outcome(&job).digest;
    job.input_seed += 1;
    assert_ne!(outcome(&job).digest, first);
}

/// The same metrics for a user's weights on a user's text: perplexity and accuracy, but no
/// reference.
#[test]
fn the_users_text_judges_the_users_weights() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let text = folder.path().join("text.txt");
    let documents = crate::corpus::documents(crate::corpus::Part::HeldOut, 9, 200);
    let lines: Vec<String> = documents
        .iter()
        .map(|it| format!("{}\t{}", it.sentiment.class(), it.text))
        .collect();
    std::fs::write(&text, lines.join("\n")).expect("writes");
    let of_file = |job: Job, text: &Path| {
        let places = Places {
            file: Some(models().join(&job.model)),
            text: Some(text.to_owned()),
            ..Places::default()
        };
        let job = Job {
            origin: Origin::File,
            ..job
        };
        outcome_at(&job, &places)
    };
    let found = of_file(generation(Precision::F32), &text)
        .expect("runs")
        .quality;
    assert!(found["perplexity"] < 6.0, "{found:?}");
    assert!(!found.contains_key("token_agreement"));
    let class = Head::Classification;
    let found = of_file(reading(class, Precision::F32), &text)
        .expect("runs")
        .quality;
    assert!(found["label_accuracy"] > 0.8, "{found:?}");
    assert_eq!(found["judged"], 64.0);
    assert!(!found.contains_key("reference_agreement"));
    let found = of_file(sentiment(Precision::F32), &text)
        .expect("runs")
        .quality;
    assert!(found["label_accuracy"] > 0.8, "{found:?}");
    assert_eq!(found["judged"], 64.0);
    let message = of_file(generation(Precision::F32), Path::new("/nowhere.txt"))
        .expect_err("no file")
        .to_string();
    assert!(message.contains("nowhere.txt: cannot be read"), "{message}");
}

/// A decoder without weights of the project's own is judged on a user's text too, by either
/// composition.
#[test]
fn the_users_text_judges_llama() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let config = crate::llama::config::Config::tiny();
    let seeded = crate::seeded::SeededWeights::new(1, config.parameters());
    let seeded = VarBuilder::from_backend(Box::new(seeded), DType::F32, Device::Cpu);
    let tensors: HashMap<String, Tensor> = config
        .tensors()
        .into_iter()
        .map(|(name, shape)| {
            let init = if shape.len() == 1 {
                Init::Const(1.0)
            } else {
                Init::Randn {
                    mean: 0.0,
                    stdev: 0.1,
                }
            };
            let tensor = seeded.get_with_hints(shape, &name, init).expect("seeded");
            (name, tensor)
        })
        .collect();
    let file = |name: &str| folder.path().join(name);
    candle_core::safetensors::save(&tensors, file("model.safetensors")).expect("writes");
    let described = serde_json::json!({
        "model_type": "llama", "hidden_act": "silu", "vocab_size": 512, "hidden_size": 128,
        "intermediate_size": 344, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 4, "rms_norm_eps": 1e-5, "rope_theta": 10_000.0,
        "max_position_embeddings": 4096, "tie_word_embeddings": false,
    });
    std::fs::write(file("config.json"), described.to_string()).expect("writes");
    let words = crate::corpus::words().to_string();
    std::fs::write(file("tokenizer.json"), words).expect("writes");
    std::fs::write(file("text.txt"), "we never liked the film.\n".repeat(20)).expect("writes");
    let places = Places {
        file: Some(folder.path().to_owned()),
        text: Some(file("text.txt")),
        ..Places::default()
    };
    let extent = Extent {
        batch: 2,
        prompt_tokens: 24,
        decode_tokens: 4,
    };
    let mut job = Job {
        origin: Origin::File,
        ..Job::plain("llama-tiny", Precision::F32, Task::Generate(extent))
    };
    let fast = outcome_at(&job, &places).expect("runs").quality;
    assert_eq!(fast["scored_tokens"], 46.0);
    // Untrained: about as many as there are words, but for what the same tokens have in common.
    assert!((100.0..2000.0).contains(&fast["perplexity"]), "{fast:?}");
    job.variant.implementation = Implementation::Reference;
    let reference = outcome_at(&job, &places).expect("runs").quality;
    let apart = (fast["perplexity"] / reference["perplexity"] - 1.0).abs();
    assert!(apart < 1e-4, "{apart}");
    std::fs::remove_file(file("tokenizer.json")).expect("removes");
    let message = outcome_at(&job, &places).expect_err("no tokenizer");
    assert!(
        message.to_string().contains("tokenizer.json: is missing"),
        "{message}"
    );
}

/// What the study found on the author's machine, it finds here, up to what processors differ by.
/// The smallest model stands for all; `joulebench-worker quality --check` runs them all.
#[test]
fn the_recorded_outcomes_are_found_again() {
    let file = models().join("../quality/tiny-cpu.json");
    let recorded = std::fs::read_to_string(&file).expect("recorded");
    let mut recorded: Outcomes = serde_json::from_str(&recorded).expect("outcomes");
    recorded.models.retain(|it| it.model == "lstm-sentiment");
    let found = study::run(&places(), &["lstm-sentiment"], &mut |_, _| {}).expect("runs");
    assert_eq!(study::differences(&found, &recorded), Vec::<String>::new());
    // And a difference would be seen.
    let mut other = found.clone();
    other.models[0].variants[1].right = found.models[0].variants[1].right.replace('1', "0");
    assert_eq!(study::differences(&other, &recorded).len(), 1);
}
