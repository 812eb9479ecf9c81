//! Names of the bars.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::error::StudyError;

/// A bar of the study.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BarId {
    /// 1: the interval of one configuration.
    Headline,
    /// 2: bootstraps that are refused for small samples.
    Refusal,
    /// 3: the interval of a ratio.
    Ratio,
    /// 4: the number of runs in two stages.
    TwoStage,
    /// 5: the interval within one run.
    Autocorrelation,
    /// 6: the order of runs under drift.
    Order,
    /// 7: claims against a margin.
    Margin,
    /// 8: many claims at once.
    Multiplicity,
    /// 9: optimum and Pareto front.
    Optimum,
    /// 10: warm-up and steady state.
    WarmUp,
    /// 11: intervals of predictions.
    Prediction,
    /// 12: intervals of quantiles.
    Quantile,
    /// 13: Fréchet distances.
    Frechet,
    /// 14: the same bytes at any number of threads.
    Determinism,
    /// 15: identical runs with false labels.
    Relabelling,
}

impl BarId {
    /// Every bar, in order.
    pub const ALL: [Self; 15] = [
        Self::Headline,
        Self::Refusal,
        Self::Ratio,
        Self::TwoStage,
        Self::Autocorrelation,
        Self::Order,
        Self::Margin,
        Self::Multiplicity,
        Self::Optimum,
        Self::WarmUp,
        Self::Prediction,
        Self::Quantile,
        Self::Frechet,
        Self::Determinism,
        Self::Relabelling,
    ];

    /// Number in the report.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// Name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Headline => "headline",
            Self::Refusal => "refusal",
            Self::Ratio => "ratio",
            Self::TwoStage => "two-stage",
            Self::Autocorrelation => "autocorrelation",
            Self::Order => "order",
            Self::Margin => "margin",
            Self::Multiplicity => "multiplicity",
            Self::Optimum => "optimum",
            Self::WarmUp => "warm-up",
            Self::Prediction => "prediction",
            Self::Quantile => "quantile",
            Self::Frechet => "frechet",
            Self::Determinism => "determinism",
            Self::Relabelling => "relabelling",
        }
    }

    /// All names, for messages.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for BarId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.number(), self.name())
    }
}

impl FromStr for BarId {
    type Err = StudyError;

    /// Takes a number or a name.
    fn from_str(text: &str) -> Result<Self, StudyError> {
        Self::ALL
            .into_iter()
            .find(|bar| bar.name() == text || bar.number().to_string() == text)
            .ok_or_else(|| StudyError::UnknownBar(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back_to_their_bar() {
        for (index, bar) in BarId::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(bar.number()), index + 1);
            assert_eq!(bar.name().parse::<BarId>().unwrap(), bar);
            assert_eq!(bar.number().to_string().parse::<BarId>().unwrap(), bar);
            assert_eq!(
                serde_json::to_string(&bar).unwrap(),
                format!("{:?}", bar.name())
            );
        }
        let error = "16".parse::<BarId>().unwrap_err().to_string();
        assert!(
            error.contains("\"16\"") && error.contains("two-stage"),
            "{error}"
        );
    }
}
