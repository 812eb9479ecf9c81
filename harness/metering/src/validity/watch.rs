//! The readings of a window as they pass by, one at a time, so that a long window needs no more
//! memory than a short one.

use model::reason::{RunFault, RunFlag};
use model::sample::Sample;
use model::trace::{Fault, Flag};
use model::units::{Millijoules, Nanos, Seconds};

use super::still::{Longest, Power};
use super::{CLOCK_STEP_MHZ, ClockReason, Demand, Findings, LONGEST_TICK, fault, is_held};

/// Least share of the window within a step of a requested clock.
const LEAST_RESIDENCY: f64 = 0.99;
/// Most of the deadlines of a window that may pass without a sample. Counter and marks bound the
/// energy of the window whatever happens in between; clock, heat and power between samples are
/// guessed, and one part in twenty is where a guess may hide a throttle of a second a minute.
const MOST_MISSED: f64 = 0.05;
/// Longest time without a sample: the period at which drivers refresh their slowest sensors.
const LONGEST_GAP: Nanos = Nanos::from_millis(1_000);

/// The readings of a window as they pass by. A reading holds until the next one.
#[derive(Debug, Default)]
pub struct Watch {
    requested_mhz: Option<u64>,
    first: Option<Nanos>,
    last: Option<Sample>,
    samples: u64,
    /// Time with a clock reading, and of that the time within a step of the request.
    clock_s: (f64, f64),
    clock_mhz: Option<(u32, u32)>,
    /// Time for which each reason held, and all that were seen.
    reasons_s: [f64; ClockReason::ALL.len()],
    reason_bits: u64,
    power: Power,
    counter: Longest,
    longest_gap: Nanos,
    backwards: Option<(Millijoules, Millijoules)>,
    without_energy: u64,
}

impl Watch {
    /// Nothing seen yet, of a window for which this clock was requested.
    pub fn new(requested_mhz: Option<u64>) -> Self {
        Self {
            requested_mhz,
            ..Self::default()
        }
    }

    /// Sees the next sample of the window.
    pub fn see(&mut self, sample: &Sample) {
        self.samples += 1;
        if let Some(last) = self.last.take() {
            let gap = sample.at_ns.saturating_sub(last.at_ns);
            self.longest_gap = self.longest_gap.max(gap);
            self.hold(&last, Seconds::from(gap).get());
            if let (Some(before), Some(now)) = (last.energy_mj, sample.energy_mj)
                && now < before
            {
                self.backwards.get_or_insert((before, now));
            }
        }
        self.first.get_or_insert(sample.at_ns);
        match sample.energy_mj {
            Some(energy) => self.counter.see(sample.at_ns, energy),
            None => self.without_energy += 1,
        }
        self.reason_bits |= sample.event_reasons.unwrap_or(0);
        self.power.see(sample);
        self.last = Some(sample.clone());
    }

    /// A reading was the newest one for so long.
    fn hold(&mut self, sample: &Sample, held_s: f64) {
        if let Some(clock) = sample.sm_clock_mhz {
            let mhz = clock.get();
            let (lowest, highest) = self.clock_mhz.unwrap_or((mhz, mhz));
            self.clock_mhz = Some((lowest.min(mhz), highest.max(mhz)));
            self.clock_s.0 += held_s;
            let is_held = self
                .requested_mhz
                .is_some_and(|requested| is_held(mhz, requested));
            self.clock_s.1 += if is_held { held_s } else { 0.0 };
        }
        let bits = sample.event_reasons.unwrap_or(0);
        for (reason, total_s) in ClockReason::ALL.iter().zip(&mut self.reasons_s) {
            *total_s += if bits & reason.bit() == 0 {
                0.0
            } else {
                held_s
            };
        }
    }

    /// Everything that was found, in the order of its checks.
    pub fn findings(&self, demand: Demand) -> Findings {
        let mut findings = Findings {
            faults: self.backwards().into_iter().collect(),
            flags: Vec::new(),
        };
        if let Demand::State(period) = demand {
            let of_state = [
                self.clock_not_held(),
                self.throttled(),
                self.missed_samples(period),
                self.frozen_counter(),
                self.frozen_power(),
            ];
            findings.faults.extend(of_state.into_iter().flatten());
            findings.flags.extend(self.power_capped());
        }
        findings
    }

    fn length_s(&self) -> f64 {
        match (self.first, &self.last) {
            (Some(first), Some(last)) => Seconds::from(last.at_ns.saturating_sub(first)).get(),
            _ => 0.0,
        }
    }

    fn held_s(&self, reason: ClockReason) -> f64 {
        ClockReason::ALL
            .iter()
            .zip(self.reasons_s)
            .filter(|(known, _)| **known == reason)
            .map(|(_, held_s)| held_s)
            .sum()
    }

    fn has_seen(&self, reason: ClockReason) -> bool {
        self.reason_bits & reason.bit() != 0
    }

    fn backwards(&self) -> Option<Fault> {
        let (before, now) = self.backwards?;
        Some(fault(
            RunFault::CounterBackwards,
            format!("the energy counter went from {before} to {now} inside the window"),
        ))
    }

    fn power_capped(&self) -> Option<Flag> {
        self.has_seen(ClockReason::PowerCap).then(|| Flag {
            flag: RunFlag::PowerCapped,
            detail: format!(
                "the software power cap was in force for {:.2} s of {:.2} s",
                self.held_s(ClockReason::PowerCap),
                self.length_s()
            ),
        })
    }

    fn clock_not_held(&self) -> Option<Fault> {
        let requested = self.requested_mhz?;
        let (seen_s, held_s) = self.clock_s;
        if seen_s <= 0.0 {
            return Some(fault(
                RunFault::ClockNotHeld,
                format!("{requested} MHz was requested and no clock could be read"),
            ));
        }
        let residency = held_s / seen_s;
        let (lowest, highest) = self.clock_mhz?;
        (residency < LEAST_RESIDENCY).then(|| {
            fault(
                RunFault::ClockNotHeld,
                format!(
                    "within {CLOCK_STEP_MHZ} MHz of the requested {requested} MHz for {:.2} % of the window, \
                     expected {:.0} %; the clock was {lowest} to {highest} MHz, with the power cap in force \
                     for {:.2} s",
                    residency * 100.0,
                    LEAST_RESIDENCY * 100.0,
                    self.held_s(ClockReason::PowerCap)
                ),
            )
        })
    }

    fn throttled(&self) -> Option<Fault> {
        let seen: Vec<String> = ClockReason::ALL
            .into_iter()
            .filter(|reason| reason.is_fault() && self.has_seen(*reason))
            .map(|reason| format!("{} for {:.2} s", reason.words(), self.held_s(reason)))
            .collect();
        (!seen.is_empty()).then(|| {
            fault(
                RunFault::Throttled,
                format!("{} of {:.2} s", seen.join(", "), self.length_s()),
            )
        })
    }

    fn missed_samples(&self, period: Nanos) -> Option<Fault> {
        let length_s = self.length_s();
        #[expect(clippy::cast_precision_loss, reason = "counts of samples")]
        let (taken, lost) = (self.samples as f64, self.without_energy as f64);
        let expected = (length_s / Seconds::from(period).get()).floor() + 1.0;
        let missed = (expected - taken).max(0.0);
        // A counter that the device does not have is no reading that failed.
        let failed = if lost < taken { lost } else { 0.0 };
        let too_many = missed + failed > expected * MOST_MISSED;
        let longest_gap = LONGEST_GAP.max(period + period);
        let too_long = self.longest_gap > longest_gap;
        (too_many || too_long).then(|| {
            fault(
                RunFault::MissedSamples,
                format!(
                    "{missed:.0} of {expected:.0} samples were not taken and {failed:.0} have no energy, the \
                     longest gap was {:.3} s; expected at most {:.0} % and {:.3} s: a longer \
                     sample_period_ms, or a machine with less to do",
                    Seconds::from(self.longest_gap).get(),
                    MOST_MISSED * 100.0,
                    Seconds::from(longest_gap).get(),
                ),
            )
        })
    }

    /// A counter that stands still and goes on later has the right energy at its next tick. But
    /// nobody knows then what it did before.
    fn frozen_counter(&self) -> Option<Fault> {
        let still = self.counter.time();
        (still > LONGEST_TICK).then(|| {
            fault(
                RunFault::CounterFrozen,
                format!(
                    "the energy counter stood still for {:.2} s inside the window, expected a tick within \
                     {:.0} s",
                    Seconds::from(still).get(),
                    Seconds::from(LONGEST_TICK).get()
                ),
            )
        })
    }

    fn frozen_power(&self) -> Option<Fault> {
        let frozen = self.power.frozen()?;
        Some(fault(
            RunFault::SensorFrozen,
            format!(
                "{} power readings in a row, over {:.2} s of {:.2} s, are {} W, while the energy counter \
                 gives {:.1} W",
                frozen.readings,
                frozen.time_s,
                self.length_s(),
                frozen.shown_w,
                frozen.counted_w
            ),
        ))
    }
}
