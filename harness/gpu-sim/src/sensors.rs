//! What a driver would show of a power timeline: cached, averaged, quantised values.

use model::units::{Joules, Millijoules, Milliwatts, Nanos, Seconds, Watts};

use crate::timeline::Timeline;

/// Tick of the energy counter and refresh of the power fields, as seen on a Hopper board.
const REFRESH: Nanos = Nanos::from_millis(100);
/// Window of the average field.
const AVERAGE_WINDOW: Nanos = Nanos::from_millis(1_000);
/// Window of the instant field.
const INSTANT_WINDOW: Nanos = Nanos::from_millis(25);

/// The sensors of the emulated GPU; they refresh on one fixed phase.
#[derive(Clone, Copy, Debug)]
pub struct Sensors {
    phase: Nanos,
}

/// What the sensors show at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readings {
    /// The energy counter: the true integral at its last tick.
    pub energy_mj: Millijoules,
    /// Mean power over the second before the last refresh.
    pub power_average_mw: Milliwatts,
    /// Mean power over the 25 ms before the last refresh.
    pub power_instant_mw: Milliwatts,
}

impl Sensors {
    /// Sensors that tick at this moment and every 100 ms after it.
    pub const fn new(phase: Nanos) -> Self {
        Self { phase }
    }

    /// What the sensors show.
    pub fn read(&self, timeline: &Timeline, at: Nanos) -> Readings {
        let refreshed = self.last_refresh(at);
        Readings {
            energy_mj: Millijoules::new(rounded_milli(timeline.energy(refreshed).get())),
            power_average_mw: mean_power(timeline, refreshed, AVERAGE_WINDOW),
            power_instant_mw: mean_power(timeline, refreshed, INSTANT_WINDOW),
        }
    }

    fn last_refresh(self, at: Nanos) -> Nanos {
        let since = at.saturating_sub(self.phase).get();
        self.phase + Nanos::new(since - since % REFRESH.get())
    }
}

fn mean_power(timeline: &Timeline, until: Nanos, window: Nanos) -> Milliwatts {
    let from = until.saturating_sub(window);
    let energy: Joules = timeline.energy_between(from, until);
    let time = Seconds::from(until.saturating_sub(from));
    let power = if time.get() > 0.0 {
        energy / time
    } else {
        Watts::new(0.0)
    };
    Milliwatts::new(rounded_milli(power.get()))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "emulated energy and power are positive and far below 2^63 milli-units"
)]
fn rounded_milli(value: f64) -> u64 {
    (value * 1e3).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step_at_two_seconds() -> Timeline {
        let mut timeline = Timeline::new(Nanos::new(0), Watts::new(100.0));
        timeline.set_power(Nanos::from_seconds(2.0), Watts::new(600.0));
        timeline
    }

    #[test]
    fn the_counter_stands_still_between_ticks() {
        let (sensors, timeline) = (Sensors::new(Nanos::new(0)), step_at_two_seconds());
        let at = |ms| {
            sensors
                .read(&timeline, Nanos::from_millis(ms))
                .energy_mj
                .get()
        };
        assert_eq!(at(1_000), 100_000);
        assert_eq!(at(1_099), 100_000);
        assert_eq!(at(1_100), 110_000);
        assert_eq!(at(2_100), 260_000);
    }

    #[test]
    fn the_average_field_rises_over_a_second_and_the_instant_field_at_once() {
        let (sensors, timeline) = (Sensors::new(Nanos::new(0)), step_at_two_seconds());
        let at = |ms| sensors.read(&timeline, Nanos::from_millis(ms));
        assert_eq!(at(2_100).power_instant_mw.get(), 600_000);
        assert_eq!(at(2_100).power_average_mw.get(), 150_000);
        assert_eq!(at(2_500).power_average_mw.get(), 350_000);
        assert_eq!(at(3_000).power_average_mw.get(), 600_000);
    }
}
