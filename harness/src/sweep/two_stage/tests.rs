use super::*;
use crate::fixture::plan;

const PLAN: &str = r#"
name = "fixture"
title = "A plan with two stages"
seed = 7
protocol = "confirm"
reference = { batch = 8 }

[session]
device = "emulated"
sample_period_ms = 100
timeout_s = 20.0

[axes]
model = ["llama-7b"]
precision = ["bf16"]
batch = [1, 8, 32]
prompt_tokens = [512]
decode_tokens = [16]
"#;

/// Deviates with mean 0 and standard deviation 1 (divisor n − 1) over ten blocks.
const STANDARD: [f64; 10] = [-1.5, 1.5, -1.0, 1.0, -0.5, 0.5, -1.0, 1.0, -0.25, 0.25];

fn standard(block: u32) -> f64 {
    let squares: f64 = STANDARD.iter().map(|value| value * value).sum();
    STANDARD[block as usize] / (squares / 9.0).sqrt()
}

fn energies(plan: &Plan, of: impl Fn(&Run) -> Energy) -> Vec<(Run, Energy)> {
    let runs = plan.first_stage().into_iter();
    runs.map(|run| {
        let energy = of(&run);
        (run, energy)
    })
    .collect()
}

fn batch(run: &Run) -> u64 {
    let batch = run.point.get(model::axis::Axis::Batch);
    batch
        .and_then(model::axis::AxisValue::as_integer)
        .expect("an axis of the plan")
}

fn decided(text: &str, of: impl Fn(&Run) -> Energy) -> Decision {
    let plan = plan(text);
    let (rules, stage) = stage_of(&plan).expect("two stages");
    decide(&plan, &rules, stage, &energies(&plan, of))
}

/// Batch 1 scatters by 1 %, batch 32 by 5 % about the reference, which drifts with the block.
#[expect(clippy::unnecessary_wraps, reason = "what the tests hand on may fail")]
fn scattered(run: &Run) -> Energy {
    let sd = match batch(run) {
        1 => 0.01,
        32 => 0.05,
        _ => 0.0,
    };
    Ok((1.0 + 0.1 * f64::from(run.block)) * (sd * standard(run.block)).exp())
}

#[test]
fn each_point_gets_the_blocks_that_its_scatter_asks_for() {
    let decision = decided(PLAN, scattered);
    let [quiet, noisy] = &decision.points[..] else {
        panic!("two points beside the reference: {decision:?}")
    };
    // t(0.975, 9) = 2.262157: (2.262157 · 0.01 / 0.01)² = 5.1, and (2.262157 · 5)² = 127.9.
    assert_eq!((quiet.blocks, quiet.blocks_needed), (10, Some(10)));
    assert_eq!(quiet.precision, Precision::Met);
    assert_eq!((noisy.blocks, noisy.blocks_needed), (50, Some(128)));
    assert_eq!(noisy.precision, Precision::NotMet);
    let near = |value: Option<f64>, expected: f64| {
        let value = value.expect("known");
        assert!(
            (value / expected - 1.0).abs() < 1e-6,
            "{value} beside {expected}"
        );
    };
    near(quiet.sd_log_ratio, 0.01);
    near(quiet.half_width, 0.01 * 2.262_157_163 / 10_f64.sqrt());
    near(noisy.half_width, 0.05 * 2.262_157_163 / 50_f64.sqrt());
}

#[test]
fn a_point_in_between_gets_more_blocks_and_its_width() {
    let decision = decided(PLAN, |run| {
        let sd = if batch(run) == 1 { 0.02 } else { 0.0 };
        Ok((sd * standard(run.block)).exp())
    });
    // (2.262157 · 2)² = 20.47.
    assert_eq!(decision.points[0].blocks, 21);
    assert_eq!(decision.points[0].precision, Precision::Met);
    assert!(decision.points[0].half_width.expect("known") <= 0.01);
    assert_eq!(decision.points[1].blocks, 10);
    assert_eq!(decision.blocks(), 21);
}

#[test]
fn sentinels_take_the_place_of_the_randomised_run_where_the_plan_says_so() {
    let text = PLAN.replace("seed = 7", "seed = 7\npaired_with = \"sentinels\"");
    // The randomised run of the reference scatters, its sentinels do not.
    let of = |run: &Run| {
        let is_noisy = batch(run) == 8 && run.role == Role::Point;
        let sd = if is_noisy { 0.05 } else { 0.0 };
        Ok((sd * standard(run.block)).exp())
    };
    assert!(
        decided(&text, of)
            .points
            .iter()
            .all(|point| point.blocks == 10)
    );
    assert!(
        decided(PLAN, of)
            .points
            .iter()
            .all(|point| point.blocks == 50)
    );
}

#[test]
fn without_energies_the_reason_is_kept_and_nothing_is_promised() {
    let decision = decided(PLAN, |run| match (batch(run), run.block) {
        (32, 3) => Err("no counter".to_owned()),
        _ => scattered(run),
    });
    assert_eq!(decision.points[0].precision, Precision::Met);
    let unknown = &decision.points[1];
    assert_eq!(unknown.precision, Precision::Unknown);
    assert_eq!((unknown.blocks, unknown.half_width), (10, None));
    let reason = unknown.reason.as_deref().expect("why");
    assert!(
        reason.starts_with("run ") && reason.ends_with(": no counter"),
        "{reason}"
    );
}

#[test]
fn the_order_in_which_traces_are_read_changes_nothing() {
    let plan = plan(PLAN);
    let (rules, stage) = stage_of(&plan).expect("two stages");
    let mut energies = energies(&plan, scattered);
    let forwards = decide(&plan, &rules, stage, &energies);
    energies.reverse();
    assert_eq!(decide(&plan, &rules, stage, &energies), forwards);
}
