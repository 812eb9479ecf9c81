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

/// The faultless rows of each point of each setting that fit, in the order of their blocks.
pub(super) fn by_point(
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
/// they were not taken at a random place, or not for as long.
pub fn estimates_of(rows: &[Row]) -> (Vec<EstimateRecord>, Vec<MissingRecord>) {
    let mut estimates = Vec::new();
    let mut missing = Vec::new();
    for ((setting, point), group) in by_point(rows, |row| row.role.is_point()) {
        for metric in Metric::ALL {
            let seed = companion::seed_of(&setting.sweep, &point, metric);
            match metric.visit(GeometricMean { rows: &group, seed }) {
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
