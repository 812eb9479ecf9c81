//! Least squares, plain and weighted, by pivoted QR.
//!
//! The normal equations would square the condition number; QR keeps the digits that NIST certifies.
//! A design whose columns depend on each other is refused, with the column to leave out.

use faer::Mat;
use serde::{Deserialize, Serialize};

use crate::distribution::student_t_quantile;
use crate::error::{StatisticsError, require_count, require_finite};
use crate::interval::{Interval, Level, Method};
use crate::linear::{LinearError, PivotedQr};
use crate::sum::number;

/// Condition number, of columns scaled to equal length, above which a design is refused: six digits
/// of the coefficients would be left.
pub const CONDITION_LIMIT: f64 = 1e10;

/// Whether the line has a constant term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intercept {
    /// A constant term, the first coefficient.
    Included,
    /// The line goes through the origin.
    None,
}

/// What is regressed on: one slice per column, all of the same length.
#[derive(Clone, Copy, Debug)]
pub struct Design<'a> {
    /// The columns, without the intercept's.
    pub columns: &'a [&'a [f64]],
    /// Whether a constant column is put in front.
    pub intercept: Intercept,
}

impl Design<'_> {
    fn width(&self) -> usize {
        self.columns.len() + usize::from(self.intercept == Intercept::Included)
    }

    /// The entry of a column, counting the intercept's.
    fn entry(&self, row: usize, column: usize) -> f64 {
        match (self.intercept, column) {
            (Intercept::Included, 0) => 1.0,
            (Intercept::Included, _) => self.columns[column - 1][row],
            (Intercept::None, _) => self.columns[column][row],
        }
    }
}

/// A fitted line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Coefficients, the intercept first.
    pub coefficients: Vec<f64>,
    /// Their standard errors.
    pub standard_errors: Vec<f64>,
    /// Residual standard deviation, of an observation with weight 1.
    pub residual_deviation: f64,
    /// Observations less coefficients.
    pub degrees_of_freedom: usize,
    /// Share of the scatter about the mean that the line explains; about zero without intercept.
    pub r_squared: f64,
    /// Estimated condition number of the design, of columns scaled to equal length.
    pub condition: f64,
    /// Whether the first coefficient is a constant term.
    pub intercept: Intercept,
    /// `(XᵀWX)⁻¹`, row by row.
    inverse: Vec<f64>,
}

/// Ordinary least squares of `y` on a design.
///
/// # Errors
/// Columns of unequal length, no more observations than coefficients, values that are not finite, or
/// [`LinearError::Dependent`].
pub fn ordinary(design: Design<'_>, y: &[f64]) -> Result<Fit, LinearError> {
    fit(design, y, |_| 1.0)
}

/// Least squares with weights, which are inverse variances up to a common factor.
///
/// # Errors
/// As [`ordinary`]; one positive weight for each observation.
pub fn weighted(design: Design<'_>, y: &[f64], weights: &[f64]) -> Result<Fit, LinearError> {
    if weights.len() != y.len() {
        let (left, right) = (y.len(), weights.len());
        return Err(StatisticsError::UnequalLengths { left, right }.into());
    }
    require_finite("weights", weights)?;
    if let Some(index) = weights.iter().position(|&weight| weight <= 0.0) {
        let value = weights[index];
        return Err(StatisticsError::NotPositive {
            what: "weights",
            index,
            value,
        }
        .into());
    }
    fit(design, y, |row| weights[row])
}

fn fit(design: Design<'_>, y: &[f64], weight: impl Fn(usize) -> f64) -> Result<Fit, LinearError> {
    let (n, width) = (y.len(), design.width());
    check(design, y)?;
    let mut matrix = Mat::from_fn(n, width, |row, column| {
        weight(row).sqrt() * design.entry(row, column)
    });
    let lengths = scale_columns(&mut matrix);
    let mut rotated = Mat::from_fn(n, 1, |row, _| weight(row).sqrt() * y[row]);
    let qr = PivotedQr::of(matrix);
    let condition = condition(&qr, &lengths)?;
    qr.rotate(&mut rotated);

    let mut solution: Vec<f64> = (0..width).map(|row| rotated[(row, 0)]).collect();
    qr.solve_upper(&mut solution);
    let mut coefficients = vec![0.0; width];
    for (value, &column) in solution.iter().zip(&qr.order) {
        coefficients[column] = value / lengths[column];
    }
    let degrees_of_freedom = n - width;
    let residual_squares: f64 = (width..n)
        .map(|row| rotated[(row, 0)] * rotated[(row, 0)])
        .sum();
    let residual_deviation = (residual_squares / number(degrees_of_freedom)).sqrt();
    let inverse = inverse_of_products(&qr, &lengths);
    let standard_errors = (0..width)
        .map(|column| residual_deviation * inverse[column * width + column].sqrt())
        .collect();
    let total = total_squares(y, &weight, design.intercept);
    Ok(Fit {
        coefficients,
        standard_errors,
        residual_deviation,
        degrees_of_freedom,
        r_squared: if total > 0.0 {
            1.0 - residual_squares / total
        } else {
            1.0
        },
        condition,
        intercept: design.intercept,
        inverse,
    })
}

fn check(design: Design<'_>, y: &[f64]) -> Result<(), StatisticsError> {
    require_count("columns of the design", 1, design.width())?;
    require_count(
        "observations of the regression",
        design.width() + 1,
        y.len(),
    )?;
    require_finite("responses of the regression", y)?;
    for column in design.columns {
        if column.len() != y.len() {
            return Err(StatisticsError::UnequalLengths {
                left: column.len(),
                right: y.len(),
            });
        }
        require_finite("column of the design", column)?;
    }
    Ok(())
}

/// Divides each column by its length, so that units do not pass for dependence. A column of zeros
/// stays as it is.
fn scale_columns(matrix: &mut Mat<f64>) -> Vec<f64> {
    let (rows, columns) = matrix.shape();
    (0..columns)
        .map(|column| {
            let entries = || (0..rows).map(|row| matrix[(row, column)]);
            let largest = entries().fold(0.0, |most: f64, value| most.max(value.abs()));
            if largest == 0.0 {
                return 1.0;
            }
            let squares: f64 = entries().map(|v| (v / largest) * (v / largest)).sum();
            let length = largest * squares.sqrt();
            for row in 0..rows {
                matrix[(row, column)] /= length;
            }
            length
        })
        .collect()
}

/// Ratio of the first to the last pivot, which is the condition number up to a small factor.
fn condition(qr: &PivotedQr, lengths: &[f64]) -> Result<f64, LinearError> {
    let last = lengths.len() - 1;
    let condition = (qr.r(0, 0) / qr.r(last, last)).abs();
    if condition < CONDITION_LIMIT {
        Ok(condition)
    } else {
        Err(LinearError::Dependent {
            column: qr.order[last],
            condition,
        })
    }
}

/// `(XᵀX)⁻¹ = P R⁻¹ R⁻ᵀ Pᵀ`, with the scaling of the columns undone.
fn inverse_of_products(qr: &PivotedQr, lengths: &[f64]) -> Vec<f64> {
    let width = lengths.len();
    let mut inverse = vec![0.0; width * width];
    let mut unit = vec![0.0; width];
    for position in 0..width {
        unit.fill(0.0);
        unit[position] = 1.0;
        qr.solve_lower(&mut unit);
        qr.solve_upper(&mut unit);
        let column = qr.order[position];
        for (value, &row) in unit.iter().zip(&qr.order) {
            inverse[row * width + column] = value / (lengths[row] * lengths[column]);
        }
    }
    inverse
}

fn total_squares(y: &[f64], weight: &impl Fn(usize) -> f64, intercept: Intercept) -> f64 {
    let weights: f64 = (0..y.len()).map(weight).sum();
    let mean = match intercept {
        Intercept::Included => {
            y.iter()
                .enumerate()
                .map(|(row, value)| weight(row) * value)
                .sum::<f64>()
                / weights
        }
        Intercept::None => 0.0,
    };
    y.iter()
        .enumerate()
        .map(|(row, value)| weight(row) * (value - mean) * (value - mean))
        .sum()
}

impl Fit {
    /// The value of the line at a point, given without the constant.
    ///
    /// # Errors
    /// [`StatisticsError::UnequalLengths`].
    pub fn predict(&self, point: &[f64]) -> Result<f64, StatisticsError> {
        let row = self.row(point)?;
        Ok(row.iter().zip(&self.coefficients).map(|(x, b)| x * b).sum())
    }

    /// Interval of the line at a point.
    ///
    /// # Errors
    /// As [`Fit::predict`].
    pub fn mean_interval(&self, point: &[f64], level: Level) -> Result<Interval, StatisticsError> {
        self.interval(point, 0.0, level, Method::LeastSquaresT)
    }

    /// Interval of a new observation at a point, of weight 1.
    ///
    /// # Errors
    /// As [`Fit::predict`].
    pub fn prediction_interval(
        &self,
        point: &[f64],
        level: Level,
    ) -> Result<Interval, StatisticsError> {
        self.interval(point, 1.0, level, Method::LeastSquaresPrediction)
    }

    /// Interval of a coefficient, counting the intercept as the first.
    ///
    /// # Errors
    /// [`StatisticsError::TooFew`] where there are fewer coefficients.
    pub fn coefficient_interval(
        &self,
        index: usize,
        level: Level,
    ) -> Result<Interval, StatisticsError> {
        require_count(
            "coefficients of the line",
            index + 1,
            self.coefficients.len(),
        )?;
        let half_width = self.quantile(level) * self.standard_errors[index];
        let value = self.coefficients[index];
        let method = Method::LeastSquaresT;
        Ok(Interval::symmetric(
            value,
            half_width,
            level,
            self.observations(),
            method,
        ))
    }

    fn interval(
        &self,
        point: &[f64],
        scatter: f64,
        level: Level,
        method: Method,
    ) -> Result<Interval, StatisticsError> {
        let row = self.row(point)?;
        let leverage: f64 = row
            .iter()
            .zip(self.inverse.chunks_exact(row.len()))
            .map(|(x, of_row)| x * of_row.iter().zip(&row).map(|(a, b)| a * b).sum::<f64>())
            .sum();
        let value = self.predict(point)?;
        let deviation = self.residual_deviation * (leverage + scatter).sqrt();
        let half_width = self.quantile(level) * deviation;
        Ok(Interval::symmetric(
            value,
            half_width,
            level,
            self.observations(),
            method,
        ))
    }

    fn quantile(&self, level: Level) -> f64 {
        student_t_quantile(level.upper_point(), number(self.degrees_of_freedom))
    }

    fn observations(&self) -> usize {
        self.degrees_of_freedom + self.coefficients.len()
    }

    fn row(&self, point: &[f64]) -> Result<Vec<f64>, StatisticsError> {
        let constant = match self.intercept {
            Intercept::Included => Some(1.0),
            Intercept::None => None,
        };
        let row: Vec<f64> = constant.into_iter().chain(point.iter().copied()).collect();
        if row.len() == self.coefficients.len() {
            Ok(row)
        } else {
            let (left, right) = (self.coefficients.len(), row.len());
            Err(StatisticsError::UnequalLengths { left, right })
        }
    }
}

#[cfg(test)]
#[path = "regression_tests.rs"]
mod tests;
