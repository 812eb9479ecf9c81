//! What a network predicts, and the clean picture that follows from it.

use super::training::Level;

/// What the network was trained to say of a noisy picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// The noise in it (Ho et al. 2020).
    Noise,
    /// Its velocity: `signal · noise − noise level · picture` (Salimans & Ho 2022).
    Velocity,
}

impl Prediction {
    /// Coefficients of sample and output in the clean picture, where
    /// `sample = signal · clean + noise · ε`.
    pub(super) fn clean(self, Level { signal, noise }: Level) -> [f64; 2] {
        match self {
            Self::Noise => [1.0 / signal, -noise / signal],
            Self::Velocity => [signal, -noise],
        }
    }

    /// The same where `sample = clean + ratio · ε`, and the network sees the sample of [`Self::clean`].
    pub(super) fn clean_of_unscaled(self, ratio: f64) -> [f64; 2] {
        let level = Level::of_ratio(ratio);
        let [sample, output] = self.clean(level);
        [sample * level.signal, output]
    }

    /// Coefficients of sample and output in the noise.
    pub(super) const fn noise(self, Level { signal, noise }: Level) -> [f64; 2] {
        match self {
            Self::Noise => [0.0, 1.0],
            Self::Velocity => [noise, signal],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A known picture and known noise are found again from either prediction.
    #[test]
    fn picture_and_noise_follow_from_sample_and_output() {
        let (clean, noise) = (0.3, -1.7);
        let level = Level::of_ratio(0.75);
        let sample = level.signal * clean + level.noise * noise;
        let velocity = level.signal * noise - level.noise * clean;
        for (prediction, output) in [(Prediction::Noise, noise), (Prediction::Velocity, velocity)] {
            let sum = |[a, b]: [f64; 2], sample: f64| a * sample + b * output;
            assert!((sum(prediction.clean(level), sample) - clean).abs() < 1e-15);
            assert!((sum(prediction.noise(level), sample) - noise).abs() < 1e-15);
            let unscaled = clean + 0.75 * noise;
            let found = sum(prediction.clean_of_unscaled(0.75), unscaled);
            assert!((found - clean).abs() < 1e-15);
        }
    }
}
