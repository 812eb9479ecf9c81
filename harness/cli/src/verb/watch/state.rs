//! What has been seen of a device: pure, fed with samples.

use std::collections::VecDeque;

use metering::validity::ClockReason;
use model::machine::Machine;
use model::plan::DeviceKind;
use model::reason::Absence;
use model::sample::Sample;
use model::units::{Joules, Microjoules, Nanos, Seconds, Watts};
use serde::Serialize;

/// Readings of power that are kept for the picture.
const KEPT: usize = 1_200;
/// A processor's power is a difference of its counter over at least this time.
const PACKAGE_STEP: Nanos = Nanos::from_millis(50);

/// Over a shorter time the lag of the power sensor outweighs everything else.
const SHORTEST_TO_COMPARE: Nanos = Nanos::from_millis(5_000);

/// A power and when it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct PowerPoint {
    pub(super) at: Nanos,
    pub(super) power_w: f64,
}

/// Everything seen so far.
#[derive(Debug)]
pub(super) struct State {
    pub(super) title: String,
    pub(super) power_limit_w: Option<f64>,
    pub(super) max_clock_mhz: Option<u32>,
    pub(super) processes: Option<u32>,
    is_gpu: bool,
    package_range_uj: Option<u64>,
    absence: Option<Absence>,
    begin: Option<Nanos>,
    latest: Option<Sample>,
    power: VecDeque<PowerPoint>,
    peak_w: Option<f64>,
    energy: EnergyCount,
}

/// Energy since the begin or the last reset, by the counter and by integrating power.
#[derive(Clone, Debug, Default)]
struct EnergyCount {
    begin: Option<Nanos>,
    counter: Option<Joules>,
    counted: Joules,
    integral: Joules,
    last_power: Option<PowerPoint>,
    /// The first and the last tick.
    ticks: Option<[Tick; 2]>,
    package: Option<(Nanos, Microjoules)>,
}

/// Both energies when the counter ticked.
#[derive(Clone, Copy, Debug)]
struct Tick {
    at: Nanos,
    counted: Joules,
    integral: Joules,
}

/// One moment, in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Snapshot {
    pub(super) time_s: f64,
    pub(super) power_w: Option<f64>,
    pub(super) sm_clock_mhz: Option<u32>,
    pub(super) memory_clock_mhz: Option<u32>,
    pub(super) temperature_c: Option<i64>,
    pub(super) reasons: Option<Vec<ClockReason>>,
    pub(super) sm_util_pct: Option<f64>,
    pub(super) dram_util_pct: Option<f64>,
    pub(super) processes: Option<u32>,
    pub(super) energy_j: Option<f64>,
    pub(super) energy_time_s: f64,
    pub(super) integral_to_counter: Option<f64>,
    pub(super) absence: Option<Absence>,
}

impl State {
    pub(super) fn new(title: String, machine: &Machine) -> Self {
        let device = &machine.device;
        let is_gpu = device.kind != DeviceKind::Cpu;
        let column = if is_gpu {
            "energy_mj"
        } else {
            "package_energy_uj"
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a power limit is far below 2^53 mW"
        )]
        let watts = |milliwatts: u64| milliwatts as f64 / 1e3;
        Self {
            title,
            power_limit_w: device.power_limit_mw.map(watts),
            max_clock_mhz: device.max_sm_clock_mhz,
            processes: None,
            is_gpu,
            package_range_uj: device.package_energy_range_uj,
            absence: machine.absent.get(column).copied(),
            begin: None,
            latest: None,
            power: VecDeque::new(),
            peak_w: None,
            energy: EnergyCount::default(),
        }
    }

    /// Takes a reading in.
    pub(super) fn take(&mut self, sample: &Sample) {
        self.begin.get_or_insert(sample.at_ns);
        self.energy.begin.get_or_insert(sample.at_ns);
        let power = if self.is_gpu {
            sample
                .power_instant_mw
                .or(sample.power_mw)
                .map(|power| Watts::from(power).get())
        } else {
            self.energy.package_power(sample, self.package_range_uj)
        };
        if let Some(power_w) = power {
            let point = PowerPoint {
                at: sample.at_ns,
                power_w,
            };
            self.power.push_back(point);
            if self.power.len() > KEPT {
                self.power.pop_front();
            }
            self.peak_w = Some(self.peak_w.map_or(power_w, |peak| peak.max(power_w)));
            self.energy.integrate(point);
        }
        if let Some(counter) = sample.energy_mj.filter(|_| self.is_gpu) {
            self.energy.count(sample.at_ns, Joules::from(counter));
        }
        // GPM shares come every 100 ms only; the last one stands until the next.
        let kept = self.latest.take();
        self.latest = Some(Sample {
            sm_util_pct: sample
                .sm_util_pct
                .or(kept.as_ref().and_then(|last| last.sm_util_pct)),
            dram_util_pct: sample
                .dram_util_pct
                .or(kept.and_then(|last| last.dram_util_pct)),
            ..sample.clone()
        });
    }

    /// Counts energy anew.
    pub(super) fn reset(&mut self) {
        self.energy = EnergyCount::default();
        self.peak_w = None;
    }

    pub(super) fn has_power(&self) -> bool {
        !self.power.is_empty()
    }

    /// The powers that are kept, oldest first.
    pub(super) fn history(&self) -> impl Iterator<Item = PowerPoint> + '_ {
        self.power.iter().copied()
    }

    /// Highest power since the last reset.
    pub(super) const fn peak_w(&self) -> Option<f64> {
        self.peak_w
    }

    /// Now; absent before the first reading.
    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        let latest = self.latest.as_ref()?;
        let since = |begin: Option<Nanos>| {
            begin.map_or(0.0, |begin| {
                Seconds::from(latest.at_ns.saturating_sub(begin)).get()
            })
        };
        Some(Snapshot {
            time_s: since(self.begin),
            power_w: self.power.back().map(|point| point.power_w),
            sm_clock_mhz: latest.sm_clock_mhz.map(model::units::Megahertz::get),
            memory_clock_mhz: latest.memory_clock_mhz.map(model::units::Megahertz::get),
            temperature_c: latest.temperature_c,
            reasons: latest
                .event_reasons
                .map(|bits| ClockReason::among(bits).collect()),
            sm_util_pct: latest.sm_util_pct,
            dram_util_pct: latest.dram_util_pct,
            processes: self.processes,
            energy_j: self.energy.energy_j(),
            energy_time_s: since(self.energy.begin),
            integral_to_counter: self.energy.integral_to_counter(),
            absence: self.absence,
        })
    }
}

impl EnergyCount {
    /// Power of the packages since the reading before; their energy is counted on the way.
    fn package_power(&mut self, sample: &Sample, range_uj: Option<u64>) -> Option<f64> {
        let reading = sample.package_energy_uj?;
        let (before_at, before) = *self.package.get_or_insert((sample.at_ns, reading));
        let time = sample.at_ns.saturating_sub(before_at);
        if time < PACKAGE_STEP {
            return None;
        }
        let risen = match reading.checked_sub(before) {
            Some(risen) => risen,
            None => Microjoules::new((reading.get() + range_uj?).checked_sub(before.get())?),
        };
        self.package = Some((sample.at_ns, reading));
        self.counter = Some(Joules::new(0.0));
        self.counted = self.counted + Joules::from(risen);
        Some((Joules::from(risen) / Seconds::from(time)).get())
    }

    fn integrate(&mut self, point: PowerPoint) {
        if let Some(last) = self.last_power {
            let time = Seconds::from(point.at.saturating_sub(last.at));
            self.integral =
                self.integral + Watts::new(f64::midpoint(last.power_w, point.power_w)) * time;
        }
        self.last_power = Some(point);
    }

    fn count(&mut self, at: Nanos, counter: Joules) {
        let Some(before) = self.counter.replace(counter) else {
            return;
        };
        // A counter that falls has begun anew: what it shows now was taken since.
        let risen = if counter >= before {
            counter - before
        } else {
            counter
        };
        if risen == Joules::new(0.0) {
            return;
        }
        self.counted = self.counted + risen;
        let now = Tick {
            at,
            counted: self.counted,
            integral: self.integral,
        };
        match &mut self.ticks {
            Some([_, last]) => *last = now,
            None => self.ticks = Some([now, now]),
        }
    }

    fn energy_j(&self) -> Option<f64> {
        self.counter.map(|_| self.counted.get())
    }

    /// Both between the same two ticks.
    fn integral_to_counter(&self) -> Option<f64> {
        let [first, last] = self.ticks?;
        if last.at.saturating_sub(first.at) < SHORTEST_TO_COMPARE {
            return None;
        }
        let counted = last.counted - first.counted;
        (counted > Joules::new(0.0)).then(|| (last.integral - first.integral) / counted)
    }
}

#[cfg(test)]
pub(super) mod tests;
