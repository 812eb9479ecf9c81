//! From an interval and a criterion to a verdict.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The outcome of a test, in the order in which parts of a claim decide it: one refuted part
/// refutes the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval is where the claim says.
    Supported,
    /// The interval reaches over the bound, or there is none.
    Inconclusive,
    /// The data of the test are not there.
    Unavailable,
    /// The whole interval is where the claim says it is not.
    Refuted,
}

impl Verdict {
    /// The word in data and in print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Inconclusive => "inconclusive",
            Self::Unavailable => "unavailable",
            Self::Refuted => "refuted",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Bounds of an estimate, both or none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// Where a number must lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Criterion {
    /// At this value or above it.
    AtLeast(f64),
    /// At this value or below it.
    AtMost(f64),
    /// Between two values, both included.
    Within(f64, f64),
    /// Further from zero than this, on either side.
    Beyond(f64),
}

impl Criterion {
    /// Supported where the whole interval meets the criterion, refuted where no part of it does.
    ///
    /// The bounds are those of a two-sided 95 % interval, so a one-sided statement is made at
    /// 97.5 %. For several parts that must all hold, no correction is needed (intersection-union).
    pub fn verdict(self, bounds: Option<Bounds>) -> Verdict {
        let Some(Bounds { low, high }) = bounds else {
            return Verdict::Inconclusive;
        };
        let (supported, refuted) = match self {
            Self::AtLeast(bound) => (low >= bound, high < bound),
            Self::AtMost(bound) => (high <= bound, low > bound),
            Self::Within(least, most) => (low >= least && high <= most, high < least || low > most),
            Self::Beyond(bound) => (low > bound || high < -bound, low >= -bound && high <= bound),
        };
        match (supported, refuted) {
            (true, _) => Verdict::Supported,
            (false, true) => Verdict::Refuted,
            (false, false) => Verdict::Inconclusive,
        }
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, "at least {bound}"),
            Self::AtMost(bound) => write!(f, "at most {bound}"),
            Self::Within(low, high) => write!(f, "from {low} to {high}"),
            Self::Beyond(bound) => write!(f, "more than {bound} from zero"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdict(criterion: Criterion, low: f64, high: f64) -> Verdict {
        criterion.verdict(Some(Bounds { low, high }))
    }

    #[test]
    fn an_interval_beyond_the_bound_decides_and_one_across_it_does_not() {
        use Criterion::{AtLeast, AtMost, Beyond, Within};
        use Verdict::{Inconclusive, Refuted, Supported};
        for (criterion, low, high, expected) in [
            (AtLeast(2.0), 2.0, 3.0, Supported),
            (AtLeast(2.0), 1.9, 2.1, Inconclusive),
            (AtLeast(2.0), 1.0, 1.9, Refuted),
            (AtMost(2.0), 1.0, 2.0, Supported),
            (AtMost(2.0), 1.9, 2.1, Inconclusive),
            (AtMost(2.0), 2.1, 3.0, Refuted),
            (Within(0.98, 1.02), 0.99, 1.01, Supported),
            (Within(0.98, 1.02), 0.97, 1.01, Inconclusive),
            (Within(0.98, 1.02), 0.90, 0.97, Refuted),
            (Within(0.98, 1.02), 0.90, 1.10, Inconclusive),
            (Beyond(20.0), -50.0, -30.0, Supported),
            (Beyond(20.0), 30.0, 50.0, Supported),
            (Beyond(20.0), -30.0, 30.0, Inconclusive),
            (Beyond(20.0), 10.0, 30.0, Inconclusive),
            (Beyond(20.0), -5.0, 8.0, Refuted),
        ] {
            assert_eq!(
                verdict(criterion, low, high),
                expected,
                "{criterion}: {low}..{high}"
            );
        }
        assert_eq!(AtLeast(2.0).verdict(None), Inconclusive);
    }

    proptest! {
        #[test]
        fn a_wider_interval_never_turns_one_verdict_into_its_opposite(
            low in -50.0..50.0_f64, width in 0.0..20.0_f64, more in 0.0..20.0_f64, bound in 0.1..30.0_f64,
        ) {
            for criterion in [
                Criterion::AtLeast(bound),
                Criterion::AtMost(bound),
                Criterion::Within(-bound, bound),
                Criterion::Beyond(bound),
            ] {
                let narrow = verdict(criterion, low, low + width);
                let wide = verdict(criterion, low - more, low + width + more);
                prop_assert!(wide == narrow || wide == Verdict::Inconclusive);
            }
        }
    }
}
