//! The command line of `joulebench emulate`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Runs a command on emulated GPUs: libnvidia-ml.so.1 is put in front of the real one, and a
/// stand-in for nvidia-smi on PATH. Everything that is read there is emulated.
///
/// Example: joulebench emulate --gpu h100-sxm --load load.toml -- nvidia-smi dmon -c 5
///
/// The exit code is that of the command. docs/emulator.md tells how to write load files, ask for the
/// true energy and use the library from other projects.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct EmulateArguments {
    #[command(subcommand)]
    pub(crate) action: Option<EmulateAction>,
    #[command(flatten)]
    pub(crate) machine: MachineArguments,
}

#[derive(Args, Debug)]
pub(crate) struct MachineArguments {
    /// A board: name, alias or path of a profile; once for each GPU [default: h200]
    #[arg(long = "gpu", value_name = "BOARD")]
    pub(crate) gpus: Vec<String>,
    /// How many of each board
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) count: u32,
    /// What the GPUs do while the command runs, see docs/emulator.md
    #[arg(long, value_name = "FILE")]
    pub(crate) load: Option<PathBuf>,
    /// What goes wrong, see docs/emulator.md
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// File that holds the state; kept afterwards, so that the truth can be asked for
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Draws what differs from card to card
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Who may change clocks and power limits
    #[arg(long, value_enum, default_value_t = Controllers::Root)]
    pub(crate) permission: Controllers,
    /// Write true energies and times of the command to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// The command and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Who may change settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Controllers {
    /// Only root, as with a real driver
    Root,
    /// Every user
    Anyone,
    /// Nobody, root included
    Nobody,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EmulateAction {
    /// Say the true energy of a GPU between two moments of the monotonic clock
    Truth(TruthArguments),
    /// Say the settings of a GPU, among them the locked clocks, which no driver tells
    Settings(SettingsArguments),
    /// Give the GPUs of a running emulation something to do
    Load(LoadArguments),
    /// List the boards, or print the profile of one
    Boards(BoardsArguments),
    /// List the core clocks that a board supports
    Clocks(ClocksArguments),
    /// Fit the profiles to the recordings and say how far each row is off
    Calibrate(CalibrateArguments),
}

#[derive(Args, Debug)]
pub(crate) struct TruthArguments {
    /// State file of the emulation, running or over
    #[arg(long, value_name = "FILE", env = "JOULEBENCH_EMULATOR")]
    pub(crate) state: PathBuf,
    /// Which GPU
    #[arg(long, default_value_t = 0)]
    pub(crate) gpu: u32,
    /// Begin in ns; the begin of the emulation without
    #[arg(long, value_name = "NS")]
    pub(crate) from: Option<u64>,
    /// End in ns; now without
    #[arg(long, value_name = "NS")]
    pub(crate) to: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SettingsArguments {
    /// State file of the emulation, running or over
    #[arg(long, value_name = "FILE", env = "JOULEBENCH_EMULATOR")]
    pub(crate) state: PathBuf,
    /// Which GPU
    #[arg(long, default_value_t = 0)]
    pub(crate) gpu: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct LoadArguments {
    /// State file of the running emulation
    #[arg(long, value_name = "FILE", env = "JOULEBENCH_EMULATOR")]
    pub(crate) state: PathBuf,
    /// Load file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Return when the load is over, not at once
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Args, Debug)]
pub(crate) struct BoardsArguments {
    /// Print the profile of this board: the way to begin one of your own
    #[arg(long, value_name = "BOARD")]
    pub(crate) profile: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ClocksArguments {
    /// The board
    #[arg(long, value_name = "BOARD", default_value = "h200")]
    pub(crate) gpu: String,
    /// Only the clocks that the predecessor's studies swept
    #[arg(long)]
    pub(crate) study: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CalibrateArguments {
    /// The repository, with artifacts/imported
    #[arg(long, default_value = ".")]
    pub(crate) root: PathBuf,
    /// Write the fitted profiles and residuals.json into this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Print the residuals as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
