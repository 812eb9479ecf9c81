//! Where scatter comes from, and at which level to repeat: for plans, not for intervals.
//!
//! Levels are nested, such as iterations in runs in days. Repeating the lowest level is cheap and
//! helps only as far as its scatter matters (Kalibera and Jones, ISMM 2013,
//! doi 10.1145/2464157.2464160).

use serde::{Deserialize, Serialize};

use crate::error::{StatisticsError, require_count, require_finite};
use crate::sum::number;

/// One level of a nested design.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Repetitions of this level within each unit of the level above.
    pub repeats: usize,
    /// Mean square of the means at this level about the mean of their unit above: what all lower
    /// levels leave in them is included.
    pub mean_square: f64,
    /// Variance that this level adds by itself, in the square of the values' unit. Zero where the
    /// estimate is negative, as it may be by chance where a level adds little.
    pub variance: f64,
}

/// Variance components of balanced nested values, by the moments of the analysis of variance.
///
/// `repeats` gives the repetitions from the lowest level to the highest, and the values run through
/// the lowest level first. With `repeats = [30, 5, 3]`: iterations 1 to 30 of run 1 of day 1, then of
/// run 2, and so on. The components come in the same order.
///
/// # Errors
/// No level, fewer than two repetitions at a level, a number of values that is not the product of the
/// repetitions, or a value that is not finite.
pub fn components(values: &[f64], repeats: &[usize]) -> Result<Vec<Component>, StatisticsError> {
    require_count("levels", 1, repeats.len())?;
    for &repetitions in repeats {
        require_count("repetitions at a level", 2, repetitions)?;
    }
    let product: usize = repeats.iter().product();
    if product != values.len() {
        return Err(StatisticsError::UnequalLengths {
            left: product,
            right: values.len(),
        });
    }
    require_finite("values of the levels", values)?;
    let mut means = values.to_vec();
    let mut components = Vec::with_capacity(repeats.len());
    let mut below = 0.0;
    for &repetitions in repeats {
        let units = means.len() / repetitions;
        let mut squares = 0.0;
        for unit in 0..units {
            let members = &means[unit * repetitions..(unit + 1) * repetitions];
            let first = members[0];
            let offset = members.iter().map(|m| m - first).sum::<f64>() / number(repetitions);
            let mean = first + offset;
            squares += members.iter().map(|m| (m - mean) * (m - mean)).sum::<f64>();
            // Units are read in order, so their means can take the front of the same slice.
            means[unit] = mean;
        }
        means.truncate(units);
        let mean_square = squares / number(units * (repetitions - 1));
        let variance = (mean_square - below).max(0.0);
        components.push(Component {
            repeats: repetitions,
            mean_square,
            variance,
        });
        below = mean_square / number(repetitions);
    }
    Ok(components)
}

/// The number of repetitions at each level but the highest that gives the narrowest interval for the
/// time spent: `⌈√((c_up / c) · (T² / T_up²))⌉`, where `c` is the cost of one more repetition of the
/// level without what is below it. `costs` has one entry per level, in any common unit.
///
/// A level above without scatter of its own needs no repetition before the level below is exhausted:
/// there the answer is `None`, repeat as often as the run allows.
///
/// # Errors
/// One cost per level, each positive.
pub fn best_repeats(
    components: &[Component],
    costs: &[f64],
) -> Result<Vec<Option<usize>>, StatisticsError> {
    if components.len() != costs.len() {
        let (left, right) = (components.len(), costs.len());
        return Err(StatisticsError::UnequalLengths { left, right });
    }
    require_finite("costs of the levels", costs)?;
    if let Some(index) = costs.iter().position(|&cost| cost <= 0.0) {
        let value = costs[index];
        return Err(StatisticsError::NotPositive {
            what: "costs of the levels",
            index,
            value,
        });
    }
    let levels = components.windows(2).zip(costs.windows(2));
    Ok(levels
        .map(|(component, cost)| {
            let (own, above) = (component[0].variance, component[1].variance);
            (above > 0.0).then(|| {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a root is not negative; a number beyond the range saturates"
                )]
                let repeats = (cost[1] / cost[0] * (own / above)).sqrt().ceil() as usize;
                repeats.max(1)
            })
        })
        .collect())
}

/// Standard deviation of the grand mean with these numbers of repetitions, lowest level first:
/// `√(Σ σᵢ² / (rᵢ rᵢ₊₁ …))`.
///
/// # Errors
/// One number of repetitions per level, at least 1 each.
pub fn deviation_of_mean(
    components: &[Component],
    repeats: &[usize],
) -> Result<f64, StatisticsError> {
    if components.len() != repeats.len() {
        let (left, right) = (components.len(), repeats.len());
        return Err(StatisticsError::UnequalLengths { left, right });
    }
    let mut variance = 0.0;
    for (level, component) in components.iter().enumerate() {
        let repetitions: usize = repeats[level..].iter().product();
        require_count("repetitions at a level", 1, repetitions)?;
        variance += component.variance / number(repetitions);
    }
    Ok(variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::NormalDraws;

    #[test]
    fn two_levels_by_hand() {
        // Runs (1, 3) and (7, 5): within 2, means 2 and 6 with mean square 8, less 2 / 2.
        let found = components(&[1.0, 3.0, 7.0, 5.0], &[2, 2]).unwrap();
        assert!((found[0].variance - 2.0).abs() < 1e-15);
        assert!((found[1].mean_square - 8.0).abs() < 1e-15);
        assert!((found[1].variance - 7.0).abs() < 1e-15);
        // The deviation of the grand mean: √(7/2 + 2/4) = 2.
        assert!((deviation_of_mean(&found, &[2, 2]).unwrap() - 2.0).abs() < 1e-15);
    }

    #[test]
    fn equal_runs_have_no_variance_between_them() {
        let found = components(&[1.0, 3.0, 3.0, 1.0], &[2, 2]).unwrap();
        assert!((found[0].variance - 2.0).abs() < 1e-15);
        assert!(found[1].variance == 0.0 && found[1].mean_square == 0.0);
        assert_eq!(best_repeats(&found, &[1.0, 60.0]).unwrap(), [None]);
    }

    #[test]
    fn three_levels_are_found_again() {
        let mut draws = NormalDraws::new(6, 0);
        let mut values = Vec::new();
        for _ in 0..200 {
            let day = 3.0 * draws.draw();
            for _ in 0..10 {
                let run = day + 2.0 * draws.draw();
                for _ in 0..10 {
                    values.push(run + draws.draw());
                }
            }
        }
        let found = components(&values, &[10, 10, 200]).unwrap();
        // Relative standard errors: 1 %, 3 %, 10 %.
        for (component, (expected, tolerance)) in
            found.iter().zip([(1.0, 0.04), (4.0, 0.13), (9.0, 0.35)])
        {
            let ratio = component.variance / expected;
            assert!((ratio - 1.0).abs() < tolerance, "{ratio} for {expected}");
        }
    }

    #[test]
    fn repeats_by_hand() {
        let level = |variance| Component {
            repeats: 2,
            mean_square: variance,
            variance,
        };
        // √(60/1 · 4/1) = 15.49; √(600/60 · 1/4) = 1.58.
        let found =
            best_repeats(&[level(4.0), level(1.0), level(4.0)], &[1.0, 60.0, 600.0]).unwrap();
        assert_eq!(found, [Some(16), Some(2)]);
        // Scatter within runs that is nothing: once is enough.
        assert_eq!(
            best_repeats(&[level(0.0), level(1.0)], &[1.0, 60.0]).unwrap(),
            [Some(1)]
        );
    }

    #[test]
    fn unbalanced_values_are_refused() {
        assert!(components(&[1.0, 2.0, 3.0], &[2, 2]).is_err());
        assert!(components(&[1.0, 2.0], &[2, 1]).is_err());
        assert!(components(&[], &[]).is_err());
        assert!(best_repeats(&[], &[1.0]).is_err());
    }
}
