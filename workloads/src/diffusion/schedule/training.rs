//! Noise levels that a model was trained on.

use super::ScheduleError;

/// How much of a sample is picture, and how much noise: `signal² + noise² = 1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Level {
    pub(super) signal: f64,
    pub(super) noise: f64,
}

impl Level {
    /// Of the share of the picture in the variance, `ᾱ`.
    pub(super) fn of_share(share: f64) -> Self {
        Self {
            signal: share.sqrt(),
            noise: (1.0 - share).sqrt(),
        }
    }

    /// Of the ratio of noise to signal, `σ`.
    pub(super) fn of_ratio(ratio: f64) -> Self {
        let signal = 1.0 / (ratio * ratio + 1.0).sqrt();
        Self {
            signal,
            noise: ratio * signal,
        }
    }
}

/// Noise levels, the least noisy first.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// Share of the picture in the variance of a sample, `ᾱ`, of each level.
    shares: Vec<f64>,
}

impl Training {
    /// Of the variances of the noise that is added from each level to the next.
    ///
    /// # Errors
    /// There are fewer than two, or a variance is not between 0 and 1.
    pub fn new(betas: &[f64]) -> Result<Self, ScheduleError> {
        if betas.len() < 2 {
            return Err(ScheduleError::Untrained);
        }
        let mut shares = Vec::with_capacity(betas.len());
        let mut share = 1.0;
        for (level, &beta) in betas.iter().enumerate() {
            if !(beta > 0.0 && beta < 1.0) {
                return Err(ScheduleError::Beta {
                    level,
                    beta: beta.to_string(),
                });
            }
            share *= 1.0 - beta;
            shares.push(share);
        }
        Ok(Self { shares })
    }

    /// Variances that grow evenly from the first to the last (Ho et al. 2020).
    ///
    /// # Errors
    /// As [`Training::new`].
    pub fn linear(first: f64, last: f64, levels: usize) -> Result<Self, ScheduleError> {
        let betas: Vec<f64> = even(first, last, levels).collect();
        Self::new(&betas)
    }

    /// Variances whose roots grow evenly (Rombach et al. 2022, code).
    ///
    /// # Errors
    /// As [`Training::new`].
    pub fn scaled_linear(first: f64, last: f64, levels: usize) -> Result<Self, ScheduleError> {
        let betas: Vec<f64> = even(first.sqrt(), last.sqrt(), levels)
            .map(|root| root * root)
            .collect();
        Self::new(&betas)
    }

    /// Those of all released Stable Diffusion models: `scaled_linear` from 0.00085 to 0.012.
    pub fn stable_diffusion() -> Self {
        Self::scaled_linear(0.00085, 0.012, 1000).expect("variances between 0 and 1")
    }

    /// How many there are.
    pub fn levels(&self) -> usize {
        self.shares.len()
    }

    /// Share of the picture in the variance at a level, `ᾱ`. Levels before the first are the first:
    /// the released models were never trained on clean pictures.
    pub fn share(&self, level: Option<usize>) -> f64 {
        self.shares[level.unwrap_or(0)]
    }

    /// Ratio of noise to signal, `σ`, at a time that may lie between two levels.
    pub fn ratio(&self, time: f64) -> f64 {
        let of = |level: usize| {
            let share = self.shares[level];
            ((1.0 - share) / share).sqrt()
        };
        let last = self.shares.len() - 1;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "times are between 0 and the number of levels"
        )]
        let before = (time.floor() as usize).min(last);
        let after = (before + 1).min(last);
        of(before) + (of(after) - of(before)) * time.fract()
    }

    /// [`Training::ratio`] at each time, and 0 behind the last.
    pub(super) fn ratios(&self, times: &[f64]) -> Vec<f64> {
        let ratios = times.iter().map(|time| self.ratio(*time));
        ratios.chain([0.0]).collect()
    }
}

/// `count` values from `first` to `last`.
#[expect(clippy::cast_precision_loss, reason = "there are a thousand levels")]
fn even(first: f64, last: f64, count: usize) -> impl Iterator<Item = f64> {
    let step = (last - first) / count.saturating_sub(1).max(1) as f64;
    (0..count).map(move |index| first + step * index as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fall_from_picture_to_noise() {
        let training = Training::stable_diffusion();
        assert_eq!(training.levels(), 1000);
        assert!((training.share(None) - 0.999_15).abs() < 1e-9);
        assert_eq!(training.share(None), training.share(Some(0)));
        // Known of these models: the last level still has a twentieth of the picture.
        assert!((training.share(Some(999)) - 0.004_66).abs() < 1e-5);
        assert!((training.ratio(999.0) - 14.6146).abs() < 1e-3);
    }

    #[test]
    fn a_ratio_between_two_levels_lies_between_theirs() {
        let training = Training::linear(0.1, 0.2, 3).expect("possible");
        let middle = f64::midpoint(training.ratio(1.0), training.ratio(2.0));
        assert!((training.ratio(1.5) - middle).abs() < 1e-15);
        assert_eq!(training.ratio(2.9), training.ratio(2.0));
    }

    #[test]
    fn impossible_levels_are_named() {
        let message = |betas: &[f64]| Training::new(betas).expect_err("impossible").to_string();
        assert!(message(&[0.1]).contains("no noise levels"));
        assert!(message(&[0.1, 1.0]).contains("variance 1 at level 1"));
        assert!(message(&[f64::NAN, 0.5]).contains("variance NaN at level 0"));
    }
}
