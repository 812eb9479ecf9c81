//! Shapes of the noise between runs.

use crate::random::Stream;

/// Law of the run effect. Each has mean 0 and variance 1 before it is scaled, so that a standard
/// deviation means the same for all of them and the geometric mean of the energy stays μ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Standard normal.
    Normal,
    /// A lognormal with σ = 0.5, centred and scaled: it stays skewed after the logarithm.
    Lognormal,
    /// An exponential, centred.
    Exponential,
    /// Normal, but 2 % of the runs lie six of its standard deviations higher.
    Outliers,
    /// Three runs of ten at a lower clock: two narrow humps, 3 of their standard deviations apart.
    ClockStep,
}

const LOGNORMAL_SIGMA: f64 = 0.5;
const OUTLIER_SHARE: f64 = 0.02;
const OUTLIER_SHIFT: f64 = 6.0;
const STEP_SHARE: f64 = 0.3;
const STEP_SHIFT: f64 = 3.0;

impl Shape {
    /// A draw with mean 0 and variance 1.
    pub fn draw(self, stream: &mut Stream) -> f64 {
        match self {
            Self::Normal => stream.normal(),
            Self::Lognormal => {
                let square = LOGNORMAL_SIGMA * LOGNORMAL_SIGMA;
                let mean = libm::exp(square / 2.0);
                let deviation = mean * libm::expm1(square).sqrt();
                (libm::exp(LOGNORMAL_SIGMA * stream.normal()) - mean) / deviation
            }
            Self::Exponential => stream.exponential() - 1.0,
            Self::Outliers => mixture(stream, OUTLIER_SHARE, OUTLIER_SHIFT),
            Self::ClockStep => mixture(stream, STEP_SHARE, STEP_SHIFT),
        }
    }

    /// Name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Lognormal => "lognormal-shaped, σ 0.5",
            Self::Exponential => "exponential",
            Self::Outliers => "2 % outliers",
            Self::ClockStep => "bimodal clock step",
        }
    }
}

/// A unit normal that is moved by `shift` with probability `share`, centred and scaled.
fn mixture(stream: &mut Stream, share: f64, shift: f64) -> f64 {
    let moved = if stream.chance(share) { shift } else { 0.0 };
    let deviation = (1.0 + share * (1.0 - share) * shift * shift).sqrt();
    (stream.normal() + moved - share * shift) / deviation
}
