//! The one look at the first stage: by the scatter of each point's ratio to the reference, how many
//! blocks does it need? (Stein's rule, [`statistics::sequential`].)
//!
//! The decision follows from the sealed traces alone. It is kept as a file beside them, so that a
//! sweep that was ended goes on with the same runs.

use std::collections::BTreeMap;
use std::path::Path;

use model::plan::{
    DECISION_FILE, DECISION_SCHEMA, Decision, PairedWith, Plan, PointDecision, Precision,
    SecondStage, TierRules,
};
use model::point::Point;
use model::run::{Role, Run};
use statistics::distribution::student_t_quantile;
use statistics::interval::Level;
use statistics::moments::Moments;
use statistics::ratio::log_differences;
use statistics::sequential::TwoStage;

use super::energy::energy_per_unit_j;
use crate::store::{Store, StoreError, read_trace};

/// The decision for a plan with two stages whose first one is sealed: the one that was kept, or a
/// new one.
///
/// # Errors
/// Where a trace cannot be read, or the file is another plan's.
pub(super) fn decide_once(plan: &Plan, store: &Store) -> Result<Option<Decision>, StoreError> {
    let Some((rules, stage)) = stage_of(plan) else {
        return Ok(None);
    };
    if let Some(kept) = read_decision(plan, store.root())? {
        return Ok(Some(kept));
    }
    let mut energies = Vec::new();
    for run in plan.first_stage() {
        let trace = read_trace(&store.path_of(&run.id))?;
        energies.push((run, energy_per_unit_j(&trace)));
    }
    let decision = decide(plan, &rules, stage, &energies);
    let mut text = serde_json::to_string_pretty(&decision).expect("a decision is plain data");
    text.push('\n');
    store.keep_note(DECISION_FILE, &text)?;
    Ok(Some(decision))
}

/// The decision that lies in a store; none before the first stage is over.
///
/// # Errors
/// Where it cannot be read, or was made for another plan.
pub(super) fn read_decision(plan: &Plan, root: &Path) -> Result<Option<Decision>, StoreError> {
    let file = root.join(DECISION_FILE);
    if stage_of(plan).is_none() || !file.exists() {
        return Ok(None);
    }
    let corrupt = |reason: String| StoreError::Corrupt {
        file: file.clone(),
        reason,
    };
    let text = fs_err::read_to_string(&file)?;
    let decision: Decision = serde_json::from_str(&text)
        .map_err(|error| corrupt(format!("is no decision ({error})")))?;
    if decision.is_for(plan) {
        Ok(Some(decision))
    } else {
        Err(corrupt("was decided for another plan".to_owned()))
    }
}

fn stage_of(plan: &Plan) -> Option<(TierRules, SecondStage)> {
    let rules = plan.rules()?;
    Some((rules, rules.second_stage?))
}

/// An energy, or why there is none.
type Energy = Result<f64, String>;

fn decide(
    plan: &Plan,
    rules: &TierRules,
    stage: SecondStage,
    energies: &[(Run, Energy)],
) -> Decision {
    let reference = plan
        .reference
        .clone()
        .expect("validation gives every two-stage plan a reference");
    let paired_with = plan.paired_with.unwrap_or_default();
    let below = by_block(energies, |run| match paired_with {
        PairedWith::Randomised => run.role == Role::Point && run.point == reference,
        PairedWith::Sentinels => matches!(run.role, Role::Sentinel(_)),
    });
    let others = plan.points.iter().filter(|point| **point != reference);
    let points = others
        .map(|point| {
            let above = by_block(energies, |run| {
                run.role == Role::Point && run.point == *point
            });
            decide_point(plan, rules, stage, point, &above, &below)
        })
        .collect();
    Decision {
        schema: DECISION_SCHEMA,
        sweep: plan.name.clone(),
        plan_sha256: plan.sha256(),
        tier: plan.tier.expect("only a tier has two stages"),
        first_blocks: plan.blocks,
        most_blocks: stage.most_blocks,
        half_width: stage.half_width,
        alpha: rules.alpha,
        reference,
        paired_with,
        points,
    }
}

/// The energies of the runs that fit, by block: the geometric mean of those of a block.
fn by_block(
    energies: &[(Run, Energy)],
    fits: impl Fn(&Run) -> bool,
) -> BTreeMap<u32, Result<Vec<f64>, String>> {
    let mut blocks: BTreeMap<u32, Result<Vec<f64>, String>> = BTreeMap::new();
    for (run, energy) in energies.iter().filter(|(run, _)| fits(run)) {
        let block = blocks.entry(run.block).or_insert_with(|| Ok(Vec::new()));
        match (block.as_mut(), energy) {
            (Ok(values), Ok(energy)) => values.push(*energy),
            (Ok(_), Err(reason)) => *block = Err(format!("run {}: {reason}", run.id)),
            (Err(_), _) => {}
        }
    }
    blocks
}

fn decide_point(
    plan: &Plan,
    rules: &TierRules,
    stage: SecondStage,
    point: &Point,
    above: &BTreeMap<u32, Result<Vec<f64>, String>>,
    below: &BTreeMap<u32, Result<Vec<f64>, String>>,
) -> PointDecision {
    let unknown = |pairs: u32, reason: String| PointDecision {
        point: point.clone(),
        pairs,
        sd_log_ratio: None,
        blocks_needed: None,
        blocks: plan.blocks,
        half_width: None,
        precision: Precision::Unknown,
        reason: Some(reason),
    };
    let differences = match log_ratios(above, below) {
        Ok(differences) => differences,
        Err(reason) => return unknown(0, reason),
    };
    let pairs = u32::try_from(differences.len()).unwrap_or(u32::MAX);
    let sized = Moments::of("log-ratios of the first stage", &differences).and_then(|moments| {
        let sd = moments.standard_deviation();
        let two_stage = TwoStage {
            pilot: differences.len(),
            cap: stage.most_blocks as usize,
            half_width: stage.half_width,
            level: Level::new(1.0 - rules.alpha)?,
        };
        Ok((sd, two_stage, two_stage.size(sd)?))
    });
    let (sd, two_stage, size) = match sized {
        Ok(sized) => sized,
        Err(error) => return unknown(pairs, error.to_string()),
    };
    #[expect(clippy::cast_precision_loss, reason = "at most fifty blocks")]
    let (degrees, blocks) = ((differences.len() - 1) as f64, size.blocks as f64);
    let quantile = student_t_quantile(two_stage.level.upper_point(), degrees);
    PointDecision {
        point: point.clone(),
        pairs,
        sd_log_ratio: Some(twelve_digits(sd)),
        blocks_needed: Some(size.wanted as u64),
        blocks: u32::try_from(size.blocks).unwrap_or(stage.most_blocks),
        half_width: Some(twelve_digits(quantile * sd / blocks.sqrt())),
        precision: if size.is_capped() {
            Precision::NotMet
        } else {
            Precision::Met
        },
        reason: None,
    }
}

/// `ln E − ln E_reference` of each block.
fn log_ratios(
    above: &BTreeMap<u32, Result<Vec<f64>, String>>,
    below: &BTreeMap<u32, Result<Vec<f64>, String>>,
) -> Result<Vec<f64>, String> {
    let mut differences = Vec::new();
    for (block, numerator) in above {
        let Some(reference) = below.get(block) else {
            return Err(format!("block {block} has no run of the reference"));
        };
        let (numerator, reference) = (
            numerator.as_ref().map_err(Clone::clone)?,
            reference.as_ref().map_err(Clone::clone)?,
        );
        // One run of the point beside one or three of the reference: the mean of the logarithms.
        let each: Vec<f64> = numerator
            .iter()
            .cycle()
            .take(reference.len())
            .copied()
            .collect();
        let logs = log_differences(&each, reference).map_err(|error| error.to_string())?;
        #[expect(clippy::cast_precision_loss, reason = "one or three")]
        differences.push(logs.iter().sum::<f64>() / logs.len() as f64);
    }
    Ok(differences)
}

/// The quantile of t goes through the platform's mathematics, whose last bits may differ.
fn twelve_digits(value: f64) -> f64 {
    format!("{value:.11e}")
        .parse()
        .expect("a formatted float parses")
}

#[cfg(test)]
mod tests;
