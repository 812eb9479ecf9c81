//! The regularised incomplete beta function, behind the laws of t, F, beta and binomial counts.
//!
//! Own code where statrs has one: its continued fraction ends after 140 terms, which leaves three
//! digits for a million trials, and its factor in front loses digits as the shapes grow.

use std::f64::consts::PI;

/// `I_x(a, b)`, the share of the beta law below `x`. The complement `y = 1 − x` is an argument of its
/// own, so that a caller who knows it exactly loses nothing where `x` is close to 1. The upper share
/// is `share_below(b, a, y, x)`.
pub(super) fn share_below(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    let front = front(a, b, x, y);
    // The fraction converges fast on this side of the mean only.
    if x < (a + 1.0) / (a + b + 2.0) {
        (front * continued_fraction(a, b, x) / a).min(1.0)
    } else {
        (1.0 - front * continued_fraction(b, a, y) / b).max(0.0)
    }
}

/// `x^a y^b / B(a, b)` by the saddle-point form of the binomial probability (Loader, Fast and Accurate
/// Computation of Binomial Probabilities, 2000): large terms never cancel.
fn front(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let both = a + b;
    // = a − (a + b) x, without the rounding of an x close to 1.
    let excess = a * y - b * x;
    let exponent = stirling_error(both)
        - stirling_error(a)
        - stirling_error(b)
        - deviance(a, both * x, excess)
        - deviance(b, both * y, -excess);
    (a * b / (2.0 * PI * both)).sqrt() * libm::exp(exponent)
}

/// `ln Γ(n + 1)` less Stirling's formula, `(n + ½) ln n − n + ½ ln 2π`.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        return libm::lgamma(n + 1.0) - (n + 0.5) * libm::log(n) + n - 0.5 * libm::log(2.0 * PI);
    }
    let square = n * n;
    // Bernoulli numbers: 1/12, 1/360, 1/1260, 1/1680, 1/1188; the next term is below 1e-16.
    (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square)
            / square)
        / n
}

/// `observed · ln(observed / expected) − difference`, by its series where the two are close; the
/// difference `observed − expected` is given, since the caller knows it to more digits.
fn deviance(observed: f64, expected: f64, difference: f64) -> f64 {
    if difference.abs() >= 0.1 * (observed + expected) {
        return observed * libm::log(observed / expected) - difference;
    }
    let ratio = difference / (observed + expected);
    let mut sum = difference * ratio;
    let mut term = 2.0 * observed * ratio;
    let mut odd = 1.0;
    loop {
        term *= ratio * ratio;
        odd += 2.0;
        let next = sum + term / odd;
        if next.to_bits() == sum.to_bits() {
            return sum;
        }
        sum = next;
    }
}

/// The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), by Lentz's
/// recurrence. It takes about √max(a, b) terms.
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    const LONGEST: u32 = 200_000;
    let kept_from_zero = |value: f64| {
        if value.abs() < f64::MIN_POSITIVE {
            f64::MIN_POSITIVE
        } else {
            value
        }
    };
    let mut numerators = 1.0;
    let mut denominators = 1.0 / kept_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = denominators;
    for term in 1..LONGEST {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for coefficient in [even, odd] {
            denominators = 1.0 / kept_from_zero(1.0 + coefficient * denominators);
            numerators = kept_from_zero(1.0 + coefficient / numerators);
            change = denominators * numerators;
            fraction *= change;
        }
        if (change - 1.0).abs() <= 2.0 * f64::EPSILON {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    /// mpmath with 40 digits.
    #[test]
    fn thirteen_digits_over_eight_decades_of_shapes() {
        for (a, b, x, y, expected) in SHARES {
            let got = share_below(a, b, x, y);
            assert!(
                (got - expected).abs() <= 1e-12 * expected,
                "I_{x}({a}, {b}): got {got:e}, expected {expected:e}"
            );
        }
    }

    const SHARES: [(f64, f64, f64, f64, f64); 9] = [
        (0.5, 0.5, 0.25, 0.75, 0.333_333_333_333_333_3),
        (2.0, 3.0, 0.5, 0.5, 0.687_5),
        (
            0.01,
            40.0,
            0.001_953_125,
            0.998_046_875,
            0.979_543_129_697_575_6,
        ),
        (
            120.5,
            0.5,
            0.992_187_5,
            0.007_812_5,
            0.169_620_874_359_525_3,
        ),
        (
            5_000.0,
            0.5,
            0.999_023_437_5,
            0.000_976_562_5,
            0.001_773_913_287_682_948_9,
        ),
        (62.0, 940.0, 0.062_5, 0.937_5, 0.547_743_018_904_117_6),
        (25_000.0, 25_001.0, 0.5, 0.5, 0.501_784_115_195_554_5),
        (500_001.0, 500_000.0, 0.5, 0.5, 0.499_601_057_819_334_1),
        (
            500_001.0,
            500_000.0,
            0.499_023_437_5,
            0.500_976_562_5,
            0.025_343_079_103_642_74,
        ),
    ];

    #[test]
    fn both_shares_make_one() {
        for (a, b, x, y, _) in SHARES {
            let both = share_below(a, b, x, y) + share_below(b, a, y, x);
            assert!((both - 1.0).abs() < 1e-13, "I_{x}({a}, {b})");
        }
        assert!(share_below(2.0, 3.0, 0.0, 1.0).abs() < 1e-300);
        assert!((share_below(2.0, 3.0, 1.0, 0.0) - 1.0).abs() < 1e-300);
    }
}
