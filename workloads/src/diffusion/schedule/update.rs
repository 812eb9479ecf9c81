//! One sum of a step.

use std::fmt;

/// What a step works with. All but the sample are zero before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// The noisy picture that the network sees, up to a factor.
    Sample,
    /// What the network said of it; only read.
    Output,
    /// The clean picture that follows from the two.
    Clean,
    /// That of the step before.
    EarlierClean,
    /// That of the step before that one.
    EarliestClean,
    /// The sample, improved by what the network said of it.
    Corrected,
}

impl Quantity {
    /// Those that a step leaves for the next, and so have memory of their own.
    pub const KEPT: [Self; 5] = [
        Self::Sample,
        Self::Clean,
        Self::EarlierClean,
        Self::EarliestClean,
        Self::Corrected,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Output => "output",
            Self::Clean => "clean",
            Self::EarlierClean => "earlier_clean",
            Self::EarliestClean => "earliest_clean",
            Self::Corrected => "corrected",
        }
    }
}

/// `target = Σ coefficients[step][i] · terms[i]`, and where noise is drawn the last coefficient times
/// standard normal values. The target may be one of the terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// What is written.
    pub target: Quantity,
    /// What is added.
    pub terms: &'static [Quantity],
    /// Whether fresh noise is added too.
    pub draws_noise: bool,
    /// For each step one coefficient of each term, and then that of the noise.
    pub coefficients: Vec<Vec<f64>>,
}

impl Update {
    /// A sum without noise.
    pub(super) const fn new(
        target: Quantity,
        terms: &'static [Quantity],
        coefficients: Vec<Vec<f64>>,
    ) -> Self {
        Self {
            target,
            terms,
            draws_noise: false,
            coefficients,
        }
    }

    /// A copy, in each of so many steps.
    pub(super) fn copy(target: Quantity, from: &'static [Quantity; 1], steps: usize) -> Self {
        Self::new(target, from, vec![vec![1.0]; steps])
    }

    /// Whether it reads what the network said, and so comes after it in any case.
    pub fn reads(&self, quantity: Quantity) -> bool {
        self.terms.contains(&quantity)
    }
}

impl fmt::Display for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<&str> = self.terms.iter().map(|term| term.name()).collect();
        write!(f, "{} = {}", self.target.name(), terms.join(" + "))?;
        f.write_str(if self.draws_noise { " + noise" } else { "" })
    }
}
