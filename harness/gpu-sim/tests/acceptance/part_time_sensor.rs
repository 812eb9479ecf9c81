//! What a power field that looks a quarter of the time does to energies, and what good practice
//! makes of it: 'Part-time Power Measurements' (arXiv 2312.02741), emulated on an A100-PCIE-40GB
//! (25 ms of every 101 ms).
//!
//! Protocol. A task is a kernel and a break after it, again and again, with a period near that of
//! the sensor: the case that the paper warns of. Tasks differ in kernel and in the share of the
//! period that the kernel takes. The card holds a context, the field is polled every 10 ms.
//! * Naive: five repetitions from idle, energy = mean of the polls × time.
//! * Good practice: four trials of 8 runs of 4 repetitions; between two runs the host waits an eighth
//!   of the period, with a scatter of 4.5 ms (estimate: what a sleeping thread and a launch scatter);
//!   the first half second is dropped; the idle energy of the waits is taken off.
//!
//! Cards draw their gain from N(1, 0.05), about what 19 cards of the paper show, and their offset
//! from the profile.

use std::sync::Arc;

use gpu_sim::{Board, Card, Gpu, Seeds, Work, kernels};

use crate::lab::{Dice, at, changed_board, deviation, mean, mean_w, reach, seconds, watts};

const PERIOD_S: f64 = 0.101;
const POLL_S: f64 = 0.01;
const WAIT_SCATTER_S: f64 = 0.0045;

/// A kernel and how much of the period it takes.
#[derive(Clone, Copy, Debug)]
struct Task {
    kernel: &'static str,
    share: f64,
}

const TASKS: [Task; 9] = [
    Task {
        kernel: "gemm-bf16",
        share: 0.8,
    },
    Task {
        kernel: "gemm-bf16",
        share: 0.65,
    },
    Task {
        kernel: "gemm-bf16",
        share: 0.5,
    },
    Task {
        kernel: "pi-fp32",
        share: 0.8,
    },
    Task {
        kernel: "pi-fp32",
        share: 0.65,
    },
    Task {
        kernel: "pi-fp32",
        share: 0.5,
    },
    Task {
        kernel: "copy",
        share: 0.8,
    },
    Task {
        kernel: "copy",
        share: 0.65,
    },
    Task {
        kernel: "copy",
        share: 0.5,
    },
];

/// A card under a task, with everything that was polled.
struct Bench {
    gpu: Gpu,
    /// Next poll, in seconds.
    poll_s: f64,
    polls: Vec<(f64, f64)>,
}

impl Bench {
    fn new(board: &Arc<Board>, seeds: Seeds, gain: Option<f64>) -> Self {
        let mut card = Card::new(Arc::clone(board), seeds);
        card.silicon_voltage = 1.0;
        if let Some(gain) = gain {
            (card.gain, card.offset_w) = (gain, 0.0);
        }
        let mut gpu = Gpu::with_card(card, at(0.0));
        gpu.set_context(true);
        let mut bench = Self {
            gpu,
            poll_s: 0.0,
            polls: Vec::new(),
        };
        bench.wait(1.0 + Dice(seeds.run).uniform() * PERIOD_S);
        bench
    }

    fn now_s(&self) -> f64 {
        seconds(self.gpu.now())
    }

    fn wait(&mut self, length_s: f64) {
        let end_s = self.now_s() + length_s;
        while self.poll_s < end_s {
            let at_s = self.poll_s.max(self.now_s());
            reach(&mut self.gpu, at_s);
            self.polls
                .push((self.poll_s, watts(self.gpu.read().power_instant)));
            self.poll_s += POLL_S;
        }
        reach(&mut self.gpu, end_s);
    }

    fn repeat(&mut self, task: Task, times: u32) {
        let cost = kernels::named(task.kernel).expect("a kernel");
        for _ in 0..times {
            self.gpu.set_work(Some(Work::endless(cost)));
            self.wait(task.share * PERIOD_S);
            self.gpu.set_work(None);
            self.wait((1.0 - task.share) * PERIOD_S);
        }
    }

    fn polled_w(&self, from_s: f64, to_s: f64) -> f64 {
        let inside: Vec<f64> = self
            .polls
            .iter()
            .filter(|(t, _)| (from_s..to_s).contains(t))
            .map(|(_, w)| *w)
            .collect();
        mean(&inside)
    }
}

/// Relative error of the energy of a repetition, the naive way.
fn naive_error(bench: &mut Bench, task: Task) -> f64 {
    let begin_s = bench.now_s();
    bench.repeat(task, 5);
    let end_s = bench.now_s();
    bench.polled_w(begin_s, end_s) / mean_w(&bench.gpu, begin_s, end_s) - 1.0
}

/// Relative error of the energy of a repetition, over runs that are shifted against the sensor.
fn shifted_error(bench: &mut Bench, task: Task, shifts: u32, dice: &mut Dice) -> f64 {
    let idle_w = bench.polled_w(bench.now_s() - 0.5, bench.now_s());
    // What rises in the beginning is dropped.
    bench.repeat(task, 5);
    let begin_s = bench.now_s();
    let mut waits_s = 0.0;
    for shift in 0..shifts {
        if shift > 0 {
            let wait_s = (PERIOD_S / 8.0 + WAIT_SCATTER_S * dice.normal()).max(0.0);
            bench.wait(wait_s);
            waits_s += wait_s;
        }
        bench.repeat(task, 4);
    }
    let end_s = bench.now_s();
    let repetitions = f64::from(4 * shifts);
    let polled = bench.polled_w(begin_s, end_s) * (end_s - begin_s) - idle_w * waits_s;
    // The truth of one repetition: that of a period without waits.
    let last_s = end_s - PERIOD_S;
    let truth = mean_w(&bench.gpu, last_s, end_s) * PERIOD_S;
    polled / repetitions / truth - 1.0
}

fn magnitudes(errors: &[f64]) -> f64 {
    100.0 * mean(&errors.iter().map(|e| e.abs()).collect::<Vec<_>>())
}

/// The paper: 34.7 % naive, 5.43 % with good practice, which is what gain and offset leave.
#[test]
fn good_practice_brings_the_error_of_energies_from_about_35_to_about_5_percent() {
    let population = changed_board(
        "a100-pcie-40gb",
        &[(
            "gain",
            "{ value = 1.0, sd = 0.05, source = \"arXiv 2312.02741\" }",
        )],
    );
    let (mut naive, mut good) = (Vec::new(), Vec::new());
    for (task, index) in TASKS.into_iter().zip(0_u64..) {
        for card in 0..12 {
            let seeds = Seeds {
                card,
                run: 100 * index + card,
            };
            let mut bench = Bench::new(&population, seeds, None);
            naive.push(naive_error(&mut bench, task));
            let mut dice = Dice(seeds.run);
            let trials: Vec<f64> = (0..4)
                .map(|_| {
                    bench.wait(1.0 + dice.uniform() * PERIOD_S);
                    shifted_error(&mut bench, task, 8, &mut dice)
                })
                .collect();
            good.push(mean(&trials));
        }
    }
    let (naive, good) = (magnitudes(&naive), magnitudes(&good));
    assert!(
        (25.0..=45.0).contains(&naive),
        "naive: {naive:.1} %, published 34.7 %"
    );
    assert!(
        (3.0..=8.0).contains(&good),
        "good practice: {good:.1} %, published 5.43 %"
    );
}

/// The paper, class 25/100: 19 to 29 % with one shift, 7 to 15 % with four, 3.5 to 5.8 % with eight.
/// The kernels take 0.8 of the period here and draw about as much as those of the paper's trace
/// (187 W, section 7 of its results); the gain is one, so that sampling alone is left.
#[test]
fn eight_shifts_against_the_sensor_bring_the_scatter_below_six_percent() {
    let nominal = crate::lab::board("a100-40");
    for (shifts, low, high) in [(1, 19.0, 29.0), (4, 7.0, 15.0), (8, 3.5, 5.8)] {
        let mut errors = Vec::new();
        for run in 0..240 {
            let kernel = ["copy", "fill", "babelstream"][usize::try_from(run % 3).expect("small")];
            let task = Task { kernel, share: 0.8 };
            let seeds = Seeds { card: 1, run };
            let mut bench = Bench::new(&nominal, seeds, Some(1.0));
            errors.push(shifted_error(&mut bench, task, shifts, &mut Dice(run + 1)));
        }
        let scatter = 100.0 * deviation(&errors);
        assert!(
            (low..=high).contains(&scatter),
            "{shifts} shifts: {scatter:.1} %"
        );
    }
}

/// The steady level is read right but for gain and offset: the error is the sensor's, not the noise's.
#[test]
fn a_steady_load_reads_gain_and_offset_and_nothing_else() {
    let mut gpu = crate::lab::on_another_day(&crate::lab::board("a100-40"), 2);
    crate::lab::play(&mut gpu, &[(60.0, crate::lab::endless("copy"))]);
    let truth = mean_w(&gpu, 59.5, 60.0);
    assert!((watts(gpu.read().power_instant) / truth - 1.0).abs() < 1e-3);
    let mut real = Gpu::new(crate::lab::board("a100-40"), 4, at(0.0));
    crate::lab::play(&mut real, &[(60.0, crate::lab::endless("copy"))]);
    let truth = mean_w(&real, 59.5, 60.0);
    let expected = 0.954 * truth - 1.18;
    assert!(
        (watts(real.read().power_instant) - expected).abs() < 0.2,
        "published transfer of this board"
    );
}
