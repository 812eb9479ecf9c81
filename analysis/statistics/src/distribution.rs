//! Distribution functions and quantiles, on statrs, with the digits that intervals need.
//!
//! Quantiles from statrs are a first guess; Newton steps on the distribution function take them to
//! its own precision. Arguments are the caller's duty: a probability strictly between 0 and 1, and
//! positive degrees of freedom, as [`crate::interval::Level`] and [`crate::moments::Moments`] give.

mod incomplete_beta;
mod noncentral;

use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};
use statrs::function::beta::inv_beta_reg;
use statrs::function::gamma::ln_gamma;

use incomplete_beta::share_below;
pub use noncentral::noncentral_t_cdf;

/// `P(Z ≤ z)` of the standard normal law.
pub fn normal_cdf(z: f64) -> f64 {
    normal_upper_tail(-z)
}

/// `P(Z > z)` of the standard normal law, without the cancellation of `1 − cdf`.
pub fn normal_upper_tail(z: f64) -> f64 {
    // statrs holds eleven digits here, libm all.
    0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The z below which a share `p` of the standard normal law lies.
///
/// # Panics
/// Where `p` is not in (0, 1).
pub fn normal_quantile(p: f64) -> f64 {
    require_probability(p);
    let density = |z: f64| libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt();
    refined(
        p,
        Normal::standard().inverse_cdf(p),
        normal_cdf,
        normal_upper_tail,
        density,
    )
}

/// `P(T > t)` of Student's law.
///
/// # Panics
/// Where `degrees` is not positive.
pub fn student_t_upper_tail(t: f64, degrees: f64) -> f64 {
    let half = half_two_tails(t, degrees);
    if t >= 0.0 { half } else { 1.0 - half }
}

/// `P(T ≤ t)` of Student's law.
///
/// # Panics
/// Where `degrees` is not positive.
pub fn student_t_cdf(t: f64, degrees: f64) -> f64 {
    student_t_upper_tail(-t, degrees)
}

/// `P(|T| ≥ |t|)` of Student's law: the two-sided p-value.
///
/// # Panics
/// Where `degrees` is not positive.
pub fn student_t_two_sided(t: f64, degrees: f64) -> f64 {
    2.0 * half_two_tails(t, degrees)
}

/// `P(T > |t|)`.
fn half_two_tails(t: f64, degrees: f64) -> f64 {
    require_degrees(degrees);
    let square = t * t;
    if square == f64::INFINITY {
        return 0.0;
    }
    let whole = degrees + square;
    0.5 * share_below(degrees / 2.0, 0.5, degrees / whole, square / whole)
}

/// The t below which a share `p` of Student's law lies; `degrees` need not be whole.
///
/// # Panics
/// Where `p` is not in (0, 1) or `degrees` is not positive.
pub fn student_t_quantile(p: f64, degrees: f64) -> f64 {
    require_probability(p);
    require_degrees(degrees);
    let tail = p.min(1.0 - p);
    let share = inv_beta_reg(degrees / 2.0, 0.5, 2.0 * tail);
    let size = (degrees * (1.0 - share) / share).sqrt();
    let scale = ln_gamma(f64::midpoint(degrees, 1.0))
        - ln_gamma(degrees / 2.0)
        - 0.5 * libm::log(degrees * std::f64::consts::PI);
    let density =
        |t: f64| libm::exp(scale - f64::midpoint(degrees, 1.0) * libm::log1p(t * t / degrees));
    refined(
        p,
        if p < 0.5 { -size } else { size },
        |t| student_t_cdf(t, degrees),
        |t| student_t_upper_tail(t, degrees),
        density,
    )
}

/// `P(X ≤ x)` of the chi-squared law.
///
/// # Panics
/// Where `degrees` is not positive.
pub fn chi_squared_cdf(x: f64, degrees: f64) -> f64 {
    chi_squared(degrees).cdf(x)
}

/// `P(X > x)` of the chi-squared law.
///
/// # Panics
/// Where `degrees` is not positive.
pub fn chi_squared_upper_tail(x: f64, degrees: f64) -> f64 {
    chi_squared(degrees).sf(x)
}

/// The x below which a share `p` of the chi-squared law lies.
///
/// # Panics
/// Where `p` is not in (0, 1) or `degrees` is not positive.
pub fn chi_squared_quantile(p: f64, degrees: f64) -> f64 {
    require_probability(p);
    let law = chi_squared(degrees);
    let half = degrees / 2.0;
    let scale = half * std::f64::consts::LN_2 + ln_gamma(half);
    let density = |x: f64| libm::exp((half - 1.0) * libm::log(x) - x / 2.0 - scale);
    refined(
        p,
        law.inverse_cdf(p),
        |x| law.cdf(x),
        |x| law.sf(x),
        density,
    )
}

fn chi_squared(degrees: f64) -> ChiSquared {
    require_degrees(degrees);
    ChiSquared::new(degrees).expect("the degrees of freedom are positive and finite")
}

/// `P(F > f)` of Fisher's law with `between` and `within` degrees of freedom.
///
/// # Panics
/// Where a number of degrees is not positive.
pub fn f_upper_tail(f: f64, between: f64, within: f64) -> f64 {
    require_degrees(between);
    require_degrees(within);
    if f <= 0.0 {
        return 1.0;
    }
    let whole = within + between * f;
    share_below(
        within / 2.0,
        between / 2.0,
        within / whole,
        between * f / whole,
    )
}

/// `P(F ≤ f)` of Fisher's law with `between` and `within` degrees of freedom.
///
/// # Panics
/// Where a number of degrees is not positive.
pub fn f_cdf(f: f64, between: f64, within: f64) -> f64 {
    if f <= 0.0 {
        return 0.0;
    }
    f_upper_tail(1.0 / f, within, between)
}

/// The f below which a share `p` of Fisher's law lies.
///
/// # Panics
/// Where `p` is not in (0, 1) or a number of degrees is not positive.
pub fn f_quantile(p: f64, between: f64, within: f64) -> f64 {
    require_degrees(between);
    require_degrees(within);
    let share = beta_quantile(p, between / 2.0, within / 2.0);
    within * share / (between * (1.0 - share))
}

/// `P(B ≤ x)` of the beta law, the regularised incomplete beta function.
///
/// # Panics
/// Where a shape is not positive.
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    require_degrees(a);
    require_degrees(b);
    share_below(a, b, x, 1.0 - x)
}

/// The x below which a share `p` of the beta law lies.
///
/// # Panics
/// Where `p` is not in (0, 1) or a shape is not positive.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    require_probability(p);
    require_degrees(a);
    require_degrees(b);
    let scale = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    let density =
        |x: f64| libm::exp(scale + (a - 1.0) * libm::log(x) + (b - 1.0) * libm::log1p(-x));
    refined(
        p,
        inv_beta_reg(a, b, p),
        |x| share_below(a, b, x, 1.0 - x),
        |x| share_below(b, a, 1.0 - x, x),
        density,
    )
}

/// `P(K ≤ k)` of the binomial law of `trials` with probability `p` each.
///
/// # Panics
/// Where `p` is not in \[0, 1\].
pub fn binomial_cdf(k: u64, trials: u64, p: f64) -> f64 {
    require_share(p);
    if k >= trials {
        return 1.0;
    }
    let (below, above) = (count(k), count(trials - k));
    share_below(above, below + 1.0, 1.0 - p, p)
}

/// `P(K > k)` of the binomial law of `trials` with probability `p` each.
///
/// # Panics
/// Where `p` is not in \[0, 1\].
pub fn binomial_upper_tail(k: u64, trials: u64, p: f64) -> f64 {
    require_share(p);
    if k >= trials {
        return 0.0;
    }
    let (below, above) = (count(k), count(trials - k));
    share_below(below + 1.0, above, p, 1.0 - p)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of trials stay far below 2^53"
)]
const fn count(trials: u64) -> f64 {
    trials as f64
}

/// The smallest k with `P(K ≤ k) ≥ q` in the binomial law of `trials` with probability `p` each.
pub(crate) fn binomial_quantile(q: f64, trials: u64, p: f64) -> u64 {
    let (mut low, mut high) = (0, trials);
    while low < high {
        let middle = low + (high - low) / 2;
        if binomial_cdf(middle, trials, p) >= q {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Newton steps on the nearer tail, until they no longer change anything. A step that leaves the
/// support, or grows, ends the search: the guess stands.
fn refined(
    p: f64,
    guess: f64,
    cdf: impl Fn(f64) -> f64,
    upper_tail: impl Fn(f64) -> f64,
    density: impl Fn(f64) -> f64,
) -> f64 {
    const STEPS: usize = 4;
    let mut x = guess;
    let mut last = f64::INFINITY;
    for _ in 0..STEPS {
        let excess = if p < 0.5 {
            cdf(x) - p
        } else {
            (1.0 - p) - upper_tail(x)
        };
        let step = excess / density(x);
        if !step.is_finite() || step.abs() >= last {
            break;
        }
        x -= step;
        last = step.abs();
        if last <= f64::EPSILON * x.abs() {
            break;
        }
    }
    x
}

fn require_probability(p: f64) {
    assert!(
        p > 0.0 && p < 1.0,
        "probability {p}, expected one between 0 and 1"
    );
}

fn require_share(p: f64) {
    assert!(
        (0.0..=1.0).contains(&p),
        "probability {p}, expected one from 0 to 1"
    );
}

fn require_degrees(degrees: f64) {
    assert!(
        degrees > 0.0 && degrees.is_finite(),
        "{degrees} as degrees of freedom or shape, expected a positive number"
    );
}

#[cfg(test)]
mod tests;
