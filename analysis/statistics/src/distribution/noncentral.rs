//! The noncentral t law, for the power of t tests.

use statrs::function::gamma::ln_gamma;

use super::incomplete_beta::share_below;
use super::{normal_cdf, require_degrees};

/// `P(T ≤ t)` where `T = (Z + noncentrality) / √(χ²/degrees)`.
///
/// Lenth's series of incomplete beta functions (algorithm AS 243, Applied Statistics 38, 1989),
/// summed until the rest is below 1e-12. Where the first weight of the series would vanish in double
/// precision, |noncentrality| > 37, the normal approximation of Abramowitz and Stegun 26.7.10 takes
/// over; there, powers are 0 or 1 to many digits.
///
/// # Panics
/// Where `degrees` is not positive.
pub fn noncentral_t_cdf(t: f64, degrees: f64, noncentrality: f64) -> f64 {
    require_degrees(degrees);
    // P(T ≤ t; δ) = 1 − P(T ≤ −t; −δ): the series is for t ≥ 0.
    if t < 0.0 {
        return 1.0 - noncentral_t_cdf(-t, degrees, -noncentrality);
    }
    if noncentrality.abs() > 37.0 {
        let squeeze = 1.0 / (4.0 * degrees);
        return normal_cdf(
            (t * (1.0 - squeeze) - noncentrality) / (1.0 + 2.0 * t * t * squeeze).sqrt(),
        );
    }
    let whole = t * t + degrees;
    let (x, rest) = (t * t / whole, degrees / whole);
    (normal_cdf(-noncentrality) + series(x, rest, degrees / 2.0, noncentrality)).clamp(0.0, 1.0)
}

/// `½ Σ p_j I_x(j + ½, b) + q_j I_x(j + 1, b)`, with Poisson-like weights p and q. Both beta
/// functions are carried on by their recurrence `I(a + 1) = I(a) − x^a (1 − x)^b / (a B(a, b))`.
fn series(x: f64, rest: f64, b: f64, noncentrality: f64) -> f64 {
    const REST: f64 = 1e-12;
    const LONGEST: u32 = 5_000;
    if x <= 0.0 {
        return 0.0;
    }
    let half_square = noncentrality * noncentrality / 2.0;
    let mut weight = 0.5 * libm::exp(-half_square);
    let mut half_step_weight = weight * noncentrality * (2.0 / std::f64::consts::PI).sqrt();
    let mut weight_left = 0.5 - weight;
    let ln_rest = b * libm::log(rest);
    let decrement = |shape: f64| {
        libm::exp(
            shape * libm::log(x) + ln_rest + ln_gamma(shape + b)
                - ln_gamma(shape + 1.0)
                - ln_gamma(b),
        )
    };
    let mut share = share_below(0.5, b, x, rest);
    let mut half_step_share = share_below(1.0, b, x, rest);
    let mut less = decrement(0.5);
    let mut half_step_less = decrement(1.0);
    let mut total = weight * share + half_step_weight * half_step_share;
    for step in 1..LONGEST {
        let j = f64::from(step);
        share -= less;
        half_step_share -= half_step_less;
        less *= x * (j - 0.5 + b) / (j + 0.5);
        half_step_less *= x * (j + b) / (j + 1.0);
        weight *= half_square / j;
        half_step_weight *= half_square / (j + 0.5);
        weight_left -= weight;
        total += weight * share + half_step_weight * half_step_share;
        // Shares only shrink, so the rest is at most twice the weights left times the last share.
        if 2.0 * weight_left * share.abs() < REST && j > half_square {
            break;
        }
    }
    total
}
