//! Rows to estimates, point by point.

use std::collections::{BTreeMap, BTreeSet};

use model::point::Point;
use model::provenance::Provenance;
use model::reason::RunFlag;

use super::companion::{self, BootstrapRecord};
use super::interval::geometric_mean;
use super::metric::{Metric, MetricVisitor};
use super::record::{Bare, EstimateRecord, MissingRecord};
use crate::quantity::Quantity;
use crate::row::Row;

/// What may be averaged or compared: one sweep, one origin, one product.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Setting {
    pub(super) sweep: String,
    pub(super) provenance: Provenance,
    pub(super) device: String,
}

/// The faultless rows of each point of each setting that fit, in the order of their blocks. Points
/// whose runs had different weights are left out: what they cost has no mean.
pub(super) fn by_point(
    rows: &[Row],
    fits: impl Fn(&Row) -> bool,
) -> BTreeMap<(Setting, Point), Vec<&Row>> {
    let mut groups = whatever_their_weights(rows, fits);
    groups.retain(|_, group| sets_of_weights(group).len() <= 1);
    groups
}

/// The sets of weights that rows say they had.
fn sets_of_weights<'a>(rows: &[&'a Row]) -> BTreeSet<&'a str> {
    rows.iter()
        .filter_map(|row| row.weights_id.as_deref())
        .collect()
}

fn whatever_their_weights(
    rows: &[Row],
    fits: impl Fn(&Row) -> bool,
) -> BTreeMap<(Setting, Point), Vec<&Row>> {
    let mut groups: BTreeMap<(Setting, Point), Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_faultless() && fits(row)) {
        let setting = Setting {
            sweep: row.sweep.clone(),
            provenance: row.provenance,
            device: row.device.clone(),
        };
        groups
            .entry((setting, row.point.clone()))
            .or_default()
            .push(row);
    }
    for group in groups.values_mut() {
        group.sort_by(|a, b| (a.block, &a.run_id).cmp(&(b.block, &b.run_id)));
    }
    groups
}

/// Every metric of every point. Rows with faults do not enter, nor do sentinels and confirmations:
/// they were not taken at a random place, or not for as long. A point whose runs had different
/// weights has no estimate but a reason.
pub fn estimates_of(rows: &[Row]) -> (Vec<EstimateRecord>, Vec<MissingRecord>) {
    let mut estimates = Vec::new();
    let mut missing = Vec::new();
    for ((setting, point), group) in whatever_their_weights(rows, |row| row.role.is_point()) {
        let sets = sets_of_weights(&group);
        let mixed = (sets.len() > 1).then(|| {
            let sets: Vec<&str> = sets.into_iter().collect();
            format!(
                "the runs of this point had different weights ({}); measure it again with one set",
                sets.join(", ")
            )
        });
        for metric in Metric::ALL {
            let seed = companion::seed_of(&setting.sweep, &point, metric);
            let found = match &mixed {
                Some(reason) => Err(reason.clone()),
                None => metric.visit(GeometricMean { rows: &group, seed }),
            };
            match found {
                Ok(found) => estimates.push(record(&setting, &point, &group, metric, found)),
                Err(reason) => missing.push(MissingRecord {
                    sweep: setting.sweep.clone(),
                    point: point.clone(),
                    provenance: setting.provenance,
                    metric,
                    reason: absence(metric, &group).unwrap_or(reason),
                }),
            }
        }
    }
    (estimates, missing)
}

struct GeometricMean<'a> {
    rows: &'a [&'a Row],
    /// Of the resamples.
    seed: u64,
}

/// A geometric mean with its t interval, and what stands beside it.
struct Found {
    bare: Bare,
    bootstrap_t: Option<BootstrapRecord>,
}

impl MetricVisitor for GeometricMean<'_> {
    type Output = Result<Found, String>;

    fn visit<U: Quantity>(self, get: fn(&Row) -> Option<U>) -> Self::Output {
        let values: Vec<U> = self.rows.iter().filter_map(|row| get(row)).collect();
        let estimate = geometric_mean(&values).map_err(|reason| reason.to_string())?;
        let mut bare = Bare::of(&estimate);
        let without = self.rows.len() - values.len();
        if without > 0 {
            note(
                &mut bare,
                &format!("{without} of {} runs have no value", self.rows.len()),
            );
        }
        for (flag, flagged) in flag_counts(self.rows) {
            note(
                &mut bare,
                &format!("{flagged} of {} runs: {flag}", self.rows.len()),
            );
        }
        let numbers: Vec<f64> = values.iter().map(|value| value.number()).collect();
        Ok(Found {
            bare,
            bootstrap_t: companion::beside(&numbers, self.seed),
        })
    }
}

fn note(bare: &mut Bare, note: &str) {
    bare.reason = Some(
        bare.reason
            .take()
            .map_or_else(|| note.to_owned(), |reason| format!("{reason}; {note}")),
    );
}

/// How many rows have each flag.
fn flag_counts(rows: &[&Row]) -> BTreeMap<RunFlag, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        let flags: BTreeSet<RunFlag> = row.flags.iter().map(|flag| flag.flag).collect();
        for flag in flags {
            *counts.entry(flag).or_insert(0) += 1;
        }
    }
    counts
}

/// The reason that the rows themselves give for a missing energy.
fn absence(metric: Metric, rows: &[&Row]) -> Option<String> {
    let reason = || rows.iter().find_map(|row| row.energy_absence.clone());
    metric.is_energy().then(reason).flatten()
}

fn record(
    setting: &Setting,
    point: &Point,
    rows: &[&Row],
    metric: Metric,
    Found { bare, bootstrap_t }: Found,
) -> EstimateRecord {
    let words = |get: fn(&Row) -> Option<&String>| {
        let words: BTreeSet<&String> = rows.iter().filter_map(|row| get(row)).collect();
        let words: Vec<&str> = words.into_iter().map(String::as_str).collect();
        (!words.is_empty()).then(|| words.join("; "))
    };
    let boards: BTreeSet<&Option<String>> = rows.iter().map(|row| &row.board_id).collect();
    let digests: BTreeSet<&String> = rows.iter().filter_map(|row| row.digest.as_ref()).collect();
    let output = rows
        .iter()
        .find_map(|row| row.unit.as_deref())
        .unwrap_or("unit");
    EstimateRecord {
        sweep: setting.sweep.clone(),
        point: point.clone(),
        provenance: setting.provenance,
        device: setting.device.clone(),
        boards: boards.len(),
        engine_name: words(|row| row.engine_name.as_ref()),
        weights: words(|row| row.weights.as_ref()),
        weights_id: words(|row| row.weights_id.as_ref()),
        metric,
        unit: metric.unit(output),
        value: bare.value,
        low: bare.low,
        high: bare.high,
        level: bare.level,
        n: bare.n,
        method: bare.method,
        bootstrap_t,
        digest_consistent: (!digests.is_empty()).then_some(digests.len() == 1),
        reason: bare.reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::comparisons_of;
    use crate::quantity::JoulesPerUnit;
    use crate::synthetic;

    fn row(batch: u64, block: u32, weights_id: &str) -> Row {
        Row {
            run_id: format!("{batch} {block}"),
            point: synthetic::llama_point("candle", batch, 512),
            block,
            weights_id: Some(weights_id.to_owned()),
            energy_per_unit_j: Some(JoulesPerUnit::new(1.0)),
            ..synthetic::row()
        }
    }

    #[test]
    fn runs_with_different_weights_have_no_mean() {
        let mut rows: Vec<Row> = (0..2)
            .flat_map(|block| [row(1, block, "seed:1"), row(8, block, "seed:1")])
            .collect();
        assert!(
            estimates_of(&rows)
                .1
                .iter()
                .all(|missing| missing.metric != Metric::EnergyPerUnit)
        );
        assert!(!comparisons_of(&rows).is_empty());
        rows[3].weights_id = Some("sha256:ab".to_owned());
        let (estimates, missing) = estimates_of(&rows);
        let point = synthetic::llama_point("candle", 8, 512);
        assert!(estimates.iter().all(|record| record.point != point));
        let missing = missing
            .iter()
            .find(|missing| missing.metric == Metric::EnergyPerUnit)
            .expect("a reason");
        assert_eq!(missing.point, point);
        assert_eq!(
            missing.reason,
            "the runs of this point had different weights (seed:1, sha256:ab); measure it again \
             with one set"
        );
        assert!(comparisons_of(&rows).is_empty());
    }
}
