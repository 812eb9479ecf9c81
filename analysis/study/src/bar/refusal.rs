//! Bar 2: bootstraps that promise more than they hold in small samples.

use statistics::bootstrap::{Resampling, SampleFloor, bca, percentile};
use statistics::error::StatisticsError;
use statistics::interval::{Interval, Level};

use super::cell::{Cell, CellDraft, Effort, Question};
use super::coverage::Coverage;
use super::{Bar, BarId, Target, resampling};
use crate::generator::count;
use crate::random::Stream;

/// Samples for a rule that holds in each of them.
const REFUSALS: usize = 40;

pub(super) fn bar() -> Bar {
    let mut cells: Vec<Cell> = [5, 10, 19].map(refused).into();
    cells.push(coverage(5, SampleFloor::WaivedForStudy));
    cells.push(coverage(10, SampleFloor::WaivedForStudy));
    cells.push(coverage(20, SampleFloor::Protocol));
    cells.push(coverage(30, SampleFloor::Protocol));
    Bar {
        id: BarId::Refusal,
        title: "percentile and BCa bootstrap: refused below n = 20; forced at n = 5 they fail; at \
                least 93 % from n = 30",
        calls: &["bootstrap::percentile", "bootstrap::bca"],
        note: Some("Mean of normal values; 1,999 resamples."),
        cells,
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values.len())
}

fn draw(n: usize, stream: &mut Stream) -> Vec<f64> {
    (0..n).map(|_| 1.0 + 0.02 * stream.normal()).collect()
}

fn by_percentile(
    values: &[f64],
    floor: SampleFloor,
    resampling: &Resampling,
) -> Result<Interval, StatisticsError> {
    percentile(values, mean, Level::P95, floor, resampling)
}

fn by_bca(
    values: &[f64],
    floor: SampleFloor,
    resampling: &Resampling,
) -> Result<Interval, StatisticsError> {
    bca(values, mean, Level::P95, floor, resampling)
}

fn refused(n: usize) -> Cell {
    let mut draft = CellDraft::new(format!("n {n}")).effort(Effort::Fixed(REFUSALS));
    let percentile = draft.ask(Question::share("percentile: refused").always());
    let bca = draft.ask(Question::share("BCa: refused").always());
    draft.experiment(move |stream, answers| {
        let values = draw(n, stream);
        let resampling = resampling::next(stream);
        let refuses = |result: Result<Interval, StatisticsError>| {
            matches!(result, Err(StatisticsError::ResamplingRefused { .. }))
        };
        let floor = SampleFloor::Protocol;
        answers.yes_no(
            percentile,
            refuses(by_percentile(&values, floor, &resampling)),
        );
        answers.yes_no(bca, refuses(by_bca(&values, floor, &resampling)));
        Ok(())
    })
}

fn coverage(n: usize, floor: SampleFloor) -> Cell {
    let mut draft = CellDraft::new(format!("n {n}, normal"));
    let demand = |question: Question| match n {
        ..10 => question.at_most(0.90).control(),
        10..30 => question,
        30.. => question.at_least(0.93),
    };
    let target = Target::ArithmeticMean;
    let of_percentile = Coverage::ask(&mut draft, "percentile", target, demand);
    let of_bca = Coverage::ask(&mut draft, "BCa", target, demand);
    draft.experiment(move |stream, answers| {
        let values = draw(n, stream);
        let resampling = resampling::next(stream);
        of_percentile.answer(answers, &by_percentile(&values, floor, &resampling)?, 1.0);
        of_bca.answer(answers, &by_bca(&values, floor, &resampling)?, 1.0);
        Ok(())
    })
}
