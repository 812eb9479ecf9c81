//! Several commands, interleaved: every block holds each of them once, in random order, so that
//! drift falls on all alike. The ratios are paired by block.

use model::sample::Sample;
use model::units::Nanos;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde::Serialize;
use statistics::equivalence::{Claim, Contrast, PLANNED_POWER, runs_needed};
use statistics::interval::{Interval, Level};
use statistics::ratio::paired_log_ratio;

use super::bench::{Bench, IdlePower, RunResult};
use super::execution::{Executor, Repetition};
use super::measurement::{Measurement, Settings, least_executions, take_well};
use super::record::MeasureError;
use super::repeat::{WindowPlan, first_repetition};

/// Blocks beyond which a needed number is not worth stating.
const MOST_BLOCKS: usize = 1_000;

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareStep {
    /// The idle device, before or after.
    Idle,
    /// A run that does not count.
    WarmUp {
        /// Which command, from 0.
        command: usize,
    },
    /// The run that shows how often a command has to be repeated.
    Sizing {
        /// Which command, from 0.
        command: usize,
    },
    /// A run.
    Run {
        /// Which command, from 0.
        command: usize,
        /// Block, from 0.
        block: u32,
    },
}

/// Hears how a comparison goes on.
pub trait CompareObserver {
    /// A step begins.
    fn begins(&mut self, step: CompareStep);
    /// A reading was taken while a command ran.
    fn sampled(&mut self, sample: &Sample);
    /// A run of a command is over.
    fn run_ended(&mut self, command: usize, run: &RunResult);
}

/// Nobody watches.
impl CompareObserver for () {
    fn begins(&mut self, _step: CompareStep) {}
    fn sampled(&mut self, _sample: &Sample) {}
    fn run_ended(&mut self, _command: usize, _run: &RunResult) {}
}

/// The order of the commands in a block: Fisher–Yates by `ChaCha8` on the seed, one stream for each
/// block.
pub fn order(commands: usize, seed: u64, block: u32) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(u64::from(block));
    let mut order: Vec<usize> = (0..commands).collect();
    for last in (1..commands).rev() {
        order.swap(last, below(&mut random, last + 1));
    }
    order
}

/// A uniform number below a bound, by rejection, so that none is favoured.
fn below(random: &mut ChaCha8Rng, bound: usize) -> usize {
    let bound = u64::try_from(bound).expect("a count fits 64 bits");
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let draw = random.next_u64();
        if draw < limit {
            return usize::try_from(draw % bound).expect("smaller than a count");
        }
    }
}

/// Measures commands in blocks. One measurement for each, in the order of the commands.
///
/// # Errors
/// Where the device is lost, or a command cannot be started or fails without leave.
pub fn measure_blocks(
    bench: &mut Bench<'_>,
    executors: &mut [Box<dyn Executor>],
    settings: &Settings,
    seed: u64,
    observer: &mut dyn CompareObserver,
) -> Result<Vec<Measurement>, MeasureError> {
    if let Some(asked) = settings.instrument_budget {
        bench.check_budget(asked)?;
    }
    let foreign_processes = bench.process_count()?;
    let idle = Nanos::from_seconds(settings.idle_s);
    observer.begins(CompareStep::Idle);
    let before_w = bench.idle_power(idle)?;
    let is_planned = settings.instrument_budget.is_some();
    let mut blocks = Blocks {
        repetitions: vec![
            first_repetition(settings.shortest_window_s, is_planned);
            executors.len()
        ],
        bench,
        executors,
        settings,
        observer,
    };
    let windows = blocks.prepare(before_w)?;
    let runs = blocks.all(seed)?;
    observer.begins(CompareStep::Idle);
    let after_w = bench.idle_power(idle)?;
    Ok(runs
        .into_iter()
        .zip(windows)
        .map(|(runs, window)| Measurement {
            runs,
            idle: IdlePower { before_w, after_w },
            foreign_processes,
            pilot: None,
            window,
        })
        .collect())
}

struct Blocks<'a, 'b> {
    bench: &'a mut Bench<'b>,
    executors: &'a mut [Box<dyn Executor>],
    settings: &'a Settings,
    observer: &'a mut dyn CompareObserver,
    /// How often each command is repeated in the window of a run.
    repetitions: Vec<Repetition>,
}

impl Blocks<'_, '_> {
    fn take(&mut self, command: usize) -> Result<RunResult, MeasureError> {
        let observer = &mut *self.observer;
        let run = take_well(
            self.bench,
            self.executors[command].as_mut(),
            self.repetitions[command],
            self.settings.ignore_failure,
            &mut |sample| observer.sampled(sample),
        )?;
        self.repetitions[command] = Repetition::Times(run.executions);
        Ok(run)
    }

    /// Warms up, and plans the windows of each command where a budget of the instrument is asked for.
    fn prepare(&mut self, idle_w: Option<f64>) -> Result<Vec<Option<WindowPlan>>, MeasureError> {
        let mut warm: Vec<Option<RunResult>> = vec![None; self.executors.len()];
        for _ in 0..self.settings.warmup_runs {
            for (command, last) in warm.iter_mut().enumerate() {
                self.observer.begins(CompareStep::WarmUp { command });
                *last = Some(self.take(command)?);
            }
        }
        let Some(asked) = self.settings.instrument_budget else {
            return Ok(vec![None; self.executors.len()]);
        };
        warm.into_iter()
            .enumerate()
            .map(|(command, warm)| {
                let run = if let Some(run) = warm {
                    run
                } else {
                    self.observer.begins(CompareStep::Sizing { command });
                    self.take(command)?
                };
                let at_least = least_executions(&run, self.settings);
                let plan = self.bench.plan_windows(&run, idle_w, asked, at_least)?;
                if let Some(plan) = &plan {
                    self.repetitions[command] = plan.repetition();
                }
                Ok(plan)
            })
            .collect()
    }

    /// The runs of each command.
    fn all(&mut self, seed: u64) -> Result<Vec<Vec<RunResult>>, MeasureError> {
        let mut runs: Vec<Vec<RunResult>> = vec![Vec::new(); self.executors.len()];
        for block in 0..self.settings.runs.at_least() {
            for command in order(self.executors.len(), seed, block) {
                self.observer.begins(CompareStep::Run { command, block });
                let run = self.take(command)?;
                self.observer.run_ended(command, &run);
                runs[command].push(run);
            }
        }
        Ok(runs)
    }
}

/// What can be said about a ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// The interval lies below 1.
    Less,
    /// The interval lies above 1.
    More,
    /// The interval holds 1.
    Inconclusive {
        /// Blocks that would show a difference of the size seen, with a probability of 80 %; absent
        /// where nobody would wait for them.
        needed_blocks: Option<u32>,
    },
}

/// The ratio of a quantity of two commands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// The command by the reference.
    pub interval: Interval,
    /// What follows.
    pub verdict: Verdict,
}

impl Ratio {
    /// Of values paired by block. With several ratios to one reference, `level` is that of each.
    pub fn of(values: &[f64], reference: &[f64], level: Level) -> Option<Self> {
        let interval = paired_log_ratio(values, reference, level).ok()?;
        let verdict = if interval.high < 1.0 {
            Verdict::Less
        } else if interval.low > 1.0 {
            Verdict::More
        } else {
            let differences = Contrast::paired_log_ratio(values, reference).ok()?;
            Verdict::Inconclusive {
                needed_blocks: needed(&differences, level),
            }
        };
        Some(Self { interval, verdict })
    }
}

/// Blocks of which the interval would not hold 1 with a probability of [`PLANNED_POWER`], were the
/// difference seen and its scatter the truth. That a two-sided interval lies on one side of 1 is the
/// claim of that side at half of alpha; that it lies on the wrong one is left out.
fn needed(differences: &Contrast, level: Level) -> Option<u32> {
    let claim = if differences.value() < 0.0 {
        Claim::Below { margin: 0.0 }
    } else {
        Claim::Above { margin: 0.0 }
    };
    let of_one_side = Level::new(level.upper_point()).ok()?;
    runs_needed(differences, claim, of_one_side, PLANNED_POWER)
        .filter(|blocks| *blocks <= MOST_BLOCKS)
        .and_then(|blocks| blocks.try_into().ok())
}

/// A command beside the reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Gross energy; absent where a side has none.
    pub energy: Option<Ratio>,
    /// Time.
    pub time: Option<Ratio>,
    /// Energy of the processor packages beside a GPU.
    pub package_energy: Option<Ratio>,
}

/// Compares every command but the first with the first. With more than one comparison each interval
/// has the level of Bonferroni, so that all hold together with 95 %.
pub fn compare(measurements: &[Measurement]) -> Vec<Comparison> {
    let Some((reference, others)) = measurements.split_first() else {
        return Vec::new();
    };
    let level = joint_level(others.len());
    others
        .iter()
        .map(|other| {
            let ratio = |of: &dyn Fn(&RunResult) -> Option<f64>| {
                let values = |measurement: &Measurement| {
                    measurement
                        .runs
                        .iter()
                        .map(of)
                        .collect::<Option<Vec<f64>>>()
                };
                Ratio::of(&values(other)?, &values(reference)?, level)
            };
            Comparison {
                energy: ratio(&RunResult::energy_j),
                time: ratio(&|run| Some(run.time_s)),
                package_energy: ratio(&RunResult::package_j),
            }
        })
        .collect()
}

/// 95 % for all together.
#[expect(clippy::cast_precision_loss, reason = "a count of commands")]
fn joint_level(comparisons: usize) -> Level {
    Level::new(1.0 - Level::P95.alpha() / comparisons.max(1) as f64).unwrap_or(Level::P95)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_holds_each_command_once_in_an_order_of_its_own() {
        let orders: Vec<Vec<usize>> = (0..200).map(|block| order(3, 7, block)).collect();
        assert_eq!(orders[5], order(3, 7, 5));
        let mut firsts = [0; 3];
        for order in &orders {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2]);
            firsts[order[0]] += 1;
        }
        // 200 / 3, give or take four standard deviations of 6.7.
        assert!(
            firsts.iter().all(|count| (40..=94).contains(count)),
            "{firsts:?}"
        );
        assert_ne!(
            orders,
            (0..200).map(|block| order(3, 8, block)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_ratio_is_paired_so_drift_cancels() {
        let reference = [100.0, 110.0, 121.0, 133.1, 146.4];
        let less: Vec<f64> = reference
            .iter()
            .zip([0.88, 0.881, 0.879, 0.88, 0.882])
            .map(|(e, f)| e * f)
            .collect();
        let ratio = Ratio::of(&less, &reference, Level::P95).unwrap();
        assert_eq!(ratio.verdict, Verdict::Less);
        assert!((ratio.interval.value - 0.88).abs() < 1e-3);
        assert!(ratio.interval.high - ratio.interval.low < 0.01);
        let more = Ratio::of(&reference, &less, Level::P95).unwrap();
        assert_eq!(more.verdict, Verdict::More);
    }

    #[test]
    fn what_is_not_decided_says_how_many_blocks_would_decide() {
        let ratio = Ratio::of(&[99.0, 102.0, 98.0], &[100.0, 100.0, 100.0], Level::P95).unwrap();
        let Verdict::Inconclusive { needed_blocks } = ratio.verdict else {
            panic!("{ratio:?}")
        };
        assert!(needed_blocks.is_none_or(|blocks| blocks > 3));
        // d = 1 %, s = 2 %: (1.96 + 0.84)^2 * 4 = 31.4, and a little for Student's t.
        assert_eq!(needed(&seen(0.01, 0.02), Level::P95), Some(34));
        assert_eq!(needed(&seen(-0.01, 0.02), Level::P95), Some(34));
        // The table of the noncentral t: d / s = 1 takes 10 pairs, more at a stricter level.
        assert_eq!(needed(&seen(0.02, 0.02), Level::P95), Some(10));
        assert!(needed(&seen(0.02, 0.02), joint_level(3)) > Some(10));
        assert_eq!(needed(&seen(0.0, 0.02), Level::P95), None);
        assert_eq!(needed(&seen(0.000_1, 0.02), Level::P95), None);
    }

    /// Two differences of this mean and standard deviation.
    fn seen(mean: f64, deviation: f64) -> Contrast {
        let apart = deviation / std::f64::consts::SQRT_2;
        Contrast::mean(&[mean - apart, mean + apart]).unwrap()
    }

    #[test]
    fn two_comparisons_share_the_error() {
        assert!((joint_level(1).value() - 0.95).abs() < 1e-12);
        assert!((joint_level(2).value() - 0.975).abs() < 1e-12);
    }
}
