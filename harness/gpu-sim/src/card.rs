//! One card of a board: what differs from card to card, and what differs from run to run.

use std::sync::Arc;

use crate::board::{Board, Spread};
use crate::noise::Noise;

/// A card: a board with this card's draws.
#[derive(Clone, Debug)]
pub struct Card {
    board: Arc<Board>,
    noise: Noise,
    /// Shown power by true power.
    pub gain: f64,
    /// Shown power less true power at zero, in watts.
    pub offset_w: f64,
    /// Core voltage relative to the board's curve.
    pub silicon_voltage: f64,
    /// Air at the inlet, in °C.
    pub ambient_c: f64,
    time_sd: f64,
    switch_spread: f64,
}

/// Which card, and which of its days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// Draws what belongs to the card: gain, offset, silicon.
    pub card: u64,
    /// Draws what differs from run to run: the air, the phase of the sensors, the scatter of times.
    pub run: u64,
}

/// Cards further from the mean than this many standard deviations do not pass the maker's test.
const FARTHEST_SD: f64 = 3.0;

/// Standard normal without its tails.
fn drawn(noise: Noise, name: &str) -> f64 {
    let first = noise.normal(name, 0);
    (1..64)
        .map(|index| noise.normal(name, index))
        .fold(
            first,
            |draw, next| if draw.abs() > FARTHEST_SD { next } else { draw },
        )
}

impl Card {
    /// The card of these seeds.
    pub fn new(board: Arc<Board>, seeds: Seeds) -> Self {
        let card = Noise::new(seeds.card);
        let run = Noise::new(seeds.run);
        let of = |noise: Noise, name: &str, spread: &Spread| {
            spread.value + spread.sd * drawn(noise, name)
        };
        Self {
            gain: of(card, "gain", &board.sensors.gain),
            offset_w: of(card, "offset", &board.sensors.offset_w),
            silicon_voltage: of(card, "silicon", &board.sensors.silicon_voltage),
            ambient_c: of(run, "ambient", &board.thermal.ambient_c),
            time_sd: board.throughput.time_sd.value,
            switch_spread: 1.0,
            noise: run,
            board,
        }
    }

    /// A card of nominal silicon with perfect scales, which always takes the same time: what
    /// calibrations are held against.
    pub fn ideal(board: Arc<Board>) -> Self {
        Self {
            noise: Noise::new(0),
            gain: 1.0,
            offset_w: 0.0,
            silicon_voltage: 1.0,
            ambient_c: board.thermal.ambient_c.value,
            time_sd: 0.0,
            switch_spread: 0.0,
            board,
        }
    }

    /// The board.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// How much longer than its mean the n-th piece of work takes.
    pub(crate) fn time_factor(&self, index: u64) -> f64 {
        if self.time_sd > 0.0 {
            libm::exp(self.time_sd * self.noise.normal("time", index))
        } else {
            1.0
        }
    }

    /// Seconds until the n-th new clock is in force.
    pub(crate) fn switch_s(&self, index: u64) -> f64 {
        let clocks = &self.board.clocks;
        let is_slow = self.switch_spread > 0.0
            && self.noise.uniform("switch tail", index) < clocks.switch_tail_share.value;
        let ms = if is_slow {
            let [short, long] = clocks.switch_tail_ms.value;
            short + (long - short) * self.noise.uniform("switch tail length", index)
        } else {
            let spread = self.switch_spread * clocks.switch_log_sd.value;
            clocks.switch_median_ms.value * libm::exp(spread * self.noise.normal("switch", index))
        };
        ms / 1e3
    }

    /// Where between two refreshes a sensor of this period stands at the origin: 0 to 1.
    pub(crate) fn sensor_phase(&self, sensor: &str) -> f64 {
        self.noise.uniform(sensor, 0)
    }
}
