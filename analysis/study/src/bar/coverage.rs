//! Coverage of an interval, and on which side it fails.

use statistics::interval::Interval;

use super::cell::{Answers, CellDraft, Question, Slot};
use super::requirement::Target;

/// Questions about one kind of interval in one cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coverage {
    covered: Slot,
    tails: Option<(Slot, Slot)>,
}

/// Nominal 95 % intervals: coverage from 94 to 96 %.
pub(super) const NOMINAL_LOW: f64 = 0.94;
/// See [`NOMINAL_LOW`].
pub(super) const NOMINAL_HIGH: f64 = 0.96;
/// Each tail of a nominal 95 % interval.
const TAIL_LOW: f64 = 0.015;
const TAIL_HIGH: f64 = 0.035;

impl Coverage {
    /// Asks for the coverage alone; `demand` adds what it has to be.
    pub(super) fn ask(
        draft: &mut CellDraft,
        method: &str,
        target: Target,
        demand: impl FnOnce(Question) -> Question,
    ) -> Self {
        let question = Question::share(format!("{method}: coverage")).of(target);
        Self {
            covered: draft.ask(demand(question)),
            tails: None,
        }
    }

    /// Asks for a coverage of 94 to 96 % with 1.5 to 3.5 % in each tail.
    pub(super) fn ask_nominal(draft: &mut CellDraft, method: &str, target: Target) -> Self {
        let mut coverage = Self::ask(draft, method, target, |question| {
            question.within(NOMINAL_LOW, NOMINAL_HIGH)
        });
        let mut tail = |side: &str| {
            let text = format!("{method}: truth {side}");
            draft.ask(Question::share(text).of(target).within(TAIL_LOW, TAIL_HIGH))
        };
        coverage.tails = Some((tail("below"), tail("above")));
        coverage
    }

    /// Answers for one interval.
    pub(super) fn answer(self, answers: &mut Answers, interval: &Interval, truth: f64) {
        answers.yes_no(self.covered, interval.contains(truth));
        if let Some((below, above)) = self.tails {
            answers.yes_no(below, truth < interval.low);
            answers.yes_no(above, truth > interval.high);
        }
    }
}
