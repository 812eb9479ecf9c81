//! One card in time: work and settings in, the truth and what the sensors make of it out.
//!
//! Time advances from event to event: the end of work, a clock that comes into force, a decision of
//! the governor, a temperature that has moved enough to matter. Between two events nothing changes,
//! so power is constant there and its integral exact. Where the events lie does not depend on when
//! anybody asks: two observers of the same history read the same values to the last bit.

mod settings;
mod step;

use std::sync::Arc;

use model::units::Nanos;

use crate::board::Board;
use crate::card::{Card, Seeds};
use crate::execution::{ClockPair, Execution};
use crate::fault::SensorFaults;
use crate::governor::{Governor, Limited};
use crate::power::{PowerParts, power};
use crate::sensors::{Phases, Readings};
use crate::thermal::Heat;
use crate::timeline::Timeline;
use crate::work::{Repeat, Work};

pub use settings::Settings;

/// A card in time.
#[derive(Clone, Debug)]
pub struct Gpu {
    card: Card,
    now: Nanos,
    /// Where the present step began; everything below holds from there on.
    since: Nanos,
    /// Where it ends at the latest.
    until: Nanos,
    settings: Settings,
    has_context: bool,
    /// The clocks that run.
    clocks: ClockPair,
    /// The clocks that settings and load ask for, once they are in force.
    in_force: ClockPair,
    /// Clocks that come into force later.
    switch: Option<(Nanos, ClockPair)>,
    switches: u64,
    job: Option<Job>,
    jobs: u64,
    heat: Heat,
    governor: Governor,
    /// When the governor decides next; it sleeps where there is nothing to decide.
    next_decision: Option<Nanos>,
    /// What holds the clock down during the step.
    limited: Limited,
    parts: PowerParts,
    violation: Violation,
    timeline: Timeline,
    phases: Phases,
    /// Temperature of the chip at the last refresh of the slow sensors up to the step, in °C.
    slow_temperature_c: f64,
    pub(crate) faults: SensorFaults,
}

/// Work in progress.
#[derive(Clone, Copy, Debug)]
struct Job {
    work: Work,
    /// Clocks that were last offered to it, and what it is at them.
    offered: Option<ClockPair>,
    execution: Execution,
    time_factor: f64,
    /// How much is left, in times of the whole; infinite for endless work.
    left: f64,
}

impl Job {
    /// Time until it is done, in seconds, if nothing changes.
    fn left_s(&self) -> f64 {
        self.left * self.execution.duration_s * self.time_factor
    }
}

/// Time for which a limit held the clock down.
#[derive(Clone, Copy, Debug, Default)]
struct Violation {
    power: Nanos,
    thermal: Nanos,
}

impl Gpu {
    /// An idle card of a board. One seed draws the card and its day.
    pub fn new(board: Arc<Board>, seed: u64, at: Nanos) -> Self {
        Self::with_card(
            Card::new(
                board,
                Seeds {
                    card: seed,
                    run: seed,
                },
            ),
            at,
        )
    }

    /// An idle card of nominal silicon with perfect scales.
    pub fn ideal(board: Arc<Board>, at: Nanos) -> Self {
        Self::with_card(Card::ideal(board), at)
    }

    /// An idle card: clocks low, temperature settled.
    pub fn with_card(card: Card, at: Nanos) -> Self {
        let board = Arc::clone(card.board());
        let clocks = ClockPair {
            core_mhz: board.clocks.core_min_mhz.value,
            memory_mhz: board.memory_max_mhz(),
        };
        // Idle power and temperature depend on each other; a few rounds suffice.
        let mut heat = Heat::settled(&board.thermal, 0.0);
        let mut parts = PowerParts::default();
        for _ in 0..20 {
            parts = power(&card, clocks, card.ambient_c + heat.rise_k(), None);
            heat = Heat::settled(&board.thermal, parts.total_w());
        }
        let mut gpu = Self {
            now: at,
            since: at,
            until: at,
            settings: Settings::of(&board),
            has_context: false,
            clocks,
            in_force: clocks,
            switch: None,
            switches: 0,
            job: None,
            jobs: 0,
            heat,
            governor: Governor::new(&board, parts.total_w()),
            next_decision: None,
            limited: Limited::default(),
            parts,
            violation: Violation::default(),
            timeline: Timeline::new(at, crate::timeline::Level::default()),
            phases: Phases::of(&card, at),
            slow_temperature_c: card.ambient_c + heat.rise_k(),
            faults: SensorFaults::default(),
            card,
        };
        gpu.begin_step();
        gpu
    }

    /// The board.
    pub fn board(&self) -> &Arc<Board> {
        self.card.board()
    }

    /// The card's draws.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The present moment of the simulation.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// Simulates up to a moment. Where finite work ends before it, the card stands at that end,
    /// idle, and the end is given back: call again to go on.
    pub fn advance(&mut self, to: Nanos) -> Option<Nanos> {
        while self.until <= to {
            self.now = self.now.max(self.until);
            if self.end_step() {
                return Some(self.now);
            }
        }
        self.now = self.now.max(to);
        None
    }

    /// Gives the card something to do from now on, or nothing.
    pub fn set_work(&mut self, work: Option<Work>) {
        self.cut_step();
        self.job = work.map(|work| {
            self.jobs += 1;
            Job {
                work,
                offered: None,
                execution: Execution::default(),
                time_factor: self.card.time_factor(self.jobs),
                left: match work.repeat {
                    Repeat::Endless => f64::INFINITY,
                    Repeat::Times(count) => times(count),
                },
            }
        });
        self.begin_step();
    }

    /// Whether a process holds a context: with one the clocks stay high without work.
    pub fn set_context(&mut self, open: bool) {
        self.cut_step();
        self.has_context = open;
        self.begin_step();
    }

    /// Whether a process holds a context.
    pub fn has_context(&self) -> bool {
        self.has_context
    }

    /// Whether there is something to do.
    pub fn is_working(&self) -> bool {
        self.job.is_some()
    }

    /// What the driver shows now.
    pub fn read(&self) -> Readings {
        crate::sensors::read(self)
    }

    /// What truly happened.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Power by its causes now.
    pub fn power_parts(&self) -> PowerParts {
        self.parts
    }

    /// What runs now, with its rates.
    pub fn execution(&self) -> Option<Execution> {
        self.job.map(|job| job.execution)
    }

    /// True temperature of the chip in °C.
    pub fn temperature_c(&self) -> f64 {
        self.temperature_in_step(self.now)
            .expect("the present moment lies in the present step")
    }

    /// True temperature of the memory in °C.
    pub fn memory_temperature_c(&self) -> f64 {
        self.temperature_c() + self.board().thermal.memory_k_per_w.value * self.parts.memory_w
    }

    /// Core clock in force, in MHz.
    pub fn core_clock_mhz(&self) -> u32 {
        self.clocks.core_mhz
    }

    /// Memory clock in force, in MHz.
    pub fn memory_clock_mhz(&self) -> u32 {
        self.clocks.memory_mhz
    }

    /// Drops the history before a moment. Readings need the last window of their sensor: keep at
    /// least fifteen seconds.
    pub fn forget_before(&mut self, at: Nanos) {
        self.timeline.forget_before(at);
    }

    /// Temperature of the chip at a moment of the present step, in °C.
    fn temperature_in_step(&self, at: Nanos) -> Option<f64> {
        let seconds = (at >= self.since).then(|| seconds_between(self.since, at))?;
        let watts = self.parts.total_w();
        let heat = self.heat.after(&self.board().thermal, watts, seconds);
        Some(self.card.ambient_c + heat.rise_k())
    }

    /// Temperature of the chip at the last refresh of the slow sensors, in °C.
    pub(crate) fn slow_temperature_c(&self) -> f64 {
        let beat = self.phases.slow_beat(self.now);
        let in_step = (beat > self.since).then(|| self.temperature_in_step(beat));
        in_step.flatten().unwrap_or(self.slow_temperature_c)
    }

    /// Whether locked clocks hold.
    pub(crate) fn set_clock_honoured(&mut self, honoured: bool) {
        self.cut_step();
        self.faults.clock_not_honoured = !honoured;
        self.begin_step();
    }

    pub(crate) fn phases(&self) -> &Phases {
        &self.phases
    }

    /// Time for which the power limit, and heat, held the clock down.
    pub(crate) fn violations(&self) -> (Nanos, Nanos) {
        self.violations_at(self.now)
    }

    /// The same at a moment of the present step.
    fn violations_at(&self, at: Nanos) -> (Nanos, Nanos) {
        let span = at.saturating_sub(self.since);
        let add = |sum: Nanos, is_limited: bool| if is_limited { sum + span } else { sum };
        let limited = self.limited;
        (
            add(self.violation.power, limited.by_power),
            add(
                self.violation.thermal,
                limited.by_software_heat || limited.by_hardware_heat,
            ),
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "repetitions are far below 2^53")]
fn times(count: u64) -> f64 {
    count as f64
}

pub(crate) fn seconds_between(from: Nanos, to: Nanos) -> f64 {
    model::units::Seconds::from(to.saturating_sub(from)).get()
}

#[cfg(test)]
mod tests;
