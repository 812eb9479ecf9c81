use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::fixture::{self, count, number};

fn bounds(value: &Value) -> Bounds {
    let [x, y, width, height] = [0, 1, 2, 3].map(|index| value["box"][index].as_f64().unwrap());
    Bounds {
        x,
        y,
        width,
        height,
    }
}

fn scene(expected: &Value) -> (Vec<Truth>, Vec<Detection>) {
    let list = |key: &str| expected[key].as_array().unwrap().clone();
    let truths = list("truths");
    let truths = truths.iter().map(|value| Truth {
        image: count(value, "image"),
        class: count(value, "class"),
        bounds: bounds(value),
        area: number(value, "area"),
        crowd: value["crowd"].as_bool().unwrap(),
    });
    let detections = list("detections");
    let detections = detections.iter().map(|value| Detection {
        image: count(value, "image"),
        class: count(value, "class"),
        bounds: bounds(value),
        score: number(value, "score"),
    });
    (truths.collect(), detections.collect())
}

#[test]
fn all_twelve_numbers_are_those_of_pycocotools() {
    let expected = fixture::expected("detection");
    let (truths, detections) = scene(&expected);
    assert!(truths.iter().any(|truth| truth.crowd) && detections.len() > 200);
    let evaluation = Evaluation::new(40, 5, &truths, &detections).unwrap();
    let summary = evaluation.summary();
    let found = [
        summary.ap,
        summary.ap_50,
        summary.ap_75,
        summary.ap_small,
        summary.ap_medium,
        summary.ap_large,
        summary.ar_1,
        summary.ar_10,
        summary.ar_100,
        summary.ar_small,
        summary.ar_medium,
        summary.ar_large,
    ];
    for (index, found) in found.iter().enumerate() {
        let expected = expected["stats"][index].as_f64().unwrap();
        let found = found.unwrap();
        assert!(
            (found - expected).abs() < 1e-12,
            "number {index}: {found}, {expected}"
        );
    }
    for (class, found) in evaluation.per_class().iter().enumerate() {
        match (found, expected["per_class"][class].as_f64()) {
            (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-12),
            (None, None) => {}
            other => panic!("class {class}: {other:?}"),
        }
    }
    insta::assert_json_snapshot!(evaluation.interval(Level::P95).unwrap(), {
        ".value" => insta::rounded_redaction(6),
        ".low" => insta::rounded_redaction(6),
        ".high" => insta::rounded_redaction(6),
    });
}

fn object(image: usize, x: f64, crowd: bool) -> Truth {
    let bounds = Bounds {
        x,
        y: 0.0,
        width: 10.0,
        height: 10.0,
    };
    Truth {
        image,
        class: 0,
        bounds,
        area: 100.0,
        crowd,
    }
}

fn detection(image: usize, x: f64, score: f64) -> Detection {
    Detection {
        image,
        class: 0,
        bounds: object(image, x, false).bounds,
        score,
    }
}

fn ap(truths: &[Truth], detections: &[Detection]) -> Option<f64> {
    let evaluation = Evaluation::new(2, 1, truths, detections).unwrap();
    evaluation.summary().ap_50
}

#[test]
fn precision_by_hand() {
    let truths = [object(0, 0.0, false), object(1, 0.0, false)];
    // A miss between two hits: precision 1 up to recall 0.5, 2/3 beyond: (51 + 50 · 2/3) / 101.
    let found = [
        detection(0, 0.0, 0.9),
        detection(0, 50.0, 0.8),
        detection(1, 0.0, 0.7),
    ];
    let expected = (51.0 + 50.0 * 2.0 / 3.0) / 101.0;
    assert!((ap(&truths, &found).unwrap() - expected).abs() < 1e-12);
    // Found twice, the second is wrong.
    let twice = [
        detection(0, 0.0, 0.9),
        detection(0, 1.0, 0.8),
        detection(1, 0.0, 0.7),
    ];
    assert!((ap(&truths, &twice).unwrap() - expected).abs() < 1e-12);
    assert_eq!(ap(&truths, &[]), Some(0.0));
    assert_eq!(ap(&[], &found), None);
}

#[test]
fn a_crowd_takes_many_and_rewards_none() {
    let truths = [object(0, 0.0, false), object(0, 100.0, true)];
    let found = [
        detection(0, 100.0, 0.9),
        detection(0, 101.0, 0.8),
        detection(0, 0.0, 0.7),
    ];
    assert!((ap(&truths, &found).unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn boxes_that_belong_nowhere_are_refused_by_number() {
    let refusal = |truths: &[Truth], detections: &[Detection]| {
        let found = Evaluation::new(2, 1, truths, detections);
        found.unwrap_err().to_string()
    };
    let message = refusal(&[object(0, 0.0, false), object(2, 0.0, false)], &[]);
    assert_eq!(
        message,
        "true box is number 1 of the list, expected an image below 2, got 2"
    );
    assert!(refusal(&[], &[detection(0, 0.0, f64::NAN)]).contains("finite numbers"));
    let inside_out = Detection {
        bounds: Bounds::between(5.0, 0.0, 1.0, 2.0),
        ..detection(0, 0.0, 1.0)
    };
    assert!(refusal(&[], &[inside_out]).contains("sides of at least zero"));
    let class = Detection {
        class: 1,
        ..detection(0, 0.0, 1.0)
    };
    assert!(refusal(&[], &[class]).contains("a class below 1, got 1"));
    let few = Evaluation::new(9, 1, &[object(0, 0.0, false)], &[]).unwrap();
    let message = few.interval(Level::P95).unwrap_err().to_string();
    assert!(
        message.contains("at least 10 images needed, got 9"),
        "{message}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_truth_itself_is_perfect_and_order_of_distinct_scores_does_not_matter(
        places in proptest::collection::vec((0usize..2, 0u32..50), 1..12), turn in 0usize..12,
    ) {
        let mut places = places;
        places.sort_unstable();
        places.dedup();
        // Far enough apart that no box overlaps another.
        let truths: Vec<Truth> =
            places.iter().map(|(image, x)| object(*image, 20.0 * f64::from(*x), false)).collect();
        let mut found: Vec<Detection> = truths
            .iter()
            .enumerate()
            .map(|(index, truth)| detection(truth.image, truth.bounds.x, 1.0 / (1.0 + index as f64)))
            .collect();
        prop_assert!((ap(&truths, &found).unwrap() - 1.0).abs() < 1e-12);
        found[0].bounds.x += 1000.0;
        let before = ap(&truths, &found);
        let turn = turn % found.len();
        found.rotate_left(turn);
        prop_assert_eq!(ap(&truths, &found), before);
    }
}
