//! Denoising diffusion implicit models (Song et al. 2021), without noise: formula 12 with η = 0.

use super::Schedule;
use super::prediction::Prediction;
use super::training::{Level, Training};
use super::update::{Quantity, Update};

/// The picture and the noise that follow from a sample are mixed anew, as much less noisy as a step
/// is wide.
pub(super) fn schedule(training: &Training, prediction: Prediction, times: Vec<f64>) -> Schedule {
    let width = training.levels() / times.len();
    let row = |time: &f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "times of this sampler are trained levels"
        )]
        let level = *time as usize;
        let now = Level::of_share(training.share(Some(level)));
        let next = Level::of_share(training.share(level.checked_sub(width)));
        let (clean, noise) = (prediction.clean(now), prediction.noise(now));
        let mixed = |index: usize| next.signal * clean[index] + next.noise * noise[index];
        vec![mixed(0), mixed(1)]
    };
    let rows = times.iter().map(row).collect();
    let terms = &[Quantity::Sample, Quantity::Output];
    Schedule {
        initial_deviation: 1.0,
        input_scales: vec![1.0; times.len()],
        updates: vec![Update::new(Quantity::Sample, terms, rows)],
        times,
    }
}
