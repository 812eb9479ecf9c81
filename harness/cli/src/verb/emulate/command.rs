//! `joulebench emulate … -- COMMAND`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use model::units::Nanos;
use nvml_sim::launch::{Launch, Parts};
use nvml_sim::schedule::Schedule;
use nvml_sim::state::{BoardSource, Emulator, MachineConfig, Permission, monotonic};
use serde::Serialize;

use crate::args::emulate::{Controllers, MachineArguments};
use crate::exit::Exit;

/// The board that is emulated where none is named.
const DEFAULT_BOARD: &str = "h200";

/// What a command cost, as the emulation knows it.
#[derive(Serialize)]
struct Report {
    provenance: &'static str,
    begin_ns: Nanos,
    end_ns: Nanos,
    exit_code: u8,
    gpus: Vec<GpuReport>,
}

#[derive(Serialize)]
struct GpuReport {
    gpu: u32,
    board: String,
    true_energy_j: f64,
}

pub(crate) fn run(arguments: &MachineArguments) -> anyhow::Result<Exit> {
    if arguments.command.is_empty() {
        bail!(
            "no command: expected one after '--', as in 'joulebench emulate --gpu h100 -- nvidia-smi'"
        );
    }
    let config = config(arguments)?;
    let load = arguments.load.as_deref().map(Schedule::read).transpose()?;
    let parts = Parts::find()?;
    let scratch = Scratch::make()?;
    let state = match &arguments.state {
        Some(path) => std::path::absolute(path)?,
        None => scratch.0.join("state"),
    };
    let emulator = Emulator::create(&state, &config)?;
    let launch = Launch::prepare(&scratch.0, &state, &parts)?;
    if let Some(load) = &load {
        load.start(emulator.log(), None)?;
    }
    let begin_ns = monotonic::now();
    // What a killed client leaves behind ends when it is noticed.
    let mut machine = emulator.machine()?;
    let exit_code = launch.run(&arguments.command, || machine.reap())?;
    let end_ns = monotonic::now();
    if let Some(file) = &arguments.report {
        let report = report(&emulator, &config, begin_ns, end_ns, exit_code)?;
        analysis::write::write_json(file, &report)?;
    }
    Ok(Exit::OfCommand(exit_code))
}

fn config(arguments: &MachineArguments) -> anyhow::Result<MachineConfig> {
    let named: Vec<&str> = if arguments.gpus.is_empty() {
        vec![DEFAULT_BOARD]
    } else {
        arguments.gpus.iter().map(String::as_str).collect()
    };
    let mut boards = Vec::new();
    for name in named {
        let board = board(name)?;
        boards.extend((0..arguments.count).map(|_| board.clone()));
    }
    let mut config = MachineConfig::of(boards, arguments.seed);
    config.permission = match arguments.permission {
        Controllers::Root => Permission::Root,
        Controllers::Anyone => Permission::Anyone,
        Controllers::Nobody => Permission::Nobody,
    };
    if let Some(file) = &arguments.faults {
        config.faults = fs_err::read_to_string(file)?;
        gpu_sim::FaultPlan::from_toml(&config.faults)
            .with_context(|| format!("{}: no fault plan", file.display()))?;
    }
    Ok(config)
}

/// A name stays a name, so that the state file stays small; a path becomes the text of its profile.
fn board(name: &str) -> anyhow::Result<BoardSource> {
    harness::device::board(name)?;
    Ok(if Path::new(name).extension().is_some() {
        BoardSource::Profile(fs_err::read_to_string(name)?)
    } else {
        BoardSource::Named(name.to_owned())
    })
}

fn report(
    emulator: &Emulator,
    config: &MachineConfig,
    begin_ns: Nanos,
    end_ns: Nanos,
    exit_code: u8,
) -> anyhow::Result<Report> {
    let mut truth = emulator.truth()?;
    let mut gpus = Vec::new();
    for (gpu, board) in (0..).zip(config.boards()?) {
        let energy = truth.energy(gpu, Some(begin_ns), Some(end_ns))?.energy;
        gpus.push(GpuReport {
            gpu,
            board: board.slug.clone(),
            true_energy_j: energy.get(),
        });
    }
    Ok(Report {
        provenance: "emulated",
        begin_ns,
        end_ns,
        exit_code,
        gpus,
    })
}

/// A folder of this process alone, gone when the command is over.
struct Scratch(PathBuf);

impl Scratch {
    fn make() -> anyhow::Result<Self> {
        let name = format!("joulebench-emulate-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs_err::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's folder for temporary files.
        let _ = fs_err::remove_dir_all(&self.0);
    }
}
