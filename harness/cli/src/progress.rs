//! Progress bars with the time that is left.

use std::time::Duration;

use harness::session::SessionObserver;
use harness::sweep::SweepObserver;
use indicatif::{ProgressBar, ProgressStyle};
use model::run::Run;
use model::trace::{Fault, Stage};

/// A bar over the runs of a sweep; the message says which run is in which stage.
pub(crate) struct SweepBar {
    bar: ProgressBar,
    run: String,
}

impl SweepBar {
    /// A bar over `total` runs of which `sealed` are there already.
    pub(crate) fn new(total: usize, sealed: usize) -> Self {
        let bar = ProgressBar::new(total as u64);
        bar.set_style(style("{bar:30} {pos}/{len} runs, {eta} left · {wide_msg}"));
        bar.set_position(sealed as u64);
        bar.reset_eta();
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            bar,
            run: String::new(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl SessionObserver for SweepBar {
    fn stage(&mut self, stage: Stage) {
        self.bar
            .set_message(format!("{} · {}", stage.name().replace('_', " "), self.run));
    }
}

impl SweepObserver for SweepBar {
    fn run_begins(&mut self, run: &Run, _position: usize) {
        self.run = format!("block {} · {}", run.block, run.point);
    }

    fn run_ended(&mut self, run: &Run, faults: &[Fault]) {
        match faults.first() {
            None => self.bar.inc(1),
            Some(fault) => self.bar.suspend(|| {
                eprintln!(
                    "run {} ({}): {}: {}",
                    run.id, run.point, fault.fault, fault.detail
                );
            }),
        }
    }
}

/// A spinner with the steps of a long command.
pub(crate) fn steps(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    bar.set_style(style("{bar:30} {pos}/{len} steps, {elapsed} · {wide_msg}"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
