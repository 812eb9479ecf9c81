//! Plans with a tier, a reference and two stages.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::run::{Place, RunId};

const CONFIRM: &str = r#"
    name = "demo"
    title = "A sweep for tests"
    seed = 7
    protocol = "confirm"
    reference = { batch = 8, sm_clock_mhz = 1980 }

    [session]
    device = "emulated"
    sample_period_ms = 100
    timeout_s = 60.0

    [axes]
    model = ["llama-7b"]
    batch = [1, 8]
    sm_clock_mhz = [990, 1485, 1980]
"#;

fn parse(text: &str) -> Result<Plan, PlanError> {
    let source: PlanSource = toml::from_str(text).expect("a complete plan");
    source.validate()
}

fn plan(tier: &str) -> Plan {
    parse(&CONFIRM.replace("confirm", tier)).expect("a good plan")
}

/// A line for the plan instead of the tier's.
fn refusal(change: &str) -> String {
    let text = CONFIRM.replacen("protocol = \"confirm\"", change, 1);
    parse(&text).expect_err("must be refused").to_string()
}

fn block_of(runs: &[Run], block: u32) -> Vec<&Run> {
    runs.iter().filter(|run| run.block == block).collect()
}

fn ids(runs: &[Run]) -> BTreeSet<RunId> {
    runs.iter().map(|run| run.id.clone()).collect()
}

/// A decision that gives the points these numbers of blocks, in their order.
fn decision(plan: &Plan, blocks: &[u32]) -> Decision {
    let reference = plan.reference.clone().expect("confirm has one");
    let others = plan.points.iter().filter(|point| **point != reference);
    Decision {
        schema: DECISION_SCHEMA,
        sweep: plan.name.clone(),
        plan_sha256: plan.sha256(),
        tier: Tier::Confirm,
        first_blocks: plan.blocks,
        most_blocks: 50,
        half_width: 0.01,
        alpha: 0.05,
        paired_with: PairedWith::Randomised,
        points: others
            .zip(blocks)
            .map(|(point, blocks)| PointDecision {
                point: point.clone(),
                pairs: plan.blocks,
                sd_log_ratio: Some(0.02),
                blocks_needed: Some(u64::from(*blocks)),
                blocks: *blocks,
                half_width: Some(0.01),
                precision: Precision::Met,
                reason: None,
            })
            .collect(),
        reference,
    }
}

#[test]
fn a_tier_sets_what_the_plan_leaves_out() {
    let confirm = plan("confirm");
    let session = &confirm.session;
    assert_eq!((confirm.blocks, confirm.retries), (10, 2));
    assert_eq!(
        (session.window_s, session.idle_s, session.warmup_s),
        (60.0, 30.0, 5.0)
    );
    assert_eq!(confirm.paired_with, Some(PairedWith::Randomised));
    let screen = plan("screen");
    assert_eq!((screen.blocks, screen.session.window_s), (5, 10.0));
}

#[test]
fn a_plan_may_be_stricter_than_its_tier_and_never_laxer() {
    let strict = CONFIRM.replace("timeout_s", "window_s = 90.0\n    timeout_s");
    let window_s = parse(&strict).expect("stricter").session.window_s;
    assert!((window_s - 90.0).abs() < f64::EPSILON);
    let lax = CONFIRM.replace("timeout_s", "window_s = 20.0\n    timeout_s");
    let refusals = [
        parse(&lax).expect_err("laxer").to_string(),
        refusal("protocol = \"confirm\"\n    blocks = 5"),
        refusal("protocol = \"confirm\"\n    blocks = 51"),
        refusal("protocol = \"screen\"\n    blocks = 4"),
        refusal("blocks = 4"),
        refusal(""),
        refusal("protocol = \"confirm\"\n    retries = 21"),
    ];
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn a_reference_is_one_point_and_not_the_only_one() {
    let with = |reference: &str| {
        let text = CONFIRM.replace("reference = { batch = 8, sm_clock_mhz = 1980 }", reference);
        parse(&text).expect_err("must be refused").to_string()
    };
    let lonely = CONFIRM
        .replace("batch = [1, 8]", "batch = [8]")
        .replace("[990, 1485, 1980]", "[1980]");
    let refusals = [
        with(""),
        with("reference = { batch = 8 }"),
        with("reference = { batch = 2 }"),
        with("reference = { steps = 2 }"),
        with("reference = { bach = 2 }"),
        parse(&lonely).expect_err("nothing to compare").to_string(),
        parse(&CONFIRM.replace("confirm", "screen").replace(
            "reference = { batch = 8, sm_clock_mhz = 1980 }",
            "paired_with = \"sentinels\"",
        ))
        .expect_err("nothing to pair with")
        .to_string(),
    ];
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn the_reference_runs_first_in_the_middle_and_last() {
    let plan = plan("confirm");
    let runs = plan.runs();
    let reference = plan.reference.as_ref().expect("named");
    assert_eq!(runs.len(), (6 + 3) * 10);
    for block in 0..10 {
        let block = block_of(&runs, block);
        let places: Vec<usize> = (0..block.len())
            .filter(|place| !block[*place].role.is_point())
            .collect();
        assert_eq!(places, [0, 4, 8]);
        for (place, role) in places
            .into_iter()
            .zip([Place::First, Place::Middle, Place::Last])
        {
            assert_eq!(block[place].role, Role::Sentinel(role));
            assert_eq!(block[place].point, *reference);
        }
    }
}

#[test]
fn points_without_a_tier_or_a_reference_are_as_they_always_were() {
    let free = CONFIRM
        .replace("protocol = \"confirm\"", "blocks = 2")
        .replace("reference = { batch = 8, sm_clock_mhz = 1980 }", "")
        .replace(
            "timeout_s",
            "idle_s = 1.0\n warmup_s = 1.0\n window_s = 1.0\n cooldown_s = 1.0\n timeout_s",
        );
    let plan = parse(&free).expect("a good plan");
    let run = &plan.runs()[0];
    assert_eq!(
        (run.role, &run.rules, &run.plan_sha256),
        (Role::Point, &None, &None)
    );
    let json = serde_json::to_string(run).expect("a run serialises");
    for word in ["role", "rules", "plan_sha256"] {
        assert!(!json.contains(word), "{json}");
    }
    let json = serde_json::to_string(&plan).expect("a plan serialises");
    for word in ["protocol\":null", "reference", "paired_with", "retries"] {
        assert!(!json.contains(word), "{json}");
    }
}

#[test]
fn a_decision_adds_blocks_of_those_points_that_need_them() {
    let plan = plan("confirm");
    let decision = decision(&plan, &[10, 12, 10, 11, 13]);
    let runs = plan.runs_with(Some(&decision));
    let sizes: Vec<usize> = (9..14).map(|block| block_of(&runs, block).len()).collect();
    // Each block has the reference, its three sentinels and whoever needs it.
    assert_eq!(sizes, [9, 3 + 4, 3 + 3, 3 + 2, 0]);
    let first = plan.runs();
    assert_eq!(
        &runs[..first.len()],
        first,
        "the first stage stays as it is"
    );
    assert_eq!(ids(&runs).len(), runs.len());
    let late = Decision {
        plan_sha256: String::new(),
        ..decision.clone()
    };
    assert!(decision.is_for(&plan) && !late.is_for(&plan));
}

#[test]
fn a_headline_adds_one_long_run_of_each_point_at_the_end() {
    let plan = plan("headline");
    let runs = plan.runs();
    let long: Vec<&Run> = runs
        .iter()
        .filter(|run| run.role == Role::Confirmation)
        .collect();
    assert_eq!(long.len(), plan.points.len());
    assert!(
        long.iter()
            .all(|run| run.session.window_s > 599.9 && run.block == 50)
    );
    assert_eq!(plan.first_stage().len() + long.len(), runs.len());
    assert_eq!(runs.last().map(|run| run.role), Some(Role::Confirmation));
}

#[test]
fn the_hash_of_a_plan_follows_from_its_meaning() {
    let spelled_out = CONFIRM.replace(
        "timeout_s",
        "# the default\n    window_s = 60.0\n    timeout_s",
    );
    let same = parse(&spelled_out).expect("a good plan");
    assert_eq!(same.sha256(), plan("confirm").sha256());
    assert_eq!(plan("confirm").sha256().len(), 64);
    assert_ne!(plan("confirm").sha256(), plan("headline").sha256());
    let runs = same.runs();
    assert!(
        runs.iter()
            .all(|run| run.plan_sha256.as_deref() == Some(&*same.sha256()))
    );
}

#[test]
fn every_run_of_a_confirming_plan_is_soaked_with_the_reference() {
    let plan = plan("confirm");
    for run in plan.runs() {
        let soaking = run.soaking().expect("a pre-soak");
        assert_eq!(Some(&soaking.point), plan.reference.as_ref());
        assert_eq!(soaking.session, run.session);
    }
    assert!(self::plan("screen").runs()[0].soaking().is_none());
}

proptest! {
    /// Whatever was decided: each point once in each of its blocks, the sentinels at their places,
    /// and the same runs however often one asks.
    #[test]
    fn blocks_are_complete_with_any_decision(
        blocks in prop::collection::vec(10_u32..=50, 5),
        seed in 0_u64..1 << 53,
    ) {
        let plan = Plan { seed, ..plan("confirm") };
        let decision = decision(&plan, &blocks);
        let runs = plan.runs_with(Some(&decision));
        prop_assert_eq!(&runs, &plan.runs_with(Some(&decision)));
        prop_assert_eq!(ids(&runs).len(), runs.len());
        let last = blocks.iter().copied().max().unwrap_or_default();
        for block in 0..last {
            let of_block = block_of(&runs, block);
            let mut points: Vec<Point> = of_block
                .iter()
                .filter(|run| run.role.is_point())
                .map(|run| run.point.clone())
                .collect();
            points.sort();
            let expected: Vec<Point> = plan
                .points
                .iter()
                .filter(|point| decision.runs_in(point, block))
                .cloned()
                .collect();
            prop_assert_eq!(points, expected);
            let middle = (of_block.len() - 3).div_ceil(2) + 1;
            prop_assert_eq!(of_block[0].role, Role::Sentinel(Place::First));
            prop_assert_eq!(of_block[middle].role, Role::Sentinel(Place::Middle));
            prop_assert_eq!(of_block[of_block.len() - 1].role, Role::Sentinel(Place::Last));
        }
        prop_assert!(block_of(&runs, last).is_empty());
        for (place, run) in runs.iter().enumerate() {
            prop_assert_eq!(run.order as usize, place);
        }
    }
}
