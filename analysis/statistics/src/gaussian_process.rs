//! Interpolation with intervals: an exact Gaussian process.
//!
//! Constant mean, Matérn-5/2 covariance with a length for each column, and noise (Rasmussen and
//! Williams, Gaussian Processes for Machine Learning, 2006, chapters 2, 4 and 5). Lengths and noise
//! maximise the marginal likelihood, by a small grid and a local search from its best node; variance
//! and mean follow in closed form. The fit takes time with the cube of the number of values; it is
//! meant for hundreds.

use faer::Mat;

use crate::distribution::student_t_quantile;
use crate::error::{StatisticsError, require_count, require_finite};
use crate::interval::{Interval, Level, Method};
use crate::linear::{Cholesky, LinearError};
use crate::sum::number;

/// Fewest values for a fit.
pub const MINIMUM_VALUES: usize = 5;

/// Least ratio of noise variance to signal variance; below it the matrix is singular to rounding.
const LEAST_NOISE: f64 = 1e-8;

/// Logarithms to base 2 of the lengths, in standard deviations of the columns, at the grid's nodes.
const GRID_LENGTHS: [f64; 6] = [-2.0, -1.0, 0.0, 1.0, 2.0, 4.0];
/// Logarithms to base 2 of noise by signal variance at the grid's nodes.
const GRID_NOISES: [f64; 5] = [-20.0, -13.0, -9.0, -5.0, -1.0];

/// A fitted process.
pub struct GaussianProcess {
    inputs: Inputs,
    hyper: Vec<f64>,
    solved: Solved,
}

impl GaussianProcess {
    /// Fits the process to values `y` at points that are given column by column.
    ///
    /// # Errors
    /// Fewer than [`MINIMUM_VALUES`] values, no columns, columns of unequal length, values that are
    /// not finite or all equal.
    pub fn fit(columns: &[&[f64]], y: &[f64]) -> Result<Self, LinearError> {
        require_count("columns of the process", 1, columns.len())?;
        require_count("values of the process", MINIMUM_VALUES, y.len())?;
        require_finite("values of the process", y)?;
        if y.iter().all(|value| value.total_cmp(&y[0]).is_eq()) {
            return Err(StatisticsError::NoVariance {
                what: "values of the process",
            }
            .into());
        }
        let inputs = Inputs::of(columns, y.len())?;
        let hyper = search(&inputs, y);
        let solved = Solved::at(&inputs, &hyper, y).ok_or(LinearError::NoConvergence {
            what: "covariance of the process",
        })?;
        Ok(Self {
            inputs,
            hyper,
            solved,
        })
    }

    /// Logarithm of the marginal likelihood, with mean and variance at their best values.
    pub const fn log_likelihood(&self) -> f64 {
        self.solved.log_likelihood
    }

    /// The lengths over which values resemble each other, in the columns' units.
    pub fn lengths(&self) -> Vec<f64> {
        let scales = self.inputs.columns.iter().map(|column| column.scale);
        self.hyper[1..]
            .iter()
            .zip(scales)
            .map(|(log, scale)| libm::exp2(*log) * scale)
            .collect()
    }

    /// Standard deviation of the noise, in the values' unit.
    pub fn noise_deviation(&self) -> f64 {
        (self.solved.variance * noise_ratio(&self.hyper)).sqrt()
    }

    /// Interval of a new, noisy value at a point.
    ///
    /// # Errors
    /// A point with another number of columns, or one that is not finite.
    pub fn prediction_interval(
        &self,
        point: &[f64],
        level: Level,
    ) -> Result<Interval, StatisticsError> {
        self.interval(point, noise_ratio(&self.hyper), level)
    }

    /// Interval of the curve without noise at a point.
    ///
    /// # Errors
    /// As [`GaussianProcess::prediction_interval`].
    pub fn mean_interval(&self, point: &[f64], level: Level) -> Result<Interval, StatisticsError> {
        self.interval(point, 0.0, level)
    }

    fn interval(
        &self,
        point: &[f64],
        noise: f64,
        level: Level,
    ) -> Result<Interval, StatisticsError> {
        if point.len() != self.inputs.columns.len() {
            let (left, right) = (self.inputs.columns.len(), point.len());
            return Err(StatisticsError::UnequalLengths { left, right });
        }
        require_finite("point of the prediction", point)?;
        let n = self.inputs.rows;
        let scaled: Vec<f64> = self
            .inputs
            .columns
            .iter()
            .zip(point)
            .map(|(column, x)| column.scaled(*x))
            .collect();
        let inverse_lengths = inverse_lengths(&self.hyper);
        let mut nearness: Vec<f64> = (0..n)
            .map(|row| {
                matern(
                    self.inputs
                        .distance(row, |column| scaled[column], &inverse_lengths),
                )
            })
            .collect();
        self.solved.factor.whiten(&mut nearness);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let value = self.solved.mean + dot(&nearness, &self.solved.residuals);
        // What is not known of the mean adds to what is not known of the curve.
        let unexplained = 1.0 - dot(&nearness, &self.solved.ones);
        let of_mean = unexplained * unexplained / dot(&self.solved.ones, &self.solved.ones);
        let share = (1.0 - dot(&nearness, &nearness)).max(0.0) + of_mean + noise;
        let half_width = student_t_quantile(level.upper_point(), number(n - 1))
            * (self.solved.variance * share).sqrt();
        Ok(Interval::symmetric(
            value,
            half_width,
            level,
            n,
            Method::GaussianProcess,
        ))
    }
}

/// One column, scaled to standard deviation 1. A constant column tells nothing and stays at zero.
struct Column {
    centre: f64,
    scale: f64,
    values: Vec<f64>,
}

impl Column {
    fn of(values: &[f64]) -> Self {
        let n = number(values.len());
        let centre = values.iter().map(|value| value - values[0]).sum::<f64>() / n + values[0];
        let squares: f64 = values
            .iter()
            .map(|value| (value - centre) * (value - centre))
            .sum();
        let scale = if squares > 0.0 {
            (squares / n).sqrt()
        } else {
            1.0
        };
        let mut column = Self {
            centre,
            scale,
            values: Vec::new(),
        };
        column.values = values.iter().map(|value| column.scaled(*value)).collect();
        column
    }

    fn scaled(&self, value: f64) -> f64 {
        (value - self.centre) / self.scale
    }
}

struct Inputs {
    columns: Vec<Column>,
    rows: usize,
}

impl Inputs {
    fn of(columns: &[&[f64]], rows: usize) -> Result<Self, StatisticsError> {
        for column in columns {
            if column.len() != rows {
                return Err(StatisticsError::UnequalLengths {
                    left: column.len(),
                    right: rows,
                });
            }
            require_finite("column of the process", column)?;
        }
        Ok(Self {
            columns: columns.iter().map(|column| Column::of(column)).collect(),
            rows,
        })
    }

    /// Distance of a row to a point, in lengths.
    fn distance(&self, row: usize, point: impl Fn(usize) -> f64, inverse: &[f64]) -> f64 {
        let squares =
            self.columns
                .iter()
                .zip(inverse)
                .enumerate()
                .map(|(index, (column, inverse))| {
                    let difference = (column.values[row] - point(index)) * inverse;
                    difference * difference
                });
        squares.sum::<f64>().sqrt()
    }
}

/// `(1 + √5 r + 5 r² / 3) exp(−√5 r)`.
fn matern(distance: f64) -> f64 {
    let scaled = 5f64.sqrt() * distance;
    (1.0 + scaled + scaled * scaled / 3.0) * libm::exp(-scaled)
}

/// The first entry is the logarithm to base 2 of noise by signal variance; the others are those of
/// the lengths.
fn noise_ratio(hyper: &[f64]) -> f64 {
    libm::exp2(hyper[0]).max(LEAST_NOISE)
}

fn inverse_lengths(hyper: &[f64]) -> Vec<f64> {
    hyper[1..].iter().map(|log| libm::exp2(-log)).collect()
}

/// What follows in closed form from noise and lengths.
struct Solved {
    factor: Cholesky,
    /// `L⁻¹ 1`.
    ones: Vec<f64>,
    /// `L⁻¹ (y − m)`.
    residuals: Vec<f64>,
    mean: f64,
    variance: f64,
    log_likelihood: f64,
}

impl Solved {
    fn at(inputs: &Inputs, hyper: &[f64], y: &[f64]) -> Option<Self> {
        let n = y.len();
        let inverse = inverse_lengths(hyper);
        let noise = noise_ratio(hyper);
        let mut covariance = Mat::zeros(n, n);
        for column in 0..n {
            covariance[(column, column)] = 1.0 + noise;
            for row in column + 1..n {
                let other = |index: usize| inputs.columns[index].values[column];
                covariance[(row, column)] = matern(inputs.distance(row, other, &inverse));
            }
        }
        let factor = Cholesky::of(covariance)?;
        let mut ones = vec![1.0; n];
        factor.whiten(&mut ones);
        let mut residuals = y.to_vec();
        factor.whiten(&mut residuals);
        let squares_of_ones: f64 = ones.iter().map(|one| one * one).sum();
        let mean = ones.iter().zip(&residuals).map(|(a, b)| a * b).sum::<f64>() / squares_of_ones;
        residuals
            .iter_mut()
            .zip(&ones)
            .for_each(|(residual, one)| *residual -= mean * one);
        // Divisor n − 1, as the mean was estimated too: the restricted likelihood.
        let degrees = number(n - 1);
        let variance = residuals
            .iter()
            .map(|residual| residual * residual)
            .sum::<f64>()
            / degrees;
        let log_likelihood = -0.5
            * (degrees * (libm::log(std::f64::consts::TAU * variance) + 1.0)
                + factor.log_determinant()
                + libm::log(squares_of_ones));
        log_likelihood.is_finite().then_some(Self {
            factor,
            ones,
            residuals,
            mean,
            variance,
            log_likelihood,
        })
    }
}

/// The best node of the grid, with one length for all columns, then steps along each axis that halve
/// where none leads upwards.
fn search(inputs: &Inputs, y: &[f64]) -> Vec<f64> {
    const SMALLEST_STEP: f64 = 0.1;
    let height = |hyper: &[f64]| {
        Solved::at(inputs, hyper, y).map_or(f64::NEG_INFINITY, |solved| solved.log_likelihood)
    };
    let mut best = vec![0.0; 1 + inputs.columns.len()];
    let mut highest = f64::NEG_INFINITY;
    for noise in GRID_NOISES {
        for length in GRID_LENGTHS {
            let mut node = vec![length; 1 + inputs.columns.len()];
            node[0] = noise;
            let found = height(&node);
            if found > highest {
                (best, highest) = (node, found);
            }
        }
    }
    let mut step = 1.0;
    while step > SMALLEST_STEP {
        let mut moved = false;
        for axis in 0..best.len() {
            for direction in [-step, step] {
                let mut trial = best.clone();
                // Beyond these, nothing changes but the rounding.
                trial[axis] = (trial[axis] + direction).clamp(-26.0, 8.0);
                let found = height(&trial);
                if found > highest + 1e-9 {
                    (best, highest, moved) = (trial, found, true);
                }
            }
        }
        if !moved {
            step /= 2.0;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::NormalDraws;

    #[test]
    fn without_noise_it_goes_through_the_values() {
        let x: Vec<f64> = (0..12).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|x| 50.0 + 10.0 * libm::sin(x / 3.0)).collect();
        let process = GaussianProcess::fit(&[&x], &y).unwrap();
        for (x, y) in x.iter().zip(&y) {
            let interval = process.mean_interval(&[*x], Level::P95).unwrap();
            assert!(
                (interval.value - y).abs() < 1e-2,
                "{} for {y}",
                interval.value
            );
        }
        let between = process.mean_interval(&[5.5], Level::P95).unwrap();
        assert!((between.value - 50.0 - 10.0 * libm::sin(5.5 / 3.0)).abs() < 0.1);
        // Far outside it says that it does not know.
        let outside = process.mean_interval(&[40.0], Level::P95).unwrap();
        assert!(outside.half_width() > 20.0 * between.half_width());
    }

    #[test]
    fn two_values_near_each_other_by_hand() {
        // r = √(1/5) makes the scaled distance 1: (1 + 1 + 1/3) / e.
        assert!((matern(0.2f64.sqrt()) - 7.0 / 3.0 * libm::exp(-1.0)).abs() < 1e-15);
        assert!((matern(0.0) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn new_values_lie_inside_as_often_as_promised() {
        let (mut covered, mut noise) = (0, 0.0);
        for seed in 0..40 {
            let mut draws = NormalDraws::new(seed, 0);
            let x: Vec<f64> = (0..40).map(|_| 10.0 * draws.uniform()).collect();
            let z: Vec<f64> = (0..40).map(|_| draws.uniform()).collect();
            let truth = |x: f64, z: f64| 5.0 + libm::sin(x) + z * z;
            let y: Vec<f64> = x
                .iter()
                .zip(&z)
                .map(|(x, z)| truth(*x, *z) + 0.1 * draws.draw())
                .collect();
            let process = GaussianProcess::fit(&[&x, &z], &y).unwrap();
            noise += process.noise_deviation() / 40.0;
            for _ in 0..25 {
                let point = [10.0 * draws.uniform(), draws.uniform()];
                let new = truth(point[0], point[1]) + 0.1 * draws.draw();
                let interval = process.prediction_interval(&point, Level::P95).unwrap();
                covered += usize::from(interval.contains(new));
            }
        }
        assert!((925..=975).contains(&covered), "{covered} of 1000");
        assert!((noise / 0.1 - 1.0).abs() < 0.15, "{noise}");
    }

    #[test]
    fn what_cannot_be_fitted_is_an_error() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert!(GaussianProcess::fit(&[&x], &[1.0; 5]).is_err());
        assert!(GaussianProcess::fit(&[&x[1..]], &x).is_err());
        assert!(GaussianProcess::fit(&[], &x).is_err());
        assert!(GaussianProcess::fit(&[&x[..4]], &x[..4]).is_err());
        let process = GaussianProcess::fit(&[&x], &[1.0, 4.0, 2.0, 8.0, 5.0]).unwrap();
        assert!(process.mean_interval(&[1.0, 2.0], Level::P95).is_err());
    }
}
