//! Ratios of two configurations: paired by block, independent, and of arithmetic means.

use crate::distribution::student_t_quantile;
use crate::error::{StatisticsError, logarithms, require_pairs};
use crate::interval::{Interval, Level, Method};
use crate::location::t_interval;
use crate::moments::{Moments, welch_degrees_of_freedom};

/// `numerator / reference` by block: with `d = ln numerator − ln reference` of each block, the value
/// is `exp(d̄)` and the bounds `exp(d̄ ± t(n − 1) · s_d / √n)`. Whatever multiplies both sides of a
/// block, such as a sensor's gain or the day, cancels.
///
/// # Errors
/// Unequal lengths, fewer than two blocks, or a value that is not positive and finite.
pub fn paired_log_ratio(
    numerator: &[f64],
    reference: &[f64],
    level: Level,
) -> Result<Interval, StatisticsError> {
    let differences = log_differences(numerator, reference)?;
    let on_logs = t_interval(&Moments::of("blocks", &differences)?, level, Method::MeanT);
    Ok(on_logs.through(Method::PairedLogRatioT, libm::exp))
}

/// `ln numerator − ln reference` of each block.
///
/// # Errors
/// Unequal lengths, or a value that is not positive and finite.
pub fn log_differences(numerator: &[f64], reference: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    require_pairs(numerator, reference)?;
    let above = logarithms("numerator", numerator)?;
    let below = logarithms("reference", reference)?;
    Ok(above
        .iter()
        .zip(&below)
        .map(|(above, below)| above - below)
        .collect())
}

/// Ratio of the geometric means of two independent samples, by Welch's t interval on logarithms.
///
/// # Errors
/// Fewer than two values on a side, or one that is not positive and finite, or no scatter at all.
pub fn welch_log_ratio(
    numerator: &[f64],
    reference: &[f64],
    level: Level,
) -> Result<Interval, StatisticsError> {
    let above = Moments::of("numerator", &logarithms("numerator", numerator)?)?;
    let below = Moments::of("reference", &logarithms("reference", reference)?)?;
    let on_logs = welch_interval(&above, &below, level)?;
    Ok(on_logs.through(Method::WelchLogRatioT, libm::exp))
}

/// Difference of two independent means, `a − b`, by Welch's t interval.
///
/// # Errors
/// Where neither side scatters.
pub fn welch_interval(a: &Moments, b: &Moments, level: Level) -> Result<Interval, StatisticsError> {
    let degrees = welch_degrees_of_freedom(a, b);
    if !degrees.is_finite() {
        return Err(StatisticsError::NoVariance {
            what: "both samples",
        });
    }
    let t = student_t_quantile(level.upper_point(), degrees);
    let standard_error = (a.variance_of_mean() + b.variance_of_mean()).sqrt();
    Ok(Interval::symmetric(
        a.mean - b.mean,
        t * standard_error,
        level,
        a.n + b.n,
        Method::WelchDifferenceT,
    ))
}

/// Ratio of the arithmetic means of two independent samples, by Fieller's set. With means ā (of the
/// reference) and b̄, and variances `va`, `vb` of the means, the bounds are the roots R of
/// `(ā² − t²va) R² − 2 ā b̄ R + (b̄² − t²vb) = 0`, t at the Welch-type degrees of freedom
/// `(vb + R²va)² / (vb² / (nb − 1) + (R²va)² / (na − 1))` of the ratio found. Only for arithmetic
/// means that cannot be paired; otherwise [`paired_log_ratio`] or [`welch_log_ratio`].
///
/// # Errors
/// Fewer than two values on a side, one that is not finite, no scatter at all, or
/// [`StatisticsError::UnboundedRatio`] where `ā² ≤ t²va`.
pub fn fieller(
    numerator: &[f64],
    reference: &[f64],
    level: Level,
) -> Result<Interval, StatisticsError> {
    let b = Moments::of("numerator", numerator)?;
    let a = Moments::of("reference", reference)?;
    let (va, vb) = (a.variance_of_mean(), b.variance_of_mean());
    let ratio = b.mean / a.mean;
    let scaled = ratio * ratio * va;
    let degrees = (vb + scaled) * (vb + scaled)
        / (vb * vb / b.degrees_of_freedom() + scaled * scaled / a.degrees_of_freedom());
    if va == 0.0 && vb == 0.0 {
        return Err(StatisticsError::NoVariance {
            what: "both samples",
        });
    }
    let t = if degrees.is_finite() {
        student_t_quantile(level.upper_point(), degrees)
    } else {
        // A reference mean of exactly zero: no ratio, at whatever quantile.
        f64::INFINITY
    };
    let leading = a.mean * a.mean - t * t * va;
    if leading.is_nan() || leading <= 0.0 {
        return Err(StatisticsError::UnboundedRatio {
            mean: a.mean,
            reach: t * va.sqrt(),
        });
    }
    let constant = b.mean * b.mean - t * t * vb;
    let middle = a.mean * b.mean;
    // = middle² − leading · constant, without the cancellation of the two leading terms.
    let discriminant = t * t * (vb * leading + b.mean * b.mean * va);
    let root = discriminant.sqrt();
    // The larger root in size directly, the other from their product, so that no digits cancel.
    let far = middle + root.copysign(middle);
    let (first, second) = (far / leading, constant / far);
    Ok(Interval {
        value: ratio,
        low: first.min(second),
        high: first.max(second),
        level,
        n: a.n + b.n,
        method: Method::Fieller,
    })
}

#[cfg(test)]
mod tests;
