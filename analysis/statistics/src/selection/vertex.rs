//! Where the parabola through the configurations is lowest.

use serde::{Deserialize, Serialize};

use crate::blocks::Blocks;
use crate::distribution::{f_upper_tail, student_t_quantile};
use crate::error::{StatisticsError, require_count, require_finite};
use crate::interval::Level;
use crate::sum::number;

/// The vertex of the parabola that fits the means best.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vertex {
    /// Setting at which the parabola has its vertex, in the settings' unit.
    pub setting: f64,
    /// Value at the vertex.
    pub value: f64,
    /// Second derivative with respect to the setting; the vertex is a minimum where it is positive.
    pub curvature: f64,
    /// Settings that cannot be told from the vertex.
    pub set: VertexSet,
    /// Whether a parabola fits at all.
    pub lack_of_fit: LackOfFit,
    /// Confidence level of the set.
    pub level: Level,
}

/// Fieller's confidence set of a vertex.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VertexSet {
    /// All settings between two.
    Between {
        /// Lower bound, in the settings' unit.
        low: f64,
        /// Upper bound, in the settings' unit.
        high: f64,
    },
    /// The curvature cannot be told from zero: no setting can be excluded on at least one side.
    Unbounded,
}

impl VertexSet {
    /// Whether a setting belongs to the set; an unbounded set excludes nothing.
    pub fn contains(&self, setting: f64) -> bool {
        match *self {
            Self::Between { low, high } => low <= setting && setting <= high,
            Self::Unbounded => true,
        }
    }
}

/// The F test of the parabola against free means for all configurations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LackOfFit {
    /// Mean square of the means around the parabola over that of the interaction with blocks.
    pub f: f64,
    /// Degrees of freedom between: configurations less three.
    pub between: usize,
    /// Degrees of freedom within: (blocks − 1) (configurations − 1).
    pub within: usize,
    /// Probability of a larger F if the parabola is true. The vertex is reported above 0.05.
    pub p: f64,
}

/// Fits a parabola over the settings of the configurations.
///
/// Each block gives its own slope and curvature, free of what the block adds to all of its values.
/// The vertex is a ratio of their means; its set is Fieller's, with one degree of freedom fewer than
/// there are blocks, as for every comparison that is paired by block.
///
/// # Errors
/// One setting for each configuration, finite, and at least four different ones; a curvature of
/// exactly zero, or no scatter between blocks.
pub fn vertex(
    blocks: Blocks<'_>,
    settings: &[f64],
    level: Level,
) -> Result<Vertex, StatisticsError> {
    if settings.len() != blocks.configurations() {
        return Err(StatisticsError::UnequalLengths {
            left: blocks.configurations(),
            right: settings.len(),
        });
    }
    require_finite("settings of the configurations", settings)?;
    let mut distinct = settings.to_vec();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    require_count("different settings", 4, distinct.len())?;

    let basis = Basis::of(settings);
    let fits: Vec<(f64, f64)> = blocks.rows().map(|row| basis.project(row)).collect();
    let means = blocks.means();
    let (slope, curvature) = basis.project(&means);
    if curvature == 0.0 {
        return Err(StatisticsError::NoVariance {
            what: "curvature of the parabola",
        });
    }
    let ratio = slope / curvature;
    let level_of_means = means.iter().sum::<f64>() / number(means.len());
    Ok(Vertex {
        setting: basis.setting_of(ratio),
        value: basis.value_of(ratio, level_of_means, curvature),
        curvature: 2.0 * curvature / (basis.scale * basis.scale),
        set: fieller(&fits, (slope, curvature), &basis, level),
        lack_of_fit: lack_of_fit(blocks, &means, &basis)?,
        level,
    })
}

/// Orthogonal polynomials over the settings, which are centred and scaled to ±1:
/// `p₁ = x`, `p₂ = x² − a x − b`.
struct Basis {
    first: Vec<f64>,
    second: Vec<f64>,
    first_norm: f64,
    second_norm: f64,
    centre: f64,
    scale: f64,
    a: f64,
    b: f64,
}

impl Basis {
    fn of(settings: &[f64]) -> Self {
        let n = number(settings.len());
        let centre = settings.iter().map(|s| s - settings[0]).sum::<f64>() / n + settings[0];
        let scale = settings
            .iter()
            .map(|s| (s - centre).abs())
            .fold(0.0, f64::max);
        let first: Vec<f64> = settings.iter().map(|s| (s - centre) / scale).collect();
        let squares: f64 = first.iter().map(|x| x * x).sum();
        let (a, b) = (
            first.iter().map(|x| x * x * x).sum::<f64>() / squares,
            squares / n,
        );
        let second: Vec<f64> = first.iter().map(|x| x * x - a * x - b).collect();
        let second_norm = second.iter().map(|x| x * x).sum();
        Self {
            first,
            second,
            first_norm: squares,
            second_norm,
            centre,
            scale,
            a,
            b,
        }
    }

    /// Coefficients of the two polynomials in a row of values.
    fn project(&self, values: &[f64]) -> (f64, f64) {
        let dot = |basis: &[f64]| basis.iter().zip(values).map(|(p, v)| p * v).sum::<f64>();
        (
            dot(&self.first) / self.first_norm,
            dot(&self.second) / self.second_norm,
        )
    }

    /// The setting where `slope · p₁ + curvature · p₂` has no slope; `ratio` is slope by curvature.
    fn setting_of(&self, ratio: f64) -> f64 {
        self.centre + self.scale * (self.a - ratio) / 2.0
    }

    fn value_of(&self, ratio: f64, level: f64, curvature: f64) -> f64 {
        let x = (self.a - ratio) / 2.0;
        level + curvature * (ratio * x + x * x - self.a * x - self.b)
    }
}

/// The ratios `u` for which `slope − u · curvature` cannot be told from zero.
fn fieller(fits: &[(f64, f64)], means: (f64, f64), basis: &Basis, level: Level) -> VertexSet {
    let n = number(fits.len());
    let (slope, curvature) = means;
    let (mut vss, mut vsc, mut vcc) = (0.0, 0.0, 0.0);
    for fit in fits {
        let (s, c) = (fit.0 - slope, fit.1 - curvature);
        vss += s * s;
        vsc += s * c;
        vcc += c * c;
    }
    let t = student_t_quantile(level.upper_point(), n - 1.0);
    let factor = t * t / ((n - 1.0) * n);
    let square = curvature * curvature - factor * vcc;
    let half = slope * curvature - factor * vsc;
    let constant = slope * slope - factor * vss;
    if square <= 0.0 {
        return VertexSet::Unbounded;
    }
    let root = (half * half - square * constant).max(0.0).sqrt();
    // The setting falls as the ratio rises.
    VertexSet::Between {
        low: basis.setting_of((half + root) / square),
        high: basis.setting_of((half - root) / square),
    }
}

fn lack_of_fit(
    blocks: Blocks<'_>,
    means: &[f64],
    basis: &Basis,
) -> Result<LackOfFit, StatisticsError> {
    let (n, k) = (blocks.count(), blocks.configurations());
    let grand = means.iter().sum::<f64>() / number(k);
    let (slope, curvature) = basis.project(means);
    let around: f64 = means
        .iter()
        .zip(basis.first.iter().zip(&basis.second))
        .map(|(mean, (first, second))| mean - grand - slope * first - curvature * second)
        .map(|residual| residual * residual)
        .sum();
    let interaction = blocks.interaction_mean_square();
    let (between, within) = (k - 3, (n - 1) * (k - 1));
    if interaction == 0.0 {
        return Err(StatisticsError::NoVariance {
            what: "values within blocks",
        });
    }
    let f = number(n) * around / number(between) / interaction;
    Ok(LackOfFit {
        f,
        between,
        within,
        p: f_upper_tail(f, number(between), number(within)),
    })
}
