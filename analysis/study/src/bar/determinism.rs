//! Bar 14: the same bytes whatever the number of threads.

use std::num::NonZeroUsize;

use super::cell::{Cell, CellDraft, Effort, Question};
use super::{Bar, BarId};
use crate::runner::{self, Options, Size};

/// Experiments of each cell in the small studies: more than one chunk, and one that is not whole.
const EXPERIMENTS: usize = 45;
/// Small studies, each with a seed of its own.
const STUDIES: usize = 2;
/// Bars of the small studies: resampling, sessions, families and time series.
const BARS: [BarId; 5] = [
    BarId::Headline,
    BarId::Order,
    BarId::Multiplicity,
    BarId::Optimum,
    BarId::WarmUp,
];

pub(super) fn bar() -> Bar {
    Bar {
        id: BarId::Determinism,
        title: "the JSON of a small study is equal for 1, 2 and 16 threads, and for one \
                seed twice",
        calls: &["the study itself"],
        note: Some(
            "Small studies of five bars with 45 experiments per cell; another seed has to give \
             other bytes.",
        ),
        cells: vec![threads()],
    }
}

fn threads() -> Cell {
    let mut draft = CellDraft::new("1, 2 and 16 threads").effort(Effort::Fixed(STUDIES));
    let two = draft.ask(Question::share("2 threads give the bytes of 1").always());
    let sixteen = draft.ask(Question::share("16 threads give the bytes of 1").always());
    let again = draft.ask(Question::share("the same seed gives the same bytes").always());
    let other = draft.ask(Question::share("another seed gives other bytes").always());
    draft.experiment(move |stream, answers| {
        let seed = stream.seed();
        let one = small_study(seed, 1)?;
        answers.yes_no(two, small_study(seed, 2)? == one);
        answers.yes_no(sixteen, small_study(seed, 16)? == one);
        answers.yes_no(again, small_study(seed, 1)? == one);
        answers.yes_no(other, small_study(seed.wrapping_add(1), 1)? != one);
        Ok(())
    })
}

fn small_study(seed: u64, threads: usize) -> Result<String, crate::error::Refusal> {
    let bars: Vec<Bar> = BARS.into_iter().map(super::build).collect();
    let options = Options {
        size: Size::Experiments(EXPERIMENTS),
        threads: NonZeroUsize::new(threads).ok_or("a study needs a thread")?,
        seed,
        only: None,
    };
    Ok(runner::run_bars(&bars, &options, &|_| {})?.to_json())
}
