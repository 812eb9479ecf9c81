//! Tests: trajectories of every sampler against those of `diffusers`
//! (`tests/fixtures/make_diffusion_schedules.py`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Prediction, Quantity, Schedule, Spacing, Training};
use crate::job::word::{Scheduler, Word};

/// One trajectory of the fixture.
#[derive(Deserialize)]
struct Case {
    scheduler: String,
    prediction: String,
    spacing: String,
    timesteps: Vec<f64>,
    initial_deviation: f64,
    samples: Vec<Vec<f64>>,
}

impl Case {
    fn schedule(&self) -> Schedule {
        let scheduler = Scheduler::parse(&self.scheduler).expect("known");
        let prediction = match self.prediction.as_str() {
            "epsilon" => Prediction::Noise,
            _ => Prediction::Velocity,
        };
        let spacings = [Spacing::Leading, Spacing::Linspace, Spacing::Trailing];
        let spacing = spacings
            .into_iter()
            .find(|spacing| spacing.to_string() == self.spacing);
        assert!(spacing.is_some(), "{}", self.spacing);
        let (training, steps) = (Training::stable_diffusion(), self.timesteps.len());
        Schedule::new(scheduler, &training, prediction, spacing, steps).expect("possible")
    }
}

const START: [f64; 4] = [-1.5, -0.4, 0.3, 1.2];

/// The network of the fixture.
fn model(x: f64, time: f64) -> f64 {
    x * (0.4 + 0.3 * time / 1000.0) / (1.0 + 0.25 * x * x) + 0.05
}

/// The noise of the fixture.
fn noise(step: usize, index: usize) -> f64 {
    ((7 * step + 3 * index) % 11) as f64 / 4.0 - 1.25
}

/// Samples behind each step, with coefficients in the precision that a device has them.
fn samples(schedule: &Schedule) -> Vec<Vec<f64>> {
    let mut state: BTreeMap<Quantity, Vec<f64>> = Quantity::KEPT
        .into_iter()
        .map(|quantity| (quantity, vec![0.0; START.len()]))
        .collect();
    let start = START.map(|value| value * schedule.initial_deviation);
    state.insert(Quantity::Sample, start.to_vec());
    let mut samples = Vec::new();
    for step in 0..schedule.steps() {
        let time = schedule.times[step];
        let output = state[&Quantity::Sample]
            .iter()
            .map(|x| model(x * schedule.input_scales[step], time))
            .collect();
        state.insert(Quantity::Output, output);
        for update in &schedule.updates {
            let row: Vec<f64> = update.coefficients[step]
                .iter()
                .map(|value| f64::from(*value as f32))
                .collect();
            let sum = |index: usize| {
                let terms = update.terms.iter().zip(&row);
                let sum: f64 = terms.map(|(term, c)| c * state[term][index]).sum();
                match update.draws_noise {
                    true => sum + row[update.terms.len()] * noise(step, index),
                    false => sum,
                }
            };
            let values = (0..START.len()).map(sum).collect();
            state.insert(update.target, values);
        }
        samples.push(state[&Quantity::Sample].clone());
    }
    samples
}

/// Five samplers, two predictions, three spacings, and 1, 4, 10, 20 and 50 steps. The reference
/// computes in f32; ours agrees with all of its trajectories to 5·10⁻⁶ of their largest value.
#[test]
fn trajectories_are_those_of_diffusers() {
    let cases = include_str!("../../../tests/fixtures/diffusion/schedules.json");
    let cases: Vec<Case> = serde_json::from_str(cases).expect("the fixture is JSON");
    assert_eq!(cases.len(), 5 * 2 * 3 * 5);
    let mut worst: BTreeMap<String, f64> = BTreeMap::new();
    for case in &cases {
        let schedule = case.schedule();
        let name = format!("{} {} {}", case.scheduler, case.prediction, case.spacing);
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs().max(1e-3);
        for (ours, theirs) in schedule.times.iter().zip(&case.timesteps) {
            assert!(near(*ours, *theirs), "{name}: {ours} {theirs}");
        }
        let (ours, theirs) = (schedule.initial_deviation, case.initial_deviation);
        assert!(
            (ours - theirs).abs() < 1e-6 * theirs,
            "{name}: {ours} {theirs}"
        );
        let found = samples(&schedule);
        assert_eq!(found.len(), case.samples.len());
        let largest = case
            .samples
            .concat()
            .iter()
            .fold(0f64, |max, v| max.max(v.abs()));
        for (found, expected) in found.concat().iter().zip(case.samples.concat()) {
            let apart = (found - expected).abs() / largest;
            let worst = worst.entry(name.clone()).or_default();
            *worst = worst.max(apart);
        }
    }
    let worst: Vec<String> = worst.iter().map(|(k, v)| format!("{k} {v:.1e}")).collect();
    for line in &worst {
        let apart: f64 = line
            .rsplit(' ')
            .next()
            .and_then(|v| v.parse().ok())
            .expect("a number");
        assert!(apart < 5e-6, "{line}");
    }
}
