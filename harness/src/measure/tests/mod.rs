//! Measurements of a simulated command on a simulated GPU, in virtual time.

mod simulated;

use model::units::{Joules, Nanos};

use super::bench::Bench;
use super::energy::NoEnergy;
use super::execution::Ending;
use super::measurement::{MeasureObserver, RunCount, Settings, Step, measure};
use super::record::MeasureError;
use super::size::Precision;
use super::summary::Summary;
use super::warning::{Warning, warnings};
use super::{Measurement, RunResult};
use simulated::{Manner, Simulated};

const SETTINGS: Settings = Settings {
    runs: RunCount::Fixed(5),
    warmup_runs: 0,
    idle_s: 2.0,
    shortest_window_s: 1.0,
    instrument_budget: None,
    ignore_failure: false,
};

fn measured(simulated: &Simulated, settings: &Settings) -> Measurement {
    let mut instrument = simulated.instrument();
    let mut bench = Bench::new(&mut instrument, Nanos::from_millis(10));
    measure(&mut bench, &mut simulated.command(), settings, &mut ()).unwrap()
}

/// What the run truly took.
fn truth(simulated: &Simulated, run: &RunResult) -> Joules {
    simulated.true_energy(run.begin_ns, run.end_ns)
}

/// The bar of the intervals: on cards of perfect scale, 95 % of the windows lie within what the
/// other lines of the budget say. Of 120 windows at 95 %, fewer than 106 come once in 1,000 times.
#[test]
fn the_budget_of_a_run_holds_the_truth() {
    let (mut inside, mut all) = (0, 0);
    let mut errors: Vec<f64> = Vec::new();
    for (board, seed) in [("h200", 1), ("v100", 2), ("a100-40", 3)] {
        for length_ms in [230, 700, 1_810, 4_090] {
            let simulated = Simulated::on(
                board,
                Manner::Uneven(Nanos::from_millis(length_ms), 0.1),
                seed,
            );
            let settings = Settings {
                runs: RunCount::Fixed(10),
                shortest_window_s: 0.0,
                ..SETTINGS
            };
            for run in &measured(&simulated, &settings).runs {
                let window = run.energy.as_ref().unwrap();
                let own = window
                    .budget
                    .iter()
                    .filter(|line| !line.cause.is_of_the_card());
                let standard = own.fold(0.0, |sum, line| libm::hypot(sum, line.standard_j));
                let error = (window.energy_j - truth(&simulated, run).get()).abs();
                all += 1;
                inside += u32::from(error <= 1.96 * standard);
                errors.push(error / truth(&simulated, run).get());
            }
        }
    }
    errors.sort_by(f64::total_cmp);
    let median = errors[errors.len() / 2];
    assert!(
        all == 120 && inside >= 106,
        "{inside} of {all} hold the truth, median {median}"
    );
    assert!(median < 0.005, "median error {median}");
}

#[test]
fn a_short_command_is_repeated_as_often_in_every_run() {
    let simulated = Simulated::on("h200", Manner::Steady(Nanos::from_millis(70)), 1);
    let measurement = measured(&simulated, &SETTINGS);
    // 14 times 70 ms are less than a second, 15 times are more.
    assert!(
        measurement.runs.iter().all(|run| run.executions == 15),
        "{measurement:?}"
    );
    let summary = Summary::of(&measurement);
    assert_eq!(summary.executions_per_run, 15);
    // The time of one execution holds its share of the 14 gaps of 0.4 ms in between.
    assert!((summary.time_s.value - (0.07 + 14.0 * 0.000_4 / 15.0)).abs() < 1e-9);
    let run = &measurement.runs[2];
    let per_execution = truth(&simulated, run).get() / 15.0;
    assert!((run.energy_j().unwrap() / per_execution - 1.0).abs() < 0.01);
}

#[test]
fn net_is_gross_without_idle_and_power_is_energy_by_time() {
    let simulated = Simulated::on("h200", Manner::Steady(Nanos::from_millis(2_000)), 4);
    let measurement = measured(&simulated, &SETTINGS);
    let summary = Summary::of(&measurement);
    let idle_w = measurement.idle.mean_w().unwrap();
    assert!((70.0..90.0).contains(&idle_w), "{idle_w}");
    let energy = summary.energy_j.unwrap();
    let net = summary.net_energy_j.unwrap().value;
    assert!(
        (energy.value - net - 2.0 * idle_w).abs() < 0.02 * net,
        "{net}"
    );
    let power = summary.power_w.unwrap().value;
    assert!((power * summary.time_s.value / energy.value - 1.0).abs() < 1e-9);
    let [low, high] = energy.bounds.unwrap();
    let scatter = energy.scatter.unwrap();
    assert!(
        low < scatter.low && scatter.high < high,
        "the instrument widens"
    );
}

#[test]
fn warm_up_runs_do_not_count() {
    #[derive(Default)]
    struct Steps(Vec<Step>, u32);
    impl MeasureObserver for Steps {
        fn begins(&mut self, step: Step) {
            self.0.push(step);
        }
        fn sampled(&mut self, _sample: &model::sample::Sample) {}
        fn run_ended(&mut self, _run: &RunResult) {
            self.1 += 1;
        }
        fn sized(&mut self, _runs: u32) {}
    }
    let simulated = Simulated::on("h200", Manner::Steady(Nanos::from_millis(1_200)), 1);
    let mut instrument = simulated.instrument();
    let mut bench = Bench::new(&mut instrument, Nanos::from_millis(10));
    let settings = Settings {
        runs: RunCount::Fixed(2),
        warmup_runs: 1,
        ..SETTINGS
    };
    let mut steps = Steps::default();
    let measurement = measure(&mut bench, &mut simulated.command(), &settings, &mut steps).unwrap();
    assert_eq!((measurement.runs.len(), steps.1), (2, 2));
    let run = |number| Step::Run { number, of: 2 };
    assert_eq!(
        steps.0,
        [Step::Idle, Step::WarmUp(1), run(1), run(2), Step::Idle]
    );
}

#[test]
fn a_failing_command_stops_everything_unless_it_may_fail() {
    let simulated = Simulated::on("h200", Manner::Fails(Nanos::from_millis(300)), 1);
    let mut instrument = simulated.instrument();
    let mut bench = Bench::new(&mut instrument, Nanos::from_millis(10));
    let refused = measure(&mut bench, &mut simulated.command(), &SETTINGS, &mut ());
    let Err(MeasureError::Failed { ending, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(ending, Ending::Code(3));
    drop(bench);
    let settings = Settings {
        ignore_failure: true,
        ..SETTINGS
    };
    let measurement = measured(&simulated, &settings);
    let summary = Summary::of(&measurement);
    assert!(summary.energy_j.is_some());
    let found = warnings(&measurement, &summary, &settings);
    let failed = Warning::CommandFailed {
        runs: 5,
        ending: Ending::Code(3),
    };
    assert!(found.contains(&failed), "{found:?}");
}

#[test]
fn a_precision_is_reached_by_one_look() {
    let simulated = Simulated::on("h200", Manner::Uneven(Nanos::from_millis(1_500), 0.03), 5);
    let precision = Precision {
        relative: 0.02,
        pilot: 5,
        cap: 60,
    };
    let settings = Settings {
        runs: RunCount::Precision(precision),
        ..SETTINGS
    };
    let measurement = measured(&simulated, &settings);
    let pilot = measurement.pilot.unwrap();
    assert_eq!(measurement.runs.len(), pilot.runs as usize);
    assert!(pilot.runs > 5 && !pilot.is_capped(), "{pilot:?}");
    let scatter = Summary::of(&measurement).energy_j.unwrap().scatter.unwrap();
    assert!(scatter.relative_half_width() <= 0.0205, "{scatter:?}");
}

#[test]
fn a_frozen_counter_is_a_reason_and_no_zero() {
    let simulated = Simulated::on("h200", Manner::FrozenCounter(Nanos::from_millis(1_000)), 1);
    let measurement = measured(&simulated, &SETTINGS);
    assert!(
        measurement
            .runs
            .iter()
            .all(|run| run.energy == Err(NoEnergy::CounterFrozen))
    );
    let summary = Summary::of(&measurement);
    assert_eq!((&summary.energy_j, &summary.power_w), (&None, &None));
    assert!(
        (summary.time_s.value - 1.0).abs() < 1e-9,
        "time is measured all the same"
    );
    let found = warnings(&measurement, &summary, &SETTINGS);
    assert!(
        matches!(
            found[0],
            Warning::NoEnergy {
                reason: "counter_frozen",
                ..
            }
        ),
        "{found:?}"
    );
}

#[test]
fn a_cold_first_run_is_seen_and_warm_up_suggested() {
    let simulated = Simulated::on("h200", Manner::ColdStart(Nanos::from_millis(1_500)), 1);
    let measurement = measured(&simulated, &SETTINGS);
    let summary = Summary::of(&measurement);
    let found = warnings(&measurement, &summary, &SETTINGS);
    let apart = found
        .iter()
        .find(|warning| matches!(warning, Warning::FirstRunApart { .. }));
    let Some(Warning::FirstRunApart { by }) = apart else {
        panic!("{found:?}")
    };
    assert!(*by > 0.2, "{by}");
    assert!(
        apart
            .unwrap()
            .hint(&SETTINGS)
            .unwrap()
            .contains("--warmup 1")
    );
    let warm = Settings {
        warmup_runs: 1,
        ..SETTINGS
    };
    let measurement = measured(
        &Simulated::on("h200", Manner::ColdStart(Nanos::from_millis(1_500)), 1),
        &warm,
    );
    let found = warnings(&measurement, &Summary::of(&measurement), &warm);
    assert!(
        !found
            .iter()
            .any(|warning| matches!(warning, Warning::FirstRunApart { .. })),
        "{found:?}"
    );
}

/// Of an H200 with 75 W that may be 150 W for a tick of 0.1 s, and 2.5 ms of lateness.
#[test]
fn a_short_command_is_repeated_until_the_instrument_meets_its_budget() {
    let simulated = Simulated::on("h200", Manner::Steady(Nanos::from_millis(30)), 1);
    let shares = [0.02, 0.01, 0.005].map(|asked| {
        let settings = Settings {
            shortest_window_s: 0.0,
            instrument_budget: Some(asked),
            ..SETTINGS
        };
        let measurement = measured(&simulated, &settings);
        let plan = measurement.window.expect("it was planned");
        assert_eq!(measurement.runs.len(), 5);
        for run in &measurement.runs {
            assert_eq!(run.executions, plan.executions);
        }
        let summary = Summary::of(&measurement);
        let share = summary
            .energy_j
            .clone()
            .unwrap()
            .instrument
            .unwrap()
            .each_run;
        assert!(share <= asked, "{share} for {asked}: {plan:?}");
        assert!(
            plan.expected <= asked && plan.expected > 0.8 * asked,
            "{plan:?}"
        );
        // A run whose last tick is mostly idle does better than the worst that was planned for.
        assert!(share > 0.0 && share <= plan.expected, "{share}: {plan:?}");
        let found = warnings(&measurement, &summary, &settings);
        assert!(
            !found.iter().any(|warning| matches!(
                warning,
                Warning::WindowTooShort { .. } | Warning::BudgetNotMet { .. }
            )),
            "{found:?}"
        );
        (plan.executions, plan.window_s)
    });
    assert!(
        shares[0].0 < shares[1].0 && shares[1].0 < shares[2].0,
        "{shares:?}"
    );
    // By hand, 1 % at some 500 W takes about a second.
    assert!((0.5..2.0).contains(&shares[1].1), "{shares:?}");
}

#[test]
fn a_command_that_is_long_enough_is_not_repeated_and_its_first_run_counts() {
    #[derive(Default)]
    struct Steps(Vec<Step>, u32);
    impl MeasureObserver for Steps {
        fn begins(&mut self, step: Step) {
            self.0.push(step);
        }
        fn sampled(&mut self, _sample: &model::sample::Sample) {}
        fn run_ended(&mut self, _run: &RunResult) {
            self.1 += 1;
        }
        fn sized(&mut self, _runs: u32) {}
    }
    let settings = Settings {
        runs: RunCount::Fixed(2),
        shortest_window_s: 0.0,
        instrument_budget: Some(0.01),
        ..SETTINGS
    };
    let taken = |length_ms: u64, warmup_runs: u32| {
        let length = Nanos::from_millis(length_ms);
        let simulated = Simulated::on("h200", Manner::Steady(length), 1);
        let mut instrument = simulated.instrument();
        let mut bench = Bench::new(&mut instrument, Nanos::from_millis(10));
        let mut steps = Steps::default();
        let settings = Settings {
            warmup_runs,
            ..settings
        };
        let measurement =
            measure(&mut bench, &mut simulated.command(), &settings, &mut steps).unwrap();
        assert_eq!((measurement.runs.len(), steps.1), (2, 2));
        (measurement.runs[1].executions, steps.0)
    };
    let run = |number| Step::Run { number, of: 2 };
    let (executions, steps) = taken(4_000, 0);
    assert_eq!(executions, 1);
    assert_eq!(steps, [Step::Idle, Step::Sizing, run(2), Step::Idle]);
    let (executions, steps) = taken(50, 0);
    assert!(executions > 1);
    assert_eq!(
        steps,
        [Step::Idle, Step::Sizing, run(1), run(2), Step::Idle]
    );
    let (_, steps) = taken(50, 1);
    assert_eq!(
        steps,
        [Step::Idle, Step::WarmUp(1), run(1), run(2), Step::Idle],
        "the warm-up shows it too"
    );
}

#[test]
fn a_budget_below_the_drift_is_refused_and_a_shortest_window_is_kept() {
    let simulated = Simulated::on("h200", Manner::Steady(Nanos::from_millis(100)), 1);
    let mut instrument = simulated.instrument();
    let mut bench = Bench::new(&mut instrument, Nanos::from_millis(10));
    assert!(bench.check_budget(0.01).is_ok());
    let error = bench.check_budget(0.001).unwrap_err().to_string();
    assert!(error.contains("the drift alone comes to"), "{error}");
    let settings = Settings {
        instrument_budget: Some(0.001),
        ..SETTINGS
    };
    let refused = measure(&mut bench, &mut simulated.command(), &settings, &mut ());
    assert!(
        matches!(refused, Err(MeasureError::Budget(_))),
        "{refused:?}"
    );
    drop(bench);
    let settings = Settings {
        shortest_window_s: 5.0,
        instrument_budget: Some(0.05),
        ..SETTINGS
    };
    let measurement = measured(&simulated, &settings);
    assert!(measurement.runs[0].executions >= 49, "{measurement:?}");
}

#[test]
fn commands_that_are_compared_each_have_windows_of_their_own() {
    use super::compare::measure_blocks;
    use super::execution::Executor;

    let simulated = Simulated::on("h200", Manner::Steady(Nanos::from_millis(40)), 1);
    let mut instrument = simulated.instrument();
    let mut bench = Bench::new(&mut instrument, Nanos::from_millis(10));
    let settings = Settings {
        runs: RunCount::Fixed(3),
        shortest_window_s: 0.0,
        instrument_budget: Some(0.01),
        ..SETTINGS
    };
    let mut executors: Vec<Box<dyn Executor>> =
        vec![Box::new(simulated.command()), Box::new(simulated.command())];
    let measured = measure_blocks(&mut bench, &mut executors, &settings, 7, &mut ()).unwrap();
    for measurement in &measured {
        let plan = measurement.window.expect("it was planned");
        assert!(plan.executions > 5 && !plan.is_capped(), "{plan:?}");
        for run in &measurement.runs {
            assert_eq!(run.executions, plan.executions);
        }
    }
}

#[test]
fn what_was_asked_of_the_instrument_is_what_needs_no_word() {
    let simulated = Simulated::on("h200", Manner::Steady(Nanos::from_millis(200)), 1);
    let settings = Settings {
        shortest_window_s: 0.0,
        ..SETTINGS
    };
    let measurement = measured(&simulated, &settings);
    let summary = Summary::of(&measurement);
    let found = |instrument_budget: Option<f64>| {
        let settings = Settings {
            instrument_budget,
            ..settings
        };
        let found = warnings(&measurement, &summary, &settings);
        let of_window = found.into_iter().find(|warning| {
            matches!(
                warning,
                Warning::WindowTooShort { .. } | Warning::BudgetNotMet { .. }
            )
        });
        of_window.map(|warning| (warning.clone(), warning.hint(&settings).unwrap()))
    };
    let share = summary
        .energy_j
        .clone()
        .unwrap()
        .instrument
        .unwrap()
        .each_run;
    assert_eq!(found(Some(share * 1.01)), None);
    let (warning, hint) = found(Some(share * 0.99)).expect("more than was asked for");
    assert!(matches!(warning, Warning::BudgetNotMet { .. }));
    assert!(hint.contains("--min-window"), "{hint}");
    if let Some((warning, hint)) = found(None) {
        assert!(matches!(warning, Warning::WindowTooShort { .. }) && share > 0.01);
        assert!(hint.contains("--instrument-budget 1%"), "{hint}");
    }
}
