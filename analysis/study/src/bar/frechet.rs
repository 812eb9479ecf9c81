//! Bar 13: Fréchet distances of features: their floor, and the interval of a distance.

use statistics::bootstrap::{Resampling, Threads, percentile_bounds};
use statistics::frechet::{
    Against, DELETED_BLOCKS, Features, Gaussian, Reference, distance, floor, jackknife,
};
use statistics::interval::Level;
use statistics::linear::LinearError;

use super::cell::{Cell, CellDraft, Effort, Question};
use super::{Bar, BarId};
use crate::error::Refusal;
use crate::generator::count;
use crate::random::Stream;

/// Images of a set for the floor: many, since the floor holds to first order in 1/N.
const FLOOR_ROWS: usize = 2_000;
/// Images of a set for an interval.
const ROWS: usize = 1_000;
/// Features of an image for an interval.
const DIMENSION: usize = 48;
/// How the images under test differ from the reference: features spread by a tenth more and are
/// shifted by this share of their standard deviation.
const SPREAD: f64 = 1.1;
const SHIFT: f64 = 0.04;
/// Resamples of the control, which takes a decomposition for each.
const RESAMPLES: usize = 99;

pub(super) fn bar() -> Bar {
    Bar {
        id: BarId::Frechet,
        title: "floor right within 3 %, jackknife interval covers 92 to 97 %; the \
                percentile bootstrap covers less than 10 %",
        calls: &[
            "frechet::floor",
            "frechet::distance",
            "frechet::jackknife",
            "bootstrap::percentile_bounds (control)",
        ],
        note: Some(
            "Gaussian features; where they are not alike, feature k has variance 1/k. Floor: two \
             sets of 2,000 images from one source. Interval: 1,000 images with 48 features against \
             a reference that is known exactly; 20 blocks. An experiment takes many milliseconds, so \
             there are fewer. Features of real images are not Gaussian.",
        ),
        cells: vec![
            floor_cell("64 features alike", &[1.0; 64]),
            floor_cell("48 features, variances 1/k", &falling()),
            jackknife_cell(),
            percentile_cell(),
        ],
    }
}

/// Standard deviations of features of which few carry most.
fn falling() -> Vec<f64> {
    (1..=DIMENSION).map(|k| 1.0 / count(k).sqrt()).collect()
}

fn draw(rows: usize, deviations: &[f64], shift: f64, stream: &mut Stream) -> Vec<f64> {
    let mut values = Vec::with_capacity(rows * deviations.len());
    for _ in 0..rows {
        values.extend(deviations.iter().map(|s| s * (stream.normal() + shift)));
    }
    values
}

/// The source itself, as if it had been measured on `rows` images.
fn source(deviations: &[f64], rows: usize) -> Result<Gaussian, Refusal> {
    let dimension = deviations.len();
    let mut covariance = vec![0.0; dimension * dimension];
    for (index, deviation) in deviations.iter().enumerate() {
        covariance[index * dimension + index] = deviation * deviation;
    }
    Ok(Gaussian::from_parts(
        vec![0.0; dimension],
        &covariance,
        rows,
    )?)
}

fn gaussian(values: &[f64], dimension: usize) -> Result<Gaussian, Refusal> {
    Ok(Gaussian::of(Features::new(values, dimension)?)?)
}

fn floor_cell(name: &str, deviations: &[f64]) -> Cell {
    let name = format!("{name}, two sets of {FLOOR_ROWS}");
    let mut draft = CellDraft::new(name).effort(Effort::OneIn(10));
    let ratio = draft.ask(Question::mean("distance over floor").within(0.97, 1.03));
    let deviations = deviations.to_vec();
    draft.experiment(move |stream, answers| {
        let dimension = deviations.len();
        let mut set = || {
            let values = draw(FLOOR_ROWS, &deviations, 0.0, stream);
            gaussian(&values, dimension)
        };
        let found = distance(&set()?, &set()?)?;
        let floor = floor(&source(&deviations, FLOOR_ROWS)?, FLOOR_ROWS)?;
        answers.value(ratio, found / floor);
        Ok(())
    })
}

/// A set under test, and its true distance from the source: with `s` the standard deviations, the
/// means differ by `SHIFT · SPREAD · s` and the roots of the covariances by `(SPREAD − 1) s`.
fn sample(deviations: &[f64], stream: &mut Stream) -> (Vec<f64>, f64) {
    let wider: Vec<f64> = deviations.iter().map(|s| SPREAD * s).collect();
    let per_variance = SHIFT * SHIFT * SPREAD * SPREAD + (SPREAD - 1.0) * (SPREAD - 1.0);
    let total: f64 = deviations.iter().map(|s| s * s).sum();
    (draw(ROWS, &wider, SHIFT, stream), per_variance * total)
}

fn jackknife_cell() -> Cell {
    let name = format!("{ROWS} images, {DIMENSION} features");
    let mut draft = CellDraft::new(name).effort(Effort::OneIn(2));
    let covered = draft.ask(Question::share("jackknife of 20 blocks: coverage").within(0.92, 0.97));
    let plug_in = draft.ask(Question::mean("plug-in distance over truth"));
    let corrected = draft.ask(Question::mean("bias-corrected distance over truth"));
    draft.experiment(move |stream, answers| {
        let deviations = falling();
        let reference = Reference::new(source(&deviations, ROWS)?)?;
        let (values, truth) = sample(&deviations, stream);
        let features = Features::new(&values, DIMENSION)?;
        let against = Against::Fixed(&reference);
        let estimate = jackknife(features, against, DELETED_BLOCKS, Level::P95)?;
        answers.yes_no(covered, estimate.interval.contains(truth));
        answers.value(plug_in, estimate.plug_in / truth);
        answers.value(corrected, estimate.interval.value / truth);
        Ok(())
    })
}

/// Negative control: percentiles of distances of resampled images.
fn percentile_cell() -> Cell {
    let name = format!("{ROWS} images, {DIMENSION} features, {RESAMPLES} resamples");
    let mut draft = CellDraft::new(name).effort(Effort::OneIn(20));
    let covered = draft.ask(
        Question::share("percentile bootstrap: coverage")
            .at_most(0.10)
            .control(),
    );
    draft.experiment(move |stream, answers| {
        let deviations = falling();
        let reference = Reference::new(source(&deviations, ROWS)?)?;
        let (values, truth) = sample(&deviations, stream);
        let resampling = Resampling {
            resamples: RESAMPLES,
            seed: stream.seed(),
            threads: Threads::ONE,
        };
        let distances = resampling.map(ROWS, |indices| -> Result<f64, LinearError> {
            let mut resample = Vec::with_capacity(values.len());
            for index in indices {
                let from = *index as usize * DIMENSION;
                resample.extend_from_slice(&values[from..from + DIMENSION]);
            }
            reference.distance(&Gaussian::of(Features::new(&resample, DIMENSION)?)?)
        });
        let mut distances = distances.into_iter().collect::<Result<Vec<f64>, _>>()?;
        distances.sort_by(f64::total_cmp);
        let (low, high) = percentile_bounds(&distances, Level::P95);
        answers.yes_no(covered, low <= truth && truth <= high);
        Ok(())
    })
}
