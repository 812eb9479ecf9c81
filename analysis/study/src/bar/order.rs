//! Bar 6: what the order of runs does to a comparison under drift.

use statistics::interval::Level;
use statistics::ratio;

use super::cell::{Cell, CellDraft, Question};
use super::{Bar, BarId, Target};
use crate::generator::{Conditions, Drift, Order, Session};

/// Two configurations that cost the same, J.
const LEVELS_J: [f64; 2] = [250.0, 250.0];
/// Runs of each.
const RUNS: usize = 10;
/// Coefficient of variation of a run.
const VARIATION: f64 = 0.01;

pub(super) fn bar() -> Bar {
    let drifts = [
        Drift::None,
        Drift::Linear(0.01),
        Drift::Linear(0.02),
        Drift::Linear(0.04),
        Drift::Exponential(0.04),
        Drift::Step(0.04),
    ];
    Bar {
        id: BarId::Order,
        title: "false differences in 4.5 to 5.5 % of blocked sessions at any drift; AAAABBBB \
                fails",
        calls: &["ratio::paired_log_ratio", "ratio::welch_log_ratio"],
        note: Some(
            "Two equal configurations, ten runs each, CV 1 %; a difference is found where the 95 % \
             interval of the ratio leaves out 1. The demand is narrower than the Monte-Carlo \
             interval of 2,000 experiments.",
        ),
        cells: drifts.map(cell).into(),
    }
}

fn cell(drift: Drift) -> Cell {
    let conditions = Conditions {
        drift,
        ..Conditions::plain(RUNS, VARIATION)
    };
    let mut draft = CellDraft::new(drift.name());
    let share = |text: &str| Question::share(text).of(Target::GeometricRatio);
    let blocked = draft.ask(share("blocked, paired t: false differences").within(0.045, 0.055));
    let random = draft.ask(share("random order, Welch: false differences"));
    let sequential = {
        let question = share("AAAABBBB, Welch: false differences");
        draft.ask(match drift {
            Drift::None | Drift::Linear(..0.02) => question,
            Drift::Linear(_) | Drift::Exponential(_) | Drift::Step(_) => {
                question.at_least(0.50).control()
            }
        })
    };
    draft.experiment(move |stream, answers| {
        let mut session = Session::default();
        session.draw(&conditions, &LEVELS_J, Order::Blocked, stream);
        let [a_j, b_j] = [&session.energy_j[0], &session.energy_j[1]];
        let interval = ratio::paired_log_ratio(b_j, a_j, Level::P95)?;
        answers.yes_no(blocked, !interval.contains(1.0));
        for (order, slot) in [(Order::Random, random), (Order::Sequential, sequential)] {
            session.draw(&conditions, &LEVELS_J, order, stream);
            let [a_j, b_j] = [&session.energy_j[0], &session.energy_j[1]];
            let interval = ratio::welch_log_ratio(b_j, a_j, Level::P95)?;
            answers.yes_no(slot, !interval.contains(1.0));
        }
        Ok(())
    })
}
