//! p-values of many tests at once.

use crate::error::StatisticsError;
use crate::sum::number;

/// Holm's adjusted p-values, in the order given: rejecting those at or below α keeps the chance of
/// any false rejection in the family at α, whatever the dependence. For families of claims.
///
/// # Errors
/// A p-value outside \[0, 1\].
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    let order = ascending(p_values)?;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, &index) in order.iter().enumerate() {
        let left = number(p_values.len() - rank);
        largest = largest.max(p_values[index] * left);
        adjusted[index] = largest.min(1.0);
    }
    Ok(adjusted)
}

/// Adjusted p-values of Benjamini and Hochberg, in the order given: rejecting those at or below q
/// keeps the expected share of false ones among the rejections at q, for independent or positively
/// dependent tests. For maps of many points.
///
/// # Errors
/// A p-value outside \[0, 1\].
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    let order = ascending(p_values)?;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut smallest: f64 = 1.0;
    for (rank, &index) in order.iter().enumerate().rev() {
        let share = number(rank + 1) / number(p_values.len());
        smallest = smallest.min(p_values[index] / share);
        adjusted[index] = smallest;
    }
    Ok(adjusted)
}

/// Positions from the smallest p-value to the largest.
fn ascending(p_values: &[f64]) -> Result<Vec<usize>, StatisticsError> {
    if let Some(&value) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(StatisticsError::Probability {
            what: "p-value",
            value,
        });
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    Ok(order)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// statsmodels 0.15.0, `multipletests(p, method="holm")` and `method="fdr_bh"`.
    const P: [f64; 25] = [
        0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216, 0.222, 0.251, 0.269,
        0.275, 0.34, 0.341, 0.384, 0.569, 0.594, 0.696, 0.762, 0.94, 0.942, 0.975, 0.986,
    ];
    const HOLM: [f64; 5] = [0.025, 0.192, 0.897, 0.902, 0.902];
    const BH: [f64; 25] = [
        0.025,
        0.1,
        0.21,
        0.21,
        0.21,
        0.25,
        0.264_285_714_285_714_23,
        0.491_071_428_571_428_55,
        0.491_071_428_571_428_55,
        0.491_071_428_571_428_55,
        0.491_071_428_571_428_55,
        0.491_071_428_571_428_55,
        0.491_071_428_571_428_55,
        0.491_071_428_571_428_55,
        0.532_812_5,
        0.532_812_5,
        0.564_705_882_352_941_2,
        0.781_578_947_368_421,
        0.781_578_947_368_421,
        0.869_999_999_999_999_9,
        0.907_142_857_142_857_1,
        0.986,
        0.986,
        0.986,
        0.986,
    ];

    #[test]
    fn twenty_five_p_values() {
        for (got, expected) in holm(&P)
            .unwrap()
            .into_iter()
            .zip(HOLM.into_iter().chain([1.0; 20]))
        {
            assert!((got - expected).abs() < 1e-12, "{got} {expected}");
        }
        for (got, expected) in benjamini_hochberg(&P).unwrap().into_iter().zip(BH) {
            assert!((got - expected).abs() < 1e-12, "{got} {expected}");
        }
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        assert!(holm(&[0.5, 1.5]).is_err());
        assert!(benjamini_hochberg(&[f64::NAN]).is_err());
        assert_eq!(holm(&[]).unwrap(), Vec::<f64>::new());
    }

    proptest! {
        #[test]
        fn raw_then_bh_then_holm(p in vec(0.0..=1.0, 1..40)) {
            let (holm, bh) = (holm(&p).unwrap(), benjamini_hochberg(&p).unwrap());
            for ((raw, bh), holm) in p.iter().zip(&bh).zip(&holm) {
                prop_assert!(*raw <= bh * (1.0 + 1e-15));
                prop_assert!(*bh <= holm * (1.0 + 1e-15));
                prop_assert!(*holm <= 1.0);
            }
        }

        #[test]
        fn order_in_is_order_out(p in vec(0.0..=1.0, 1..40)) {
            let mut reversed = p.clone();
            reversed.reverse();
            for adjust in [holm, benjamini_hochberg] {
                let mut back = adjust(&reversed).unwrap();
                back.reverse();
                prop_assert_eq!(adjust(&p).unwrap(), back);
            }
        }
    }
}
