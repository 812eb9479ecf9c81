//! `joulebench emulate settings`

use gpu_sim::{Gpu, Settings};
use model::units::Nanos;
use nvml_sim::state::{Event, EventKind, Log};
use serde::Serialize;

use crate::args::emulate::SettingsArguments;
use crate::exit::Exit;
use crate::output::say;

/// What is set on a GPU, and since when.
#[derive(Debug, PartialEq, Serialize)]
struct Answer {
    provenance: &'static str,
    gpu: u32,
    /// Lowest and highest SM clock in MHz, where it is locked.
    locked_sm_mhz: Option<(u32, u32)>,
    /// Lowest and highest memory clock in MHz, where it is locked.
    locked_memory_mhz: Option<(u32, u32)>,
    /// Clocks of memory and SM that applications run at, in MHz, where they were set.
    application_mhz: Option<(u32, u32)>,
    power_limit_w: f64,
    persistence: bool,
    /// When a setting last became another one, on `CLOCK_MONOTONIC`; none where none ever did.
    changed_ns: Option<Nanos>,
}

pub(crate) fn run(arguments: &SettingsArguments) -> anyhow::Result<Exit> {
    let log = Log::open(&std::path::absolute(&arguments.state)?)?;
    log.check_gpu(arguments.gpu)?;
    let board = log.config().boards()?.swap_remove(arguments.gpu as usize);
    let until = log.snapshot()?.length;
    let mut gpu = Gpu::ideal(board, log.origin());
    let changed_ns = replay(&mut gpu, arguments.gpu, &log.read(0, until)?);
    let answer = answer(arguments.gpu, gpu.settings(), changed_ns);
    if arguments.json {
        say!("{}", serde_json::to_string(&answer)?);
    } else {
        print(&answer);
    }
    Ok(Exit::Success)
}

/// Settings follow from the log alone; no physics and no time is needed.
fn replay(gpu: &mut Gpu, index: u32, events: &[Event]) -> Option<Nanos> {
    let mut changed_ns = None;
    for event in events.iter().filter(|event| event.gpu == index) {
        let before = gpu.settings();
        match event.kind {
            EventKind::LockCoreClocks { min_mhz, max_mhz } => {
                gpu.lock_core_clocks(Some((min_mhz, max_mhz)));
            }
            EventKind::ResetCoreClocks => gpu.lock_core_clocks(None),
            EventKind::LockMemoryClocks { min_mhz, max_mhz } => {
                gpu.lock_memory_clocks(Some((min_mhz, max_mhz)));
            }
            EventKind::ResetMemoryClocks => gpu.lock_memory_clocks(None),
            EventKind::SetApplicationClocks {
                memory_mhz,
                core_mhz,
            } => gpu.set_application_clocks(Some((memory_mhz, core_mhz))),
            EventKind::ResetApplicationClocks => gpu.set_application_clocks(None),
            EventKind::SetPowerLimit { watts } => gpu.set_power_limit_w(watts),
            EventKind::SetPersistence { on } => gpu.set_persistence(on),
            EventKind::SetWork(_)
            | EventKind::SetContext { .. }
            | EventKind::CancelSchedule
            | EventKind::Inject { .. } => {}
        }
        if gpu.settings() != before {
            changed_ns = Some(event.at);
        }
    }
    changed_ns
}

fn answer(gpu: u32, settings: Settings, changed_ns: Option<Nanos>) -> Answer {
    Answer {
        provenance: "emulated",
        gpu,
        locked_sm_mhz: settings.locked_core_mhz,
        locked_memory_mhz: settings.locked_memory_mhz,
        application_mhz: settings.application_mhz,
        power_limit_w: settings.power_limit_w,
        persistence: settings.persistence,
        changed_ns,
    }
}

fn print(answer: &Answer) {
    let range = |range: Option<(u32, u32)>| {
        range.map_or("free".to_owned(), |(low, high)| {
            format!("{low} to {high} MHz")
        })
    };
    say!("SM clock:           {}", range(answer.locked_sm_mhz));
    say!("memory clock:       {}", range(answer.locked_memory_mhz));
    let application = answer
        .application_mhz
        .map_or("default".to_owned(), |(memory, sm)| {
            format!("{memory} MHz memory, {sm} MHz SM")
        });
    say!("application clocks: {application}");
    say!("power limit:        {} W", answer.power_limit_w);
    let persistence = if answer.persistence { "on" } else { "off" };
    say!("persistence:        {persistence}");
}
