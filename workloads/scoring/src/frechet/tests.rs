use proptest::prelude::*;

use super::*;
use crate::fixture::{self, close, count, number as value};

fn sets(case: &serde_json::Value) -> (Rows, Rows) {
    let (seed, width) = (1_000_000 * count(case, "seed") as u64, count(case, "width"));
    (
        fixture::features(seed, count(case, "n"), width, 0.0),
        fixture::features(
            seed + 500_000,
            count(case, "m"),
            width,
            value(case, "shift"),
        ),
    )
}

#[test]
fn distances_are_those_of_scipy_and_torchmetrics() {
    let cases = fixture::expected("frechet");
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let (a, b) = sets(case);
        let found = plug_in(&a, &b).unwrap();
        let full_rank = a.len().min(b.len()) > a.width();
        let bar = if full_rank { 1e-10 } else { 1e-6 };
        for way in ["sqrtm", "torchmetrics"] {
            let expected = value(case, way);
            assert!(
                close(found, expected, bar),
                "{found} for {expected}: {case}"
            );
        }
        // numpy's singular values know no singular square root: here both are exact.
        assert!(
            close(found, value(case, "nuclear"), 1e-10),
            "{found}: {case}"
        );
        let floor = floor(&Gaussian::of(a.features().unwrap()).unwrap(), 1).unwrap();
        assert!(
            close(floor, value(case, "floor_coefficient"), 1e-9),
            "{floor}: {case}"
        );
    }
}

#[test]
fn a_distance_comes_with_what_it_takes_to_read_it() {
    let reference = ReferenceSet::new(fixture::features(1, 400, 8, 0.0)).unwrap();
    let rows = fixture::features(50_000, 240, 8, 0.05);
    let network = Network::other("shapes-net", "sha256:00");
    let found = measure(&rows, &reference, &network, 3, Level::P95).unwrap();
    insta::assert_json_snapshot!(found, {
        ".plug_in" => insta::rounded_redaction(6),
        ".floor" => insta::rounded_redaction(6),
        ".limit" => insta::rounded_redaction(6),
        ".interval.value" => insta::rounded_redaction(6),
        ".interval.low" => insta::rounded_redaction(6),
        ".interval.high" => insta::rounded_redaction(6),
    });
    // The bias is taken out: the estimate lies below the plain value, by about what N explains.
    assert!(found.interval.value < found.plug_in && found.limit < found.plug_in);
}

#[test]
fn the_floor_is_what_unequal_sets_of_one_source_have() {
    let reference = fixture::features(9_000_000, 4000, 12, 0.0);
    let reference = ReferenceSet::new(reference).unwrap();
    let mean = (0..40)
        .map(|seed| {
            let rows = fixture::features(1_000_000 + 20_000 * seed, 300, 12, 0.0);
            plug_in(&rows, &reference.rows).unwrap()
        })
        .sum::<f64>()
        / 40.0;
    let floor = reference.floor(300);
    assert!((mean / floor - 1.0).abs() < 0.08, "{mean} for {floor}");
}

#[test]
fn systems_are_compared_in_pairs() {
    let reference = ReferenceSet::new(fixture::features(1, 800, 8, 0.0)).unwrap();
    let a = fixture::features(70_000, 400, 8, 0.2);
    // The same images, a little further off.
    let b = Rows::new(a.values().iter().map(|x| x + 0.02).collect(), 8).unwrap();
    let found = difference(&b, &a, &reference, Level::P95).unwrap();
    // Means move away by 0.02 from 0.2: 8 · (0.22² − 0.2²) = 0.0672 in expectation.
    assert!(
        found.interval.low > 0.0 && found.interval.contains(0.0672),
        "{found:?}"
    );
    let network = Network::other("n", "seed:1");
    let alone = measure(&a, &reference, &network, 1, Level::P95).unwrap();
    assert!(found.interval.half_width() < 0.3 * alone.interval.half_width());
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let few = fixture::features(1, 119, 4, 0.0);
    let refusal = ReferenceSet::new(few).unwrap_err().to_string();
    assert!(
        refusal.contains("at least 120 images needed, got 119"),
        "{refusal}"
    );
    let reference = ReferenceSet::new(fixture::features(1, 130, 4, 0.0)).unwrap();
    let other = fixture::features(1, 130, 5, 0.0);
    let network = Network::other("n", "seed:1");
    let refusal = measure(&other, &reference, &network, 1, Level::P95).unwrap_err();
    assert!(
        refusal
            .to_string()
            .starts_with("features of the images have the width 5")
    );
    let shorter = fixture::features(1, 125, 4, 0.0);
    let left = fixture::features(1, 130, 4, 0.0);
    assert!(difference(&left, &shorter, &reference, Level::P95).is_err());
}

/// A rotation in the plane of two features.
fn rotated(rows: &Rows, angle: f64) -> Rows {
    let (sine, cosine) = libm::sincos(angle);
    let mut values = rows.values().to_vec();
    for row in values.chunks_exact_mut(rows.width()) {
        (row[0], row[1]) = (
            cosine * row[0] - sine * row[1],
            sine * row[0] + cosine * row[1],
        );
    }
    Rows::new(values, rows.width()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_distance_is_symmetric_blind_to_order_and_rotation_and_zero_on_itself(
        seed in 0u64..100_000, n in 3usize..60, m in 3usize..60, width in 2usize..20, angle in 0.0..6.0,
    ) {
        let a = fixture::features(seed, n, width, 0.0);
        let b = fixture::features(seed + 200_000, m, width, 0.3);
        let forth = plug_in(&a, &b).unwrap();
        let same = |other: f64| (other - forth).abs() <= 1e-9 * forth.max(1e-3);
        prop_assert!(same(plug_in(&b, &a).unwrap()));
        let reversed: Vec<f64> = a.values().chunks(width).rev().flatten().copied().collect();
        prop_assert!(same(plug_in(&Rows::new(reversed, width).unwrap(), &b).unwrap()));
        prop_assert!(same(plug_in(&rotated(&a, angle), &rotated(&b, angle)).unwrap()));
        prop_assert!(plug_in(&a, &a).unwrap() < 1e-10);
    }
}
