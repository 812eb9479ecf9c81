//! What a bar demands, and what a measured interval says about it.

use serde::Serialize;

/// The demand of one row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// Between two values.
    Within {
        /// Least allowed value.
        low: f64,
        /// Greatest allowed value.
        high: f64,
    },
    /// At least this value.
    AtLeast(f64),
    /// At most this value.
    AtMost(f64),
    /// True in every single experiment: a rule, not a rate.
    Always,
    /// No demand: the row is printed for the reader.
    Nothing,
}

/// What the row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Good practice that has to hold.
    Bar,
    /// Bad practice that has to fail; its demand describes the failure.
    NegativeControl,
    /// Context, without a demand.
    Context,
}

/// What is estimated by the interval under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Geometric mean of the energies of runs.
    GeometricMean,
    /// Arithmetic mean of the energies of runs.
    ArithmeticMean,
    /// Ratio of geometric means.
    GeometricRatio,
    /// Ratio of arithmetic means.
    ArithmeticRatio,
    /// Something else, named in the row.
    Other,
}

impl Target {
    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::GeometricMean => "geom. mean",
            Self::ArithmeticMean => "mean",
            Self::GeometricRatio => "geom. ratio",
            Self::ArithmeticRatio => "ratio",
            Self::Other => "\u{2013}",
        }
    }
}

/// Unit of the numbers of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A share of one; tables show it in percent.
    Share,
    /// A plain number, of the kind that the question names.
    Number,
}

/// How a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// "At least" and "at most": the whole Monte-Carlo interval meets the demand, its unfavourable
    /// end too. A range: the measured value lies inside.
    Met,
    /// The interval reaches values that meet the demand, but not as [`Verdict::Met`] asks: this many
    /// experiments neither prove nor refute it.
    NotRefuted,
    /// No value of the interval meets the demand.
    Missed,
    /// Missed, and known to be: the reason stands in the row.
    Exception,
    /// No demand.
    Reported,
    /// Too few experiments had an answer.
    Unanswered,
}

impl Verdict {
    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotRefuted => "not refuted",
            Self::Missed => "MISSED",
            Self::Exception => "exception",
            Self::Reported => "\u{2013}",
            Self::Unanswered => "unanswered",
        }
    }
}

impl Requirement {
    /// Holds a measured value and its Monte-Carlo interval `[low, high]` against the demand.
    ///
    /// A range is as narrow as the interval of a few thousand experiments, so that asking for the
    /// whole interval inside would call nothing met; it is missed where the interval misses it.
    /// `Always` looks at `measured` alone: one counterexample refutes a rule.
    pub fn judge(self, measured: f64, low: f64, high: f64) -> Verdict {
        let (met, possible) = match self {
            Self::Within {
                low: least,
                high: most,
            } => (
                (least..=most).contains(&measured),
                high >= least && low <= most,
            ),
            Self::AtLeast(least) => (low >= least, high >= least),
            Self::AtMost(most) => (high <= most, low <= most),
            Self::Always => (measured >= 1.0, measured >= 1.0),
            Self::Nothing => return Verdict::Reported,
        };
        match (met, possible) {
            (true, _) => Verdict::Met,
            (false, true) => Verdict::NotRefuted,
            (false, false) => Verdict::Missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_follow_from_value_and_interval() {
        let within = Requirement::Within {
            low: 0.94,
            high: 0.96,
        };
        assert_eq!(within.judge(0.95, 0.942, 0.958), Verdict::Met);
        assert_eq!(within.judge(0.95, 0.935, 0.965), Verdict::Met);
        assert_eq!(within.judge(0.937, 0.925, 0.947), Verdict::NotRefuted);
        assert_eq!(within.judge(0.93, 0.92, 0.939), Verdict::Missed);
        assert_eq!(within.judge(0.97, 0.961, 0.98), Verdict::Missed);
        // One-sided demands look at the unfavourable end first.
        let least = Requirement::AtLeast(0.93);
        assert_eq!(least.judge(0.95, 0.931, 0.96), Verdict::Met);
        assert_eq!(least.judge(0.935, 0.929, 0.945), Verdict::NotRefuted);
        assert_eq!(least.judge(0.91, 0.90, 0.929), Verdict::Missed);
        let most = Requirement::AtMost(0.055);
        assert_eq!(most.judge(0.05, 0.045, 0.055), Verdict::Met);
        assert_eq!(most.judge(0.05, 0.045, 0.056), Verdict::NotRefuted);
        assert_eq!(most.judge(0.07, 0.056, 0.08), Verdict::Missed);
    }

    #[test]
    fn one_counterexample_refutes_a_rule() {
        assert_eq!(Requirement::Always.judge(1.0, 0.998, 1.0), Verdict::Met);
        assert_eq!(
            Requirement::Always.judge(0.9995, 0.997, 1.0),
            Verdict::Missed
        );
        assert_eq!(Requirement::Nothing.judge(0.5, 0.4, 0.6), Verdict::Reported);
    }
}
