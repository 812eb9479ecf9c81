//! Tests: the committed tiny models, through the loader and the families that measured runs use.
//! Nothing is trained here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Device;
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
    for name in training::TEXT_MODELS {
        let folder = models().join(name);
        let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).expect("checksums");
        assert_eq!(sums.lines().count(), 4, "{name}");
        for line in sums.lines() {
            let (digest, file) = line.split_once("  ").expect("digest and name");
            let bytes = std::fs::read(folder.join(file)).expect("is there");
            let found = model::run::hex(&Sha256::digest(&bytes));
            assert_eq!(found, digest, "{name}/{file}");
            assert!(bytes.len() < 2 << 20, "{name}/{file}");
        }
        let log = std::fs::read_to_string(folder.join("training.json")).expect("a log");
        let log: serde_json::Value = serde_json::from_str(&log).expect("JSON");
        // The documents of the log are those that this program would draw.
        let held_out = crate::corpus::digest(&training::held_out());
        assert_eq!(
            log["data"]["held_out"]["sha256"],
            held_out.as_str(),
            "{name}"
        );
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
    ] {
        let usual = three_digits(&outcome(&job).quality);
        let agreement = if matches!(job.task, Task::Generate(_)) {
            "token_agreement"
        } else {
            "reference_agreement"
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
    let message = of_file(generation(Precision::F32), Path::new("/nowhere.txt"))
        .expect_err("no file")
        .to_string();
    assert!(message.contains("nowhere.txt: cannot be read"), "{message}");
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
