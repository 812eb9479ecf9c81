//! Energy by counter: differences between ticks.

use model::plan::DeviceKind;
use model::reason::RunFault;
use model::trace::{Fault, Span, Trace};
use model::units::{Joules, Microjoules, Nanos, Seconds, Watts};

use super::fault;

/// The readings of an energy counter in µJ, in the order of time, wraps undone.
#[derive(Debug)]
pub(super) struct EnergyCounter {
    readings: Vec<Reading>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    at_ns: Nanos,
    energy_uj: u64,
}

impl EnergyCounter {
    /// The counter of the measured device: the board's, or the packages' where the device is the
    /// processor. The error says why there is none.
    pub(super) fn of_device(trace: &Trace) -> Result<Self, String> {
        if trace.header.machine.device.kind == DeviceKind::Cpu {
            return Self::packages(trace);
        }
        let readings = trace.samples.iter().filter_map(|sample| {
            let energy_uj = sample.energy_mj?.get().checked_mul(1_000)?;
            Some(Reading {
                at_ns: sample.at_ns,
                energy_uj,
            })
        });
        Self::of(readings.collect(), trace, "energy_mj")
    }

    /// The counter of the processor packages, which wraps at the machine's stated range.
    pub(super) fn packages(trace: &Trace) -> Result<Self, String> {
        let range_uj = trace.header.machine.device.package_energy_range_uj;
        let mut wrapped_uj = 0;
        let mut previous_uj = 0;
        let readings = trace.samples.iter().filter_map(|sample| {
            let energy_uj = sample.package_energy_uj?.get();
            if let (true, Some(range)) = (energy_uj < previous_uj, range_uj) {
                wrapped_uj += range;
            }
            previous_uj = energy_uj;
            Some(Reading {
                at_ns: sample.at_ns,
                energy_uj: energy_uj + wrapped_uj,
            })
        });
        Self::of(readings.collect(), trace, "package_energy_uj")
    }

    fn of(readings: Vec<Reading>, trace: &Trace, column: &str) -> Result<Self, String> {
        if !readings.is_empty() {
            return Ok(Self { readings });
        }
        Err(match trace.header.machine.absent.get(column) {
            Some(absence) => format!("{column} {absence}: {}", absence.description()),
            None => format!("{column} has no reading, and the machine gives no reason"),
        })
    }

    /// Energy between the bounds of a window. Bounds that lie on a reading, as those of a window
    /// between ticks do, give the exact difference; a counter without visible ticks is
    /// interpolated between the readings beside the bound.
    pub(super) fn energy(&self, window: Span) -> Result<Joules, Fault> {
        let frozen = |detail: &str| fault(RunFault::CounterFrozen, detail.to_owned());
        let inside = self.inside(window);
        if inside.is_empty() {
            return Err(frozen("no reading of the energy counter inside the window"));
        }
        if let Some(pair) = inside
            .windows(2)
            .find(|pair| pair[1].energy_uj < pair[0].energy_uj)
        {
            return Err(fault(
                RunFault::CounterBackwards,
                format!(
                    "the energy counter went from {} to {} at {}",
                    Microjoules::new(pair[0].energy_uj),
                    Microjoules::new(pair[1].energy_uj),
                    pair[1].at_ns
                ),
            ));
        }
        let at = |bound| self.energy_uj_at(bound);
        match at(window.end_ns)
            .zip(at(window.begin_ns))
            .and_then(|(end, begin)| end.checked_sub(begin))
        {
            None | Some(0) => Err(frozen("the energy counter did not tick inside the window")),
            Some(energy_uj) => Ok(Joules::from(Microjoules::new(energy_uj))),
        }
    }

    /// The counter at a moment: its reading, or the straight line between the two beside it.
    fn energy_uj_at(&self, moment: Nanos) -> Option<u64> {
        let next = self
            .readings
            .partition_point(|reading| reading.at_ns < moment);
        let after = self.readings.get(next);
        let before = next
            .checked_sub(1)
            .and_then(|index| self.readings.get(index));
        match (before, after) {
            (_, Some(after)) if after.at_ns == moment => Some(after.energy_uj),
            (Some(before), Some(after)) => {
                let part = moment.saturating_sub(before.at_ns).get();
                let whole = after.at_ns.saturating_sub(before.at_ns).get();
                let step = u128::from(after.energy_uj.saturating_sub(before.energy_uj));
                let share = step * u128::from(part) / u128::from(whole.max(1));
                Some(before.energy_uj + u64::try_from(share).ok()?)
            }
            (Some(only), None) | (None, Some(only)) => Some(only.energy_uj),
            (None, None) => None,
        }
    }

    /// Mean power over spans, each from its first tick to its last; `None` without two ticks.
    ///
    /// A tick is stamped with the first reading that shows it, so each span's length is known to
    /// one sampling period.
    pub(super) fn mean_power(&self, spans: impl Iterator<Item = Span>) -> Option<Watts> {
        let (mut energy_uj, mut time_ns) = (0, 0);
        for span in spans {
            let mut ticks = self
                .inside(span)
                .windows(2)
                .filter(|pair| pair[1].energy_uj != pair[0].energy_uj)
                .map(|pair| pair[1]);
            let Some(first) = ticks.next() else { continue };
            let Some(last) = ticks.next_back() else {
                continue;
            };
            energy_uj += last.energy_uj.checked_sub(first.energy_uj)?;
            time_ns += last.at_ns.saturating_sub(first.at_ns).get();
        }
        (time_ns > 0)
            .then(|| Joules::from(Microjoules::new(energy_uj)) / Seconds::from(Nanos::new(time_ns)))
    }

    fn inside(&self, span: Span) -> &[Reading] {
        let from = self
            .readings
            .partition_point(|reading| reading.at_ns < span.begin_ns);
        let to = self
            .readings
            .partition_point(|reading| reading.at_ns <= span.end_ns);
        &self.readings[from.min(to)..to]
    }
}
