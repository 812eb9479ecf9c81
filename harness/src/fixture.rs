//! Plans, runs and traces that the tests of this room share.

use std::path::Path;

use model::plan::Plan;
use model::run::Run;
use model::trace::Trace;

use crate::device::{Backend, DEFAULT_BOARD, board};
use crate::{plan_file, session};

/// A short plan on a device with more axes or tables, for example `[engines.x]`.
pub(crate) fn plan_text(device: &str, axes: &str, tables: &str) -> String {
    format!(
        r#"
name = "fixture"
title = "A short sweep for tests"
seed = 7
blocks = 2

[session]
device = "{device}"
sample_period_ms = 10
idle_s = 0.3
warmup_s = 0.2
window_s = 0.5
cooldown_s = 0.1
timeout_s = 20.0

[axes]
{axes}
{tables}
"#
    )
}

/// Axes of the emulated worker, two points.
pub(crate) const EMULATED_AXES: &str = "model = [\"llama-7b\"]\nprecision = [\"bf16\"]\nbatch = [1, 8]\nprompt_tokens = [512]\ndecode_tokens = [16]";

/// The board that plans emulate where they name none.
pub(crate) fn emulated() -> Backend {
    Backend::Emulated(board(DEFAULT_BOARD).expect("the default board is compiled in"))
}

pub(crate) fn plan(text: &str) -> Plan {
    plan_file::parse(Path::new("fixture.toml"), text).expect("a good plan")
}

/// The plan of two points and two blocks on the emulated GPU.
pub(crate) fn emulated_plan() -> Plan {
    plan(&plan_text("emulated", EMULATED_AXES, ""))
}

/// The first run of a plan for the processor whose worker is a line of shell.
pub(crate) fn shell_run(script: &str, protocol: &str) -> Run {
    let engine = format!(
        "[engines.sh]\ncommand = [\"/bin/sh\", \"-c\", '''{script}''']\nprotocol = \"{protocol}\""
    );
    plan(&plan_text("cpu", "batch = [1]", &engine))
        .runs()
        .swap_remove(0)
}

/// Takes a run on the device that it asks for.
pub(crate) fn record(run: &Run) -> Trace {
    let backend = Backend::load(&run.session).expect("needs no hardware");
    let mut instrument = backend.open_for(run).expect("the first device");
    session::record(instrument.as_mut(), run, None, &mut ()).expect("accepted settings")
}

/// The trace of the first run of the emulated plan.
pub(crate) fn emulated_trace() -> Trace {
    record(&emulated_plan().runs()[0])
}
