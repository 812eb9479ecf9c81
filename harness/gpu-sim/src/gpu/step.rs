//! From one event to the next.

use model::units::{Nanos, Watts};

use super::{Gpu, seconds_between};
use crate::execution::{Activity, ClockPair, execute};
use crate::governor::{Limited, SLOW_WINDOW_S, Seen};
use crate::power::power;
use crate::timeline::Level;

/// Longest step, so that forgotten history stays near.
const LONGEST_STEP_S: f64 = 10.0;
/// Shortest step: the resolution of time. What is nearer counts as now.
const SHORTEST_STEP_S: f64 = 1e-9;
/// Power this near to the limit, relative to it, wakes the governor.
const NEAR_LIMIT: f64 = 0.97;
/// Share of time with tensor activity from which the clock limit of tensor pipes holds.
const TENSOR_LOAD: f64 = 0.5;

/// Bits of `nvmlClocksEventReasons`.
pub(crate) mod reasons {
    pub(crate) const IDLE: u64 = 0x1;
    pub(crate) const APPLICATION_CLOCKS: u64 = 0x2;
    pub(crate) const SOFTWARE_POWER_CAP: u64 = 0x4;
    pub(crate) const HARDWARE_SLOWDOWN: u64 = 0x8;
    pub(crate) const SOFTWARE_THERMAL: u64 = 0x20;
    pub(crate) const HARDWARE_THERMAL: u64 = 0x40;
}

impl Gpu {
    /// Ends the present step now, because something from outside changes.
    pub(super) fn cut_step(&mut self) {
        self.settle(self.now);
    }

    /// Ends the present step where it was to end, and begins the next. True where finite work ended.
    pub(super) fn end_step(&mut self) -> bool {
        let at = self.until;
        self.settle(at);
        if let Some((due, clocks)) = self.switch
            && due <= at
        {
            self.in_force = clocks;
            self.switch = None;
        }
        let is_done = self.job.is_some_and(|job| job.left_s() <= SHORTEST_STEP_S);
        if is_done {
            self.job = None;
        }
        if self.next_decision.is_some_and(|due| due <= at) {
            self.decide(at);
        }
        self.begin_step();
        is_done
    }

    /// Everything that has happened from the beginning of the step to a moment in it.
    fn settle(&mut self, at: Nanos) {
        let seconds = seconds_between(self.since, at);
        if seconds > 0.0 {
            if let Some(temperature_c) = self.temperature_in_step(self.phases.slow_beat(at)) {
                self.slow_temperature_c = temperature_c;
            }
            let board = std::sync::Arc::clone(self.board());
            let watts = self.parts.total_w();
            self.heat = self.heat.after(&board.thermal, watts, seconds);
            self.governor.see(&board, watts, seconds);
            if let Some(job) = &mut self.job {
                job.left -= seconds / (job.execution.duration_s * job.time_factor);
            }
            (self.violation.power, self.violation.thermal) = self.violations_at(at);
        }
        self.since = at;
    }

    fn decide(&mut self, at: Nanos) {
        let board = std::sync::Arc::clone(self.board());
        let window = Nanos::from_seconds(SLOW_WINDOW_S);
        let seen = Seen {
            limit_w: self.settings.power_limit_w,
            slow_w: self.timeline.mean_power(at, window).get(),
            temperature_c: self.card.ambient_c + self.heat.rise_k(),
            wanted_mhz: f64::from(self.unlimited_core_mhz()),
        };
        self.governor.decide(&board, seen);
    }

    /// The first moment of decision after another one. They lie on a grid of their own: work that
    /// ends and begins again must not put them off.
    fn decision_after(&self, at: Nanos) -> Nanos {
        let origin = self.timeline.origin();
        let period = Nanos::from_seconds(self.board().governor.period_ms.value / 1e3);
        let past = at.saturating_sub(origin).get() / period.get();
        origin + Nanos::new((past + 1) * period.get())
    }

    /// The core clock that would run without the governor; without work the highest, so that
    /// ceilings rise again.
    fn unlimited_core_mhz(&self) -> u32 {
        match self.job {
            Some(_) => self.in_force.core_mhz.min(self.tensor_limit_mhz()),
            None => self.board().clocks.core_max_mhz.value,
        }
    }

    /// The highest clock for what runs now.
    fn tensor_limit_mhz(&self) -> u32 {
        let clocks = &self.board().clocks;
        let is_tensor_load = self
            .job
            .is_some_and(|job| job.execution.activity.any_tensor > TENSOR_LOAD);
        match &clocks.tensor_max_mhz {
            Some(limit) if is_tensor_load => limit.value,
            _ => clocks.core_max_mhz.value,
        }
    }

    /// Begins a step at `since`: clocks, power, and how long both will hold.
    pub(super) fn begin_step(&mut self) {
        let board = std::sync::Arc::clone(self.board());
        self.ask_for_clocks();
        self.run_job();
        self.limited = match self.job {
            Some(_) => self.governor.limits(f64::from(self.unlimited_core_mhz())),
            None => Limited::default(),
        };
        let temperature_c = self.card.ambient_c + self.heat.rise_k();
        let execution = self.job.map(|job| job.execution);
        self.parts = power(&self.card, self.clocks, temperature_c, execution.as_ref());
        let watts = self.parts.total_w();

        let mut length_s = self
            .heat
            .constant_for_s(&board.thermal, watts)
            .min(LONGEST_STEP_S);
        if let Some(job) = &self.job {
            length_s = length_s.min(job.left_s());
        }
        self.until = self.since + Nanos::from_seconds(length_s.max(SHORTEST_STEP_S));
        if let Some((due, _)) = self.switch {
            self.until = self.until.min(due.max(self.since));
        }
        self.next_decision = self
            .governor_is_awake(watts)
            .then(|| self.decision_after(self.since));
        if let Some(due) = self.next_decision {
            self.until = self.until.min(due);
        }

        let level = Level {
            power: Watts::new(watts),
            memory_power: Watts::new(self.parts.memory_w),
            core_mhz: self.clocks.core_mhz,
            memory_mhz: self.clocks.memory_mhz,
            temperature_c,
            event_reasons: self.event_reasons(),
            activity: execution.map_or_else(Activity::default, |execution| execution.activity),
        };
        self.timeline.change(self.since, level);
    }

    /// Whether the governor could have something to do: a ceiling holds, power is near the limit, or
    /// the chip would in the end become too warm.
    fn governor_is_awake(&self, watts: f64) -> bool {
        let board = self.board();
        let is_near_limit = self.job.is_some() && watts > NEAR_LIMIT * self.settings.power_limit_w;
        let hottest_c = self.card.ambient_c + self.heat.highest_rise_k(&board.thermal, watts);
        let grows_too_warm = self.job.is_some() && hottest_c >= board.limits.max_operating_c.value;
        let is_held = self.governor.ceiling_mhz() < f64::from(self.unlimited_core_mhz());
        is_near_limit || grows_too_warm || is_held
    }

    /// Settings take their time to come into force; ceilings hold at once.
    fn ask_for_clocks(&mut self) {
        let wanted = ClockPair {
            core_mhz: self.wanted_core_mhz(),
            memory_mhz: self.wanted_memory_mhz(),
        };
        if wanted == self.in_force {
            self.switch = None;
            return;
        }
        if self.switch.is_some_and(|(_, clocks)| clocks == wanted) {
            return;
        }
        self.switches += 1;
        let due = self.since + Nanos::from_seconds(self.card.switch_s(self.switches));
        if due <= self.since {
            self.in_force = wanted;
            self.switch = None;
        } else {
            self.switch = Some((due, wanted));
        }
    }

    /// The clocks that run, and the rates of the work at them.
    fn run_job(&mut self) {
        let board = std::sync::Arc::clone(self.board());
        let ceiling = board.core_clock_at_most(self.governor.ceiling_mhz());
        let offered = ClockPair {
            core_mhz: self.in_force.core_mhz.min(ceiling),
            memory_mhz: self.in_force.memory_mhz,
        };
        let Some(job) = &mut self.job else {
            self.clocks = offered;
            return;
        };
        if job.offered == Some(offered) {
            return;
        }
        job.offered = Some(offered);
        job.execution = execute(&board, &job.work.cost, offered);
        self.clocks = offered;
        // What runs may lower the limit of the clock.
        let limit = board.core_clock_at_most(f64::from(self.tensor_limit_mhz()));
        if offered.core_mhz > limit {
            self.clocks.core_mhz = limit;
            if let Some(job) = &mut self.job {
                job.execution = execute(&board, &job.work.cost, self.clocks);
            }
        }
    }

    fn event_reasons(&self) -> u64 {
        let limited = self.limited;
        let mut bits = 0;
        let mut set = |is_set: bool, bit: u64| {
            if is_set {
                bits |= bit;
            }
        };
        set(self.job.is_none(), reasons::IDLE);
        let asks_for_less = self
            .settings
            .application_mhz
            .is_some_and(|(_, core)| core < self.board().clocks.core_max_mhz.value);
        set(
            asks_for_less && self.job.is_some(),
            reasons::APPLICATION_CLOCKS,
        );
        let is_tensor_limited = self.tensor_limit_mhz() < self.in_force.core_mhz;
        set(
            limited.by_power || is_tensor_limited,
            reasons::SOFTWARE_POWER_CAP,
        );
        set(limited.by_software_heat, reasons::SOFTWARE_THERMAL);
        set(
            limited.by_hardware_heat,
            reasons::HARDWARE_THERMAL | reasons::HARDWARE_SLOWDOWN,
        );
        bits
    }
}
