//! At which of the trained noise levels a network is asked, when it is asked less often.
//!
//! Names as in Lin et al. 2024 (arXiv 2305.08891), table 2.

use std::fmt;

use crate::job::word::Scheduler;

/// Where times lie between picture and noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// From the clean end in whole steps, plus one: the last time is 1, the first short of noise.
    Leading,
    /// Evenly over all levels, both ends included.
    Linspace,
    /// From the noisy end: the first time is the last level. The only one that can do with few
    /// steps, as the distilled models do.
    Trailing,
}

impl Spacing {
    /// What a sampler does where a model's configuration is silent, as those of Stable Diffusion
    /// 1.5 and 2.1 are.
    pub const fn usual(scheduler: Scheduler) -> Self {
        match scheduler {
            Scheduler::Ddim => Self::Leading,
            Scheduler::Euler
            | Scheduler::EulerAncestral
            | Scheduler::DpmPp2m
            | Scheduler::UniPc => Self::Linspace,
        }
    }

    /// So many times, falling; `None` where there are not as many different ones, or none.
    #[expect(
        clippy::cast_precision_loss,
        reason = "there are a thousand levels, and no more steps than levels"
    )]
    pub(super) fn times(self, grid: Grid, levels: usize, steps: usize) -> Option<Vec<f64>> {
        if steps == 0 || steps > levels {
            return None;
        }
        // Of a grid that ends in a clean picture, the last place is that picture.
        let skipped = usize::from(grid == Grid::UpToClean);
        let places = steps + skipped;
        let last = (levels - 1) as f64;
        let times: Vec<f64> = match self {
            Self::Leading => {
                let width = levels / places;
                let of = |place: usize| (place * width + 1) as f64;
                (skipped..places).rev().map(of).collect()
            }
            Self::Linspace => {
                let width = last / (places - 1).max(1) as f64;
                // The last product may be rounded to more than the last level.
                let of = |place: usize| (place as f64 * width).min(last);
                let times = (skipped..places).rev().map(of);
                match grid {
                    Grid::Between => times.collect(),
                    Grid::Levels | Grid::UpToClean => times.map(f64::round_ties_even).collect(),
                }
            }
            Self::Trailing => {
                let width = levels as f64 / steps as f64;
                let of = |step: usize| levels as f64 - step as f64 * width;
                let times = (0..steps).map(of);
                times.map(|time| time.round_ties_even() - 1.0).collect()
            }
        };
        let falls = times.windows(2).all(|pair| pair[0] > pair[1]);
        let within = times.iter().all(|time| (0.0..=last).contains(time));
        (falls && within).then_some(times)
    }

    /// The most steps that there are times for.
    pub(super) fn most_steps(self, grid: Grid, levels: usize) -> usize {
        (1..=levels)
            .rev()
            .find(|steps| self.times(grid, levels, *steps).is_some())
            .unwrap_or(0)
    }
}

impl fmt::Display for Spacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leading => "leading",
            Self::Linspace => "linspace",
            Self::Trailing => "trailing",
        })
    }
}

/// Which times a sampler can ask at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grid {
    /// Trained levels.
    Levels,
    /// Trained levels, and one place of the grid is the clean picture that the last step leads to.
    UpToClean,
    /// Any time.
    Between,
}

impl Grid {
    pub(super) const fn of(scheduler: Scheduler) -> Self {
        match scheduler {
            Scheduler::Ddim => Self::Levels,
            Scheduler::Euler | Scheduler::EulerAncestral => Self::Between,
            Scheduler::DpmPp2m | Scheduler::UniPc => Self::UpToClean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of table 2 of the paper for ten steps: first and last times.
    #[test]
    fn spacings_begin_and_end_where_they_say() {
        let ends = |spacing: Spacing, grid| {
            let times = spacing.times(grid, 1000, 10).expect("possible");
            (times[0], times[9])
        };
        assert_eq!(ends(Spacing::Leading, Grid::Levels), (901.0, 1.0));
        assert_eq!(ends(Spacing::Linspace, Grid::Levels), (999.0, 0.0));
        assert_eq!(ends(Spacing::Trailing, Grid::Levels), (999.0, 99.0));
        assert_eq!(ends(Spacing::Linspace, Grid::UpToClean), (999.0, 100.0));
        let between = Spacing::Linspace
            .times(Grid::Between, 1000, 5)
            .expect("possible");
        assert_eq!(between, [999.0, 749.25, 499.5, 249.75, 0.0]);
    }

    #[test]
    fn there_are_no_more_steps_than_levels() {
        for grid in [Grid::Levels, Grid::UpToClean, Grid::Between] {
            for spacing in [Spacing::Leading, Spacing::Linspace, Spacing::Trailing] {
                assert_eq!(spacing.times(grid, 10, 0), None);
                assert_eq!(spacing.times(grid, 10, 11), None);
                assert!((1..=10).contains(&spacing.most_steps(grid, 10)));
            }
        }
    }
}
