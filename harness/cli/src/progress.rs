//! Progress bars with the time that is left.

use std::time::Duration;

use harness::session::SessionObserver;
use harness::sweep::SweepObserver;
use indicatif::{ProgressBar, ProgressStyle};
use model::run::Run;
use model::trace::{Fault, Stage};

const SWEEP: &str = "{bar:30} {pos}/{len} runs, {eta} left · {wide_msg}";
const EXPERIMENTS: &str = "{bar:30} {human_pos}/{human_len} experiments, {eta} left · {wide_msg}";
const STEPS: &str = "{bar:30} {pos}/{len} steps, {elapsed} · {wide_msg}";

/// A bar over the runs of a sweep; the message says which run is in which stage.
pub(crate) struct SweepBar {
    bar: ProgressBar,
    run: String,
}

impl SweepBar {
    /// A bar over `total` runs of which `sealed` are there already.
    pub(crate) fn new(total: usize, sealed: usize) -> Self {
        let bar = ProgressBar::new(total as u64);
        bar.set_style(style(SWEEP));
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
    fn planned(&mut self, runs: usize) {
        self.bar.set_length(runs as u64);
    }

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
    bar.set_style(style(STEPS));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A bar over simulated experiments; their number comes with the first of them.
pub(crate) fn experiments() -> ProgressBar {
    let bar = ProgressBar::new(0);
    bar.set_style(style(EXPERIMENTS));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use harness::plan_file;
    use model::plan::Plan;
    use model::reason::RunFault;

    use super::*;

    fn plan() -> Plan {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../artifacts/plans/emulated-demo.toml");
        plan_file::read(&file).expect("a plan of the project")
    }

    #[test]
    fn the_bar_counts_sealed_runs_only_and_says_what_is_done_now() {
        let plan = plan();
        let run = &plan.runs()[0];
        let mut bar = SweepBar::new(12, 5);
        assert_eq!((bar.bar.length(), bar.bar.position()), (Some(12), 5));
        bar.run_begins(run, 6);
        bar.stage(Stage::IdleBefore);
        assert_eq!(
            bar.bar.message(),
            format!("idle before · block 0 · {}", run.point)
        );
        bar.run_ended(run, &[]);
        assert_eq!(bar.bar.position(), 6);
        let fault = Fault {
            fault: RunFault::WorkerCrashed,
            detail: "exit status: 3".to_owned(),
        };
        bar.run_ended(run, &[fault]);
        assert_eq!(bar.bar.position(), 6, "a failed run is still to do");
        bar.finish();
        assert!(bar.bar.is_finished());
    }

    #[test]
    fn the_templates_are_good() {
        for template in [SWEEP, STEPS, EXPERIMENTS] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
        steps(7).finish_and_clear();
    }
}
