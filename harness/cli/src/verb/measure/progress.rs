//! The bar of a measurement: where it is, how long it takes, what it has found so far.

use std::time::Duration;

use harness::measure::measurement::{MeasureObserver, Step};
use harness::measure::{RunResult, Settings};
use indicatif::{ProgressBar, ProgressStyle};
use model::sample::Sample;
use model::units::Watts;

use super::quantity::scaled;

const TEMPLATE: &str = "{bar:24} {msg}";
const WITH_ETA: &str = "{bar:24} {msg} · {eta} left";

/// A bar over runs, on standard error; where that is no terminal nothing is shown.
pub(crate) struct MeasureBar {
    bar: ProgressBar,
    step: String,
    found: String,
    energies: Vec<f64>,
    times: Vec<f64>,
}

impl MeasureBar {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self::of_length(u64::from(settings.runs.at_least()))
    }

    /// A bar over so many runs.
    pub(crate) fn of_length(runs: u64) -> Self {
        let bar = ProgressBar::new(runs);
        bar.set_style(style(TEMPLATE));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self {
            bar,
            step: String::new(),
            found: String::new(),
            energies: Vec::new(),
            times: Vec::new(),
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Another run is over.
    pub(crate) fn found(&mut self, run: &RunResult) {
        self.times.push(run.time_s);
        self.energies.extend(run.energy_j());
        self.found = found(&self.energies, &self.times);
        self.advance();
    }

    /// Another run is over, of whatever command.
    pub(crate) fn advance(&self) {
        self.bar.set_style(style(WITH_ETA));
        self.bar.inc(1);
    }

    /// A new step.
    pub(crate) fn step(&mut self, step: String) {
        self.step = step;
        self.show(None);
    }

    /// The power of now, beside the step.
    pub(crate) fn show(&self, power: Option<Watts>) {
        let now = power.map(|power| format!(" · now {:.0} W", power.get()));
        let now = now.unwrap_or_default();
        self.bar
            .set_message(format!("{}{}{now}", self.step, self.found));
    }
}

impl MeasureObserver for MeasureBar {
    fn begins(&mut self, step: Step) {
        self.step(match step {
            Step::Idle => "idle baseline".to_owned(),
            Step::WarmUp(number) => format!("warm-up {number}"),
            Step::Sizing => "how often it must be repeated".to_owned(),
            Step::Run { number, of } => format!("run {number}/{of}"),
        });
    }

    fn sampled(&mut self, sample: &Sample) {
        self.show(sample.power_instant_mw.or(sample.power_mw).map(Watts::from));
    }

    fn run_ended(&mut self, run: &RunResult) {
        self.found(run);
    }

    fn sized(&mut self, runs: u32) {
        self.bar.set_length(u64::from(runs));
    }
}

fn found(energies: &[f64], times: &[f64]) -> String {
    let part = |values: &[f64], unit: &str| {
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        (count > 0).then(|| scaled(values.iter().sum::<f64>() / f64::from(count), unit))
    };
    let parts = [part(energies, "J"), part(times, "s")];
    parts
        .into_iter()
        .flatten()
        .fold(String::new(), |text, part| format!("{text} · {part}"))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_energy_and_time() {
        assert_eq!(found(&[], &[]), "");
        assert_eq!(found(&[], &[1.0, 2.0]), " · 1.500 s");
        assert_eq!(found(&[100.0, 102.0], &[0.5, 0.5]), " · 101.0 J · 0.500 s");
    }

    #[test]
    fn the_templates_are_good() {
        for template in [TEMPLATE, WITH_ETA] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
