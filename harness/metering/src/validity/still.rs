//! Readings that stand still.

use model::sample::Sample;
use model::units::{Millijoules, Milliwatts, Nanos, Seconds};

/// The longest time for which a value did not change, from its first to its last reading.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Longest {
    shown: Option<(Millijoules, Nanos)>,
    longest: Nanos,
}

impl Longest {
    /// Sees the next reading.
    pub(super) fn see(&mut self, at: Nanos, value: Millijoules) {
        match self.shown {
            Some((shown, since)) if shown == value => {
                self.longest = self.longest.max(at.saturating_sub(since));
            }
            _ => self.shown = Some((value, at)),
        }
    }

    /// How long it was.
    pub(super) const fn time(&self) -> Nanos {
        self.longest
    }
}

/// How far an unchanging power may be from the mean power by the counter.
const APART: f64 = 0.05;
/// Fewest equal readings by which a sensor can be called frozen.
const READINGS: u64 = 30;
/// A shorter stretch than the whole window must have lasted this long: 50 ticks of the slowest
/// counter, so that a tick at each of its ends is no reason.
const STRETCH: Nanos = Nanos::from_millis(5_000);

/// Readings of power that are all the same, one after the other.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    value: Milliwatts,
    readings: u64,
    /// The first and the last of them that have an energy, and what that is.
    since: Nanos,
    until: Nanos,
    energy_mj: Option<(Millijoules, Millijoules)>,
}

impl Stretch {
    fn of(sample: &Sample, value: Milliwatts) -> Self {
        Self {
            value,
            readings: 1,
            since: sample.at_ns,
            until: sample.at_ns,
            energy_mj: sample.energy_mj.map(|energy| (energy, energy)),
        }
    }

    fn lengthen(&mut self, sample: &Sample) {
        self.readings += 1;
        let Some(energy) = sample.energy_mj else {
            return;
        };
        self.until = sample.at_ns;
        if let Some((_, last)) = &mut self.energy_mj {
            *last = energy;
        } else {
            self.since = sample.at_ns;
            self.energy_mj = Some((energy, energy));
        }
    }

    /// What is wrong with it, where the counter contradicts it.
    fn contradicted(&self) -> Option<Frozen> {
        let time_s = Seconds::from(self.until.saturating_sub(self.since)).get();
        let (first, last) = self.energy_mj?;
        if self.readings < READINGS || time_s <= 0.0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "readings of one window")]
        let (counted_w, shown_w) = (
            last.checked_sub(first)?.get() as f64 / 1e3 / time_s,
            self.value.get() as f64 / 1e3,
        );
        ((shown_w - counted_w).abs() > APART * counted_w).then_some(Frozen {
            readings: self.readings,
            time_s,
            shown_w,
            counted_w,
        })
    }
}

/// A power sensor that shows one value while the counter says another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frozen {
    pub(super) readings: u64,
    pub(super) time_s: f64,
    pub(super) shown_w: f64,
    pub(super) counted_w: f64,
}

/// Looks for a frozen power sensor.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Power {
    stretch: Option<Stretch>,
    has_changed: bool,
    /// The first stretch that lasted and was contradicted.
    frozen: Option<Frozen>,
}

impl Power {
    /// Sees the next sample.
    pub(super) fn see(&mut self, sample: &Sample) {
        let Some(value) = sample.power_instant_mw.or(sample.power_mw) else {
            return;
        };
        match &mut self.stretch {
            Some(stretch) if stretch.value == value => stretch.lengthen(sample),
            stretch => {
                let before = stretch.replace(Stretch::of(sample, value));
                if let Some(before) = before {
                    self.has_changed = true;
                    self.frozen = self.frozen.or_else(|| Self::lasting(&before));
                }
            }
        }
    }

    /// What was found up to now.
    pub(super) fn frozen(&self) -> Option<Frozen> {
        let stretch = self.stretch.as_ref()?;
        let newest = if self.has_changed {
            Self::lasting(stretch)
        } else {
            stretch.contradicted()
        };
        self.frozen.or(newest)
    }

    fn lasting(stretch: &Stretch) -> Option<Frozen> {
        (stretch.until.saturating_sub(stretch.since) >= STRETCH)
            .then(|| stretch.contradicted())
            .flatten()
    }
}
