//! UniPC of second order in the clean picture, with B(h) = e^h − 1 (Zhao et al. 2023, arXiv
//! 2302.04867, algorithms 7 and 8).
//!
//! A step corrects the sample that it was given with what the network said of it, and predicts the
//! next sample from the corrected one. λ is the logarithm of signal over noise, h the width of a
//! step in it.

use super::Schedule;
use super::dpm;
use super::prediction::Prediction;
use super::training::Training;
use super::update::{Quantity, Update};

/// Predictor and corrector.
pub(super) fn schedule(training: &Training, prediction: Prediction, times: Vec<f64>) -> Schedule {
    let (steps, ratios) = (times.len(), training.ratios(&times));
    let corrected = &[
        Quantity::Sample,
        Quantity::Clean,
        Quantity::EarlierClean,
        Quantity::EarliestClean,
        Quantity::Corrected,
    ];
    let predicted = &[Quantity::Corrected, Quantity::Clean, Quantity::EarlierClean];
    let correct = (0..steps).map(|step| correct(&ratios, step).to_vec());
    let predict = (0..steps).map(|step| predict(&ratios, step, steps).to_vec());
    let updates = vec![
        dpm::clean(prediction, &ratios),
        Update::new(Quantity::Corrected, corrected, correct.collect()),
        Update::new(Quantity::Sample, predicted, predict.collect()),
        Update::copy(Quantity::EarliestClean, &[Quantity::EarlierClean], steps),
        Update::copy(Quantity::EarlierClean, &[Quantity::Clean], steps),
    ];
    Schedule {
        times,
        initial_deviation: 1.0,
        input_scales: vec![1.0; steps],
        updates,
    }
}

/// λ of one ratio less that of another.
fn gain(from: f64, to: f64) -> f64 {
    libm::log(from / to)
}

/// Coefficients of the corrected sample, the clean picture and the one before, in the next sample.
fn predict(ratios: &[f64], step: usize, steps: usize) -> [f64; 3] {
    let (now, next) = (ratios[step], ratios[step + 1]);
    let [sample, clean] = dpm::first_order(now, next);
    if step == 0 || step + 1 == steps {
        return [sample, clean, 0.0];
    }
    // Negative: how far the step before lies back, in steps of this width.
    let back = gain(now, ratios[step - 1]) / gain(now, next);
    let change = 0.5 * clean / back;
    [sample, clean - change, change]
}

/// Coefficients of the sample, this clean picture, the two before and the corrected sample before,
/// in the corrected sample. The first sample stays as it is: there is nothing to correct it with.
fn correct(ratios: &[f64], step: usize) -> [f64; 5] {
    if step == 0 {
        return [1.0, 0.0, 0.0, 0.0, 0.0];
    }
    let (before, now) = (ratios[step - 1], ratios[step]);
    let [sample, clean] = dpm::first_order(before, now);
    if step == 1 {
        return [0.0, 0.5 * clean, 0.5 * clean, 0.0, sample];
    }
    let width = gain(before, now);
    let back = gain(before, ratios[step - 2]) / width;
    let [earliest, this] = weights(-width, back);
    let earliest = clean * earliest / back;
    let this = clean * this;
    [0.0, this, clean - this - earliest, earliest, sample]
}

/// Weights of the two changes of the clean picture: those that are exact where it is a polynomial
/// of second degree in λ. The solution of ρ₁ + ρ₂ = b₁, r·ρ₁ + ρ₂ = b₂.
fn weights(width: f64, back: f64) -> [f64; 2] {
    let whole = libm::expm1(width);
    let first = whole / width - 1.0;
    let second = first / width - 0.5;
    let (first, second) = (first / whole, 2.0 * second / whole);
    let earliest = (first - second) / (1.0 - back);
    [earliest, first - earliest]
}
