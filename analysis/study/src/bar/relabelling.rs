//! Bar 15: identical runs with false labels, and which relabelling shows a drift.

use statistics::interval::Level;
use statistics::ratio;

use super::cell::{Cell, CellDraft, Question};
use super::{Bar, BarId, Target};
use crate::generator::{Autoregression, Conditions, Drift, Order, Session};

/// Identical runs of a session.
const RUNS: usize = 40;
/// Coefficient of variation of a run.
const VARIATION: f64 = 0.01;

/// What the runs of a session have in common.
#[derive(Clone, Copy, Debug)]
enum Dependence {
    Independent,
    Drifting,
    Correlated,
}

pub(super) fn bar() -> Bar {
    Bar {
        id: BarId::Relabelling,
        title: "random relabelling finds 5 % whatever the dependence, so it \
                proves nothing; contiguous halves show the dependence",
        calls: &["ratio::welch_log_ratio", "ratio::paired_log_ratio"],
        note: Some(
            "Forty identical runs, CV 1 %, half of them called A and half B. Random labels are a \
             permutation test: about 5 % by construction. Labels in the order of the plan, here \
             random in blocks of two, test the schedule. Contiguous halves are the control.",
        ),
        cells: vec![
            cell("independent runs", Dependence::Independent),
            cell("linear drift 4 %", Dependence::Drifting),
            cell("runs with φ 0.9", Dependence::Correlated),
        ],
    }
}

fn cell(name: &str, dependence: Dependence) -> Cell {
    let mut draft = CellDraft::new(name);
    let share = |text: &str| Question::share(text).of(Target::GeometricRatio);
    let random = draft.ask(share("random labels, Welch: differences").within(0.04, 0.06));
    let blocked =
        draft.ask(share("labels in blocks of two, paired t: differences").within(0.03, 0.07));
    let halves = {
        let question = share("contiguous halves, Welch: differences");
        draft.ask(match dependence {
            Dependence::Independent => question.within(0.04, 0.06),
            Dependence::Drifting => question.at_least(0.95).control(),
            Dependence::Correlated => question.at_least(0.50).control(),
        })
    };
    draft.experiment(move |stream, answers| {
        let energies_j = identical_runs(dependence, stream);
        let (a_j, b_j) = energies_j.split_at(RUNS / 2);
        let difference = ratio::welch_log_ratio(b_j, a_j, Level::P95)?;
        answers.yes_no(halves, !difference.contains(1.0));

        let (mut a_j, mut b_j) = (Vec::new(), Vec::new());
        for block in energies_j.chunks_exact(2) {
            let first = stream.below(2);
            a_j.push(block[first]);
            b_j.push(block[1 - first]);
        }
        let difference = ratio::paired_log_ratio(&b_j, &a_j, Level::P95)?;
        answers.yes_no(blocked, !difference.contains(1.0));

        let mut shuffled_j = energies_j;
        stream.shuffle(&mut shuffled_j);
        let (a_j, b_j) = shuffled_j.split_at(RUNS / 2);
        let difference = ratio::welch_log_ratio(b_j, a_j, Level::P95)?;
        answers.yes_no(random, !difference.contains(1.0));
        Ok(())
    })
}

/// Energies in the order of time, J.
fn identical_runs(dependence: Dependence, stream: &mut crate::random::Stream) -> Vec<f64> {
    let drift = match dependence {
        Dependence::Correlated => {
            let mut series = Autoregression::new(0.9, VARIATION, stream);
            return (0..RUNS).map(|_| libm::exp(series.next(stream))).collect();
        }
        Dependence::Independent => Drift::None,
        Dependence::Drifting => Drift::Linear(0.04),
    };
    let conditions = Conditions {
        drift,
        ..Conditions::plain(RUNS, VARIATION)
    };
    let mut session = Session::default();
    session.draw(&conditions, &[1.0], Order::Blocked, stream);
    session.energy_j.swap_remove(0)
}
