//! Plans: what they amount to, and what a person is told about a bad one.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::program::{Outcome, joulebench};
use tests::repository;

const DEMO: &str = "artifacts/plans/emulated-demo.toml";

/// What is wrong, and how the demonstration's plan becomes so: the first text is replaced.
const DEFECTS: [(&str, &str, &str); 22] = [
    ("a typo in a key", "blocks = 3", "bloks = 3"),
    (
        "a typo in a key of [session]",
        "window_s = 8.0",
        "windows_s = 8.0",
    ),
    ("a missing key", "seed = 7\n", ""),
    ("a number as text", "seed = 7", "seed = \"seven\""),
    ("a negative seed", "seed = 7", "seed = -7"),
    ("a name that is a path", "\"emulated-demo\"", "\"../demo\""),
    ("no blocks", "blocks = 3", "blocks = 0"),
    ("a negative time", "window_s = 8.0", "window_s = -8.0"),
    (
        "a time that is no number",
        "window_s = 8.0",
        "window_s = nan",
    ),
    (
        "a period out of range",
        "sample_period_ms = 10",
        "sample_period_ms = 5000",
    ),
    ("an unknown device", "\"emulated\"", "\"abacus\""),
    ("an unknown axis", "batch = [1, 8]", "batches = [1, 8]"),
    ("an unknown model", "llama-7b", "llama-8b"),
    ("an unknown precision", "bf16", "bf17"),
    (
        "a word where a number is needed",
        "batch = [1, 8]",
        "batch = [\"one\"]",
    ),
    (
        "a fraction where a whole number is needed",
        "batch = [1, 8]",
        "batch = [1.5]",
    ),
    ("a value out of range", "batch = [1, 8]", "batch = [0, 8]"),
    ("a value twice", "batch = [1, 8]", "batch = [8, 8]"),
    ("an axis without values", "batch = [1, 8]", "batch = []"),
    (
        "an engine that is not there",
        "batch = [1, 8]",
        "batch = [1, 8]\nengine = [\"torch\"]",
    ),
    (
        "a setting of a device that cannot be set",
        "device = \"emulated\"",
        "device = \"cpu\"",
    ),
    ("no TOML", "[session]", "[session"),
];

/// What is wrong, and what is added to the demonstration's plan.
const ADDITIONS: [(&str, &str); 4] = [
    (
        "an exclude of a value that is not there",
        "[[exclude]]\nbatch = 4\n",
    ),
    (
        "an exclude of an axis that is not there",
        "[[exclude]]\nsteps = 4\n",
    ),
    (
        "an exclude that leaves nothing",
        "[[exclude]]\nmodel = \"llama-7b\"\n",
    ),
    (
        "an engine without a program",
        "\n[engines.mine]\ncommand = []\n",
    ),
];

/// The message about a plan; its folder is hidden.
fn refusal(folder: &Path, text: &str) -> String {
    let file = folder.join("plan.toml");
    fs::write(&file, text).unwrap();
    let store = folder.join("store");
    let said = Outcome::of(&mut joulebench(["plan".as_ref(), file.as_os_str()])).expect_code(2);
    assert_eq!(said.stdout, "", "a refused plan has no outline");
    let words = [
        "run".as_ref(),
        file.as_os_str(),
        "--store".as_ref(),
        store.as_os_str(),
    ];
    let run = Outcome::of(&mut joulebench(words)).expect_code(2);
    assert_eq!(
        run.stderr, said.stderr,
        "'plan' and 'run' refuse for the same reason"
    );
    assert!(
        !store.exists(),
        "something was written for a plan that was refused"
    );
    said.expect_error(&["plan.toml"])
        .stderr
        .replace(&folder.display().to_string(), "FOLDER")
}

#[test]
fn a_bad_plan_is_refused_with_file_key_value_and_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let demo = fs::read_to_string(repository::root().join(DEMO)).unwrap();
    let mut messages = String::new();
    for (defect, good, bad) in DEFECTS {
        assert!(demo.contains(good), "the plan no longer has '{good}'");
        let said = refusal(folder.path(), &demo.replacen(good, bad, 1));
        writeln!(messages, "# {defect}\n{said}").unwrap();
    }
    for (defect, addition) in ADDITIONS {
        let said = refusal(folder.path(), &format!("{demo}\n{addition}"));
        writeln!(messages, "# {defect}\n{said}").unwrap();
    }
    insta::assert_snapshot!("refusals", messages);
}

#[test]
fn a_plan_that_is_not_there_is_named() {
    Outcome::of(&mut joulebench(["plan", "artifacts/plans/nothing.toml"]))
        .expect_code(2)
        .expect_error(&["artifacts/plans/nothing.toml", "expected a sweep plan"]);
}

#[test]
fn the_outline_says_what_window_the_instrument_needs() {
    let outline = |budget: &[&str]| -> Value {
        let words = [&["plan", DEMO, "--json"], budget].concat();
        let said = Outcome::of(&mut joulebench(&words)).expect_code(0);
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
    };
    let needed = |budget: &[&str]| {
        let instrument = outline(budget)["instrument"].clone();
        assert_eq!(instrument["basis"], "class");
        assert_eq!(instrument["points"].as_array().map(Vec::len), Some(4));
        instrument["needed_window_s"].as_f64().unwrap()
    };
    assert!(needed(&[]) < needed(&["--instrument-budget", "0.5%"]));
    let words = ["plan", DEMO, "--instrument-budget", "0.1%"];
    Outcome::of(&mut joulebench(words))
        .expect_code(2)
        .expect_error(&["--instrument-budget", "drift"]);
}

#[test]
fn the_outline_shows_points_runs_and_order() {
    let said = Outcome::of(&mut joulebench(["plan", DEMO])).expect_code(0);
    insta::assert_snapshot!("outline", said.stdout);
}

#[test]
fn every_committed_plan_is_accepted_and_its_runs_have_names_of_their_own() {
    let plans = repository::root().join("artifacts/plans");
    for plan in tests::tree::files(&plans) {
        let said = Outcome::of(&mut joulebench([
            "plan".as_ref(),
            plan.as_os_str(),
            "--json".as_ref(),
        ]))
        .expect_code(0);
        let outline: Value = serde_json::from_str(&said.stdout).unwrap();
        let runs = outline["runs"].as_array().unwrap();
        let ids: std::collections::BTreeSet<&str> =
            runs.iter().map(|run| run["id"].as_str().unwrap()).collect();
        assert!(
            !runs.is_empty() && ids.len() == runs.len(),
            "{}",
            plan.display()
        );
    }
}
