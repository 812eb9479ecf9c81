//! What each tier would cost for the points of a plan, and how narrow its intervals would be.

use harness::session::SHORTEST_SOAK_S;
use model::plan::{Plan, SecondStage, Tier, TierRules};
use serde::Serialize;
use statistics::error::StatisticsError;
use statistics::interval::Level;
use statistics::sequential::{TwoStage, expected_half_width};

/// Scatter between runs that the promises assume, in percent: a locked clock on a warm board, a good
/// machine, a busy one.
const ASSUMED_CV_PCT: [f64; 3] = [0.5, 1.0, 3.0];
/// Runs of the reference in each block beside those of the points.
const SENTINELS: f64 = 3.0;

/// One tier for the points of a plan.
#[derive(Serialize)]
pub(super) struct TierPromise {
    pub(super) tier: Tier,
    pub(super) rules: TierRules,
    /// Stages of one run together, with the shortest pre-soak, in seconds.
    pub(super) run_s: f64,
    pub(super) scatter: Vec<Promise>,
}

/// What a tier gives at one scatter between runs.
#[derive(Serialize)]
pub(super) struct Promise {
    /// Coefficient of variation of the energy between runs of a point, in percent.
    pub(super) cv_pct: f64,
    /// Blocks on average.
    pub(super) blocks: f64,
    /// Runs on average, with the sentinels.
    pub(super) runs: f64,
    /// Least time on average, in seconds.
    pub(super) at_least_s: f64,
    /// Half-width of the 95 % interval of a ratio to the reference, in percent.
    pub(super) half_width_pct: f64,
    /// Chance that the cap on blocks binds, so that the width of the tier is not reached.
    pub(super) chance_not_met: Option<f64>,
}

/// Every tier.
pub(super) fn promises(plan: &Plan) -> Result<Vec<TierPromise>, StatisticsError> {
    Tier::ALL
        .map(|tier| promise(plan, tier))
        .into_iter()
        .collect()
}

fn promise(plan: &Plan, tier: Tier) -> Result<TierPromise, StatisticsError> {
    let rules = tier.rules();
    // A plan of this tier keeps its own stricter values.
    let own = plan.tier == Some(tier);
    let at_least = |demanded: f64, given: f64| if own { demanded.max(given) } else { demanded };
    let session = &plan.session;
    let window_s = at_least(rules.window_s, session.window_s);
    let run_s = 2.0 * at_least(rules.idle_s, session.idle_s)
        + at_least(rules.warmup_s, session.warmup_s)
        + window_s
        + at_least(rules.cooldown_s, session.cooldown_s)
        + rules.pre_soak_cap_s.map_or(0.0, |_| SHORTEST_SOAK_S);
    let first_blocks = if own { plan.blocks } else { rules.blocks };
    #[expect(clippy::cast_precision_loss, reason = "a count of points")]
    let points = plan.points.len() as f64;
    let has_sentinels = plan.reference.is_some() || tier.needs_reference();
    let of_block = points + if has_sentinels { SENTINELS } else { 0.0 };
    let long_s = rules
        .confirmation_window_s
        .map_or(0.0, |long_s| points * (run_s - window_s + long_s));
    let long_runs = rules.confirmation_window_s.map_or(0.0, |_| points);
    let scatter = ASSUMED_CV_PCT.map(|cv_pct| {
        let precision = precision(&rules, first_blocks, cv_pct / 100.0)?;
        Ok(Promise {
            cv_pct,
            blocks: precision.blocks,
            runs: precision.blocks * of_block + long_runs,
            at_least_s: precision.blocks * of_block * run_s + long_s,
            half_width_pct: precision.half_width * 100.0,
            chance_not_met: precision.chance_not_met,
        })
    });
    Ok(TierPromise {
        tier,
        rules,
        run_s,
        scatter: scatter.into_iter().collect::<Result<_, _>>()?,
    })
}

struct Precision {
    blocks: f64,
    half_width: f64,
    chance_not_met: Option<f64>,
}

/// The logarithm of the ratio of two points scatters by √2 of what each does.
fn precision(rules: &TierRules, first_blocks: u32, cv: f64) -> Result<Precision, StatisticsError> {
    let level = Level::new(1.0 - rules.alpha)?;
    let deviation = std::f64::consts::SQRT_2 * cv;
    let of_first = expected_half_width(deviation, first_blocks as usize, level)?;
    let Some(SecondStage {
        half_width,
        most_blocks,
    }) = rules.second_stage
    else {
        return Ok(Precision {
            blocks: f64::from(first_blocks),
            half_width: of_first,
            chance_not_met: None,
        });
    };
    let stage = TwoStage {
        pilot: first_blocks as usize,
        cap: most_blocks as usize,
        half_width,
        level,
    };
    let chance = stage.probability_not_met(deviation)?;
    // The interval keeps the scatter and the degrees of freedom of the first stage.
    let of_cap = of_first * (f64::from(first_blocks) / f64::from(most_blocks)).sqrt();
    Ok(Precision {
        blocks: stage.expected_blocks(deviation)?,
        half_width: of_first.min(half_width.max(of_cap)),
        chance_not_met: Some(chance),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half_widths(tier: Tier) -> Vec<f64> {
        let rules = tier.rules();
        ASSUMED_CV_PCT
            .map(|cv_pct| {
                let precision = precision(&rules, rules.blocks, cv_pct / 100.0).expect("sound");
                (precision.half_width * 1e4).round() / 100.0
            })
            .to_vec()
    }

    /// t(0.975, 4) = 2.776, c₄(5) = 0.9400: 2.776 · 0.94 · √2 / √5 = 1.650 times the scatter.
    #[test]
    fn screening_promises_the_width_of_five_blocks() {
        assert_eq!(half_widths(Tier::Screen), [0.83, 1.65, 4.95]);
    }

    /// Ten blocks give 0.984 of the scatter, fifty 0.440; in between, what the tier aims at.
    #[test]
    fn two_stages_promise_their_width_until_the_cap_binds() {
        assert_eq!(half_widths(Tier::Confirm), [0.49, 0.98, 1.32]);
        assert_eq!(half_widths(Tier::Headline), [0.49, 0.5, 1.32]);
        let rules = Tier::Headline.rules();
        let of = |cv: f64| precision(&rules, rules.blocks, cv).expect("sound");
        assert!(of(0.005).chance_not_met < Some(1e-5));
        assert!(of(0.03).chance_not_met > Some(0.99));
        assert!(of(0.01).blocks > of(0.005).blocks && of(0.03).blocks <= 50.0);
    }
}
