//! The tiers of the measuring protocol: how carefully a plan measures, named by one word.
//!
//! The figures are those of the protocol in `docs/measuring.md`; the statistics behind them (why ten
//! blocks, why one look) are measured by `joulebench study`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How carefully a plan measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Many points, few short runs: finds candidates and claims nothing.
    Screen,
    /// Ten blocks of minutes, then as many as the scatter demands: what a claim rests on.
    Confirm,
    /// As `confirm` at half the width, and one long run of each point.
    Headline,
}

/// What a tier demands. Times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TierRules {
    /// Blocks of the first stage; of the only one where [`TierRules::second_stage`] is absent.
    pub blocks: u32,
    /// Shortest window.
    pub window_s: f64,
    /// Shortest warm-up before the window.
    pub warmup_s: f64,
    /// Shortest idle baseline, before and after.
    pub idle_s: f64,
    /// Shortest pause after the worker ended.
    pub cooldown_s: f64,
    /// Longest pre-soak with the reference workload; absent where there is none.
    pub pre_soak_cap_s: Option<f64>,
    /// Whether a window must settle: it is prolonged once, then flagged. Ten seconds are too few to
    /// tell, so screening does not ask.
    pub steady_state: bool,
    /// How the number of blocks follows from the scatter of the first stage; absent for a fixed number.
    pub second_stage: Option<SecondStage>,
    /// Window of the one long run of each point; absent where there is none.
    pub confirmation_window_s: Option<f64>,
    /// Largest chance of a wrong interval: `1 − alpha` is its level.
    pub alpha: f64,
    /// How often a run with a fault is tried again in the same sweep.
    pub retries: u32,
}

/// Stein's two-stage rule: one look at the scatter, then the final number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SecondStage {
    /// Half-width of the interval of the logarithm of the ratio to the reference that is aimed at.
    pub half_width: f64,
    /// Most blocks, whatever the scatter.
    pub most_blocks: u32,
}

impl Tier {
    /// Every tier, from the quickest to the most careful.
    pub const ALL: [Self; 3] = [Self::Screen, Self::Confirm, Self::Headline];

    /// The word in plans and data.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Screen => "screen",
            Self::Confirm => "confirm",
            Self::Headline => "headline",
        }
    }

    /// What it demands.
    pub const fn rules(self) -> TierRules {
        match self {
            Self::Screen => TierRules {
                blocks: 5,
                window_s: 10.0,
                warmup_s: 5.0,
                idle_s: 5.0,
                cooldown_s: 1.0,
                pre_soak_cap_s: None,
                steady_state: false,
                second_stage: None,
                confirmation_window_s: None,
                alpha: 0.05,
                retries: 2,
            },
            Self::Confirm => TierRules {
                blocks: 10,
                window_s: 60.0,
                warmup_s: 5.0,
                idle_s: 30.0,
                cooldown_s: 5.0,
                pre_soak_cap_s: Some(600.0),
                steady_state: true,
                second_stage: Some(SecondStage {
                    half_width: 0.01,
                    most_blocks: 50,
                }),
                confirmation_window_s: None,
                alpha: 0.05,
                retries: 2,
            },
            Self::Headline => {
                let confirm = Self::Confirm.rules();
                TierRules {
                    second_stage: Some(SecondStage {
                        half_width: 0.005,
                        most_blocks: 50,
                    }),
                    confirmation_window_s: Some(600.0),
                    ..confirm
                }
            }
        }
    }

    /// Whether its claims are ratios to a reference point, so that a plan must name one.
    pub const fn needs_reference(self) -> bool {
        self.rules().second_stage.is_some()
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which run of the reference a point is compared with in each block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PairedWith {
    /// The one at a random place, as every other point has it.
    #[default]
    Randomised,
    /// The geometric mean of the first, the middle and the last: less scatter, but places that no
    /// other point can have.
    Sentinels,
}

impl PairedWith {
    /// The word in plans and data.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Randomised => "randomised",
            Self::Sentinels => "sentinels",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tier_is_at_least_as_careful_as_the_one_before() {
        for pair in Tier::ALL.windows(2) {
            let [looser, stricter] = [pair[0].rules(), pair[1].rules()];
            assert!(looser.blocks <= stricter.blocks);
            assert!(looser.window_s <= stricter.window_s);
            assert!(looser.idle_s <= stricter.idle_s);
            assert!(looser.pre_soak_cap_s <= stricter.pre_soak_cap_s);
        }
        let half_width = |tier: Tier| tier.rules().second_stage.map(|stage| stage.half_width);
        assert_eq!(half_width(Tier::Screen), None);
        assert!(half_width(Tier::Headline) < half_width(Tier::Confirm));
    }

    #[test]
    fn words_are_the_serialised_names() {
        for tier in Tier::ALL {
            let json = serde_json::to_string(&tier).expect("a tier serialises");
            assert_eq!(json, format!("\"{tier}\""));
        }
        for paired in [PairedWith::Randomised, PairedWith::Sentinels] {
            let json = serde_json::to_string(&paired).expect("a word serialises");
            assert_eq!(json, format!("\"{}\"", paired.name()));
        }
    }
}
