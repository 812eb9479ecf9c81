//! Euler's method on the ratio of noise to signal, and its variant with fresh noise (Karras et al.
//! 2022, algorithm 1, and the k-diffusion code).
//!
//! Samples are not scaled to variance one: `sample = clean + ratio · noise`. The network sees them
//! scaled.

use super::Schedule;
use super::prediction::Prediction;
use super::spacing::Spacing;
use super::training::{Level, Training};
use super::update::{Quantity, Update};

const TERMS: &[Quantity] = &[Quantity::Sample, Quantity::Output];

/// Down the slope that the network says, to the next ratio.
pub(super) fn schedule(
    training: &Training,
    prediction: Prediction,
    spacing: Spacing,
    times: Vec<f64>,
) -> Schedule {
    let rows = |ratios: &[f64]| {
        let row = |pair: &[f64]| slope(prediction, pair[0], pair[1]).to_vec();
        Update::new(
            Quantity::Sample,
            TERMS,
            ratios.windows(2).map(row).collect(),
        )
    };
    unscaled(training, spacing, times, rows)
}

/// Down below the next ratio, and up to it with fresh noise.
pub(super) fn ancestral(
    training: &Training,
    prediction: Prediction,
    spacing: Spacing,
    times: Vec<f64>,
) -> Schedule {
    let rows = |ratios: &[f64]| {
        let row = |pair: &[f64]| {
            let (now, next) = (pair[0], pair[1]);
            let up = next * ((now * now - next * next) / (now * now)).sqrt();
            let down = (next * next - up * up).sqrt();
            let [sample, output] = slope(prediction, now, down);
            vec![sample, output, up]
        };
        Update {
            draws_noise: true,
            ..Update::new(
                Quantity::Sample,
                TERMS,
                ratios.windows(2).map(row).collect(),
            )
        }
    };
    unscaled(training, spacing, times, rows)
}

/// Coefficients of sample and output in `sample + (next − now) · (sample − clean) / now`.
fn slope(prediction: Prediction, now: f64, next: f64) -> [f64; 2] {
    let [sample, output] = prediction.clean_of_unscaled(now);
    let width = (next - now) / now;
    [1.0 + width * (1.0 - sample), -width * output]
}

fn unscaled(
    training: &Training,
    spacing: Spacing,
    times: Vec<f64>,
    update: impl FnOnce(&[f64]) -> Update,
) -> Schedule {
    let ratios = training.ratios(&times);
    let first = ratios[0];
    Schedule {
        initial_deviation: match spacing {
            // The grid ends in noise, so there is no picture in the first sample.
            Spacing::Linspace | Spacing::Trailing => first,
            Spacing::Leading => (first * first + 1.0).sqrt(),
        },
        input_scales: ratios[..times.len()]
            .iter()
            .map(|ratio| Level::of_ratio(*ratio).signal)
            .collect(),
        updates: vec![update(&ratios)],
        times,
    }
}
