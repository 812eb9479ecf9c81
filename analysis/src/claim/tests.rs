use std::path::Path;

use model::axis::{Axis, AxisValue};
use model::point::Point;
use model::provenance::Provenance;

use super::*;
use crate::emulated::curve::Objective;
use crate::emulated::residual::Residual;
use crate::emulated::tests::best;
use crate::emulated::tool::ToolReading;
use crate::emulated::truth::CounterTruth;
use crate::emulated::{Curves, EmulatedEvidence};
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
        weights_id: None,
        metric: Metric::EnergyPerUnit,
        unit: "J/token".into(),
        value: 3.5,
        low: Some(3.4),
        high: Some(3.6),
        level: 0.95,
        n: 5,
        method: Method::GeometricMeanT,
        bootstrap_t: None,
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
    let findings = Findings {
        estimates,
        sensors: &no_sensors(),
        curves: None,
        emulated: None,
    };
    judge(&file, &findings).claims.remove(0)
}

/// One residual that was fitted and one kept back and beyond its tolerance; a tool with an energy on
/// one load and none on the other.
fn evidence() -> EmulatedEvidence {
    let residual = |quantity: &str, error_pct: f64, used_for: &str| Residual {
        board: "h200".into(),
        source: "a recording".into(),
        row: "copy_4gib".into(),
        quantity: quantity.into(),
        unit: "W".into(),
        reference: 600.0,
        solved: None,
        simulated: None,
        model: 600.0 + 6.0 * error_pct,
        error_pct,
        tolerance_pct: Some(4.0),
        is_within: error_pct.abs() <= 4.0,
        used_for: used_for.into(),
    };
    let reading = |load: &str, error_pct: Option<f64>| ToolReading {
        client: "zeus".into(),
        version: "1".into(),
        board: "h100-sxm".into(),
        load: load.into(),
        method: "counter".into(),
        window_s: 10.0,
        reported_j: error_pct.map(|error| 1_000.0 + 10.0 * error),
        true_j: 1_000.0,
        error_pct,
        reason: "too short".into(),
        provenance: "emulated".into(),
    };
    EmulatedEvidence {
        counters: Vec::new(),
        residuals: vec![
            residual("power", -0.7, "fit"),
            residual("throughput", 5.2, "holdout"),
        ],
        tool_readings: vec![reading("steady", Some(31.2)), reading("burst", None)],
    }
}

/// The verdict on the emulated sweep and the evidence of the tests of `emulated`: decode costs least
/// at 900 of 1200 MHz, where it takes a third longer.
fn emulated_verdict_of(test: &str) -> ClaimResult {
    let text = format!("{}{test}", &RATIO[..RATIO.find("kind").expect("a test")]);
    let file = ClaimFile::parse(&text).expect("a valid claims file");
    let mut evidence = evidence();
    evidence.counters.push(CounterTruth {
        sweep: "dvfs".into(),
        device: "a board".into(),
        n: 12,
        error_median_pct: 1.0,
        error_max_pct: 1.0,
        gain: Some(1.01),
        offset_j: Some(0.0),
        residual_max_pct: Some(0.0),
    });
    let mut slower = best(Objective::Energy);
    slower.phase = "prefill".into();
    (slower.sm_clock_mhz, slower.lowest_mhz, slower.highest_mhz) = (1_000, 950, 1_000);
    let curves = Curves {
        curves: Vec::new(),
        optima: vec![best(Objective::Energy), slower],
    };
    let findings = Findings {
        estimates: &estimates(0.25, 0.24, 0.26),
        sensors: &no_sensors(),
        curves: Some(&curves),
        emulated: Some(&evidence),
    };
    judge(&file, &findings).claims.remove(0)
}

#[test]
fn saving_and_slowdown_at_the_best_clock_are_tested_for_each_sweep() {
    let test = |sweep: &str, metric: &str, high: &str| {
        emulated_verdict_of(&format!(
            "kind = \"optimum_ratio_within\"\nsweeps = [\"{sweep}\"]\nphase = \"decode\"\n\
             objective = \"energy\"\nmetric = \"{metric}\"\nlow = 0.0\nhigh = {high}\n"
        ))
    };
    let saving = test("dvfs", "energy", "0.85");
    assert_eq!(saving.verdict, Verdict::Supported, "{saving:?}");
    let decisive = saving.decisive.expect("a number");
    assert_eq!((decisive.provenance, decisive.n), (Provenance::Emulated, 4));
    assert_eq!(test("dvfs", "time", "1.2").verdict, Verdict::Refuted);
    let missing = test("other", "energy", "0.85");
    assert_eq!(missing.verdict, Verdict::Unavailable);
    assert!(
        missing
            .reason
            .is_some_and(|reason| reason.contains("sweep 'other'"))
    );
}

#[test]
fn the_order_of_best_clocks_is_tested_with_those_that_are_as_good() {
    let test = |above: &str, below: &str| {
        emulated_verdict_of(&format!(
            "kind = \"optimum_clock_at_least\"\nsweeps = [\"dvfs\"]\nobjective = \"energy\"\n\
             numerator = \"{above}\"\ndenominator = \"{below}\"\nbound = 1.01\n"
        ))
        .verdict
    };
    assert_eq!(test("prefill", "decode"), Verdict::Supported);
    assert_eq!(test("decode", "prefill"), Verdict::Refuted);
}

#[test]
fn counters_residuals_and_tools_are_tested_without_sampling_error() {
    let counter = |quantity: &str| {
        emulated_verdict_of(&format!(
            "kind = \"counter_truth_within\"\nsweeps = [\"dvfs\"]\nquantity = \"{quantity}\"\nlow = 0.0\nhigh = 0.5\n"
        ))
        .verdict
    };
    assert_eq!(counter("residual_max"), Verdict::Supported);
    assert_eq!(counter("error_max"), Verdict::Refuted);

    let residuals = |used_for: &str| {
        emulated_verdict_of(&format!(
            "kind = \"residuals_within\"\nused_for = \"{used_for}\"\nbound = 1.0\n"
        ))
    };
    assert_eq!(residuals("fit").verdict, Verdict::Supported);
    let refuted = residuals("holdout");
    assert_eq!(refuted.verdict, Verdict::Refuted);
    assert!(
        refuted
            .decisive
            .is_some_and(|number| number.subject.contains("copy_4gib, throughput"))
    );

    let tools = |loads: &str| {
        let test =
            format!("kind = \"tools_within\"\nloads = [\"{loads}\"]\nlow = -40.0\nhigh = 40.0\n");
        emulated_verdict_of(&test).verdict
    };
    assert_eq!(tools("steady"), Verdict::Supported);
    assert_eq!(tools("burst"), Verdict::Unavailable);
    let worst = "kind = \"worst_tool_at_least\"\nloads = [\"steady\"]\nbound = 40.0\n";
    assert_eq!(emulated_verdict_of(worst).verdict, Verdict::Refuted);
}

#[test]
fn without_emulated_results_their_claims_name_the_next_step() {
    let text = format!(
        "{}kind = \"tools_within\"\nloads = [\"steady\"]\nlow = -1.0\nhigh = 1.0\n",
        &RATIO[..RATIO.find("kind").expect("a test")]
    );
    let result = verdict_of(&text, &estimates(0.25, 0.24, 0.26));
    assert_eq!(result.verdict, Verdict::Unavailable);
    assert!(
        result
            .reason
            .is_some_and(|reason| reason.contains("joulebench reproduce"))
    );
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
    // The peer's is no point of ours.
    assert_eq!(verdict_of(RATIO, &two).verdict, Verdict::Supported);
    two.estimates.push(record(&llama_point("candle", 1, 2048)));
    let reason = verdict_of(RATIO, &two).reason.expect("a reason");
    assert!(reason.contains("fits 2 points"), "{reason}");
}

#[test]
fn a_claim_before_its_measurement_is_inconclusive_for_want_of_data() {
    let planned = RATIO.replace("paper = { value = 4.0, tolerance_pct = 10.0 }\n", "");
    let mut none = estimates(0.25, 0.24, 0.26);
    none.estimates.clear();
    let result = verdict_of(&planned, &none);
    assert_eq!(result.verdict, Verdict::Inconclusive);
    assert_eq!(
        result.reason.as_deref(),
        Some("no data: no faultless run at 'batch=1' in sweep 's'")
    );
    let found = verdict_of(&planned, &estimates(0.25, 0.24, 0.26));
    assert_eq!((found.verdict, found.reason), (Verdict::Supported, None));
}

/// The test of [`RATIO`] in other words.
fn with_test(test: &str) -> String {
    format!("{}{test}", &RATIO[..RATIO.find("kind").expect("a test")])
}

#[test]
fn a_ratio_may_have_to_lie_between_bounds() {
    let of = |low: f64, high: f64| {
        with_test(&format!(
            "kind = \"ratio_within\"\nsweep = \"s\"\nmetric = \"energy_per_unit\"\n\
             numerator = {{ batch = 8 }}\ndenominator = {{ batch = 1 }}\nlow = {low}\nhigh = {high}\n"
        ))
    };
    let found = estimates(0.25, 0.24, 0.26);
    assert_eq!(
        verdict_of(&of(0.2, 0.3), &found).verdict,
        Verdict::Supported
    );
    assert_eq!(
        verdict_of(&of(0.25, 0.3), &found).verdict,
        Verdict::Inconclusive
    );
    assert_eq!(verdict_of(&of(0.4, 0.5), &found).verdict, Verdict::Refuted);
    assert!(ClaimFile::parse(&of(0.5, 0.4)).is_err());
}

#[test]
fn the_peer_is_compared_at_every_point_that_it_shares() {
    let text = with_test(
        "kind = \"peer_ratio_at_least\"\nsweep = \"s\"\nmetric = \"energy_per_unit\"\nbound = 1.0\n",
    );
    let mut found = estimates(0.25, 0.24, 0.26);
    let alone = verdict_of(&text, &found);
    assert_eq!(alone.verdict, Verdict::Unavailable);
    assert!(
        alone
            .reason
            .expect("a reason")
            .starts_with("no peer did the work")
    );
    let peer = llama_point("pytorch", 8, 512);
    found.estimates.push(record(&peer));
    // Ours needs four fifths of what the peer needs.
    found.comparisons = vec![ComparisonRecord {
        numerator: batch(8),
        denominator: peer,
        value: 0.8,
        low: Some(0.75),
        high: Some(0.85),
        ..found.comparisons.remove(0)
    }];
    let result = verdict_of(&text, &found);
    assert_eq!(result.verdict, Verdict::Supported);
    let [evidence] = result.evidence.as_slice() else {
        panic!("one point has a peer")
    };
    assert!((evidence.value - 1.25).abs() < 1e-9);
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
