use std::path::Path;

use model::units::Joules;
use proptest::prelude::*;

use super::*;

fn joules(values: &[f64]) -> Vec<Joules> {
    values.iter().copied().map(Joules::new).collect()
}

fn bounds<U: Quantity>(estimate: &Estimate<U>) -> (f64, f64) {
    let interval = estimate.interval.expect("two values or more");
    (interval.low.number(), interval.high.number())
}

fn assert_relative(found: f64, expected: f64, tolerance: f64) {
    let error = (found - expected).abs() / expected.abs().max(1e-300);
    assert!(error <= tolerance, "{found}, expected {expected}");
}

#[test]
fn one_value_has_no_interval_and_none_has_no_value() {
    let one = geometric_mean(&joules(&[3.5])).expect("a positive value");
    assert_relative(one.value.get(), 3.5, 1e-15);
    assert_eq!((one.interval, one.n), (Err(NoInterval::OneValue), 1));
    assert_eq!(geometric_mean::<Joules>(&[]), Err(Unusable::Empty));
    assert_eq!(
        geometric_mean(&joules(&[1.0, 0.0])),
        Err(Unusable::NotPositive)
    );
    assert_eq!(mean(&joules(&[1.0, f64::NAN])), Err(Unusable::NotFinite));
    let pair = (Joules::new(1.0), Joules::new(0.0));
    assert_eq!(paired_ratio(&[pair]), Err(Unusable::NotPositive));
}

#[test]
fn equal_values_have_an_interval_of_no_width() {
    let (low, high) = bounds(&mean(&joules(&[2.0; 5])).expect("values"));
    assert_eq!((low, high), (2.0, 2.0));
}

/// Reference values by scipy.
fn vectors() -> Option<serde_json::Value> {
    let path = Path::new("../shared/data/stats-vectors/stats_vectors.json");
    let from_crate = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let Ok(text) = fs_err::read_to_string(from_crate) else {
        eprintln!("skipped: no reference vectors at {}", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).expect("the vectors are JSON"))
}

#[test]
fn t_quantiles_are_those_of_scipy() {
    let Some(vectors) = vectors() else { return };
    for (key, expected) in vectors["t_ppf"].as_object().expect("a table of quantiles") {
        let (probability, df) = key
            .split_once(',')
            .expect("probability, degrees of freedom");
        let quantile = student_t_quantile(
            probability.parse().expect("a number"),
            df.parse().expect("a number"),
        );
        assert_relative(quantile, expected.as_f64().expect("a number"), 1e-9);
    }
}

#[test]
fn the_paired_interval_is_that_of_scipy() {
    let Some(vectors) = vectors() else { return };
    let list = |key: &str| -> Vec<f64> {
        let values = vectors[key].as_array().expect("a list");
        values
            .iter()
            .map(|value| value.as_f64().expect("a number"))
            .collect()
    };
    let differences: Vec<Ratio> = list("a")
        .iter()
        .zip(list("b"))
        .map(|(a, b)| Ratio::new(a - b))
        .collect();
    let (low, high) = bounds(&mean(&differences).expect("seven pairs"));
    let expected = |key: &str| vectors["paired"][key].as_f64().expect("a number");
    assert_relative(low, expected("lo"), 1e-9);
    assert_relative(high, expected("hi"), 1e-9);
}

/// NIST's Norris data set, certified to 1e-15 (itl.nist.gov, StRD).
const NORRIS: [(f64, f64); 36] = [
    (0.2, 0.1),
    (337.4, 338.8),
    (118.2, 118.1),
    (884.6, 888.0),
    (10.1, 9.2),
    (226.5, 228.1),
    (666.3, 668.5),
    (996.3, 998.5),
    (448.6, 449.1),
    (777.0, 778.9),
    (558.2, 559.2),
    (0.4, 0.3),
    (0.6, 0.1),
    (775.5, 778.1),
    (666.9, 668.8),
    (338.0, 339.3),
    (447.5, 448.9),
    (11.6, 10.8),
    (556.0, 557.7),
    (228.1, 228.3),
    (995.8, 998.0),
    (887.6, 888.8),
    (120.2, 119.6),
    (0.3, 0.3),
    (0.3, 0.6),
    (556.8, 557.6),
    (339.1, 339.3),
    (887.2, 888.0),
    (999.0, 998.5),
    (779.0, 778.9),
    (11.1, 10.2),
    (118.3, 117.6),
    (229.2, 228.9),
    (669.1, 668.4),
    (448.9, 449.2),
    (0.5, 0.2),
];

#[test]
fn the_slope_of_the_norris_data_is_the_certified_one() {
    let estimate = line_slope::<Ratio>(&NORRIS).expect("36 points");
    assert_relative(estimate.value.get(), 1.002_116_818_020_45, 1e-13);
    let (low, high) = bounds(&estimate);
    let half_width = student_t_quantile(0.975, 34.0) * 0.429_796_848_199_937e-3;
    assert_relative(high - low, 2.0 * half_width, 1e-9);
    assert_eq!(estimate.n, 36);
}

#[test]
fn a_line_needs_three_points_that_are_not_above_each_other() {
    assert_eq!(line_slope::<Ratio>(&NORRIS[..2]), Err(Unusable::Empty));
    assert_eq!(line_slope::<Ratio>(&[(1.0, 1.0); 5]), Err(Unusable::Empty));
    assert_eq!(
        line_slope::<Ratio>(&[(1.0, f64::NAN); 5]),
        Err(Unusable::NotFinite)
    );
}

#[test]
fn the_geometric_mean_of_two_and_eight_is_four() {
    // ln 2 and ln 8 lie ln 2 from ln 4; s / sqrt(2) = ln 2, t(0.975, 1) = 12.7062047361747.
    let estimate = geometric_mean(&joules(&[2.0, 8.0])).expect("positive values");
    assert_relative(estimate.value.get(), 4.0, 1e-14);
    let (low, high) = bounds(&estimate);
    let factor = (12.706_204_736_174_7 * std::f64::consts::LN_2).exp();
    assert_relative(low, 4.0 / factor, 1e-8);
    assert_relative(high, 4.0 * factor, 1e-8);
}

fn positive_values() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(1e-3..1e6_f64, 2..12)
}

proptest! {
    #[test]
    fn the_interval_contains_the_value(values in positive_values()) {
        let estimate = geometric_mean(&joules(&values)).expect("positive values");
        let (low, high) = bounds(&estimate);
        prop_assert!(low <= estimate.value.get() && estimate.value.get() <= high);
    }

    #[test]
    fn the_order_of_the_runs_changes_no_bit(values in positive_values(), turn in 0_usize..12) {
        let mut turned = values.clone();
        turned.rotate_left(turn % values.len());
        turned.reverse();
        prop_assert_eq!(geometric_mean(&joules(&values)), geometric_mean(&joules(&turned)));
        prop_assert_eq!(mean(&joules(&values)), mean(&joules(&turned)));
    }

    #[test]
    fn a_change_of_scale_scales_value_and_bounds(
        values in positive_values(),
        factor in 1e-3..1e3_f64,
    ) {
        let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
        let before = geometric_mean(&joules(&values)).expect("positive values");
        let after = geometric_mean(&joules(&scaled)).expect("positive values");
        let close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 1e-9;
        prop_assert!(close(after.value.get(), before.value.get() * factor));
        let ((low, high), (scaled_low, scaled_high)) = (bounds(&before), bounds(&after));
        // Two far values can span more than f64 holds.
        prop_assume!(low > 1e-200 && high < 1e200);
        prop_assert!(close(scaled_low, low * factor) && close(scaled_high, high * factor));
    }

    #[test]
    fn a_swapped_ratio_is_the_inverse(
        pairs in prop::collection::vec((1e-2..1e3_f64, 1e-2..1e3_f64), 2..10),
    ) {
        let typed = |swap: bool| -> Vec<(Joules, Joules)> {
            let order = |(a, b): &(f64, f64)| if swap { (*b, *a) } else { (*a, *b) };
            pairs.iter().map(order).map(|(a, b)| (Joules::new(a), Joules::new(b))).collect()
        };
        let forth = paired_ratio(&typed(false)).expect("positive pairs");
        let back = paired_ratio(&typed(true)).expect("positive pairs");
        prop_assert!((forth.value.get() * back.value.get() - 1.0).abs() < 1e-9);
        let ((low, _), (_, high)) = (bounds(&forth), bounds(&back));
        prop_assume!(low > 1e-200 && high < 1e200);
        prop_assert!((low * high - 1.0).abs() < 1e-9);
    }
}
