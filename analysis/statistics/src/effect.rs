//! Sizes of an effect, printed before any p-value.

use serde::{Deserialize, Serialize};
use statrs::function::gamma::ln_gamma;

use crate::error::{StatisticsError, logarithms, require_count, require_finite};
use crate::moments::Moments;
use crate::sum::number;

/// Difference of two means in standard deviations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HedgesG {
    /// Cohen's d: the difference over the pooled standard deviation.
    pub d: f64,
    /// Small-sample correction `J = Γ(m/2) / (√(m/2) · Γ((m − 1)/2))`, `m = na + nb − 2`.
    pub correction: f64,
    /// `d · J`.
    pub g: f64,
}

/// Hedges' g of `a − b`.
///
/// # Errors
/// Fewer than two values on a side, one that is not finite, or no scatter.
pub fn hedges_g(a: &[f64], b: &[f64]) -> Result<HedgesG, StatisticsError> {
    let (a, b) = (Moments::of("a", a)?, Moments::of("b", b)?);
    let degrees = a.degrees_of_freedom() + b.degrees_of_freedom();
    let pooled =
        (a.degrees_of_freedom() * a.variance + b.degrees_of_freedom() * b.variance) / degrees;
    if pooled <= 0.0 {
        return Err(StatisticsError::NoVariance {
            what: "both samples",
        });
    }
    let d = (a.mean - b.mean) / pooled.sqrt();
    let half = degrees / 2.0;
    let correction =
        libm::exp(ln_gamma(half) - 0.5 * libm::log(half) - ln_gamma((degrees - 1.0) / 2.0));
    Ok(HedgesG {
        d,
        correction,
        g: d * correction,
    })
}

/// Cliff's δ, the mean sign of `a_i − b_j` over all pairs: −1 where every a is below every b.
///
/// # Errors
/// No value on a side, or one that is not finite.
pub fn cliff_delta(a: &[f64], b: &[f64]) -> Result<f64, StatisticsError> {
    for (what, side) in [("a", a), ("b", b)] {
        require_count(what, 1, side.len())?;
        require_finite(what, side)?;
    }
    let mut sorted = b.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (mut above, mut below) = (0, 0);
    for value in a {
        above += sorted.partition_point(|other| other < value);
        below += sorted.len() - sorted.partition_point(|other| other <= value);
    }
    Ok((number(above) - number(below)) / (number(a.len()) * number(b.len())))
}

/// Mean logarithm of `a` less that of `b`: 0.05 is "5 % more", symmetric between gain and loss.
///
/// # Errors
/// Fewer than two values on a side, or one that is not positive and finite.
pub fn log_ratio(a: &[f64], b: &[f64]) -> Result<f64, StatisticsError> {
    let a = Moments::of("a", &logarithms("a", a)?)?;
    let b = Moments::of("b", &logarithms("b", b)?)?;
    Ok(a.mean - b.mean)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const A: [f64; 8] = [30.02, 29.99, 30.11, 29.97, 30.01, 29.99, 30.08, 30.05];
    const B: [f64; 7] = [29.89, 29.93, 29.72, 29.98, 30.02, 29.98, 29.91];

    /// Closed forms evaluated with numpy and scipy's `gammaln`.
    #[test]
    fn reference_values() {
        let effect = hedges_g(&A, &B).unwrap();
        assert!((effect.d - 1.435_684_560_769_997_7).abs() < 1e-10);
        assert!((effect.correction - 0.940_982_467_471_148).abs() < 1e-12);
        assert!((effect.g - 1.350_954_000_503_583_8).abs() < 1e-10);
        let delta = cliff_delta(&A, &B).unwrap();
        assert!((delta - 0.767_857_142_857_142_9).abs() < 1e-16);
    }

    #[test]
    fn equal_values_have_no_standard_deviation_to_count_in() {
        assert!(hedges_g(&[1.0, 1.0], &[2.0, 2.0]).is_err());
    }

    #[test]
    fn a_fifth_less_energy() {
        let effect = log_ratio(&[80.0, 8.0], &[100.0, 10.0]).unwrap();
        assert!((effect - libm::log(0.8)).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn cliff_delta_is_the_mean_sign(
            a in vec(-5i8..5, 1..15),
            b in vec(-5i8..5, 1..15),
        ) {
            let a: Vec<f64> = a.into_iter().map(f64::from).collect();
            let b: Vec<f64> = b.into_iter().map(f64::from).collect();
            let mut signs = 0i32;
            for x in &a {
                for y in &b {
                    signs += i32::from(x > y) - i32::from(x < y);
                }
            }
            let expected = f64::from(signs) / (number(a.len()) * number(b.len()));
            prop_assert!((cliff_delta(&a, &b).unwrap() - expected).abs() < 1e-15);
            prop_assert!((cliff_delta(&b, &a).unwrap() + expected).abs() < 1e-15);
        }

        #[test]
        fn g_does_not_depend_on_the_unit(
            a in vec(1.0..9.0, 2..15),
            b in vec(1.0..9.0, 2..15),
            factor in 0.01..100.0,
        ) {
            let scale = |side: &[f64]| side.iter().map(|value| value * factor).collect::<Vec<_>>();
            let plain = hedges_g(&a, &b).unwrap().g;
            let other = hedges_g(&scale(&a), &scale(&b)).unwrap().g;
            prop_assert!((plain - other).abs() < 1e-9 * (1.0 + plain.abs()));
        }
    }
}
