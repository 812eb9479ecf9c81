//! Split conformal intervals about a model that is wrong.

use statistics::conformal::Calibration;
use statistics::interval::Level;
use statistics::regression::{Design, Fit, Intercept, ordinary};

use crate::bar::{Cell, CellDraft, Question};
use crate::error::Refusal;
use crate::generator::{Shape, count};
use crate::random::Stream;

/// Runs to fit the line, to calibrate and to test.
const TRAINING: usize = 40;
const CALIBRATION: usize = 199;
const NEW: usize = 50;
/// Runs to fit the overfitted line of the control, and columns that say nothing.
const FEW: usize = 16;
const IDLE_COLUMNS: usize = 6;
/// Scatter on the log scale.
const DEVIATION: f64 = 0.05;

pub(super) fn cells() -> Vec<Cell> {
    let shapes = [Shape::Normal, Shape::Lognormal, Shape::Exponential];
    let mut cells: Vec<Cell> = shapes.map(calibrated).into();
    cells.push(on_training_runs());
    cells
}

/// Runs of a made-up board: columns and the logarithm of power.
struct Runs {
    columns: Vec<Vec<f64>>,
    log_power: Vec<f64>,
}

impl Runs {
    fn draw(n: usize, idle_columns: usize, shape: Shape, stream: &mut Stream) -> Self {
        let mut columns: Vec<Vec<f64>> = vec![Vec::with_capacity(n); 2 + idle_columns];
        let mut log_power = Vec::with_capacity(n);
        for _ in 0..n {
            let (clock, load) = (stream.uniform(), stream.uniform());
            columns[0].push(clock);
            columns[1].push(load);
            for column in &mut columns[2..] {
                column.push(stream.normal());
            }
            // A curve in the clock, which the line does not know.
            let level = 5.0 + 0.4 * clock * clock + 0.3 * load;
            log_power.push(level + DEVIATION * shape.draw(stream));
        }
        Self { columns, log_power }
    }

    fn fit(&self) -> Result<Fit, Refusal> {
        let columns: Vec<&[f64]> = self.columns.iter().map(Vec::as_slice).collect();
        let design = Design {
            columns: &columns,
            intercept: Intercept::Included,
        };
        Ok(ordinary(design, &self.log_power)?)
    }

    /// What the line leaves of each run.
    fn residuals(&self, fit: &Fit) -> Result<Vec<f64>, Refusal> {
        (0..self.log_power.len())
            .map(|run| {
                let point: Vec<f64> = self.columns.iter().map(|column| column[run]).collect();
                Ok(self.log_power[run] - fit.predict(&point)?)
            })
            .collect()
    }
}

/// Share of residuals of new runs inside the calibrated interval.
fn share_inside(calibration: &Calibration, residuals: &[f64]) -> f64 {
    let inside = residuals.iter().filter(|residual| {
        // About a prediction of zero, since these are residuals.
        calibration
            .interval(0.0, 1.0)
            .is_none_or(|interval| interval.contains(**residual))
    });
    count(inside.count()) / count(residuals.len())
}

fn calibrated(shape: Shape) -> Cell {
    let name = format!("{CALIBRATION} calibration runs, {} noise", shape.name());
    let mut draft = CellDraft::new(name);
    let inside = draft.ask(Question::mean_share("new runs inside 90 %").within(0.90, 0.905));
    draft.experiment(move |stream, answers| {
        let fit = Runs::draw(TRAINING, 0, shape, stream).fit()?;
        let residuals = Runs::draw(CALIBRATION, 0, shape, stream).residuals(&fit)?;
        let calibration = Calibration::of(&residuals, Level::P90)?;
        let new = Runs::draw(NEW, 0, shape, stream).residuals(&fit)?;
        answers.value(inside, share_inside(&calibration, &new));
        Ok(())
    })
}

/// Negative control: residuals of the runs that the line was fitted to.
fn on_training_runs() -> Cell {
    let name = format!(
        "{FEW} training runs, {} columns, no calibration runs",
        2 + IDLE_COLUMNS
    );
    let mut draft = CellDraft::new(name);
    let inside = draft.ask(
        Question::mean_share("new runs inside 90 % of the training residuals")
            .at_most(0.80)
            .control(),
    );
    draft.experiment(move |stream, answers| {
        let training = Runs::draw(FEW, IDLE_COLUMNS, Shape::Normal, stream);
        let fit = training.fit()?;
        let calibration = Calibration::of(&training.residuals(&fit)?, Level::P90)?;
        let new = Runs::draw(NEW, IDLE_COLUMNS, Shape::Normal, stream).residuals(&fit)?;
        answers.value(inside, share_inside(&calibration, &new));
        Ok(())
    })
}
