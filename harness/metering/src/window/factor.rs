//! How many standard uncertainties reach 95 %.

/// 97.5 % points, in standard deviations, of symmetric beta distributions on (−1, 1) over their
/// excess kurtosis −6/(2a+3): a = 1 (rectangle), 1.5, 2, 3, 5 and without end (normal).
const FACTORS: [(f64, f64); 6] = [
    (-1.2, 1.645_4),
    (-1.0, 1.756),
    (-0.857, 1.815),
    (-0.667, 1.870),
    (-0.461_5, 1.913),
    (0.0, 1.960),
];

/// The factor to 95 % of a symmetric sum of this excess kurtosis, by the beta distribution with the
/// same (Pearson's second type), as is usual where lines are few and bounded.
pub fn coverage_factor(excess_kurtosis: f64) -> f64 {
    let after = FACTORS.partition_point(|(kurtosis, _)| *kurtosis <= excess_kurtosis);
    match (after.checked_sub(1).map(|i| FACTORS[i]), FACTORS.get(after)) {
        (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (excess_kurtosis - x0) / (x1 - x0),
        (Some((_, y)), None) => y,
        (None, _) => FACTORS[0].1,
    }
}

/// Coefficients of 1/ν, 1/ν², … in the 97.5 % point of Student's t at ν degrees of freedom, with the
/// normal one before them (Abramowitz and Stegun, 26.7.5, at z = 1.959964).
const STUDENT: [f64; 5] = [1.959_964, 2.372_27, 2.822_5, 2.555_85, 1.589_5];
/// Fewer degrees of freedom say too little about a variance for the series; they count as so many.
const FEWEST_DEGREES: f64 = 3.0;

/// How much wider 95 % reach for a standard uncertainty of so many degrees of freedom.
pub(super) fn student_factor(degrees_of_freedom: f64) -> f64 {
    let inverse = 1.0 / degrees_of_freedom.max(FEWEST_DEGREES);
    STUDENT
        .iter()
        .rev()
        .fold(0.0, |sum, coefficient| sum * inverse + coefficient)
        / STUDENT[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_degrees_of_freedom_widen_as_student_says() {
        for (freedom, quantile) in [
            (3.0, 3.182_4),
            (4.0, 2.776_4),
            (8.0, 2.306_0),
            (30.0, 2.042_3),
        ] {
            let found = 1.959_964 * student_factor(freedom);
            assert!((found - quantile).abs() < 0.005, "{freedom}: {found}");
        }
    }
}
