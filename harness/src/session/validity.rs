//! Whether the readings of a window can be believed, and whether the device did what the point asked
//! for. Readings pass by one at a time, so that a long window needs no more memory than a short one.
//!
//! Every finding carries the numbers that led to it. What makes a run unusable is a [`Fault`]; what a
//! reader must know of a good run is a [`Flag`].

use model::axis::{Axis, AxisValue};
use model::reason::{RunFault, RunFlag};
use model::run::Run;
use model::sample::Sample;
use model::trace::{Fault, Flag};
use model::units::{Millijoules, Milliwatts, Nanos, Seconds};

/// Clocks of NVIDIA boards move in steps of 15 MHz on Volta and newer (of 7 or 8 before).
const CLOCK_STEP_MHZ: u64 = 15;
/// Least share of the window within a step of a requested clock.
const LEAST_RESIDENCY: f64 = 0.99;
/// Most of the deadlines of a window that may pass without a sample. Counter and marks bound the
/// energy of the window whatever happens in between; clock, heat and power between samples are
/// guessed, and one part in twenty is where a guess may hide a throttle of a second a minute.
const MOST_MISSED: f64 = 0.05;
/// Longest time without a sample: the period at which drivers refresh their slowest sensors.
const LONGEST_GAP: Nanos = Nanos::from_millis(1_000);
/// How far one unchanging power reading may be from the mean power by the counter.
const FROZEN_APART: f64 = 0.05;
/// Fewest readings by which a sensor can be called frozen.
const FROZEN_READINGS: u64 = 30;

/// Bits of `nvmlClocksEventReasons` that mean slower than asked for, by heat or by the supply.
const THROTTLES: [(u64, &str); 4] = [
    (0x08, "hardware slowdown"),
    (0x20, "software thermal slowdown"),
    (0x40, "hardware thermal slowdown"),
    (0x80, "power brake"),
];
/// `nvmlClocksEventReasonSwPowerCap`.
const POWER_CAP: u64 = 0x04;

/// The readings of a window as they pass by. A reading holds until the next one.
#[derive(Debug, Default)]
pub(super) struct Watch {
    first: Option<Sample>,
    last: Option<Sample>,
    samples: u64,
    /// Time with a clock reading, and of that the time within a step of the request.
    clock_s: (f64, f64),
    lowest_mhz: Option<u32>,
    highest_mhz: Option<u32>,
    throttled_s: [f64; THROTTLES.len()],
    throttle_bits: u64,
    capped_s: f64,
    power: Option<Unchanging>,
    longest_gap: Nanos,
    backwards: Option<(Millijoules, Millijoules)>,
    without_energy: u64,
}

/// A power reading, while it has shown one value only.
#[derive(Clone, Copy, Debug)]
struct Unchanging {
    value: Milliwatts,
    readings: u64,
    has_changed: bool,
}

impl Watch {
    /// Sees the next sample of the window.
    pub(super) fn see(&mut self, sample: &Sample, requested_mhz: Option<u64>) {
        self.samples += 1;
        if let Some(last) = self.last.take() {
            let gap = sample.at_ns.saturating_sub(last.at_ns);
            self.longest_gap = self.longest_gap.max(gap);
            self.hold(&last, Seconds::from(gap).get(), requested_mhz);
            if let (Some(before), Some(now)) = (last.energy_mj, sample.energy_mj)
                && now < before
            {
                self.backwards.get_or_insert((before, now));
            }
        } else {
            self.first = Some(sample.clone());
        }
        self.without_energy += u64::from(sample.energy_mj.is_none());
        self.throttle_bits |= sample.event_reasons.unwrap_or(0);
        if let Some(value) = sample.power_instant_mw.or(sample.power_mw) {
            let power = self.power.get_or_insert(Unchanging {
                value,
                readings: 0,
                has_changed: false,
            });
            power.readings += 1;
            power.has_changed |= power.value != value;
        }
        self.last = Some(sample.clone());
    }

    /// A reading was the newest one for so long.
    fn hold(&mut self, sample: &Sample, held_s: f64, requested_mhz: Option<u64>) {
        if let Some(clock) = sample.sm_clock_mhz {
            let mhz = clock.get();
            self.lowest_mhz = Some(self.lowest_mhz.map_or(mhz, |lowest| lowest.min(mhz)));
            self.highest_mhz = Some(self.highest_mhz.map_or(mhz, |highest| highest.max(mhz)));
            self.clock_s.0 += held_s;
            let is_held = requested_mhz
                .is_some_and(|requested| u64::from(mhz).abs_diff(requested) <= CLOCK_STEP_MHZ);
            self.clock_s.1 += if is_held { held_s } else { 0.0 };
        }
        let bits = sample.event_reasons.unwrap_or(0);
        for (index, (bit, _)) in THROTTLES.iter().enumerate() {
            self.throttled_s[index] += if bits & bit == 0 { 0.0 } else { held_s };
        }
        self.capped_s += if bits & POWER_CAP == 0 { 0.0 } else { held_s };
    }

    /// What makes the window unusable under any plan.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let backwards = self.backwards.map(|(before, now)| {
            fault(
                RunFault::CounterBackwards,
                format!("the energy counter went from {before} to {now} inside the window"),
            )
        });
        backwards.into_iter().collect()
    }

    /// What makes the window unusable under a plan with a tier.
    pub(super) fn strict_faults(&self, run: &Run, period: Nanos) -> Vec<Fault> {
        [
            self.clock_not_held(run),
            self.throttled(),
            self.missed_samples(period),
            self.frozen_power(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What a reader must know of it.
    pub(super) fn flags(&self) -> Vec<Flag> {
        let capped = (self.throttle_bits & POWER_CAP != 0).then(|| Flag {
            flag: RunFlag::PowerCapped,
            detail: format!(
                "the software power cap was in force for {:.2} s of {:.2} s",
                self.capped_s,
                self.length_s()
            ),
        });
        capped.into_iter().collect()
    }

    fn length_s(&self) -> f64 {
        match (&self.first, &self.last) {
            (Some(first), Some(last)) => {
                Seconds::from(last.at_ns.saturating_sub(first.at_ns)).get()
            }
            _ => 0.0,
        }
    }

    fn clock_not_held(&self, run: &Run) -> Option<Fault> {
        let requested = requested_mhz(run)?;
        let (seen_s, held_s) = self.clock_s;
        if seen_s <= 0.0 {
            return Some(fault(
                RunFault::ClockNotHeld,
                format!("{requested} MHz was requested and no clock could be read"),
            ));
        }
        let residency = held_s / seen_s;
        let (lowest, highest) = (self.lowest_mhz?, self.highest_mhz?);
        (residency < LEAST_RESIDENCY).then(|| {
            fault(
                RunFault::ClockNotHeld,
                format!(
                    "within {CLOCK_STEP_MHZ} MHz of the requested {requested} MHz for {:.2} % of the window, \
                     expected {:.0} %; the clock was {lowest} to {highest} MHz, with the power cap in force \
                     for {:.2} s",
                    residency * 100.0,
                    LEAST_RESIDENCY * 100.0,
                    self.capped_s
                ),
            )
        })
    }

    fn throttled(&self) -> Option<Fault> {
        let seen: Vec<String> = THROTTLES
            .iter()
            .zip(self.throttled_s)
            .filter(|((bit, _), _)| self.throttle_bits & bit != 0)
            .map(|((_, name), seconds)| format!("{name} for {seconds:.2} s"))
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
        let too_long = self.longest_gap > LONGEST_GAP.max(period + period);
        (too_many || too_long).then(|| {
            fault(
                RunFault::MissedSamples,
                format!(
                    "{missed:.0} of {expected:.0} samples were not taken and {failed:.0} have no energy, the \
                     longest gap was {:.3} s; expected at most {:.0} % and {:.3} s: a longer \
                     sample_period_ms, or a machine with less to do",
                    Seconds::from(self.longest_gap).get(),
                    MOST_MISSED * 100.0,
                    Seconds::from(LONGEST_GAP.max(period + period)).get(),
                ),
            )
        })
    }

    /// A power sensor that shows one value while the counter says another.
    fn frozen_power(&self) -> Option<Fault> {
        let power = self
            .power
            .filter(|power| !power.has_changed && power.readings >= FROZEN_READINGS)?;
        let (first, last) = (self.first.as_ref()?, self.last.as_ref()?);
        let energy = last.energy_mj?.checked_sub(first.energy_mj?)?;
        #[expect(clippy::cast_precision_loss, reason = "readings of one window")]
        let (counted_w, shown_w) = (
            energy.get() as f64 / 1e3 / self.length_s(),
            power.value.get() as f64 / 1e3,
        );
        let apart = (shown_w - counted_w).abs() / counted_w;
        (apart > FROZEN_APART).then(|| {
            fault(
                RunFault::SensorFrozen,
                format!(
                    "all {} power readings of the window are {shown_w} W, while the energy counter gives \
                     {counted_w:.1} W",
                    power.readings
                ),
            )
        })
    }
}

/// The clock that the point of a run asks for.
pub(super) fn requested_mhz(run: &Run) -> Option<u64> {
    run.point
        .get(Axis::SmClockMhz)
        .and_then(AxisValue::as_integer)
}

pub(super) fn fault(fault: RunFault, detail: String) -> Fault {
    Fault { fault, detail }
}

#[cfg(test)]
mod tests;
