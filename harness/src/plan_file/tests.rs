use std::path::Path;

use super::*;
use crate::fixture::{EMULATED_AXES, plan_text};

fn refusal(change: impl FnOnce(String) -> String) -> String {
    let text = change(plan_text("emulated", EMULATED_AXES, ""));
    parse(Path::new("sweep.toml"), &text)
        .expect_err("the plan must be refused")
        .to_string()
}

#[test]
fn errors_name_file_key_value_and_what_was_expected() {
    let errors = [
        refusal(|text| text.replace("batch =", "batsch =")),
        refusal(|text| text.replace("batch = [1, 8]", "batch = [1, 1]")),
        refusal(|text| text.replace("batch = [1, 8]", "batch = [1, -8]")),
        refusal(|text| text.replace("batch = [1, 8]", "batch = [1.5]")),
        refusal(|text| text.replace("window_s = 0.5", "")),
        refusal(|text| text.replace("window_s", "window_ms")),
        refusal(|text| text.replace("\"emulated\"", "\"gpu\"")),
        refusal(|text| text.replace("seed = 7", "seed = -7")),
        refusal(|text| text.replace("blocks = 2", "blocks = two")),
    ];
    insta::assert_snapshot!(errors.join("\n\n"));
}

#[test]
fn a_missing_file_is_named_with_a_place_to_look() {
    let error = read(Path::new("no-such-folder/sweep.toml"))
        .expect_err("absent")
        .to_string();
    assert!(error.contains("no-such-folder/sweep.toml"), "{error}");
    assert!(
        error.ends_with("for examples see artifacts/plans"),
        "{error}"
    );
}

#[test]
fn the_plans_that_come_with_the_project_are_good() {
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts/plans");
    let mut count = 0;
    for entry in fs_err::read_dir(plans).expect("the folder of plans") {
        let plan = read(&entry.expect("an entry").path()).expect("a good plan");
        assert!(!plan.runs().is_empty());
        count += 1;
    }
    assert!(count >= 3);
}
