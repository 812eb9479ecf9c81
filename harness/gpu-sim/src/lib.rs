//! One simple emulated GPU in virtual time, whose true energy is known in closed form.
//!
//! Power is piecewise constant, so the integral is exact and every sensor is a function of it:
//! the energy counter shows the integral at its last tick, the power fields show means over their
//! windows at their last refresh. The figures are round numbers of no particular board; nothing
//! that comes from here may be called measured.

mod sensors;
mod timeline;

pub use sensors::{Readings, Sensors};
pub use timeline::Timeline;

use model::units::{Megahertz, Nanos, Watts};

/// Power without work.
pub const IDLE_POWER: Watts = Watts::new(75.0);
/// Highest clock of the multiprocessors.
pub const MAX_SM_CLOCK: Megahertz = Megahertz::new(1_980);
/// Clock of the memory.
pub const MEMORY_CLOCK: Megahertz = Megahertz::new(3_201);
/// Lowest clock that can be locked.
pub const MIN_SM_CLOCK: Megahertz = Megahertz::new(345);
/// Power limit of the board, highest value.
pub const MAX_POWER_CAP: Watts = Watts::new(700.0);
/// Temperature without work, in degrees Celsius.
const IDLE_TEMPERATURE_C: f64 = 30.0;
/// Kelvin per watt above idle, at once: this GPU has no heat capacity.
const THERMAL_RESISTANCE_K_PER_W: f64 = 0.05;

/// The emulated GPU: a power timeline, sensors that look at it, and two settings.
#[derive(Clone, Debug)]
pub struct Gpu {
    timeline: Timeline,
    sensors: Sensors,
    locked_sm_clock: Option<Megahertz>,
    power_cap: Watts,
}

impl Gpu {
    /// An idle GPU at the given moment.
    pub fn new(at: Nanos) -> Self {
        Self {
            timeline: Timeline::new(at, IDLE_POWER),
            sensors: Sensors::new(at),
            locked_sm_clock: None,
            power_cap: MAX_POWER_CAP,
        }
    }

    /// From this moment on the work draws `dynamic_power` above idle at the full clock.
    ///
    /// Dynamic power goes with the square of the clock, and the cap cuts it.
    pub fn set_load(&mut self, at: Nanos, dynamic_power: Watts) {
        let scale = self.clock_ratio();
        let wanted = IDLE_POWER + dynamic_power * (scale * scale);
        let drawn = if wanted > self.power_cap {
            self.power_cap
        } else {
            wanted
        };
        self.timeline.set_power(at, drawn);
    }

    /// How much longer work takes than at the full clock.
    pub fn slowdown(&self) -> f64 {
        1.0 / self.clock_ratio()
    }

    /// Locks the multiprocessor clock, or frees it.
    pub fn lock_sm_clock(&mut self, clock: Option<Megahertz>) {
        self.locked_sm_clock = clock;
    }

    /// Sets the power limit.
    pub fn set_power_cap(&mut self, cap: Watts) {
        self.power_cap = cap;
    }

    /// The power limit in force.
    pub fn power_cap(&self) -> Watts {
        self.power_cap
    }

    /// The multiprocessor clock in force.
    pub fn sm_clock(&self) -> Megahertz {
        self.locked_sm_clock.unwrap_or(MAX_SM_CLOCK)
    }

    /// What the sensors show at a moment not before the last load change.
    pub fn read(&self, at: Nanos) -> Readings {
        self.sensors.read(&self.timeline, at)
    }

    /// The true power at a moment, and from it the temperature in degrees Celsius.
    pub fn temperature_c(&self, at: Nanos) -> f64 {
        let above_idle = self.timeline.power(at) - IDLE_POWER;
        IDLE_TEMPERATURE_C + THERMAL_RESISTANCE_K_PER_W * above_idle.get()
    }

    /// The exact power over time.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    fn clock_ratio(&self) -> f64 {
        f64::from(self.sm_clock().get()) / f64::from(MAX_SM_CLOCK.get())
    }
}
