//! Bar 5: the interval within one run of dependent iterations.

use statistics::autocorrelation::effective_sample_size;
use statistics::batch::{self, BATCHES, WithinRun, batch_means_interval};
use statistics::interval::Level;
use statistics::location;

use super::cell::{Cell, CellDraft, Question};
use super::coverage::Coverage;
use super::{Bar, BarId, Target};
use crate::generator::{Autoregression, count};

/// Iterations of the run.
const ITERATIONS: usize = 600;
/// Coefficient of variation of one iteration.
const VARIATION: f64 = 0.02;

const OVERREADS: &str = "600 iterations with φ 0.97 hold nine independent ones, and a series that \
    short hides its slow part: the estimate over-reads by about half; it still lies below 30, where \
    the interval is withheld";

const SELECTED: &str = "at φ 0.9 the true effective size is 32, so close to 30 that only runs which \
    happen to look calm show their interval, and these vary less than they should: what is shown \
    covers some 2 % less than all intervals do. The interval is a diagnosis and enters no claim";

pub(super) fn bar() -> Bar {
    Bar {
        id: BarId::Autocorrelation,
        title: "ten batch means cover at least 93 % where the effective size is 30 or \
                more, effective size within 25 % of theory up to φ 0.9, interval withheld at \
                φ 0.97; the naive interval fails",
        calls: &[
            "batch::batch_means_interval",
            "batch::WithinRun::of",
            "autocorrelation::effective_sample_size",
        ],
        note: Some(
            "Runs of 600 iterations, CV 2 %. The theory of the effective size is n(1−φ)/(1+φ). \
             The interval of a single run is a diagnosis and enters no claim.",
        ),
        cells: [0.0, 0.5, 0.9, 0.97].map(cell).into(),
    }
}

fn cell(autocorrelation: f64) -> Cell {
    let theory = count(ITERATIONS) * (1.0 - autocorrelation) / (1.0 + autocorrelation);
    let reliable = theory >= batch::MINIMUM_EFFECTIVE_SIZE;
    let mut draft = CellDraft::new(format!("φ {autocorrelation}, effective size {theory:.0}"));
    let target = Target::ArithmeticMean;
    let naive = Coverage::ask(&mut draft, "t on iterations", target, |question| {
        if autocorrelation >= 0.9 {
            question.at_most(0.40).control()
        } else {
            question
        }
    });
    let batches = Coverage::ask(&mut draft, "ten batch means", target, |question| {
        if reliable {
            question.at_least(0.93)
        } else {
            question
        }
    });
    let method = "ten batch means, where shown";
    let shown = Coverage::ask(&mut draft, method, target, |question| {
        if reliable {
            question.at_least(0.93).exception(SELECTED)
        } else {
            question
        }
    });
    let size = {
        let question = Question::median("effective size over theory").within(0.75, 1.25);
        draft.ask(if reliable {
            question
        } else {
            question.exception(OVERREADS)
        })
    };
    let withheld = {
        let question = Question::share("interval withheld, effective size below 30");
        draft.ask(if reliable {
            question
        } else {
            question.at_least(0.90)
        })
    };
    draft.experiment(move |stream, answers| {
        let mut series = Autoregression::new(autocorrelation, VARIATION, stream);
        let values: Vec<f64> = (0..ITERATIONS).map(|_| 1.0 + series.next(stream)).collect();
        naive.answer(answers, &location::mean_t(&values, Level::P95)?, 1.0);
        let interval = batch_means_interval(&values, BATCHES, Level::P95)?;
        batches.answer(answers, &interval, 1.0);
        let run = WithinRun::of(&values, Level::P95)?;
        answers.value(size, effective_sample_size(&values)? / theory);
        answers.yes_no(withheld, run.interval.is_none());
        if let Some(interval) = run.interval {
            shown.answer(answers, &interval, 1.0);
        }
        Ok(())
    })
}
