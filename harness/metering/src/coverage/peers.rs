//! What other tools would have said of the same window, by their published algorithms.
//!
//! Zeus 0.16 reads the counter when a window begins and when it ends and takes the difference.
//! `CodeCarbon` 3.3 sums differences of the counter from its start over each tick of its scheduler
//! (15 s) to its stop. Power samplers add up what `nvmlDeviceGetPowerUsage` shows every 100 ms, each
//! reading times the time since the one before, or times the 100 ms that were meant.

use gpu_sim::Readings;
use model::units::{Joules, Nanos, Seconds, Watts};
use rand_chacha::ChaCha8Rng;

use super::bench::uniform;

/// The tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// Difference of the counter over the window.
    Zeus,
    /// Sum of differences of the counter at a scheduler's ticks.
    CodeCarbon,
    /// Power every 100 ms, times the time between readings.
    PowerSampler,
    /// Power every 100 ms, times 100 ms.
    NominalPowerSampler,
}

impl Peer {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 4] = [
        Self::Zeus,
        Self::CodeCarbon,
        Self::PowerSampler,
        Self::NominalPowerSampler,
    ];

    /// What stands in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zeus => "counter at begin and end (Zeus)",
            Self::CodeCarbon => "counter at scheduler ticks (CodeCarbon)",
            Self::PowerSampler => "power every 100 ms, by time",
            Self::NominalPowerSampler => "power every 100 ms, by nominal time",
        }
    }
}

const SCHEDULER_S: f64 = 15.0;
const SAMPLER_S: f64 = 0.1;

/// Moments at which the tools read during a window, ascending: its begin, each tick of the scheduler,
/// the readings of the power sampler, its end.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    pub(crate) counter: Vec<Nanos>,
    pub(crate) power: Vec<Nanos>,
}

impl Moments {
    /// The moments for a window. A sleeping sampler wakes 0.1 to 2 ms late and starts its next sleep
    /// then, so its period is longer than meant.
    pub(crate) fn of(begin: Nanos, end: Nanos, random: &mut ChaCha8Rng) -> Self {
        let mut counter = vec![begin];
        let mut at = begin + Nanos::from_seconds(SCHEDULER_S);
        while at < end {
            counter.push(at);
            at = at + Nanos::from_seconds(SCHEDULER_S);
        }
        counter.push(end);
        let mut power = Vec::new();
        let mut at = begin + Nanos::from_seconds(SAMPLER_S);
        while at <= end {
            power.push(at);
            let late_s = 1e-4 + 1.9e-3 * uniform(random);
            at = at + Nanos::from_seconds(SAMPLER_S + late_s);
        }
        // What is left of the window gets a last reading at its end.
        if power.last() != Some(&end) {
            power.push(end);
        }
        Self { counter, power }
    }
}

/// The energy that a tool gives, from what was shown at its moments.
pub(crate) fn energy_j(
    peer: Peer,
    begin: Nanos,
    moments: &Moments,
    counter: &[Readings],
    power: &[Readings],
) -> f64 {
    let counted =
        |pair: &[Readings]| Joules::from(pair[1].energy).get() - Joules::from(pair[0].energy).get();
    match peer {
        Peer::Zeus => counter
            .first()
            .zip(counter.last())
            .map_or(f64::NAN, |(first, last)| counted(&[*first, *last])),
        Peer::CodeCarbon => counter.windows(2).map(counted).sum(),
        Peer::PowerSampler => {
            let mut before = begin;
            let mut sum_j = 0.0;
            for (at, shown) in moments.power.iter().zip(power) {
                let span = Seconds::from(at.saturating_sub(before));
                sum_j += (Watts::from(shown.power_usage) * span).get();
                before = *at;
            }
            sum_j
        }
        Peer::NominalPowerSampler => {
            let mut before = begin;
            let mut sum_j = 0.0;
            for (at, shown) in moments.power.iter().zip(power) {
                // A last reading soon after another is none of the sampler's own.
                if Seconds::from(at.saturating_sub(before)).get() > SAMPLER_S / 2.0 {
                    sum_j += Watts::from(shown.power_usage).get() * SAMPLER_S;
                }
                before = *at;
            }
            sum_j
        }
    }
}
