//! What a driver shows of the truth: cached, averaged, scaled, quantised.
//!
//! Each sensor refreshes on its own period with a phase of its own; between two refreshes it shows
//! the old value. Power fields are means over a window that ends at the refresh, times the card's
//! gain, plus its offset. The energy counter integrates that same shown power without a gap and
//! moves at its tick.

use model::units::{Megahertz, Millijoules, Milliwatts, Nanos, Seconds, Watts};

use crate::board::PowerUsage;
use crate::card::Card;
use crate::execution::Activity;
use crate::gpu::{Gpu, seconds_between};

/// Window of the utilisation rates.
const UTILISATION_WINDOW: Nanos = Nanos::from_millis(167);
/// Energy that the driver had counted before the origin, so that no counter begins at zero.
const ENERGY_BEFORE_MJ: f64 = 1_000_000.0;

/// When each sensor refreshes: a moment of refresh, and the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Phases {
    power: Beat,
    energy: Beat,
    slow: Beat,
    ring: Beat,
}

/// A regular beat that has been going on for longer than the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Beat {
    origin: Nanos,
    /// How long before the origin the last beat was.
    before: Nanos,
    period: Nanos,
}

impl Beat {
    fn of(card: &Card, at: Nanos, name: &str, period_ms: f64) -> Self {
        Self {
            origin: at,
            before: Nanos::from_seconds(period_ms / 1e3 * card.sensor_phase(name)),
            period: Nanos::from_seconds(period_ms / 1e3),
        }
    }

    /// The last beat at or before a moment; the origin where that was before the origin.
    fn last(self, at: Nanos) -> Nanos {
        let since = at.saturating_sub(self.origin) + self.before;
        let beats = Nanos::new(since.get() - since.get() % self.period.get());
        self.origin + beats.saturating_sub(self.before)
    }
}

impl Phases {
    pub(crate) fn of(card: &Card, at: Nanos) -> Self {
        let sensors = &card.board().sensors;
        let beat = |name, period_ms| Beat::of(card, at, name, period_ms);
        Self {
            power: beat("power sensor", sensors.power_period_ms.value),
            energy: beat("energy counter", sensors.energy_tick_ms.value),
            slow: beat("slow sensors", sensors.slow_period_ms.value),
            ring: beat("sample ring", sensors.ring_period_ms.value),
        }
    }

    /// The last refresh of clocks and temperatures at or before a moment.
    pub(crate) fn slow_beat(&self, at: Nanos) -> Nanos {
        self.slow.last(at)
    }
}

/// What the driver shows at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readings {
    /// Energy since the driver was loaded.
    pub energy: Millijoules,
    /// `nvmlDeviceGetPowerUsage`.
    pub power_usage: Milliwatts,
    /// Field 185, where the board has it.
    pub power_average: Option<Milliwatts>,
    /// Field 186.
    pub power_instant: Milliwatts,
    /// Field 185 with the memory scope, where the board has it.
    pub memory_power_average: Option<Milliwatts>,
    /// Clock of the multiprocessors.
    pub sm_clock: Megahertz,
    /// Clock of the memory.
    pub memory_clock: Megahertz,
    /// Temperature of the chip in °C.
    pub temperature_c: i64,
    /// Temperature of the memory in °C, where the board shows it.
    pub memory_temperature_c: Option<i64>,
    /// Share of time in which a kernel ran, in %.
    pub gpu_util_pct: u32,
    /// Share of time in which memory was read or written, in %.
    pub memory_util_pct: u32,
    /// Bits of `nvmlClocksEventReasons`.
    pub event_reasons: u64,
    /// Performance state; these boards stay in P0.
    pub pstate: u32,
    /// Time for which the power limit held the clock down.
    pub violation_power: Nanos,
    /// Time for which heat held the clock down.
    pub violation_thermal: Nanos,
    /// Corrected memory errors.
    pub ecc_single: u64,
    /// Uncorrected memory errors.
    pub ecc_double: u64,
}

/// Seconds of full activity since the origin. GPM is the difference of two of these by the time
/// between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActivityCounters {
    /// The moment.
    pub at: Nanos,
    /// Seconds of full activity up to it.
    pub active_s: Activity,
}

/// What sensors show that no longer refresh.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frozen {
    readings: Readings,
    samples: Vec<(Nanos, Milliwatts)>,
}

impl Frozen {
    pub(crate) fn now(gpu: &Gpu) -> Box<Self> {
        Box::new(Self {
            readings: gpu.read(),
            samples: gpu.power_samples(),
        })
    }
}

/// What is wrong with the sensors.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SensorFaults {
    /// What the sensors showed when they froze.
    pub(crate) frozen: Option<Box<Frozen>>,
    /// Added to the energy counter, in mJ; a reset is minus all that had been counted.
    pub(crate) energy_jump_mj: f64,
    /// The clock does not follow what is asked for.
    pub(crate) clock_not_honoured: bool,
    /// Corrected memory errors.
    pub(crate) ecc_single: u64,
    /// Uncorrected memory errors.
    pub(crate) ecc_double: u64,
}

/// Counts of errors and of time under a limit are no sensors: they go on where those are frozen.
pub(crate) fn read(gpu: &Gpu) -> Readings {
    if let Some(frozen) = &gpu.faults.frozen {
        let (violation_power, violation_thermal) = gpu.violations();
        return Readings {
            violation_power,
            violation_thermal,
            ecc_single: gpu.faults.ecc_single,
            ecc_double: gpu.faults.ecc_double,
            ..frozen.readings
        };
    }
    let now = gpu.now();
    let board = gpu.board();
    let sensors = &board.sensors;
    let timeline = gpu.timeline();
    let phases = gpu.phases();
    let at = phases.power.last(now);
    let window = |ms: f64| Nanos::from_seconds(ms / 1e3);
    let instant = shown_power(
        gpu,
        timeline.mean_power(at, window(sensors.power_window_ms.value)),
        sensors.instant_step_w.value,
    );
    let average = sensors.average_window_ms.as_ref().map(|length| {
        let length = window(length.value);
        shown_power(
            gpu,
            timeline.mean_power(at, length),
            sensors.average_step_w.value,
        )
    });
    let memory_average = match (&sensors.average_window_ms, sensors.memory_power.value) {
        (Some(length), true) => {
            let mean = timeline.mean_memory_power(at, window(length.value));
            Some(Milliwatts::new(rounded(mean.get() * gpu.card().gain * 1e3)))
        }
        _ => None,
    };
    let slow = timeline.level(phases.slow_beat(now));
    let temperature_c = gpu.slow_temperature_c();
    let memory_rise_k = board.thermal.memory_k_per_w.value * slow.memory_power.get();
    let rates = timeline.active(now).plus(
        &timeline
            .active(now.saturating_sub(UTILISATION_WINDOW))
            .times(-1.0),
    );
    let share = |seconds: f64| percent(seconds / Seconds::from(UTILISATION_WINDOW).get());
    let (violation_power, violation_thermal) = gpu.violations();
    Readings {
        energy: energy_mj(gpu, now),
        power_usage: match sensors.power_usage {
            PowerUsage::Instant => instant,
            PowerUsage::Average => average.unwrap_or(instant),
        },
        power_average: average,
        power_instant: instant,
        memory_power_average: memory_average,
        sm_clock: Megahertz::new(slow.core_mhz),
        memory_clock: Megahertz::new(slow.memory_mhz),
        temperature_c: whole(temperature_c),
        memory_temperature_c: Some(whole(temperature_c + memory_rise_k)),
        gpu_util_pct: share(rates.graphics),
        memory_util_pct: share(rates.dram),
        event_reasons: timeline.level(now).event_reasons,
        pstate: 0,
        violation_power,
        violation_thermal,
        ecc_single: gpu.faults.ecc_single,
        ecc_double: gpu.faults.ecc_double,
    }
}

impl Gpu {
    /// The readings that the driver keeps for `nvmlDeviceGetSamples`, oldest first: those of the
    /// instant field.
    pub fn power_samples(&self) -> Vec<(Nanos, Milliwatts)> {
        if let Some(frozen) = &self.faults.frozen {
            return frozen.samples.clone();
        }
        let sensors = &self.board().sensors;
        let window = Nanos::from_seconds(sensors.power_window_ms.value / 1e3);
        let ring = self.phases().ring;
        let last = ring.last(self.now());
        let count = u64::from(sensors.ring_samples.value);
        (0..count)
            .rev()
            .filter_map(|back| last.checked_sub(Nanos::new(back * ring.period.get())))
            .filter(|at| *at >= self.timeline().origin())
            .map(|at| {
                let mean = self.timeline().mean_power(at, window);
                (at, shown_power(self, mean, sensors.instant_step_w.value))
            })
            .collect()
    }

    /// Seconds of full activity up to now.
    pub fn activity_counters(&self) -> ActivityCounters {
        ActivityCounters {
            at: self.now(),
            active_s: self.timeline().active(self.now()),
        }
    }
}

/// What the energy counter shows, whatever is wrong with the sensors.
pub(crate) fn energy_mj(gpu: &Gpu, now: Nanos) -> Millijoules {
    let tick = gpu.phases().energy.last(now);
    let origin = gpu.timeline().origin();
    let true_mj = gpu.timeline().energy(tick).get() * 1e3;
    let card = gpu.card();
    let offset_mj = card.offset_w * seconds_between(origin, tick) * 1e3;
    let shown = ENERGY_BEFORE_MJ + card.gain * true_mj + offset_mj + gpu.faults.energy_jump_mj;
    Millijoules::new(rounded(shown))
}

fn shown_power(gpu: &Gpu, truth: Watts, step_w: f64) -> Milliwatts {
    let card = gpu.card();
    let shown = card.gain * truth.get() + card.offset_w;
    Milliwatts::new(rounded((shown / step_w).round() * step_w * 1e3))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "energies and powers are far below 2^63 milli-units; below zero a driver shows zero"
)]
fn rounded(value: f64) -> u64 {
    value.round().max(0.0) as u64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of 0 to 1"
)]
fn percent(share: f64) -> u32 {
    (share * 100.0).round().clamp(0.0, 100.0) as u32
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a temperature is a small number"
)]
fn whole(value: f64) -> i64 {
    value.round() as i64
}
