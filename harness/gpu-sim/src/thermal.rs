//! Heat: poles in parallel, solved exactly while the power is constant.

use crate::board::ThermalProfile;

/// Most poles of a profile.
const MOST_POLES: usize = 8;
/// A pole this near to its end, in kelvin, no longer changes the leakage noticeably.
const SETTLED_K: f64 = 0.2;

/// How much warmer than the air each pole has made the chip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Heat {
    rise_k: [f64; MOST_POLES],
}

impl Heat {
    /// The state that a constant power settles in.
    pub(crate) fn settled(profile: &ThermalProfile, power_w: f64) -> Self {
        let mut rise_k = [0.0; MOST_POLES];
        for (rise, [_, k_per_w]) in rise_k.iter_mut().zip(&profile.poles.value) {
            *rise = k_per_w * power_w;
        }
        Self { rise_k }
    }

    /// Above the air, in kelvin.
    pub(crate) fn rise_k(&self) -> f64 {
        self.rise_k.iter().sum()
    }

    /// The state after some seconds of constant power.
    pub(crate) fn after(&self, profile: &ThermalProfile, power_w: f64, seconds: f64) -> Self {
        let mut next = *self;
        for (rise, [tau_s, k_per_w]) in next.rise_k.iter_mut().zip(&profile.poles.value) {
            let end = k_per_w * power_w;
            *rise = end + (*rise - end) * libm::exp(-seconds / tau_s);
        }
        next
    }

    /// The most that a constant power can bring on the way to its end, in kelvin above the air.
    pub(crate) fn highest_rise_k(&self, profile: &ThermalProfile, power_w: f64) -> f64 {
        let poles = self.rise_k.iter().zip(&profile.poles.value);
        poles
            .map(|(rise, [_, k_per_w])| rise.max(k_per_w * power_w))
            .sum()
    }

    /// For how long the temperature may be taken as constant, in seconds: a quarter of the fastest
    /// time constant that still moves.
    pub(crate) fn constant_for_s(&self, profile: &ThermalProfile, power_w: f64) -> f64 {
        let moving = self.rise_k.iter().zip(&profile.poles.value);
        moving
            .filter(|(rise, [_, k_per_w])| (k_per_w * power_w - **rise).abs() > SETTLED_K)
            .map(|(_, [tau_s, _])| tau_s / 4.0)
            .fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Board;

    #[test]
    fn a_step_goes_to_its_end_in_one_move_or_in_many() {
        let board = Board::named("a100-pcie-40gb").unwrap();
        let start = Heat::settled(&board.thermal, 60.0);
        let once = start.after(&board.thermal, 190.0, 2.0);
        let many = (0..200).fold(start, |heat, _| heat.after(&board.thermal, 190.0, 0.01));
        assert!((once.rise_k() - many.rise_k()).abs() < 1e-9);
        let end = Heat::settled(&board.thermal, 190.0);
        assert!((start.after(&board.thermal, 190.0, 1e4).rise_k() - end.rise_k()).abs() < 1e-9);
        assert!(end.constant_for_s(&board.thermal, 190.0).is_infinite());
    }
}
