//! Bar 13: Fréchet distances of features: their floor, and the interval of a distance.

use statistics::bootstrap::{Resampling, Threads, percentile_bounds};
use statistics::frechet::{
    Against, DELETED_BLOCKS, Features, Gaussian, Reference, distance, extrapolate, floor,
    jackknife, jackknife_difference,
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
/// How the second of two systems differs from the first: noise of its own on top of the same
/// images, with this share of a feature's standard deviation.
const NOISE: f64 = 0.3;
/// Points of the line to infinitely many images.
const POINTS: usize = 15;
/// Resamples of the control, which takes a decomposition for each.
const RESAMPLES: usize = 99;

pub(super) fn bar() -> Bar {
    Bar {
        id: BarId::Frechet,
        title: "floor right within 3 %, jackknife intervals cover 92 to 97 %; the percentile \
                bootstrap covers less than 10 %, a sampled reference taken as exact too little",
        calls: &[
            "frechet::floor",
            "frechet::distance",
            "frechet::jackknife",
            "frechet::jackknife_difference",
            "frechet::extrapolate",
            "bootstrap::percentile_bounds (control)",
        ],
        note: Some(
            "Gaussian features; where they are not alike, feature k has variance 1/k. Floor: two \
             sets of 2,000 images from one source. Interval: 1,000 images with 48 features against \
             a reference that is known exactly, unless a row says that it is a set of 1,000 images \
             too; 20 blocks. An experiment takes many milliseconds, so \
             there are fewer. Features of real images are not Gaussian.",
        ),
        cells: vec![
            floor_cell("64 features alike", &[1.0; 64]),
            floor_cell("48 features, variances 1/k", &falling()),
            jackknife_cell(),
            percentile_cell(),
            difference_cell(),
            sampled_reference_cell(),
            limit_cell(),
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

/// Two systems that draw the same images, of which the second adds noise: what they have in common
/// must not widen the interval of the difference, and the interval must cover.
fn difference_cell() -> Cell {
    let name = format!("two systems, {ROWS} images each, {DIMENSION} features");
    let mut draft = CellDraft::new(name).effort(Effort::OneIn(8));
    let covered = draft
        .ask(Question::share("paired jackknife of the difference: coverage").within(0.92, 0.97));
    let narrower = draft.ask(Question::mean("its width over that of one system"));
    draft.experiment(move |stream, answers| {
        let deviations = falling();
        let reference = Reference::new(source(&deviations, ROWS)?)?;
        let against = Against::Fixed(&reference);
        let (first, _) = sample(&deviations, stream);
        let noise = draw(ROWS, &deviations, 0.0, stream);
        let pairs = first.iter().zip(&noise);
        let second: Vec<f64> = pairs.map(|(value, noise)| value + NOISE * noise).collect();
        // Means are alike; the roots of the covariances are 1.1 s and √(1.1² + 0.3²) s.
        let wider = (SPREAD * SPREAD + NOISE * NOISE).sqrt();
        let excess = (wider - 1.0) * (wider - 1.0) - (SPREAD - 1.0) * (SPREAD - 1.0);
        let truth = excess * deviations.iter().map(|s| s * s).sum::<f64>();
        let [left, right] = [&second, &first].map(|values| Features::new(values, DIMENSION));
        let (left, right) = (left?, right?);
        let both = jackknife_difference(left, right, against, DELETED_BLOCKS, Level::P95)?;
        let one = jackknife(left, against, DELETED_BLOCKS, Level::P95)?;
        answers.yes_no(covered, both.interval.contains(truth));
        answers.value(
            narrower,
            both.interval.half_width() / one.interval.half_width(),
        );
        Ok(())
    })
}

/// A reference that is itself a set of images: deleting blocks of both takes out both biases, and a
/// jackknife that takes the set as exact leaves one in.
fn sampled_reference_cell() -> Cell {
    let name = format!("reference of {ROWS} images, {DIMENSION} features");
    let mut draft = CellDraft::new(name).effort(Effort::OneIn(10));
    let covered =
        draft.ask(Question::share("jackknife of blocks of both: coverage").within(0.92, 0.97));
    let exact = draft.ask(
        Question::share("reference taken as exact: coverage")
            .at_most(0.10)
            .control(),
    );
    draft.experiment(move |stream, answers| {
        let deviations = falling();
        let (values, truth) = sample(&deviations, stream);
        let others = draw(ROWS, &deviations, 0.0, stream);
        let (features, others) = (
            Features::new(&values, DIMENSION)?,
            Features::new(&others, DIMENSION)?,
        );
        let both = Against::Sample(others);
        let estimate = jackknife(features, both, DELETED_BLOCKS, Level::P95)?;
        answers.yes_no(covered, estimate.interval.contains(truth));
        let reference = Reference::new(Gaussian::of(others)?)?;
        let one = Against::Fixed(&reference);
        let estimate = jackknife(features, one, DELETED_BLOCKS, Level::P95)?;
        answers.yes_no(exact, estimate.interval.contains(truth));
        Ok(())
    })
}

/// The distance of infinitely many images, by a line through subsets.
fn limit_cell() -> Cell {
    let name = format!("{ROWS} images, {DIMENSION} features, line through {POINTS} subsets");
    let mut draft = CellDraft::new(name).effort(Effort::OneIn(10));
    let limit = draft.ask(Question::mean("limit over truth").within(0.9, 1.1));
    draft.experiment(move |stream, answers| {
        let deviations = falling();
        let reference = Reference::new(source(&deviations, ROWS)?)?;
        let (values, truth) = sample(&deviations, stream);
        let features = Features::new(&values, DIMENSION)?;
        let against = Against::Fixed(&reference);
        let line = extrapolate(features, against, POINTS, stream.seed())?;
        answers.value(limit, line.limit / truth);
        Ok(())
    })
}
