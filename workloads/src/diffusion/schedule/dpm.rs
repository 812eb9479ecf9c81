//! DPM-Solver++ of second order, multistep (Lu et al. 2022, arXiv 2211.01095, algorithm 2), with
//! first-order steps at both ends.
//!
//! λ is the logarithm of signal over noise, h the width of a step in it.

use super::Schedule;
use super::prediction::Prediction;
use super::training::{Level, Training};
use super::update::{Quantity, Update};

/// Coefficients of sample and output in the clean picture of each step.
pub(super) fn clean(prediction: Prediction, ratios: &[f64]) -> Update {
    let rows = ratios[..ratios.len() - 1]
        .iter()
        .map(|ratio| prediction.clean(Level::of_ratio(*ratio)).to_vec())
        .collect();
    let terms = &[Quantity::Sample, Quantity::Output];
    Update::new(Quantity::Clean, terms, rows)
}

/// A first-order step: what is left of the sample, and how much of the clean picture is added.
/// The exact solution where the clean picture does not change.
pub(super) fn first_order(now: f64, next: f64) -> [f64; 2] {
    let (from, to) = (Level::of_ratio(now), Level::of_ratio(next));
    [to.noise / from.noise, to.signal * (1.0 - next / now)]
}

/// Extrapolates from this clean picture and the one before.
pub(super) fn schedule(training: &Training, prediction: Prediction, times: Vec<f64>) -> Schedule {
    let (steps, ratios) = (times.len(), training.ratios(&times));
    let row = |step: usize| {
        let (now, next) = (ratios[step], ratios[step + 1]);
        let [sample, clean] = first_order(now, next);
        if step == 0 || step + 1 == steps {
            return vec![sample, clean, 0.0];
        }
        // h of this step over h of the one before.
        let wider = libm::log(now / next) / libm::log(ratios[step - 1] / now);
        let change = 0.5 * clean * wider;
        vec![sample, clean + change, -change]
    };
    let terms = &[Quantity::Sample, Quantity::Clean, Quantity::EarlierClean];
    let updates = vec![
        clean(prediction, &ratios),
        Update::new(Quantity::Sample, terms, (0..steps).map(row).collect()),
        Update::copy(Quantity::EarlierClean, &[Quantity::Clean], steps),
    ];
    Schedule {
        times,
        initial_deviation: 1.0,
        input_scales: vec![1.0; steps],
        updates,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the network always sees the same picture, one step is as good as many.
    #[test]
    fn a_first_order_step_keeps_a_picture_and_its_noise() {
        let (now, next) = (2.5, 0.5);
        let (clean, noise) = (0.3, -1.1);
        let mixed = |ratio: f64| {
            let level = Level::of_ratio(ratio);
            level.signal * clean + level.noise * noise
        };
        let [a, b] = first_order(now, next);
        assert!((a * mixed(now) + b * clean - mixed(next)).abs() < 1e-15);
        assert_eq!(first_order(now, 0.0), [0.0, 1.0]);
    }
}
