//! Compile arrows point one way, and heavy libraries stay in their rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use tests::program::Outcome;
use tests::repository;

/// What each crate may use of the others.
const ARROWS: [(&str, &[&str]); 14] = [
    ("model", &[]),
    ("gpu-sim", &["model"]),
    ("statistics", &[]),
    ("study", &["statistics"]),
    ("metering", &["model", "gpu-sim"]),
    ("harness", &["model", "gpu-sim", "metering", "statistics"]),
    ("ops", &[]),
    ("scoring", &["statistics"]),
    ("workloads", &["model", "ops", "scoring"]),
    ("analysis", &["model", "metering", "scoring", "statistics"]),
    ("paper", &["model"]),
    ("nvml-sim", &["model", "gpu-sim"]),
    (
        "cli",
        &[
            "model",
            "gpu-sim",
            "metering",
            "harness",
            "nvml-sim",
            "analysis",
            "statistics",
            "study",
            "paper",
        ],
    ),
    ("tests", &["model"]),
];

/// Libraries that belong to some crates: a name ending in `*` stands for all that begin so.
const ROOMS: [(&str, &[&str]); 5] = [
    ("polars*", &["analysis"]),
    ("candle-*", &["ops", "workloads"]),
    // Who asks a driver, and who answers in its place.
    ("nvml-wrapper*", &["harness", "nvml-sim"]),
    ("typst*", &["paper"]),
    ("clap_*", &["cli"]),
];

/// The vocabulary reads no file, clock or device: it has these and nothing else.
const LIBRARIES_OF_THE_VOCABULARY: [&str; 6] = [
    "rand_chacha",
    "rand_core",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
];

/// A dependency of a crate of the workspace.
struct Dependency {
    name: String,
    is_own: bool,
    is_for_tests: bool,
}

fn dependencies() -> BTreeMap<String, Vec<Dependency>> {
    let metadata = Outcome::of(
        Command::new(env!("CARGO"))
            .args([
                "metadata",
                "--format-version",
                "1",
                "--no-deps",
                "--offline",
            ])
            .current_dir(repository::root()),
    )
    .expect_code(0);
    let metadata: Value = serde_json::from_str(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let dependencies = dependencies.map(|dependency| Dependency {
                name: dependency["name"].as_str().unwrap().to_owned(),
                is_own: dependency["path"].is_string(),
                is_for_tests: dependency["kind"] == "dev",
            });
            (
                package["name"].as_str().unwrap().to_owned(),
                dependencies.collect(),
            )
        })
        .collect()
}

#[test]
fn every_crate_has_its_arrows_and_no_others() {
    let arrows = BTreeMap::from(ARROWS);
    for (name, dependencies) in dependencies() {
        let allowed = arrows.get(name.as_str()).unwrap_or_else(|| {
            panic!(
                "crate '{name}' is new: write in ARROWS what it may use, as ARCHITECTURE.md says"
            )
        });
        for dependency in dependencies.iter().filter(|dependency| dependency.is_own) {
            assert!(
                allowed.contains(&dependency.name.as_str()),
                "'{name}' must not use '{}'; it may use {allowed:?}",
                dependency.name
            );
        }
    }
}

#[test]
fn the_command_line_reaches_every_stage() {
    let dependencies = dependencies();
    let of_cli: BTreeSet<&str> = dependencies["cli"]
        .iter()
        .map(|d| d.name.as_str())
        .collect();
    for stage in ["harness", "analysis", "paper"] {
        assert!(of_cli.contains(stage), "'cli' no longer uses '{stage}'");
    }
}

#[test]
fn heavy_libraries_stay_in_their_rooms() {
    for (name, dependencies) in dependencies() {
        for dependency in dependencies {
            for (pattern, rooms) in ROOMS {
                let matches = match pattern.strip_suffix('*') {
                    Some(start) => dependency.name.starts_with(start),
                    None => dependency.name == pattern,
                };
                assert!(
                    !matches || rooms.contains(&name.as_str()),
                    "'{name}' uses '{}', which only {rooms:?} may use",
                    dependency.name
                );
            }
        }
    }
}

#[test]
fn the_vocabulary_has_no_library_that_touches_the_world() {
    let dependencies = &dependencies()["model"];
    assert!(
        !dependencies.is_empty(),
        "cargo metadata lists no dependency of 'model'"
    );
    for dependency in dependencies
        .iter()
        .filter(|dependency| !dependency.is_for_tests)
    {
        assert!(
            LIBRARIES_OF_THE_VOCABULARY.contains(&dependency.name.as_str()),
            "'model' uses '{}': expected one of {LIBRARIES_OF_THE_VOCABULARY:?}",
            dependency.name
        );
    }
}
