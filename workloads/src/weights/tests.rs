use std::fs;

use tempfile::TempDir;

use super::*;
use crate::job::precision::Precision;
use crate::job::task::{Extent, Task};

fn job(origin: Origin, quantisation: Quantisation) -> Job {
    let extent = Extent {
        batch: 1,
        prompt_tokens: 4,
        decode_tokens: 2,
    };
    Job {
        origin,
        quantisation,
        weights_seed: 7,
        ..Job::plain("llama-tiny", Precision::F32, Task::Generate(extent))
    }
}

fn at(path: &Path) -> Places {
    Places {
        file: Some(path.to_owned()),
        models: Some(path.to_owned()),
        ..Places::default()
    }
}

fn refusal(origin: Origin, quantisation: Quantisation, places: &Places) -> String {
    let message = Weights::find(&job(origin, quantisation), places)
        .expect_err("not usable")
        .to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

#[test]
fn random_weights_are_known_by_their_seed() {
    let dense = job(Origin::Seeded, Quantisation::Dense);
    let weights = Weights::find(&dense, &Places::default()).expect("from nothing");
    assert_eq!(weights.id(), "seed:7");
    assert_eq!(weights.origin(), Origin::Seeded);
    assert!(weights.folder().is_none() && weights.gguf().is_none());
    let message = weights.tokenizer().expect_err("none").to_string();
    assert!(
        message.starts_with("weights 'seeded' have no tokenizer"),
        "{message}"
    );
}

#[test]
fn files_are_known_by_their_hash() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path();
    fs::write(path.join("model.safetensors"), "abc").expect("writes");
    let trained = path.join("llama-tiny");
    fs::create_dir(&trained).expect("makes a folder");
    fs::write(trained.join("model.safetensors"), "abc").expect("writes");
    fs::write(path.join("m.gguf"), "abc").expect("writes");
    // FIPS 180-4, the example of one block.
    let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for (origin, quantisation, places) in [
        (Origin::File, Quantisation::Dense, at(path)),
        (Origin::Tiny, Quantisation::Dense, at(path)),
        (Origin::File, Quantisation::Q8_0, at(&path.join("m.gguf"))),
    ] {
        let weights = Weights::find(&job(origin, quantisation), &places).expect("there");
        assert_eq!(weights.id(), abc, "{origin:?}");
        assert_eq!(weights.origin(), origin);
    }
}

#[test]
fn what_cannot_be_used_is_named_with_what_to_do() {
    let folder = TempDir::new().expect("a temporary folder");
    let empty = folder.path();
    let file = |name: &str| {
        let path = empty.join(name);
        fs::write(&path, "x").expect("writes");
        path
    };
    let dense = |places: &Places| refusal(Origin::File, Quantisation::Dense, places);
    let nowhere = dense(&Places::default());
    assert!(
        nowhere.contains("JOULEBENCH_WEIGHTS is not set"),
        "{nowhere}"
    );
    let absent = dense(&at(Path::new("/no/such/folder")));
    assert!(
        absent.starts_with("/no/such/folder: does not exist"),
        "{absent}"
    );
    let untrained = refusal(Origin::Tiny, Quantisation::Dense, &at(empty));
    assert!(
        untrained.contains("llama-tiny: is missing: this project has no trained"),
        "{untrained}"
    );
    for name in ["a.bin", "a.pt", "a.pth", "a.ckpt", "a.PKL"] {
        let pickle = dense(&at(&file(name)));
        assert!(
            pickle.contains(&format!("{name}: is a pickle file")),
            "{pickle}"
        );
    }
    let gguf = file("a.gguf");
    let unquantised = dense(&at(&gguf));
    assert!(
        unquantised.contains("set axis 'quantisation' to its format"),
        "{unquantised}"
    );
    let no_blocks = refusal(Origin::File, Quantisation::Q4K, &at(empty));
    assert!(no_blocks.contains("is no GGUF file"), "{no_blocks}");
    let folder = TempDir::new().expect("a temporary folder");
    fs::write(folder.path().join("pytorch_model.bin"), "x").expect("writes");
    let inside = dense(&at(folder.path()));
    assert!(
        inside.contains("pytorch_model.bin: is a pickle file"),
        "{inside}"
    );
}

/// Seed and text both decide what is read.
#[test]
fn inputs_are_known_by_seed_and_text() {
    let folder = TempDir::new().expect("a temporary folder");
    fs::write(folder.path().join("model.safetensors"), "abc").expect("writes");
    let text = folder.path().join("text.txt");
    let id = |job: &Job, places: &Places| {
        let weights = Weights::find(job, places).expect("there");
        weights.inputs_id().expect("known").to_owned()
    };
    let seeded = job(Origin::Seeded, Quantisation::Dense);
    assert_eq!(id(&seeded, &Places::default()), "seed:2");
    let file = job(Origin::File, Quantisation::Dense);
    let mut places = at(folder.path());
    assert_eq!(id(&file, &places), "seed:2");
    places.text = Some(text.clone());
    fs::write(&text, "abc").expect("writes");
    let first = id(&file, &places);
    let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(first, format!("{abc} from 2"));
    fs::write(&text, "abd").expect("writes");
    assert_ne!(id(&file, &places), first);
}

#[test]
fn places_are_those_that_are_given() {
    let weights = Weights::find(
        &job(Origin::Seeded, Quantisation::Dense),
        &at(Path::new("/elsewhere")),
    );
    assert_eq!(weights.expect("needs no file").seed(), Some(7));
}
