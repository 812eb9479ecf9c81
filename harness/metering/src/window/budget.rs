//! The error budget of an energy: one line for each source, and what they come to.
//!
//! Lines are independent and combine by the root of the sum of their squares (GUM, JCGM 100:2008,
//! section 5.1.2). The factor to 95 % follows from the shape of the sum, not from a flat 2: a budget
//! that one rectangular line rules reaches 95 % at 1.65 standard uncertainties, one whose variance
//! was estimated from four readings at 2.78.

use serde::{Deserialize, Serialize};

use super::factor::{coverage_factor, student_factor};

/// Where a part of the uncertainty comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Least step of the counter.
    Resolution,
    /// The window begins or ends inside a tick, and what happened in that part of it is not known.
    Edge,
    /// When the window began and ended, as its stamps know it.
    EdgeTime,
    /// When the counter ticked.
    TickTime,
    /// How late the counter counts.
    Latency,
    /// Gaps between readings of power, where no counter is there to integrate.
    Integration,
    /// Change of the scale during the run.
    Drift,
    /// Scale of the sensor against the truth.
    Gain,
    /// Zero of the sensor against the truth.
    Offset,
}

impl Source {
    /// The source as it stands in data.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Resolution => "resolution",
            Self::Edge => "edge",
            Self::EdgeTime => "edge_time",
            Self::TickTime => "tick_time",
            Self::Latency => "latency",
            Self::Integration => "integration",
            Self::Drift => "drift",
            Self::Gain => "gain",
            Self::Offset => "offset",
        }
    }

    /// Whether the line tells the card's sensor from the truth, and so cancels where two energies of
    /// one card are divided (gain) or subtracted over equal times (offset).
    pub const fn is_of_the_card(self) -> bool {
        matches!(self, Self::Gain | Self::Offset)
    }
}

/// How an uncertainty was evaluated: from the readings themselves, or from anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// From the statistics of this recording.
    TypeA,
    /// From calibrations, data sheets, publications.
    TypeB,
}

/// Shape of what the line may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Normal.
    Normal,
    /// Everything between two limits alike.
    Rectangular,
    /// Sum of two equal rectangles.
    Triangular,
}

impl Distribution {
    /// Excess kurtosis.
    const fn excess_kurtosis(self) -> f64 {
        match self {
            Self::Normal => 0.0,
            Self::Rectangular => -1.2,
            Self::Triangular => -0.6,
        }
    }
}

/// One source of uncertainty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetLine {
    /// The source.
    pub source: Source,
    /// How it was evaluated.
    pub kind: Kind,
    /// Its standard uncertainty in joules.
    pub standard_uncertainty_j: f64,
    /// Its shape.
    pub distribution: Distribution,
    /// Degrees of freedom of the standard uncertainty; absent where it is as good as known.
    pub degrees_of_freedom: Option<f64>,
    /// Where the number comes from.
    pub why: String,
}

/// What lines come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Combined {
    /// The energy in joules.
    pub energy_j: f64,
    /// Combined standard uncertainty in joules.
    pub standard_uncertainty_j: f64,
    /// Standard uncertainties from the energy to each end of the interval.
    pub coverage_factor: f64,
    /// Where 95 % of such energies lie, in joules.
    pub interval_j: [f64; 2],
}

impl Combined {
    /// What lines come to around an energy.
    pub(crate) fn of<'a>(energy_j: f64, lines: impl Iterator<Item = &'a BudgetLine>) -> Self {
        let (mut variance, mut fourth, mut by_freedom) = (0.0, 0.0, 0.0);
        for line in lines {
            let square = line.standard_uncertainty_j * line.standard_uncertainty_j;
            variance += square;
            fourth += line.distribution.excess_kurtosis() * square * square;
            by_freedom += line
                .degrees_of_freedom
                .map_or(0.0, |freedom| square * square / freedom);
        }
        let kurtosis = if variance > 0.0 {
            fourth / (variance * variance)
        } else {
            0.0
        };
        let standard_uncertainty_j = variance.sqrt();
        let student = if by_freedom > 0.0 {
            student_factor(variance * variance / by_freedom)
        } else {
            1.0
        };
        let coverage_factor = coverage_factor(kurtosis) * student;
        let half = coverage_factor * standard_uncertainty_j;
        Self {
            energy_j,
            standard_uncertainty_j,
            coverage_factor,
            interval_j: [energy_j - half, energy_j + half],
        }
    }

    /// Whether an energy lies in the interval.
    pub fn contains(&self, energy_j: f64) -> bool {
        (self.interval_j[0]..=self.interval_j[1]).contains(&energy_j)
    }

    /// Half the interval by the energy.
    pub fn relative_half_width(&self) -> f64 {
        self.coverage_factor * self.standard_uncertainty_j / self.energy_j
    }
}

/// The budget of an energy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The lines, the card's own last.
    pub lines: Vec<BudgetLine>,
    /// What an ideal sensor of this card's scale would have said: without gain and offset. This is
    /// the interval for ratios of one card.
    pub sensed: Combined,
    /// What the board truly used: with gain and offset.
    pub truth: Combined,
}

impl Budget {
    pub(crate) fn new(lines: Vec<BudgetLine>, sensed_j: f64, true_j: f64, gain: f64) -> Self {
        let sensed = Combined::of(
            sensed_j,
            lines.iter().filter(|l| !l.source.is_of_the_card()),
        );
        // What is uncertain of the sensed energy is, in truth, by the gain as large.
        let in_truth: Vec<BudgetLine> = lines
            .iter()
            .map(|line| BudgetLine {
                standard_uncertainty_j: line.standard_uncertainty_j / gain,
                ..line.clone()
            })
            .collect();
        let truth = Combined::of(true_j, in_truth.iter());
        Self {
            lines,
            sensed,
            truth,
        }
    }

    /// Standard uncertainty of a source in joules, zero where the budget has no such line.
    pub fn of(&self, source: Source) -> f64 {
        self.lines
            .iter()
            .filter(|line| line.source == source)
            .map(|line| line.standard_uncertainty_j)
            .fold(0.0, libm::hypot)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(uncertainty_j: f64, distribution: Distribution) -> BudgetLine {
        BudgetLine {
            source: Source::Edge,
            kind: Kind::TypeA,
            standard_uncertainty_j: uncertainty_j,
            distribution,
            degrees_of_freedom: None,
            why: String::new(),
        }
    }

    #[test]
    fn one_rectangle_reaches_95_percent_at_0_95_of_its_limit() {
        let lines = [line(10.0 / 3_f64.sqrt(), Distribution::Rectangular)];
        let combined = Combined::of(100.0, lines.iter());
        assert!(
            (combined.interval_j[1] - 109.5).abs() < 0.01,
            "{combined:?}"
        );
    }

    #[test]
    fn two_equal_rectangles_make_a_triangle() {
        // Of a triangle on (−2, 2) 95 % lie within 2·(1 − √0.05) = 1.5528.
        let u = 1.0 / 3_f64.sqrt();
        let lines = [
            line(u, Distribution::Rectangular),
            line(u, Distribution::Rectangular),
        ];
        let combined = Combined::of(0.0, lines.iter());
        assert!(
            (combined.interval_j[1] - 1.5528).abs() < 0.02,
            "{combined:?}"
        );
        let triangle = [line(2.0 / 6_f64.sqrt(), Distribution::Triangular)];
        let alike = Combined::of(0.0, triangle.iter());
        assert!((alike.interval_j[1] - combined.interval_j[1]).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn more_lines_never_narrow_the_interval(u in proptest::collection::vec(0.0f64..5.0, 1..8)) {
            let lines: Vec<BudgetLine> = u.iter().map(|u| line(*u, Distribution::Normal)).collect();
            let mut half = 0.0;
            for n in 1..=lines.len() {
                let combined = Combined::of(50.0, lines[..n].iter());
                let now = combined.interval_j[1] - 50.0;
                prop_assert!(now >= half - 1e-12);
                half = now;
            }
        }
    }
}
