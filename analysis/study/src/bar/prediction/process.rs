//! Intervals of a Gaussian process about a smooth curve.

use statistics::gaussian_process::GaussianProcess;
use statistics::interval::Level;

use crate::bar::{Cell, CellDraft, Effort, Question};
use crate::generator::count;
use crate::random::Stream;

const FEW_RUNS: &str = "lengths and noise are taken as known once they are fitted; 20 runs do not \
    know them well, and what is unknown of them is missing from the interval";

/// Scatter on the log scale.
const DEVIATION: f64 = 0.02;
/// New runs that each experiment asks for.
const NEW: usize = 50;

pub(super) fn cells() -> [Cell; 3] {
    [20, 40, 60].map(cell)
}

/// Logarithm of a board's power at a share of its highest clock and a load: a floor, and dynamic
/// power with the clock times the square of a voltage that rises from half of the clocks on.
fn log_power(clock: f64, load: f64) -> f64 {
    let voltage = 0.7 + 0.3 * (clock - 0.5).max(0.0) / 0.5;
    libm::log(80.0 + 500.0 * (0.3 + 0.7 * load) * clock * voltage * voltage)
}

/// A clock from 30 to 100 % and a load from 0 to 100 %.
fn draw_point(stream: &mut Stream) -> [f64; 2] {
    [0.3 + 0.7 * stream.uniform(), stream.uniform()]
}

fn cell(runs: usize) -> Cell {
    let name = format!("process through {runs} runs, clock and load");
    let mut draft = CellDraft::new(name).effort(Effort::OneIn(4));
    let inside = {
        let text = "Gaussian process: new runs inside 95 %";
        let question = Question::mean_share(text).within(0.93, 0.97);
        draft.ask(if runs < 40 {
            question.exception(FEW_RUNS)
        } else {
            question
        })
    };
    draft.experiment(move |stream, answers| {
        let (mut clock, mut load, mut observed) = (vec![], vec![], vec![]);
        for _ in 0..runs {
            let point = draw_point(stream);
            clock.push(point[0]);
            load.push(point[1]);
            observed.push(log_power(point[0], point[1]) + DEVIATION * stream.normal());
        }
        let process = GaussianProcess::fit(&[&clock, &load], &observed)?;
        let mut hits = 0;
        for _ in 0..NEW {
            let point = draw_point(stream);
            let new = log_power(point[0], point[1]) + DEVIATION * stream.normal();
            let interval = process.prediction_interval(&point, Level::P95)?;
            hits += usize::from(interval.contains(new));
        }
        answers.value(inside, count(hits) / count(NEW));
        Ok(())
    })
}
