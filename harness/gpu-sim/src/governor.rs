//! What keeps the board within its power limit and its temperature: ceilings of the core clock.
//!
//! Power has two loops, as the square wave on an H200 shows them. The fast one sees power through a
//! short lag and moves the ceiling at every decision by a share of the error, at most so fast; it
//! holds power a few percent above the limit. The slow one takes back what the fast one aims at once
//! the mean over a second nears the limit. A second of memory makes it fall too far when the limit
//! is first reached, and swing on with a period of about a second, about one percent below it.
//!
//! Heat has two ceilings. Software lowers the clock until the chip is no warmer than it may be in
//! operation. Hardware halves it at once where that came too late.

use crate::board::Board;

/// Share of the relative error of power by which one decision moves the ceiling. Power goes with
/// about the square of the clock, so a half would correct it at once; half of that is steady.
/// Estimate, shaped on the recording.
const FAST_GAIN: f64 = 0.25;
/// How fast the ceiling moves at most, in MHz for each ms: on an H200 from 1755 to 1530 MHz within
/// the first 0.1 s of a load, and back from 1440 to 1905 MHz within 0.16 s after one.
const SLEW_MHZ_PER_MS: f64 = 4.5;
/// How fast the ceiling of heat moves, in MHz for each second and kelvin. Estimate.
const HEAT_MHZ_PER_S_K: f64 = 100.0;
/// It rises no faster than at so many kelvin below the temperature that it holds: the chip follows
/// with a lag of seconds. Estimate.
const MOST_TOO_COLD_K: f64 = 1.0;
/// Share of the highest clock that a hardware slowdown leaves.
const SLOWED_SHARE: f64 = 0.5;
/// Window of the slow loop, in seconds: that of the average power field.
pub(crate) const SLOW_WINDOW_S: f64 = 1.0;

/// Why the clock is below the one that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limited {
    pub(crate) by_power: bool,
    pub(crate) by_software_heat: bool,
    pub(crate) by_hardware_heat: bool,
}

/// What a decision goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Power limit in watts.
    pub(crate) limit_w: f64,
    /// Mean power over [`SLOW_WINDOW_S`].
    pub(crate) slow_w: f64,
    /// Temperature of the chip in °C.
    pub(crate) temperature_c: f64,
    /// The core clock that would run without a ceiling, in MHz.
    pub(crate) wanted_mhz: f64,
}

/// The state of all loops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Governor {
    /// Highest core clock that the power limit allows, in MHz.
    power_mhz: f64,
    /// Highest core clock that the temperature allows to software, in MHz.
    heat_mhz: f64,
    /// Highest core clock that hardware allows, in MHz.
    hardware_mhz: f64,
    /// Power as the fast loop sees it, in watts.
    fast_w: f64,
}

impl Governor {
    pub(crate) fn new(board: &Board, power_w: f64) -> Self {
        let highest = f64::from(board.clocks.core_max_mhz.value);
        Self {
            power_mhz: highest,
            heat_mhz: highest,
            hardware_mhz: highest,
            fast_w: power_w,
        }
    }

    /// Power was constant for some seconds.
    pub(crate) fn see(&mut self, board: &Board, power_w: f64, seconds: f64) {
        let tau_s = board.governor.fast_tau_ms.value / 1e3;
        self.fast_w = power_w + (self.fast_w - power_w) * libm::exp(-seconds / tau_s);
    }

    /// Highest core clock that is allowed now, in MHz.
    pub(crate) fn ceiling_mhz(&self) -> f64 {
        self.power_mhz.min(self.heat_mhz).min(self.hardware_mhz)
    }

    /// Which ceilings are below a clock in MHz.
    pub(crate) fn limits(&self, wanted_mhz: f64) -> Limited {
        Limited {
            by_power: self.power_mhz < wanted_mhz,
            by_software_heat: self.heat_mhz < wanted_mhz,
            by_hardware_heat: self.hardware_mhz < wanted_mhz,
        }
    }

    /// One decision.
    pub(crate) fn decide(&mut self, board: &Board, seen: Seen) {
        let period_ms = board.governor.period_ms.value;
        let slew = SLEW_MHZ_PER_MS * period_ms;
        let (lowest, highest) = (
            f64::from(board.clocks.core_min_mhz.value),
            f64::from(board.clocks.core_max_mhz.value),
        );
        // A ceiling far above the running clock would take long to matter.
        let moved = |ceiling: f64, by: f64| {
            let from = if by < 0.0 {
                ceiling.min(seen.wanted_mhz)
            } else {
                ceiling
            };
            (from + by.clamp(-slew, slew)).clamp(lowest, highest)
        };

        let error = self.fast_w / target_w(board, seen) - 1.0;
        self.power_mhz = moved(self.power_mhz, -FAST_GAIN * error * self.power_mhz);

        let too_warm_k = seen.temperature_c - board.limits.max_operating_c.value;
        let by = -HEAT_MHZ_PER_S_K * too_warm_k.max(-MOST_TOO_COLD_K) * period_ms / 1e3;
        self.heat_mhz = moved(self.heat_mhz, by);
        if seen.temperature_c >= board.limits.slowdown_c.value {
            self.hardware_mhz = SLOWED_SHARE * highest;
            // Software goes on from there, or both would take turns.
            self.heat_mhz = self.heat_mhz.min(self.hardware_mhz);
        } else if too_warm_k < 0.0 {
            self.hardware_mhz = highest;
        }
    }
}

/// The power that the fast loop aims at.
fn target_w(board: &Board, seen: Seen) -> f64 {
    let governor = &board.governor;
    let beyond = (seen.slow_w / seen.limit_w - governor.slow_onset.value).max(0.0);
    let allowed = governor.fast_target.value - governor.slow_gain.value * beyond;
    allowed.max(governor.slow_floor.value) * seen.limit_w
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(slow_w: f64, temperature_c: f64) -> Seen {
        Seen {
            limit_w: 700.0,
            slow_w,
            temperature_c,
            wanted_mhz: 1_755.0,
        }
    }

    #[test]
    fn the_target_is_above_the_limit_until_the_mean_of_a_second_nears_it() {
        let board = Board::named("h200").unwrap();
        assert!((target_w(&board, seen(500.0, 50.0)) / 700.0 - 1.03).abs() < 1e-12);
        // Mean and target meet a little below the limit.
        assert!(target_w(&board, seen(0.98 * 700.0, 50.0)) > 0.98 * 700.0);
        assert!(target_w(&board, seen(700.0, 50.0)) < 700.0);
        let floor = board.governor.slow_floor.value * 700.0;
        assert!((target_w(&board, seen(760.0, 50.0)) - floor).abs() < 1e-9);
    }

    #[test]
    fn the_ceiling_starts_from_the_running_clock_and_moves_no_faster_than_it_may() {
        let board = Board::named("h200").unwrap();
        let mut governor = Governor::new(&board, 1_400.0);
        governor.decide(&board, seen(300.0, 50.0));
        let slew = SLEW_MHZ_PER_MS * board.governor.period_ms.value;
        assert!((governor.ceiling_mhz() - (1_755.0 - slew)).abs() < 1e-9);
        assert_eq!(
            governor.limits(1_755.0),
            Limited {
                by_power: true,
                ..Limited::default()
            }
        );
        assert_eq!(governor.limits(900.0), Limited::default());
        governor.see(&board, 100.0, 1.0);
        governor.decide(&board, seen(300.0, 50.0));
        assert!((governor.ceiling_mhz() - 1_755.0).abs() < 1e-9);
    }

    #[test]
    fn hardware_halves_the_clock_and_lets_go_where_operation_is_safe() {
        let board = Board::named("h200").unwrap();
        let mut governor = Governor::new(&board, 300.0);
        governor.decide(&board, seen(300.0, 89.0));
        assert!((governor.ceiling_mhz() - 990.0).abs() < 1e-9);
        governor.decide(&board, seen(300.0, 88.0));
        assert!(governor.limits(1_755.0).by_hardware_heat);
        governor.decide(&board, seen(300.0, 86.0));
        assert!(!governor.limits(1_755.0).by_hardware_heat);
        assert!(governor.limits(1_755.0).by_software_heat);
    }
}
