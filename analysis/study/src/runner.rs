//! Runs the experiments: fixed chunks, a stream of random numbers for each, any number of threads.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::bar::{self, Answers, Bar, BarId};
use crate::error::StudyError;
use crate::measure;
use crate::random::Stream;
use crate::report::{BarReport, StudyReport};

/// Experiments of one chunk: small enough to share out evenly, large enough to make the bookkeeping
/// nothing. A chunk is the unit of randomness, so this number is part of the results.
const CHUNK: usize = 20;

/// The seed of the published study.
pub const DEFAULT_SEED: u64 = 20_261_124;

/// How many experiments a cell makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 2,000: for every change.
    Ci,
    /// 10,000: every night, and for publication.
    Full,
    /// This many.
    Experiments(usize),
}

impl Size {
    /// Experiments of a cell of whole effort.
    pub fn experiments(self) -> usize {
        match self {
            Self::Ci => 2_000,
            Self::Full => 10_000,
            Self::Experiments(experiments) => experiments,
        }
    }
}

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Experiments.
    pub size: Size,
    /// Threads; the results do not depend on them.
    pub threads: NonZeroUsize,
    /// Seed of everything random.
    pub seed: u64,
    /// One bar instead of all. Its rows are those that the whole study has.
    pub only: Option<BarId>,
}

impl Default for Options {
    /// The study of continuous integration, on all processors.
    fn default() -> Self {
        Self {
            size: Size::Ci,
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            seed: DEFAULT_SEED,
            only: None,
        }
    }
}

/// How far the study is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The bar of the experiments that just ended.
    pub bar: BarId,
    /// Experiments that ended.
    pub done: usize,
    /// All experiments.
    pub total: usize,
}

/// Fewest experiments that can be asked for.
const FEWEST: usize = 20;

/// Runs the study. `progress` is called from any thread after each chunk.
///
/// # Errors
/// Too few experiments, or a function under test that refuses what it should take.
pub fn run(
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<StudyReport, StudyError> {
    let bars: Vec<Bar> = BarId::ALL
        .into_iter()
        .filter(|id| options.only.is_none_or(|only| only == *id))
        .map(bar::build)
        .collect();
    run_bars(&bars, options, progress)
}

/// One chunk of one cell.
#[derive(Clone, Copy, Debug)]
struct Task {
    bar: usize,
    cell: usize,
    chunk: usize,
    experiments: usize,
}

/// Runs some bars.
pub(crate) fn run_bars(
    bars: &[Bar],
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<StudyReport, StudyError> {
    let study = options.size.experiments();
    if study < FEWEST {
        return Err(StudyError::TooFewExperiments(study));
    }
    let tasks = tasks(bars, study);
    let total = tasks.iter().map(|task| task.experiments).sum();
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<Answers, StudyError>>>> =
        tasks.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for _ in 0..options.threads.get().min(tasks.len()) {
            scope.spawn(|| {
                while let Some((index, task)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    tasks.get(index).map(|task| (index, *task))
                } {
                    let result = perform(&bars[task.bar], task, options.seed);
                    if result.is_err() {
                        // Let the others finish what they began; nothing after it is of use.
                        next.store(tasks.len(), Ordering::Relaxed);
                    }
                    *results[index]
                        .lock()
                        .expect("no thread panics with the lock") = Some(result);
                    progress(Progress {
                        bar: bars[task.bar].id,
                        done: done.fetch_add(task.experiments, Ordering::Relaxed)
                            + task.experiments,
                        total,
                    });
                }
            });
        }
    });
    let mut merged: Vec<Vec<Answers>> = bars
        .iter()
        .map(|bar| {
            let empty = |cell: &bar::Cell| Answers::new(cell.questions.len());
            bar.cells.iter().map(empty).collect()
        })
        .collect();
    // In the order of the tasks, whoever did them.
    for (task, result) in tasks.iter().zip(results) {
        let result = result.into_inner().expect("no thread panics with the lock");
        if let Some(answers) = result.transpose()? {
            merged[task.bar][task.cell].append(answers);
        }
    }
    let reports = bars
        .iter()
        .zip(&merged)
        .map(|(bar, answers)| summarise(bar, answers))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(StudyReport::new(options.seed, study, reports))
}

fn tasks(bars: &[Bar], study: usize) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (bar_index, bar) in bars.iter().enumerate() {
        for (cell_index, cell) in bar.cells.iter().enumerate() {
            let mut left = cell.effort.experiments(study);
            let mut chunk = 0;
            while left > 0 {
                let experiments = left.min(CHUNK);
                tasks.push(Task {
                    bar: bar_index,
                    cell: cell_index,
                    chunk,
                    experiments,
                });
                left -= experiments;
                chunk += 1;
            }
        }
    }
    tasks
}

fn perform(bar: &Bar, task: Task, seed: u64) -> Result<Answers, StudyError> {
    let cell = &bar.cells[task.cell];
    let mut stream = Stream::new(seed, place(bar.id, task.cell, task.chunk));
    let mut answers = Answers::new(cell.questions.len());
    for _ in 0..task.experiments {
        cell.experiment(&mut stream, &mut answers)
            .map_err(|source| StudyError::Refused {
                bar: bar.id,
                cell: cell.name.clone(),
                source,
            })?;
    }
    Ok(answers)
}

/// Number of the stream of one chunk: bar, cell and chunk have bits of their own, so that no two
/// chunks share a stream and a bar gives the same rows alone as among others.
fn place(bar: BarId, cell: usize, chunk: usize) -> u64 {
    (u64::from(bar.number()) << 56) | ((cell as u64) << 32) | chunk as u64
}

fn summarise(bar: &Bar, answers: &[Answers]) -> Result<BarReport, StudyError> {
    let mut rows = Vec::new();
    for (cell, answers) in bar.cells.iter().zip(answers) {
        for (index, question) in cell.questions.iter().enumerate() {
            rows.push(measure::row(bar.id, cell, question, answers.of(index))?);
        }
    }
    Ok(BarReport {
        number: bar.id.number(),
        id: bar.id,
        title: bar.title.to_owned(),
        calls: bar.calls.iter().map(|call| (*call).to_owned()).collect(),
        note: bar.note.map(str::to_owned),
        rows,
    })
}

#[cfg(test)]
#[path = "runner_tests.rs"]
mod tests;
