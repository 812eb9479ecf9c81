//! The confirming protocol from the command line: what a plan fixes, a sweep in two stages, its
//! state.

use std::path::Path;

use serde_json::Value;
use tests::program::{Outcome, joulebench};
use tests::tree;

const CONFIRM: &str = "artifacts/plans/emulated-confirm.toml";

fn run(store: &Path) {
    let words = [
        "run".as_ref(),
        CONFIRM.as_ref(),
        "--store".as_ref(),
        store.as_os_str(),
    ];
    Outcome::of(&mut joulebench(words)).expect_code(0);
}

fn status(store: &Path, code: i32) -> Value {
    let words = [
        "status".as_ref(),
        CONFIRM.as_ref(),
        "--json".as_ref(),
        "--store".as_ref(),
        store.as_os_str(),
    ];
    let said = Outcome::of(&mut joulebench(words)).expect_code(code);
    serde_json::from_str(&said.stdout).unwrap()
}

#[test]
fn the_outline_says_what_is_fixed_before_any_data() {
    let said = Outcome::of(&mut joulebench(["plan", CONFIRM])).expect_code(0);
    insta::assert_snapshot!("outline_of_a_tier", said.stdout);
}

#[test]
fn the_outline_as_json_has_every_tier_and_the_hash_of_the_plan() {
    let said = Outcome::of(&mut joulebench(["plan", CONFIRM, "--json"])).expect_code(0);
    let outline: Value = serde_json::from_str(&said.stdout).unwrap();
    let tiers = outline["tiers"].as_array().unwrap();
    let names: Vec<&str> = tiers
        .iter()
        .map(|tier| tier["tier"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["screen", "confirm", "headline"]);
    for run in outline["runs"].as_array().unwrap() {
        assert_eq!(run["plan_sha256"], outline["plan_sha256"]);
    }
}

#[test]
fn a_sweep_in_two_stages_is_decided_once_and_is_the_same_bytes_in_any_folder() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let before = status(one.path(), 4);
    assert_eq!(before["sealed"], 0);
    assert_eq!(before["second_stage"], Value::Null);
    run(one.path());
    run(two.path());
    tree::assert_same_bytes(
        &one.path().join("emulated-confirm"),
        &two.path().join("emulated-confirm"),
    );
    let after = status(one.path(), 0);
    assert_eq!(after["sealed"], after["runs"]);
    assert_eq!(after["precision_met"], true);
    let points = after["second_stage"]["points"].as_array().unwrap();
    assert_eq!(points.len(), 2, "every point but the reference");
    for point in points {
        let half_width = point["half_width"].as_f64().unwrap();
        assert!(half_width <= 0.01, "{point}");
    }
}
