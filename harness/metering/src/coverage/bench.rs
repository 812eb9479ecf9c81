//! A bench in virtual time: plays loads on an emulated card and samples it as a harness would.

use gpu_sim::{Gpu, Readings, Work};
use model::sample::Sample;
use model::units::{Nanos, Seconds};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

/// Something to do for a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// What runs; nothing where the card idles.
    pub work: Option<Work>,
    /// For how long.
    pub length: Seconds,
}

/// Uniform in [0, 1).
pub(crate) fn uniform(random: &mut ChaCha8Rng) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let bits = (random.next_u64() >> 11) as f64;
    bits / 9_007_199_254_740_992.0
}

/// Standard normal, by Box and Muller.
pub(crate) fn normal(random: &mut ChaCha8Rng) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - uniform(random)));
    radius * libm::cos(std::f64::consts::TAU * uniform(random))
}

/// When a sampler reads: deadlines on a grid, begun late as a shared machine makes them. Most are
/// 50 to 150 µs late, one in two hundred by up to two periods; a read takes 0.2 to 0.5 ms.
#[derive(Clone, Debug)]
pub struct Sampler {
    period: Nanos,
    deadline: Nanos,
    random: ChaCha8Rng,
}

/// A read to come: its begin, its length, its lateness, and the moment at which the driver answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) at: Nanos,
    length: Nanos,
    late: Nanos,
    pub(crate) answer: Nanos,
}

/// A share of sampler deadlines that another process delays.
const STALLED_SHARE: f64 = 0.005;

impl Sampler {
    /// A sampler whose first deadline is `from`.
    pub fn new(period: Nanos, from: Nanos, random: ChaCha8Rng) -> Self {
        Self {
            period,
            deadline: from,
            random,
        }
    }

    pub(crate) fn next(&mut self) -> Read {
        let period_s = Seconds::from(self.period).get();
        let late_s = if uniform(&mut self.random) < STALLED_SHARE {
            2.0 * period_s * uniform(&mut self.random)
        } else {
            50e-6 + 100e-6 * uniform(&mut self.random)
        };
        let length_s = 200e-6 + 300e-6 * uniform(&mut self.random);
        let answer_s = length_s * uniform(&mut self.random);
        let at = self.deadline + Nanos::from_seconds(late_s);
        let read = Read {
            at,
            length: Nanos::from_seconds(length_s),
            late: Nanos::from_seconds(late_s),
            answer: at + Nanos::from_seconds(answer_s),
        };
        // A deadline that has passed meanwhile is not caught up with.
        while self.deadline <= at {
            self.deadline = self.deadline + self.period;
        }
        read
    }
}

impl Read {
    pub(crate) fn sample(&self, shown: &Readings) -> Sample {
        Sample {
            at_ns: self.at,
            read_ns: self.length,
            late_ns: self.late,
            energy_mj: Some(shown.energy),
            power_mw: Some(shown.power_usage),
            power_average_mw: shown.power_average,
            power_instant_mw: Some(shown.power_instant),
            memory_power_mw: shown.memory_power_average,
            sm_clock_mhz: Some(shown.sm_clock),
            memory_clock_mhz: Some(shown.memory_clock),
            temperature_c: Some(shown.temperature_c),
            event_reasons: Some(shown.event_reasons),
            ..Sample::default()
        }
    }
}

/// What was recorded.
#[derive(Clone, Debug)]
pub struct Played {
    /// Every reading.
    pub samples: Vec<Sample>,
    /// Begin and end of each stretch with work.
    pub busy: Vec<(Nanos, Nanos)>,
    /// What the driver showed at the moments that were asked for, in their order.
    pub shown: Vec<Readings>,
    /// The card at the end, with the truth of all that happened.
    pub gpu: Gpu,
}

/// Plays stretches from the card's present moment on, sampling all the time. `moments`, ascending,
/// are read beside that: what other programs would have seen.
pub fn play(
    mut gpu: Gpu,
    stretches: &[Stretch],
    sampler: &mut Sampler,
    moments: &[Nanos],
) -> Played {
    let (mut samples, mut busy, mut shown) = (Vec::new(), Vec::new(), Vec::new());
    let mut read = sampler.next();
    let mut until = gpu.now();
    for stretch in stretches {
        let begin = until;
        until = begin + Nanos::from_seconds(stretch.length.get());
        gpu.set_work(stretch.work);
        if stretch.work.is_some() {
            busy.push((begin, until));
        }
        loop {
            let asked = moments.get(shown.len()).copied().filter(|at| *at < until);
            let sampled = (read.answer < until).then_some(read.answer);
            match (asked, sampled) {
                (Some(at), other) if other.is_none_or(|answer| at <= answer) => {
                    reach(&mut gpu, at);
                    shown.push(gpu.read());
                }
                (_, Some(answer)) => {
                    reach(&mut gpu, answer);
                    samples.push(read.sample(&gpu.read()));
                    read = sampler.next();
                }
                _ => break,
            }
        }
        reach(&mut gpu, until);
    }
    Played {
        samples,
        busy,
        shown,
        gpu,
    }
}

/// Goes to a moment, past the ends of finite work.
fn reach(gpu: &mut Gpu, at: Nanos) {
    while gpu.advance(at).is_some() {}
}
