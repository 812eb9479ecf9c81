//! Bar 8: many claims at once.

use statistics::distribution::student_t_two_sided;
use statistics::moments::Moments;
use statistics::multiplicity::{benjamini_hochberg, holm};

use super::cell::{Cell, CellDraft, Question};
use super::{Bar, BarId};
use crate::error::Refusal;
use crate::generator::count;
use crate::random::Stream;

/// Blocks behind each test.
const BLOCKS: usize = 10;
/// Chance of a false claim in a family, and share of false ones among claims.
const ALPHA: f64 = 0.05;
/// Mean of a true effect, in standard deviations of a block.
const EFFECT: f64 = 1.5;

/// A family of tests on the same blocks.
#[derive(Clone, Copy, Debug)]
struct Family {
    tests: usize,
    /// Correlation between the values of any two tests within a block.
    correlation: f64,
    /// Tests with a true effect; they come last.
    effects: usize,
}

pub(super) fn bar() -> Bar {
    let mut cells = vec![];
    for tests in [10, 100] {
        for correlation in [0.0, 0.5] {
            cells.push(family_wise(Family {
                tests,
                correlation,
                effects: 0,
            }));
        }
    }
    for (tests, correlation, effects) in
        [(10, 0.0, 2), (100, 0.0, 20), (100, 0.0, 50), (100, 0.5, 20)]
    {
        cells.push(discovery(Family {
            tests,
            correlation,
            effects,
        }));
    }
    Bar {
        id: BarId::Multiplicity,
        title: "Holm makes any false one in at most 5.5 % of families; \
                Benjamini-Hochberg keeps the false share at q·m₀/m + 0.5 %; uncorrected tests fail",
        calls: &["multiplicity::holm", "multiplicity::benjamini_hochberg"],
        note: Some(
            "Two-sided t tests of ten blocks each. True effects are 1.5 standard deviations of a \
             block; false discoveries are counted where no claim is made as none.",
        ),
        cells,
    }
}

impl Family {
    fn p_values(self, stream: &mut Stream) -> Result<Vec<f64>, Refusal> {
        let shared: Vec<f64> = (0..BLOCKS).map(|_| stream.normal()).collect();
        let (common, own) = (self.correlation.sqrt(), (1.0 - self.correlation).sqrt());
        let mut values = vec![0.0; BLOCKS];
        (0..self.tests)
            .map(|test| {
                let effect = if self.has_effect(test) { EFFECT } else { 0.0 };
                for (value, shared) in values.iter_mut().zip(&shared) {
                    *value = effect + common * shared + own * stream.normal();
                }
                let moments = Moments::of("blocks", &values)?;
                let t = moments.mean / moments.standard_error();
                Ok(student_t_two_sided(t, moments.degrees_of_freedom()))
            })
            .collect()
    }

    fn has_effect(self, test: usize) -> bool {
        test >= self.tests - self.effects
    }

    fn name(self) -> String {
        format!("{} tests, correlation {}", self.tests, self.correlation)
    }
}

fn family_wise(family: Family) -> Cell {
    let mut draft = CellDraft::new(family.name());
    let corrected = draft.ask(Question::share("Holm: any false claim").at_most(0.055));
    let uncorrected = {
        let question = Question::share("uncorrected: any false claim");
        draft.ask(if family.correlation > 0.0 {
            question
        } else {
            question.at_least(0.35).control()
        })
    };
    draft.experiment(move |stream, answers| {
        let p_values = family.p_values(stream)?;
        answers.yes_no(uncorrected, p_values.iter().any(|p| *p <= ALPHA));
        answers.yes_no(corrected, holm(&p_values)?.iter().any(|p| *p <= ALPHA));
        Ok(())
    })
}

fn discovery(family: Family) -> Cell {
    let mut draft = CellDraft::new(format!("{}, {} true", family.name(), family.effects));
    let share_without_effect = count(family.tests - family.effects) / count(family.tests);
    let most = ALPHA * share_without_effect + 0.005;
    let text = "Benjamini-Hochberg: false share of claims";
    let false_share = draft.ask(Question::mean_share(text).at_most(most));
    let found = draft.ask(Question::mean_share("true effects found"));
    draft.experiment(move |stream, answers| {
        let adjusted = benjamini_hochberg(&family.p_values(stream)?)?;
        let claims = |with_effect: bool| {
            let made = (0..family.tests)
                .filter(|test| family.has_effect(*test) == with_effect && adjusted[*test] <= ALPHA);
            count(made.count())
        };
        let (false_claims, true_claims) = (claims(false), claims(true));
        let all = (false_claims + true_claims).max(1.0);
        answers.value(false_share, false_claims / all);
        answers.value(found, true_claims / count(family.effects));
        Ok(())
    })
}
