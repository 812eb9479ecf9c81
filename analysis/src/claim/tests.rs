use std::path::Path;

use model::axis::{Axis, AxisValue};
use model::point::Point;
use model::provenance::Provenance;

use super::*;
use crate::estimate::{
    ComparisonRecord, ESTIMATES_SCHEMA, EstimateRecord, Estimates, Method, Metric, MissingRecord,
};
use crate::imported::{SENSOR_SCHEMA, SensorReport};
use crate::synthetic::llama_point;

const RATIO: &str = r#"
[[claim]]
id = "C1"
sentence = "Batch 8 halves the energy per token."
level = "same_hardware"
needs = "one H200"
place = "results"
paper = { value = 4.0, tolerance_pct = 10.0 }

[claim.test]
kind = "ratio_at_least"
sweep = "s"
metric = "energy_per_unit"
numerator = { batch = 1 }
denominator = { batch = 8 }
bound = 2.0
"#;

fn record(point: &Point) -> EstimateRecord {
    EstimateRecord {
        sweep: "s".into(),
        point: point.clone(),
        provenance: Provenance::Measured,
        device: "NVIDIA H200".into(),
        boards: 1,
        engine_name: None,
        weights: None,
        metric: Metric::EnergyPerUnit,
        unit: "J/token".into(),
        value: 3.5,
        low: Some(3.4),
        high: Some(3.6),
        level: 0.95,
        n: 5,
        method: Method::GeometricMeanT,
        digest_consistent: Some(true),
        reason: None,
    }
}

fn batch(batch: u64) -> Point {
    llama_point("candle", batch, 512)
}

/// Batch 8 costs this share of batch 1, with bounds.
fn estimates(value: f64, low: f64, high: f64) -> Estimates {
    Estimates {
        schema: ESTIMATES_SCHEMA,
        estimates: vec![record(&batch(1)), record(&batch(8))],
        comparisons: vec![ComparisonRecord {
            sweep: "s".into(),
            provenance: Provenance::Measured,
            device: "NVIDIA H200".into(),
            metric: Metric::EnergyPerUnit,
            numerator: batch(8),
            denominator: batch(1),
            value,
            low: Some(low),
            high: Some(high),
            level: 0.95,
            n: 5,
            method: Method::PairedLogRatioT,
            reason: None,
        }],
        missing: Vec::new(),
    }
}

fn no_sensors() -> SensorReport {
    SensorReport {
        schema: SENSOR_SCHEMA,
        quantities: Vec::new(),
        series: Vec::new(),
        unread: Vec::new(),
    }
}

fn verdict_of(text: &str, estimates: &Estimates) -> ClaimResult {
    let file = ClaimFile::parse(text).expect("a valid claims file");
    judge(&file, estimates, &no_sensors()).claims.remove(0)
}

#[test]
fn a_ratio_is_found_whichever_way_round_it_was_recorded() {
    let result = verdict_of(RATIO, &estimates(0.25, 0.24, 0.26));
    assert_eq!(result.verdict, Verdict::Supported);
    let decisive = result.decisive.expect("a number");
    assert!((decisive.value - 4.0).abs() < 1e-9);
    assert!(decisive.low < Some(4.0) && decisive.high > Some(4.0));
    assert_eq!(result.agrees_with_paper, Some(true));

    assert_eq!(
        verdict_of(RATIO, &estimates(0.9, 0.8, 0.95)).verdict,
        Verdict::Refuted
    );
    let far = verdict_of(RATIO, &estimates(0.48, 0.4, 0.6));
    assert_eq!(
        (far.verdict, far.agrees_with_paper),
        (Verdict::Inconclusive, Some(false))
    );
}

#[test]
fn missing_data_are_a_reason_and_no_verdict() {
    let mut none = estimates(0.25, 0.24, 0.26);
    none.estimates.clear();
    let result = verdict_of(RATIO, &none);
    assert_eq!(
        (result.verdict, result.decisive),
        (Verdict::Unavailable, None)
    );
    assert_eq!(
        result.reason.as_deref(),
        Some("no faultless run at 'batch=1' in sweep 's'")
    );
    none.missing.push(MissingRecord {
        sweep: "s".into(),
        point: batch(1),
        provenance: Provenance::Measured,
        metric: Metric::EnergyPerUnit,
        reason: "no counter".into(),
    });
    let reason = verdict_of(RATIO, &none).reason.expect("a reason");
    assert!(reason.ends_with("no counter"), "{reason}");

    let mut two = estimates(0.25, 0.24, 0.26);
    two.estimates.push(record(&llama_point("pytorch", 1, 512)));
    let reason = verdict_of(RATIO, &two).reason.expect("a reason");
    assert!(reason.contains("fits 2 points"), "{reason}");
}

#[test]
fn one_refuted_part_refutes_the_whole() {
    let text = RATIO.replace(
        &RATIO[RATIO.find("kind").expect("a test")..],
        "kind = \"estimate_within\"\nsweep = \"s\"\nmetric = \"energy_per_unit\"\nlow = 3.0\nhigh = 4.0\n",
    );
    let mut estimates = estimates(0.25, 0.24, 0.26);
    assert_eq!(verdict_of(&text, &estimates).verdict, Verdict::Supported);
    estimates.estimates[1].high = Some(9.0);
    estimates.estimates[1].low = Some(8.0);
    let result = verdict_of(&text, &estimates);
    assert_eq!(result.verdict, Verdict::Refuted);
    assert_eq!(result.evidence.len(), 2);
    assert!(
        result
            .decisive
            .expect("a number")
            .subject
            .contains("batch=8")
    );
}

#[test]
fn a_typo_in_the_file_is_named() {
    let error = |from: &str, to: &str| {
        ClaimFile::parse(&RATIO.replace(from, to)).expect_err("a wrong file")
    };
    let kind = error("ratio_at_least", "ratio_at_most");
    assert!(
        kind.contains("ratio_at_most") && kind.contains("ratio_at_least"),
        "{kind}"
    );
    let metric = error("\"energy_per_unit\"", "\"energy\"");
    assert!(metric.contains("unknown variant `energy`"), "{metric}");
    let axis = error("{ batch = 1 }", "{ bach = 1 }");
    assert!(axis.contains("bach"), "{axis}");
    let bound = error("bound = 2.0", "bound = -2.0");
    assert!(bound.starts_with("claim C1: bound = -2"), "{bound}");
    let twice = ClaimFile::parse(&format!("{RATIO}{RATIO}")).expect_err("one id twice");
    assert!(twice.contains("id = C1"), "{twice}");
}

#[test]
fn the_claims_of_this_repository_are_valid_and_about_real_axes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts/claims.toml");
    let file = ClaimFile::read(&path).expect("the committed claims");
    assert!(file.claims.len() >= 6);
    let engine = AxisValue::Text("candle".into());
    assert!(file.claims.iter().any(|claim| matches!(
        &claim.test,
        ClaimTest::RatioAtLeast { numerator, .. } if numerator.get(Axis::Engine) == Some(&engine)
    )));
}
