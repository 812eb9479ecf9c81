//! Everything that was found, as numbers by key.

use std::collections::BTreeMap;

use model::provenance::Provenance;

use super::key::PointKeys;
use super::print::print_estimate;
use super::{NUMBERS_SCHEMA, Number, Numbers};
use crate::claim::{ClaimResult, Claims, Verdict};
use crate::estimate::{ComparisonRecord, Estimates};
use crate::imported::SensorReport;
use crate::stage::{AnalyzeSummary, SweepSummary};
use crate::target::{Outcome, TargetNumber, Targets};

/// All numbers that a text may print.
pub fn numbers_of(
    summary: &AnalyzeSummary,
    estimates: &Estimates,
    sensors: &SensorReport,
    claims: &Claims,
    targets: &Targets,
) -> Numbers {
    let mut collection = Collection::default();
    for sweep in &summary.sweeps {
        collection.campaign(sweep);
    }
    collection.estimates(estimates);
    collection.sensors(sensors);
    collection.claims(claims);
    collection.targets(targets);
    Numbers {
        schema: NUMBERS_SCHEMA,
        numbers: collection.numbers,
    }
}

/// What the parts of one estimate share.
struct Facts<'a> {
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    n: usize,
    unit: &'a str,
    provenance: Provenance,
    source: String,
}

#[derive(Default)]
struct Collection {
    numbers: BTreeMap<String, Number>,
}

impl Collection {
    fn put(&mut self, key: String, number: Number) {
        self.numbers.insert(key, number);
    }

    fn estimate(&mut self, key: &str, facts: &Facts<'_>) {
        self.parts(key, "", facts, 1.0, facts.unit);
        if facts.unit == "1" {
            self.parts(key, "percent", facts, 100.0, "%");
        }
        let n = Number {
            text: facts.n.to_string(),
            value: Some(count(facts.n)),
            unit: "1".to_owned(),
            provenance: Some(facts.provenance),
            source: facts.source.clone(),
        };
        self.put(format!("{key}.n"), n);
    }

    /// Value, bounds and interval on one scale; `prefix` is empty or the name of the scale.
    fn parts(&mut self, key: &str, prefix: &str, facts: &Facts<'_>, scale: f64, unit: &str) {
        let scaled = |number: f64| number * scale;
        let (value, low, high) = (
            scaled(facts.value),
            facts.low.map(scaled),
            facts.high.map(scaled),
        );
        let printed = print_estimate(value, low, high);
        let interval = printed.interval();
        let parts = [
            ("value", Some(printed.value), Some(value)),
            ("low", printed.low, low),
            ("high", printed.high, high),
            ("interval", interval, None),
        ];
        for (part, text, value) in parts {
            let Some(text) = text else { continue };
            let name = match (prefix, part) {
                ("", part) => part.to_owned(),
                (prefix, "value") => prefix.to_owned(),
                (prefix, part) => format!("{prefix}_{part}"),
            };
            let number = Number {
                text,
                value,
                unit: unit.to_owned(),
                provenance: Some(facts.provenance),
                source: facts.source.clone(),
            };
            self.put(format!("{key}.{name}"), number);
        }
    }

    fn estimates(&mut self, estimates: &Estimates) {
        let keys = PointKeys::of(estimates);
        let mut extremes: BTreeMap<String, Vec<Facts<'_>>> = BTreeMap::new();
        for record in &estimates.estimates {
            let (sweep, metric) = (&record.sweep, record.metric);
            let point = keys.key(sweep, &record.point);
            let facts = || Facts {
                value: record.value,
                low: record.low,
                high: record.high,
                n: record.n,
                unit: &record.unit,
                provenance: record.provenance,
                source: format!("estimates.json: {sweep}, {}, {metric}", record.point),
            };
            self.estimate(&format!("{sweep}.{point}.{metric}"), &facts());
            extremes
                .entry(format!("{sweep}.all.{metric}"))
                .or_default()
                .push(facts());
        }
        for (key, all) in extremes {
            // Least and most mean something only within one unit.
            if all.iter().all(|facts| facts.unit == all[0].unit) {
                self.extremes(&key, &all);
            }
        }
        for record in &estimates.comparisons {
            self.ratio(&keys, record);
            self.ratio(&keys, &record.inverted());
        }
    }

    fn extremes(&mut self, key: &str, all: &[Facts<'_>]) {
        let by_value = |a: &&Facts<'_>, b: &&Facts<'_>| a.value.total_cmp(&b.value);
        let ends = [
            ("min", all.iter().min_by(by_value)),
            ("max", all.iter().max_by(by_value)),
        ];
        for (end, facts) in ends {
            let Some(facts) = facts else { continue };
            let scales: &[(&str, f64, &str)] = match facts.unit {
                "1" => &[("", 1.0, "1"), ("_percent", 100.0, "%")],
                unit => &[("", 1.0, unit)],
            };
            for (suffix, scale, unit) in scales {
                let scaled = |number: f64| number * scale;
                let (low, high) = (facts.low.map(scaled), facts.high.map(scaled));
                let number = Number {
                    text: print_estimate(scaled(facts.value), low, high).value,
                    value: Some(scaled(facts.value)),
                    unit: (*unit).to_owned(),
                    provenance: Some(facts.provenance),
                    source: facts.source.clone(),
                };
                self.put(format!("{key}.{end}{suffix}"), number);
            }
        }
    }

    fn ratio(&mut self, keys: &PointKeys, record: &ComparisonRecord) {
        let (sweep, metric) = (&record.sweep, record.metric);
        let above = keys.key(sweep, &record.numerator);
        let below = keys.key(sweep, &record.denominator);
        let facts = Facts {
            value: record.value,
            low: record.low,
            high: record.high,
            n: record.n,
            unit: "1",
            provenance: record.provenance,
            source: format!(
                "estimates.json: {sweep}, {metric} of ({}) to ({})",
                record.numerator, record.denominator
            ),
        };
        self.estimate(&format!("{sweep}.{above}.over.{below}.{metric}"), &facts);
    }

    fn sensors(&mut self, sensors: &SensorReport) {
        for quantity in &sensors.quantities {
            let facts = Facts {
                value: quantity.value,
                low: quantity.low,
                high: quantity.high,
                n: quantity.n,
                unit: &quantity.unit,
                provenance: quantity.provenance,
                source: format!("sensor.json: {}, {}", quantity.source, quantity.key),
            };
            self.estimate(&format!("sensor.{}", quantity.key), &facts);
        }
    }

    fn campaign(&mut self, sweep: &SweepSummary) {
        let name = &sweep.sweep;
        let counts = [
            ("points", sweep.points),
            ("blocks", sweep.blocks as usize),
            ("planned_runs", sweep.planned_runs),
            ("runs", sweep.runs),
            ("faultless_runs", sweep.faultless_runs),
            ("failed_attempts", sweep.failed_attempts),
            ("not_run", sweep.not_run),
            ("boards", sweep.boards),
        ];
        let words = [
            ("title", sweep.title.clone()),
            ("device", sweep.devices.join("; ")),
            ("driver", sweep.drivers.join("; ")),
            ("engines", sweep.engines.join("; ")),
        ];
        let entries = counts
            .into_iter()
            .map(|(part, value)| (part, value.to_string(), Some(count(value))))
            .chain(words.into_iter().map(|(part, text)| (part, text, None)));
        for (part, text, value) in entries {
            let number = Number {
                text,
                value,
                unit: "1".to_owned(),
                provenance: sweep.provenance,
                source: format!("summary.json: {name}"),
            };
            self.put(format!("{name}.{part}"), number);
        }
    }

    fn targets(&mut self, targets: &Targets) {
        let source = "targets.json";
        let with = |outcome| {
            let of = targets.targets.iter().filter(|it| it.outcome == outcome);
            of.count()
        };
        let all = std::iter::once(("total", targets.targets.len()));
        let counts = all.chain(Outcome::ALL.map(|outcome| (outcome.name(), with(outcome))));
        for (part, value) in counts {
            let number = Number {
                text: value.to_string(),
                value: Some(count(value)),
                unit: "1".to_owned(),
                provenance: None,
                source: source.to_owned(),
            };
            self.put(format!("targets.{part}"), number);
        }
        for target in &targets.targets {
            let key = format!("target.{}", target.id);
            let source = format!("{source}: {}", target.id);
            let provenance = target.measured.as_ref().map(|found| found.provenance);
            let outcome = Number {
                text: target.outcome.name().replace('_', " "),
                value: None,
                unit: "1".to_owned(),
                provenance,
                source: source.clone(),
            };
            self.put(format!("{key}.outcome"), outcome);
            let Some(measured) = &target.measured else {
                continue;
            };
            let parts = [
                ("measured", Some(measured.value), measured.unit.as_str()),
                ("floor_share", measured.floor_share, "1"),
                ("speed_to_peer", measured.speed_to_peer, "1"),
            ];
            for (part, number, unit) in parts {
                let Some(TargetNumber {
                    value,
                    low,
                    high,
                    n,
                }) = number
                else {
                    continue;
                };
                let facts = Facts {
                    value,
                    low,
                    high,
                    n,
                    unit,
                    provenance: measured.provenance,
                    source: source.clone(),
                };
                self.estimate(&format!("{key}.{part}"), &facts);
            }
        }
    }

    fn claims(&mut self, claims: &Claims) {
        let with = |verdict| {
            claims
                .claims
                .iter()
                .filter(|c| c.verdict == verdict)
                .count()
        };
        let counts = [
            ("total", claims.claims.len()),
            (Verdict::Supported.name(), with(Verdict::Supported)),
            (Verdict::Refuted.name(), with(Verdict::Refuted)),
            (Verdict::Inconclusive.name(), with(Verdict::Inconclusive)),
            (Verdict::Unavailable.name(), with(Verdict::Unavailable)),
        ];
        for (part, value) in counts {
            let number = Number {
                text: value.to_string(),
                value: Some(count(value)),
                unit: "1".to_owned(),
                provenance: None,
                source: "claims.json".to_owned(),
            };
            self.put(format!("claims.{part}"), number);
        }
        for claim in &claims.claims {
            self.claim(claim);
        }
    }

    fn claim(&mut self, claim: &ClaimResult) {
        let key = format!("claim.{}", claim.id);
        let source = format!("claims.json: {}", claim.id);
        if let Some(decisive) = &claim.decisive {
            let facts = Facts {
                value: decisive.value,
                low: decisive.low,
                high: decisive.high,
                n: decisive.n,
                unit: &decisive.unit,
                provenance: decisive.provenance,
                source: source.clone(),
            };
            self.estimate(&key, &facts);
        }
        let words = [
            ("verdict", claim.verdict.name()),
            ("criterion", claim.criterion.as_str()),
        ];
        for (part, text) in words {
            let number = Number {
                text: text.to_owned(),
                value: None,
                unit: "1".to_owned(),
                provenance: claim.decisive.as_ref().map(|decisive| decisive.provenance),
                source: source.clone(),
            };
            self.put(format!("{key}.{part}"), number);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn count(value: usize) -> f64 {
    value as f64
}
