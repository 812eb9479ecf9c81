//! Least squares with priors and without negative solutions.

use super::terms::{COUNT, Terms};

/// What a sum of terms was observed to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Equation {
    /// What one unit of each parameter adds.
    pub(super) coefficients: Terms,
    /// What was observed.
    pub(super) target: f64,
    /// How far from it the sum may lie, in the unit of the target.
    pub(super) sd: f64,
}

/// What was thought of a parameter before, and how firmly. A deviation of zero holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prior {
    pub(super) mean: f64,
    pub(super) sd: f64,
}

/// The parameters, none negative, that equations and priors agree on best, and the sum of squares
/// that is left.
pub(super) fn solve(equations: &[Equation], priors: &[Prior; COUNT]) -> (Terms, f64) {
    let mut matrix = [[0.0; COUNT]; COUNT];
    let mut right = [0.0; COUNT];
    for equation in equations {
        let weight = 1.0 / (equation.sd * equation.sd);
        for (i, a) in equation.coefficients.iter().enumerate() {
            right[i] += weight * a * equation.target;
            for (j, b) in equation.coefficients.iter().enumerate() {
                matrix[i][j] += weight * a * b;
            }
        }
    }
    let mut held: [Option<f64>; COUNT] = [None; COUNT];
    for (i, prior) in priors.iter().enumerate() {
        if prior.sd > 0.0 {
            let weight = 1.0 / (prior.sd * prior.sd);
            matrix[i][i] += weight;
            right[i] += weight * prior.mean;
        } else {
            held[i] = Some(prior.mean);
        }
    }
    // A parameter that would be negative is held at zero, the worst first.
    let solution = loop {
        let solution = solve_free(&matrix, &right, &held);
        let worst = (0..COUNT)
            .filter(|i| solution[*i] < 0.0)
            .min_by(|a, b| solution[*a].total_cmp(&solution[*b]));
        match worst {
            Some(i) => held[i] = Some(0.0),
            None => break solution,
        }
    };
    let of_equations: f64 = equations
        .iter()
        .map(|e| square(e.error(&solution) / e.sd))
        .sum();
    let of_priors: f64 = priors
        .iter()
        .zip(&solution)
        .filter(|(prior, _)| prior.sd > 0.0)
        .map(|(prior, value)| square((value - prior.mean) / prior.sd))
        .sum();
    (solution, of_equations + of_priors)
}

impl Equation {
    /// Sum of the terms less what was observed.
    fn error(&self, parameters: &Terms) -> f64 {
        let sum: f64 = self
            .coefficients
            .iter()
            .zip(parameters)
            .map(|(a, x)| a * x)
            .sum();
        sum - self.target
    }
}

/// Gauss's elimination among the parameters that are not held. The priors make the matrix positive
/// definite, so no pivoting is needed.
#[expect(
    clippy::needless_range_loop,
    reason = "rows and columns of a matrix are told by number"
)]
fn solve_free(matrix: &[[f64; COUNT]; COUNT], right: &Terms, held: &[Option<f64>; COUNT]) -> Terms {
    let mut a = *matrix;
    let mut b = *right;
    for i in 0..COUNT {
        for j in 0..COUNT {
            if let (None, Some(value)) = (held[i], held[j]) {
                b[i] -= a[i][j] * value;
            }
            if i != j && (held[i].is_some() || held[j].is_some()) {
                a[i][j] = 0.0;
            }
        }
    }
    for (i, value) in held.iter().enumerate() {
        if let Some(value) = value {
            a[i][i] = 1.0;
            b[i] = *value;
        }
    }
    for pivot in 0..COUNT {
        for row in pivot + 1..COUNT {
            let factor = a[row][pivot] / a[pivot][pivot];
            if factor != 0.0 {
                for column in pivot..COUNT {
                    a[row][column] -= factor * a[pivot][column];
                }
                b[row] -= factor * b[pivot];
            }
        }
    }
    for row in (0..COUNT).rev() {
        for column in row + 1..COUNT {
            b[row] -= a[row][column] * b[column];
        }
        b[row] /= a[row][row];
    }
    b
}

fn square(x: f64) -> f64 {
    x * x
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FLAT: Prior = Prior { mean: 1.0, sd: 1e3 };

    proptest! {
        #[test]
        fn what_made_the_targets_is_found_again(
            truth in prop::array::uniform13(0.5_f64..50.0),
            rows in prop::collection::vec(prop::array::uniform13(0.0_f64..3.0), 30..40),
        ) {
            let equations: Vec<Equation> = rows
                .iter()
                .map(|row| Equation {
                    coefficients: *row,
                    target: row.iter().zip(&truth).map(|(a, x)| a * x).sum(),
                    sd: 1e-3,
                })
                .collect();
            let (found, _) = solve(&equations, &[FLAT; COUNT]);
            for (found, truth) in found.iter().zip(&truth) {
                prop_assert!((found - truth).abs() < 1e-4 * truth, "{found} {truth}");
            }
        }
    }

    #[test]
    fn nothing_negative_comes_out_and_what_is_held_stays() {
        let mut coefficients = [0.0; COUNT];
        coefficients[0] = 1.0;
        coefficients[1] = 1.0;
        let equation = Equation {
            coefficients,
            target: -5.0,
            sd: 0.1,
        };
        let mut priors = [FLAT; COUNT];
        priors[1] = Prior { mean: 2.0, sd: 0.0 };
        let (found, cost) = solve(&[equation], &priors);
        assert_eq!((found[0], found[1]), (0.0, 2.0));
        assert!(cost > 4_000.0, "{cost}");
    }

    #[test]
    fn without_equations_the_priors_stay() {
        let (found, cost) = solve(&[], &[Prior { mean: 3.0, sd: 1.0 }; COUNT]);
        assert_eq!((found, cost), ([3.0; COUNT], 0.0));
    }
}
