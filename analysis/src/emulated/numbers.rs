//! The numbers of emulated results that a text may print.
//!
//! Keys: `dvfs.BOARD.PHASE.OBJECTIVE.PART` with the parts `clock`, `energy`, `time` (and their
//! `_interval`); `dvfs.runs`; `counter.BOARD.error_pct` and `.spread_pct`; `emulator.rows`, `.met`,
//! `.judged`, `.worst_pct`; `tools.readings`, `tools.clients`.

use std::collections::{BTreeMap, BTreeSet};

use model::provenance::Provenance;

use super::curve::Stat;
use super::optimum::Optimum;
use super::residual::Residual;
use super::rows::KnownRow;
use super::tool::ToolReading;
use crate::number::{NUMBERS_SCHEMA, Number, Numbers, print_estimate};

#[derive(Default)]
struct Collection(BTreeMap<String, Number>);

impl Collection {
    fn put(&mut self, key: String, text: String, value: Option<f64>, unit: &str, source: &str) {
        let number = Number {
            text,
            value,
            unit: unit.to_owned(),
            provenance: Some(Provenance::Emulated),
            source: source.to_owned(),
        };
        self.0.insert(key, number);
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of rows and runs")]
    fn count(&mut self, key: &str, count: usize, source: &str) {
        self.put(
            key.to_owned(),
            count.to_string(),
            Some(count as f64),
            "1",
            source,
        );
    }

    /// A ratio in percent of change: `0.7` becomes `30` less.
    fn saving(&mut self, key: &str, stat: &Stat, sign: f64, source: &str) {
        let percent = |ratio: f64| sign * (ratio - 1.0) * 100.0;
        let (a, b) = (stat.low.map(percent), stat.high.map(percent));
        let (low, high) = if sign < 0.0 { (b, a) } else { (a, b) };
        let printed = print_estimate(percent(stat.value), low, high);
        let interval = printed.interval();
        self.put(
            key.to_owned(),
            printed.value,
            Some(percent(stat.value)),
            "%",
            source,
        );
        if let Some(interval) = interval {
            self.put(format!("{key}_interval"), interval, None, "%", source);
        }
    }
}

pub(super) fn numbers(
    rows: &[KnownRow],
    optima: &[Optimum],
    residuals: &[Residual],
    readings: &[ToolReading],
) -> Numbers {
    let mut collection = Collection::default();
    collection.count("dvfs.runs", rows.len(), "emulated/rows.csv");
    for optimum in optima {
        let board = board_key(&optimum.device);
        let key = format!(
            "dvfs.{board}.{}.{}",
            optimum.phase,
            optimum.objective.name()
        );
        let source = format!("emulated/dvfs.json: {key}");
        let mhz = f64::from(optimum.sm_clock_mhz);
        collection.put(
            format!("{key}.clock"),
            optimum.sm_clock_mhz.to_string(),
            Some(mhz),
            "MHz",
            &source,
        );
        collection.saving(&format!("{key}.saving"), &optimum.energy, -1.0, &source);
        collection.saving(&format!("{key}.slowdown"), &optimum.time, 1.0, &source);
    }
    counters(&mut collection, rows);
    let judged: Vec<&Residual> = residuals
        .iter()
        .filter(|r| r.tolerance_pct.is_some())
        .collect();
    let source = "emulator/residuals.json";
    collection.count("emulator.rows", residuals.len(), source);
    collection.count("emulator.judged", judged.len(), source);
    collection.count(
        "emulator.met",
        judged.iter().filter(|r| r.is_within).count(),
        source,
    );
    let held: Vec<f64> = judged
        .iter()
        .filter(|r| r.used_for == "holdout")
        .map(|r| r.error_pct.abs())
        .collect();
    collection.count("emulator.holdouts", held.len(), source);
    let worst = held.iter().copied().fold(0.0, f64::max);
    collection.put(
        "emulator.worst_holdout".to_owned(),
        format!("{worst:.1}"),
        Some(worst),
        "%",
        source,
    );
    let clients: BTreeSet<&str> = readings.iter().map(|r| r.client.as_str()).collect();
    let source = "artifacts/emulated/tool-readings";
    collection.count("tools.readings", readings.len(), source);
    collection.count("tools.clients", clients.len(), source);
    Numbers {
        schema: NUMBERS_SCHEMA,
        numbers: collection.0,
    }
}

/// How far the counter of each emulated card is from the truth: its scale and offset show in the
/// middle, what the session and the tick add in the spread.
fn counters(collection: &mut Collection, rows: &[KnownRow]) {
    let mut errors: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for known in rows {
        let counted = known.row.energy_counter_j.map(model::units::Joules::get);
        if let (Some(counted), Some(truth)) = (counted, known.true_energy_j) {
            let error = (counted / truth - 1.0) * 100.0;
            errors.entry(&known.row.device).or_default().push(error);
        }
    }
    for (device, mut errors) in errors {
        errors.sort_by(f64::total_cmp);
        let at = |share: usize| errors[(errors.len() - 1) * share / 1_000];
        let key = format!("counter.{}", board_key(device));
        let source = "emulated/rows.csv: energy_counter_j by the true energy";
        let parts = [("median", at(500)), ("low", at(25)), ("high", at(975))];
        for (part, value) in parts {
            collection.put(
                format!("{key}.{part}"),
                format!("{value:+.2}").replace('-', "\u{2212}"),
                Some(value),
                "%",
                source,
            );
        }
    }
}

/// `Tesla V100-PCIE-32GB (emulated)` is `v100`.
pub(super) fn board_key(device: &str) -> String {
    let word = device
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| word.starts_with(['V', 'A', 'H', 'B']) && word.ends_with("00"))
        .unwrap_or(device);
    word.to_lowercase()
}
