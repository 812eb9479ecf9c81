//! The load that a calibration needs, as data that a harness can play.

use serde::{Deserialize, Serialize};

/// What a phase of a calibration is for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
pub enum CalibrationPhase {
    /// Nothing runs.
    Idle {
        /// For how long, in seconds.
        length_s: f64,
    },
    /// One load without a break: a step up, a steady level, a step down.
    Steady {
        /// For how long, in seconds.
        length_s: f64,
    },
    /// A square wave.
    SquareWave {
        /// Load in each period, in seconds.
        busy_s: f64,
        /// Idling in each period, in seconds.
        idle_s: f64,
        /// Periods.
        pulses: u32,
    },
}

impl CalibrationPhase {
    /// Length in seconds.
    pub fn length_s(&self) -> f64 {
        match *self {
            Self::Idle { length_s } | Self::Steady { length_s } => length_s,
            Self::SquareWave {
                busy_s,
                idle_s,
                pulses,
            } => f64::from(pulses) * (busy_s + idle_s),
        }
    }
}

/// Phases to be played one after the other, with one load throughout, while every sensor is read as
/// fast as `poll_s` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationSchedule {
    /// Time between two readings, in seconds.
    pub poll_s: f64,
    /// The phases.
    pub phases: Vec<CalibrationPhase>,
}

impl CalibrationSchedule {
    /// The schedule of `joulebench calibrate`: under 50 s.
    ///
    /// No period of a wave is near a multiple or a simple fraction of 20 or 100 ms, so the windows
    /// of the sensors walk over the pulses. Long pulses show the counter's latency, pulses of about
    /// the sensor's period its window, short ones what integrates and what samples.
    pub fn standard() -> Self {
        let wave = |busy_s, idle_s, pulses| CalibrationPhase::SquareWave {
            busy_s,
            idle_s,
            pulses,
        };
        let idle = |length_s| CalibrationPhase::Idle { length_s };
        Self {
            // No fraction of 20 or 100 ms either, so that readings walk over the ticks.
            poll_s: 0.001_93,
            phases: vec![
                idle(5.0),
                CalibrationPhase::Steady { length_s: 6.0 },
                idle(6.0),
                wave(0.437, 0.502, 8),
                idle(2.0),
                wave(0.1931, 0.2133, 18),
                idle(2.0),
                wave(0.0671, 0.0714, 36),
                idle(2.0),
                wave(0.0137, 0.0176, 100),
                idle(3.0),
            ],
        }
    }

    /// Length in seconds.
    pub fn length_s(&self) -> f64 {
        self.phases.iter().map(CalibrationPhase::length_s).sum()
    }

    /// What is to be done: whether to load, and for how many seconds.
    pub fn stretches(&self) -> Vec<(bool, f64)> {
        let mut stretches = Vec::new();
        for phase in &self.phases {
            match *phase {
                CalibrationPhase::Idle { length_s } => stretches.push((false, length_s)),
                CalibrationPhase::Steady { length_s } => stretches.push((true, length_s)),
                CalibrationPhase::SquareWave {
                    busy_s,
                    idle_s,
                    pulses,
                } => {
                    for _ in 0..pulses {
                        stretches.extend([(true, busy_s), (false, idle_s)]);
                    }
                }
            }
        }
        stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_schedule_is_short_and_walks_over_the_sensors() {
        let schedule = CalibrationSchedule::standard();
        assert!(schedule.length_s() < 50.0, "{} s", schedule.length_s());
        let played: f64 = schedule
            .stretches()
            .iter()
            .map(|(_, length_s)| length_s)
            .sum();
        assert!((played - schedule.length_s()).abs() < 1e-9);
        for phase in &schedule.phases {
            let CalibrationPhase::SquareWave { busy_s, idle_s, .. } = phase else {
                continue;
            };
            // The period in fractions of a refresh: no small whole number of pulses makes a whole
            // number of refreshes.
            for refresh_s in [0.02, 0.1, 0.101] {
                for pulses in 1..=3_u32 {
                    let refreshes = f64::from(pulses) * (busy_s + idle_s) / refresh_s;
                    let off = (refreshes - refreshes.round()).abs();
                    assert!(
                        off > 0.02,
                        "{pulses} pulses of {busy_s} + {idle_s} s: {refreshes} of {refresh_s} s"
                    );
                }
            }
        }
    }
}
