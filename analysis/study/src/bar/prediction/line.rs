//! Least squares where the line is true.

use statistics::interval::Level;
use statistics::regression::{Design, Intercept, ordinary};

use crate::bar::coverage::{NOMINAL_HIGH, NOMINAL_LOW};
use crate::bar::{Cell, CellDraft, Question};
use crate::random::Stream;

/// The true coefficients: constant, clock, load.
const TRUTH: [f64; 3] = [5.0, 0.7, 0.3];
/// Scatter on the log scale.
const DEVIATION: f64 = 0.05;
/// Where the line is asked: beyond the middle of the design.
const POINT: [f64; 2] = [0.9, 0.2];

pub(super) fn cells() -> [Cell; 2] {
    [8, 30].map(cell)
}

fn cell(runs: usize) -> Cell {
    let mut draft = CellDraft::new(format!("line through {runs} runs, two columns"));
    let nominal = |text: &str| Question::share(text).within(NOMINAL_LOW, NOMINAL_HIGH);
    let slope = draft.ask(nominal("least squares, coefficient: coverage"));
    let mean = draft.ask(nominal("least squares, the line at a point: coverage"));
    let new = draft.ask(nominal("least squares, a new run: coverage"));
    let at_point = TRUTH[0] + TRUTH[1] * POINT[0] + TRUTH[2] * POINT[1];
    draft.experiment(move |stream, answers| {
        let column = |stream: &mut Stream| (0..runs).map(|_| stream.uniform()).collect();
        let (clock, load): (Vec<f64>, Vec<f64>) = (column(stream), column(stream));
        let log_power: Vec<f64> = clock
            .iter()
            .zip(&load)
            .map(|(clock, load)| {
                TRUTH[0] + TRUTH[1] * clock + TRUTH[2] * load + DEVIATION * stream.normal()
            })
            .collect();
        let design = Design {
            columns: &[&clock, &load],
            intercept: Intercept::Included,
        };
        let fit = ordinary(design, &log_power)?;
        let interval = fit.coefficient_interval(1, Level::P95)?;
        answers.yes_no(slope, interval.contains(TRUTH[1]));
        answers.yes_no(
            mean,
            fit.mean_interval(&POINT, Level::P95)?.contains(at_point),
        );
        let observed = at_point + DEVIATION * stream.normal();
        answers.yes_no(
            new,
            fit.prediction_interval(&POINT, Level::P95)?
                .contains(observed),
        );
        Ok(())
    })
}
