//! The summary that people read.

use std::fmt::Write as _;

use harness::measure::RunResult;
use harness::measure::energy::words as cause_words;
use harness::measure::measurement::RunCount;
use harness::measure::summary::{Estimate, InstrumentLine};
use metering::window::Source as Cause;
use model::machine::Machine;
use model::provenance::Provenance;

use super::Report;
use super::quantity::{bounds, percent, range, scaled};
use super::words::warning_lines;

/// A smaller share of the uncertainty has no line of its own.
const SMALL_SHARE: f64 = 0.000_5;

impl Report<'_> {
    /// Everything in some twenty lines.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            text.push_str(line.trim_end());
            text.push('\n');
        };
        line(self.name.to_owned());
        if self.name != self.command {
            line(format!("  command      {}", self.command));
        }
        line(format!("  device       {}", self.device_line()));
        line(format!("  runs         {}", self.runs_line()));
        line(String::new());
        for (label, unit, estimate) in self.quantities() {
            line(format!("  {label:<12} {}", quantity_line(unit, estimate)));
        }
        if self.summary.energy_j.is_none() {
            line(format!("  energy       {}", self.absent_energy()));
        }
        if let Some(idle_w) = self.measurement.idle.mean_w() {
            line(format!("  idle power   {}", scaled(idle_w, "W")));
        }
        let uncertainty = self.uncertainty();
        if !uncertainty.is_empty() {
            line(String::new());
            uncertainty.into_iter().for_each(&mut line);
        }
        let condition = self.condition();
        if !condition.is_empty() {
            line(String::new());
            condition.into_iter().for_each(&mut line);
        }
        let warnings = warning_lines(&self.warnings, &self.settings);
        if !warnings.is_empty() {
            line(String::new());
            warnings.into_iter().for_each(&mut line);
        }
        text
    }

    /// Name of the device, and whether it is real.
    pub(super) fn device_line(&self) -> String {
        machine_line(self.machine, self.provenance)
    }

    fn runs_line(&self) -> String {
        let runs = self.summary.runs;
        let mut text = match (self.settings.runs, &self.measurement.pilot) {
            (RunCount::Precision(precision), Some(pilot)) => format!(
                "{runs}: a pilot of {} asked for {} for ±{}",
                precision.pilot,
                pilot.needed,
                percent(precision.relative)
            ),
            _ => runs.to_string(),
        };
        if self.summary.executions_per_run > 1 {
            let window = mean(self.measurement.runs.iter().map(|run| run.window().get()));
            let _ = write!(
                text,
                " · {} executions in each, in a window of {}",
                self.summary.executions_per_run,
                scaled(window, "s")
            );
        }
        if let Some(plan) = &self.measurement.window {
            let _ = write!(text, " · for ±{} by the instrument", percent(plan.asked));
        }
        if self.settings.warmup_runs > 0 {
            let _ = write!(text, " · after {} to warm up", self.settings.warmup_runs);
        }
        text
    }

    fn quantities(&self) -> Vec<(&'static str, &'static str, &Estimate)> {
        let summary = &self.summary;
        [
            ("energy", "J", summary.energy_j.as_ref()),
            ("net of idle", "J", summary.net_energy_j.as_ref()),
            ("mean power", "W", summary.power_w.as_ref()),
            ("time", "s", Some(&summary.time_s)),
            ("cpu package", "J", self.package_beside_gpu()),
        ]
        .into_iter()
        .filter_map(|(label, unit, estimate)| Some((label, unit, estimate?)))
        .collect()
    }

    /// Processor energy is a line of its own beside a GPU only.
    fn package_beside_gpu(&self) -> Option<&Estimate> {
        let is_gpu = self.machine.device.kind != model::plan::DeviceKind::Cpu;
        self.summary.package_energy_j.as_ref().filter(|_| is_gpu)
    }

    fn absent_energy(&self) -> String {
        let reason = self
            .measurement
            .runs
            .iter()
            .find_map(|run| run.energy.clone().err());
        reason.map_or_else(
            || "absent".to_owned(),
            |reason| format!("absent ({}: {})", reason.code(), reason.description()),
        )
    }

    fn uncertainty(&self) -> Vec<String> {
        let Some(energy) = &self.summary.energy_j else {
            return Vec::new();
        };
        let mut lines = vec!["  uncertainty of the energy, at 95 %".to_owned()];
        match &energy.scatter {
            Some(scatter) => lines.push(format!(
                "    {:<25} ±{:<8} {}, n = {}",
                "runs",
                percent(scatter.relative_half_width()),
                scatter.method.description(),
                scatter.n
            )),
            None => lines
                .push("    runs                      unknown   one run has no scatter".to_owned()),
        }
        if let Some(instrument) = &energy.instrument {
            let (shown, small): (Vec<&InstrumentLine>, Vec<&InstrumentLine>) = instrument
                .lines
                .iter()
                .partition(|part| part.relative >= SMALL_SHARE);
            for part in shown {
                let note = match part.cause {
                    Cause::Gain => "the same in every run: cancels in a comparison",
                    Cause::Offset => "the same power in every run: all but cancels in a comparison",
                    _ => "in each run, so part of the scatter",
                };
                lines.push(format!(
                    "    {:<25} ±{:<8} {note}",
                    cause_words(part.cause),
                    percent(part.relative)
                ));
            }
            let rest = small
                .iter()
                .fold(0.0, |sum: f64, part| sum.hypot(part.relative));
            if rest > 0.0 {
                let of = if small.len() == 1 {
                    "one other".to_owned()
                } else {
                    format!("{} others", small.len())
                };
                lines.push(format!("    {of:<25} ±{:<8} see --json", percent(rest)));
            }
        }
        lines
    }

    fn condition(&self) -> Vec<String> {
        let runs = &self.measurement.runs;
        let mut parts = Vec::new();
        if let Some((low, high)) = span(runs, |run| Some(run.condition.sm_clock_mhz?.mean)) {
            parts.push(format!(
                "  clock        {} MHz, mean of a run",
                range(low, high)
            ));
        }
        if let Some((low, high)) = span(runs, |run| run.condition.end_temperature_c) {
            parts.push(format!(
                "  temperature  {} °C, at the end of a run",
                range(low, high)
            ));
        }
        let mut shares: Vec<(&'static str, f64)> = Vec::new();
        for share in runs.iter().flat_map(|run| &run.condition.reasons) {
            match shares
                .iter_mut()
                .find(|(words, _)| *words == share.reason.words())
            {
                Some((_, sum)) => *sum += share.share,
                None => shares.push((share.reason.words(), share.share)),
            }
        }
        let count = f64::from(self.summary.runs.max(1));
        let words: Vec<String> = shares
            .iter()
            .map(|(words, sum)| format!("{words} {} of the time", percent(sum / count)))
            .collect();
        if !words.is_empty() {
            parts.push(format!("  clock events {}", words.join(" · ")));
        }
        parts
    }
}

/// Name of the device, and whether it is real.
pub(crate) fn machine_line(machine: &Machine, provenance: Provenance) -> String {
    match provenance {
        Provenance::Emulated => format!("{} (emulated: no measurement)", machine.device.name),
        Provenance::Measured | Provenance::Imported => machine.device.name.clone(),
    }
}

fn quantity_line(unit: &str, estimate: &Estimate) -> String {
    let value = scaled(estimate.value, unit);
    let Some(limits) = estimate.bounds else {
        return value;
    };
    let mut text = format!("{value:<12} {}", bounds(estimate.value, limits));
    if let (Some(scatter), Some(_)) = (&estimate.scatter, &estimate.instrument) {
        let runs = bounds(estimate.value, [scatter.low, scatter.high]);
        let _ = write!(text, "   runs alone {runs}");
    }
    text
}

fn span(runs: &[RunResult], value: impl Fn(&RunResult) -> Option<f64>) -> Option<(f64, f64)> {
    let values: Vec<f64> = runs.iter().filter_map(value).collect();
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    Some((low, high))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
    values.iter().sum::<f64>() / f64::from(count.max(1))
}
