//! One cell of the study: everything that shapes the energies of its experiments.

use super::{Drift, Shape};
use crate::random::Stream;

/// How the scatter of one iteration divides into what a whole run shares and what each iteration has
/// of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Split {
    /// Runs differ, iterations of one run do not.
    BetweenOnly,
    /// Standard deviation between runs over that within a run.
    Ratio(f64),
}

/// The energy counter through which a run is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Counter {
    /// Exact.
    Exact,
    /// A counter that moves only at ticks, read at two moments that know nothing of them.
    Ticking {
        /// Time between two ticks, s.
        tick_s: f64,
        /// Length of the window, s.
        window_s: f64,
    },
}

/// The distribution of the energies of one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Runs of each configuration; one per block.
    pub runs: usize,
    /// Coefficient of variation of one iteration, as a fraction.
    pub variation: f64,
    /// Coefficient of variation of what the runs of one block share, as a fraction.
    pub block_variation: f64,
    /// Division of `variation`.
    pub split: Split,
    /// Iterations of a run; 1 where `split` is `BetweenOnly`.
    pub iterations: usize,
    /// Correlation of neighbouring iterations, φ.
    pub autocorrelation: f64,
    /// Law of the run effect.
    pub shape: Shape,
    /// Drift of the session.
    pub drift: Drift,
    /// The counter.
    pub counter: Counter,
}

/// Standard deviation on the log scale of a lognormal with this coefficient of variation.
pub(crate) fn log_deviation(variation: f64) -> f64 {
    libm::log1p(variation * variation).sqrt()
}

impl Conditions {
    /// Normal runs without drift, block effect or scatter within the run, read exactly.
    pub fn plain(runs: usize, variation: f64) -> Self {
        Self {
            runs,
            variation,
            block_variation: 0.0,
            split: Split::BetweenOnly,
            iterations: 1,
            autocorrelation: 0.0,
            shape: Shape::Normal,
            drift: Drift::None,
            counter: Counter::Exact,
        }
    }

    /// Standard deviation of the run effect on the log scale.
    pub fn between_log(&self) -> f64 {
        let total = log_deviation(self.variation);
        match self.split {
            Split::BetweenOnly => total,
            Split::Ratio(ratio) => total * ratio / (1.0 + ratio * ratio).sqrt(),
        }
    }

    /// Standard deviation of one iteration within its run on the log scale.
    pub fn within_log(&self) -> f64 {
        let total = log_deviation(self.variation);
        match self.split {
            Split::BetweenOnly => 0.0,
            Split::Ratio(ratio) => total / (1.0 + ratio * ratio).sqrt(),
        }
    }

    /// Natural logarithm of the geometric mean of a run's energy per iteration over μ, without drift.
    ///
    /// A run's energy is the arithmetic mean of its iterations, whose logarithm lies above the mean
    /// of their logarithms: by σ²/2 − v/2 to second order, where v is the relative variance of the
    /// mean of correlated lognormals.
    pub fn log_geometric_mean(&self) -> f64 {
        let square = self.within_log() * self.within_log();
        if square == 0.0 {
            return 0.0;
        }
        let mut variance = 0.0;
        let mut correlation = 1.0;
        for lag in 0..self.iterations {
            let pairs = self.iterations - lag;
            let weight = if lag == 0 { 1.0 } else { 2.0 };
            variance += weight * count(pairs) * libm::expm1(square * correlation);
            correlation *= self.autocorrelation;
        }
        variance /= count(self.iterations) * count(self.iterations);
        (square - variance) / 2.0
    }

    /// Energy per iteration of one run over μ, before the counter: the run effect and its iterations.
    pub fn draw_run(&self, stream: &mut Stream) -> f64 {
        let run = libm::exp(self.between_log() * self.shape.draw(stream));
        if matches!(self.split, Split::BetweenOnly) {
            return run;
        }
        let mut sum = 0.0;
        let mut series = Autoregression::new(self.autocorrelation, self.within_log(), stream);
        for _ in 0..self.iterations {
            sum += libm::exp(series.next(stream));
        }
        run * sum / count(self.iterations)
    }

    /// Energies of the single iterations of one run over μ.
    pub fn draw_iterations(&self, stream: &mut Stream, into: &mut Vec<f64>) {
        let run = self.between_log() * self.shape.draw(stream);
        let mut series = Autoregression::new(self.autocorrelation, self.within_log(), stream);
        into.extend((0..self.iterations).map(|_| libm::exp(run + series.next(stream))));
    }
}

impl Counter {
    /// What the counter shows of `energy_j`: a whole number of ticks at the run's mean power.
    ///
    /// The moments of reading are random against the ticks, so the error has mean 0.
    pub fn read_j(self, energy_j: f64, stream: &mut Stream) -> f64 {
        match self {
            Self::Exact => energy_j,
            Self::Ticking { tick_s, window_s } => {
                let begin_s = tick_s * stream.uniform();
                let ticks = ((begin_s + window_s) / tick_s).floor();
                energy_j * ticks * tick_s / window_s
            }
        }
    }
}

/// A stationary autoregression of first order with mean 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Autoregression {
    coefficient: f64,
    innovation: f64,
    upcoming: f64,
}

impl Autoregression {
    /// One with correlation `coefficient` between neighbours and standard deviation `deviation`.
    pub(crate) fn new(coefficient: f64, deviation: f64, stream: &mut Stream) -> Self {
        Self {
            coefficient,
            innovation: deviation * (1.0 - coefficient * coefficient).sqrt(),
            upcoming: deviation * stream.normal(),
        }
    }

    /// The next value.
    pub(crate) fn next(&mut self, stream: &mut Stream) -> f64 {
        let value = self.upcoming;
        self.upcoming = self.coefficient * value + self.innovation * stream.normal();
        value
    }
}

/// A count as a number for arithmetic.
pub(crate) fn count(n: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts here are far below 2⁵³")]
    let value = n as f64;
    value
}
