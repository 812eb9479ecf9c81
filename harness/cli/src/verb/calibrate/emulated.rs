//! The load of an emulated GPU: a schedule in the emulator's log, exact to the nanosecond.

use std::fmt::Write as _;

use harness::calibrate::{Load, LoadFailure, Stretch};
use metering::identify::BusySpan;
use model::units::{Nanos, Seconds};
use nvml_sim::schedule::Schedule;
use nvml_sim::state::{Log, path_of_environment};

/// What runs while the GPU is busy: a load whose power is steady and far below the limit, so that
/// the governor leaves its clock alone.
const WORK: &str = "triad";

/// Plays stretches by the emulator's own clockwork.
pub(super) struct EmulatedLoad {
    log: Log,
    gpu: u32,
    busy: Vec<BusySpan>,
}

impl EmulatedLoad {
    pub(super) fn new(gpu: u32) -> anyhow::Result<Self> {
        let log = Log::open(&path_of_environment()?)?;
        log.check_gpu(gpu)?;
        Ok(Self {
            log,
            gpu,
            busy: Vec::new(),
        })
    }
}

impl Load for EmulatedLoad {
    fn play(&mut self, stretches: &[Stretch]) -> Result<(), LoadFailure> {
        let fail = |reason: String| LoadFailure {
            load: "of the emulated GPU".to_owned(),
            reason,
        };
        let Some(first) = stretches.first() else {
            return Ok(());
        };
        let schedule = Schedule::parse(&text(stretches, self.gpu), "calibration")
            .map_err(|error| fail(error.to_string()))?;
        let started = schedule
            .start(&self.log, Some(first.begin_ns))
            .map_err(|error| fail(error.to_string()))?;
        // Lengths are rounded to nanoseconds one by one; the sum may be off by as many.
        let shift = started.begin.saturating_sub(first.begin_ns);
        self.busy = stretches
            .iter()
            .filter(|stretch| stretch.is_busy)
            .map(|stretch| BusySpan {
                begin_ns: stretch.begin_ns + shift,
                end_ns: stretch.end_ns + shift,
                standard_uncertainty_s: Seconds::from(Nanos::new(1_000)).get(),
            })
            .collect();
        Ok(())
    }

    fn played(&mut self) -> Result<Vec<BusySpan>, LoadFailure> {
        Ok(std::mem::take(&mut self.busy))
    }
}

/// The stretches as a load file.
fn text(stretches: &[Stretch], gpu: u32) -> String {
    stretches.iter().fold(String::new(), |mut text, stretch| {
        let work = if stretch.is_busy { WORK } else { "idle" };
        let for_s = Seconds::from(stretch.end_ns.saturating_sub(stretch.begin_ns)).get();
        write!(
            text,
            "[[phase]]\ngpu = {gpu}\nfor_s = {for_s:?}\nwork = \"{work}\"\n"
        )
        .expect("writing to a string cannot fail");
        text
    })
}
