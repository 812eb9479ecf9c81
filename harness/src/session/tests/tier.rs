//! Sessions under a tier: pre-soak, steady state, validity.

use metering::validity::{Demand, judge, requested_mhz};
use model::plan::Plan;
use model::reason::{RunFault, RunFlag};
use model::run::Role;

use super::super::*;
use crate::fixture::{plan, record};

const AXES: &str = "model = [\"llama-7b\"]\nprecision = [\"bf16\"]\nbatch = [1, 8]\nprompt_tokens = [512]\ndecode_tokens = [128]";

fn tier_plan(tier: &str, axes: &str, reference: &str) -> Plan {
    plan(&format!(
        r#"
name = "fixture"
title = "A plan with a tier for tests"
seed = 7
protocol = "{tier}"
reference = {{ {reference} }}

[session]
device = "emulated"
sample_period_ms = 50
timeout_s = 60.0

[axes]
{axes}
"#
    ))
}

fn run_of(plan: &Plan, batch: &str, role: Role) -> Run {
    let mut runs = plan.runs().into_iter();
    runs.find(|run| run.role == role && run.point.to_string().contains(batch))
        .expect("the plan has it")
}

#[test]
fn the_reference_warms_the_device_up_and_is_not_measured() {
    let plan = tier_plan("confirm", AXES, "batch = 8");
    let run = run_of(&plan, "batch=1 ", Role::Point);
    let trace = record(&run);
    assert_eq!(trace.header.faults, []);
    let stages: Vec<Stage> = trace.header.spans.iter().map(|span| span.stage).collect();
    let expected = [
        Stage::IdleBefore,
        Stage::PreSoak,
        Stage::WarmUp,
        Stage::Window,
        Stage::CoolDown,
        Stage::IdleAfter,
    ];
    assert_eq!(stages, expected);
    for pair in trace.header.spans.windows(2) {
        assert!(pair[0].end_ns <= pair[1].begin_ns, "{pair:?}");
    }
    let soak = trace.header.pre_soak.as_ref().expect("confirm soaks");
    assert!(
        soak.is_settled && soak.worked_s >= SHORTEST_SOAK_S,
        "{soak:?}"
    );
    assert!(soak.slope_c_per_min.expect("a thermometer").abs() < 0.5);
    // The marks are those of the point's own worker: one ready, and its work.
    let readies = trace.header.marks.iter();
    let readies =
        readies.filter(|received| matches!(received.mark, model::mark::Mark::Ready { .. }));
    assert_eq!(readies.count(), 1);
    let times: Vec<Nanos> = trace.samples.iter().map(|sample| sample.at_ns).collect();
    assert!(
        times.is_sorted(),
        "samples stay in order over the parts of a session"
    );
    assert_eq!(trace, record(&run), "a session is a function of its run");
}

#[test]
fn the_device_is_warm_when_the_worker_starts() {
    let plan = tier_plan("confirm", AXES, "batch = 8");
    let trace = record(&run_of(&plan, "batch=1 ", Role::Point));
    let at = |stage: Stage| {
        let begin = trace.header.span(stage).expect("a good run").begin_ns;
        let mut samples = trace.samples.iter().filter(|sample| sample.at_ns >= begin);
        samples
            .find_map(|sample| sample.temperature_c)
            .expect("a thermometer")
    };
    let soak = trace.header.pre_soak.as_ref().expect("confirm soaks");
    let reached_c = soak.reached_c.expect("a thermometer");
    let idle_c = at(Stage::IdleBefore);
    // Between the end of the reference and the point's worker the chip cools down, the board does
    // not: its slowest pole is 40 s.
    assert!(
        idle_c + 5 < at(Stage::WarmUp) && at(Stage::WarmUp) < reached_c,
        "from {idle_c} to {reached_c}"
    );
    assert!(at(Stage::Window) > idle_c + 10, "{}", at(Stage::Window));
}

#[test]
fn a_screening_session_has_neither_soak_nor_extension() {
    let plan = tier_plan("screen", AXES, "batch = 8");
    let trace = record(&run_of(&plan, "batch=1 ", Role::Point));
    assert_eq!(trace.header.faults, []);
    assert_eq!(trace.header.pre_soak, None);
    assert_eq!(trace.header.span(Stage::PreSoak), None);
    let window = trace.header.span(Stage::Window).expect("a good run");
    let length = window.end_ns.saturating_sub(window.begin_ns);
    assert!(length < Nanos::from_millis(15_000), "{length}");
}

#[test]
fn a_clock_that_the_power_limit_takes_away_is_a_fault_of_a_tier_and_of_no_other_plan() {
    // Prefill at full clock needs more than the board may draw.
    let axes = format!("{AXES}\nphase = [\"prefill\"]\nsm_clock_mhz = [1980]");
    let plan = tier_plan("screen", &axes, "batch = 8");
    let mut run = run_of(&plan, "batch=8 ", Role::Point);
    let trace = record(&run);
    let codes: Vec<RunFault> = trace
        .header
        .faults
        .iter()
        .map(|fault| fault.fault)
        .collect();
    assert_eq!(codes, [RunFault::ClockNotHeld]);
    assert_eq!(trace.header.flags[0].flag, RunFlag::PowerCapped);
    // Whoever reads the trace finds the same, word for word.
    let window = trace.header.span(Stage::Window).expect("it was measured");
    let strict = Demand::State(Nanos::from_millis(50));
    let again = judge(&trace.samples, window, requested_mhz(&run.point), strict);
    assert_eq!(
        (again.faults, again.flags),
        (trace.header.faults.clone(), trace.header.flags.clone())
    );
    run.rules = None;
    let free = record(&run);
    assert_eq!((free.header.faults, free.header.flags), (vec![], vec![]));
}
