//! The command line of `joulebench calibrate`.

use std::path::PathBuf;

use clap::Args;

use super::measure::parse_seconds;

/// Half of what a load hands over at a time, in milliseconds.
pub(crate) const DEFAULT_EDGE_MS: f64 = 3.0;

/// Find out what the sensors of a GPU are like
///
/// How often each field is refreshed, over which time it averages, how late it is; how often the
/// energy counter ticks; whether counter and power agree at idle, under steady and under pulsed
/// load; what a reading costs.
///
/// A known load is switched on and off for 50 seconds while all sensors are read as fast as it goes.
/// Nothing of the board is set and no privilege is needed. The scale of the sensors is not found:
/// that needs a meter outside.
#[derive(Args, Debug)]
#[command(after_long_help = CALIBRATE_EXAMPLES)]
pub(crate) struct CalibrateArguments {
    /// A line of shell that loads the GPU until it is killed [default on an emulated GPU: its own
    /// load]
    ///
    /// It is stopped (SIGSTOP) and continued (SIGCONT) in the rhythm of the schedule. What it has
    /// given to the GPU when it is stopped is still done, so it should hand over little at a time,
    /// a few milliseconds, and wait for it.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) load: Option<String>,
    /// Time that the load gets to begin its work
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0, value_parser = parse_seconds)]
    pub(crate) load_start: f64,
    /// Identify the sensors from the trace of an earlier calibration instead, without a device
    #[arg(long, value_name = "TRACE", conflicts_with_all = ["load", "out"])]
    pub(crate) from: Option<PathBuf>,
    /// How well the load's begin and end are known, in milliseconds: half of what it hands over at
    /// a time is a good figure
    #[arg(long, value_name = "MS", default_value_t = DEFAULT_EDGE_MS)]
    pub(crate) load_edge_ms: f64,
    /// Which GPU, by the driver's count
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) device_index: u32,
    /// Folder for the recording and the profile; not there yet, or empty
    #[arg(long, value_name = "FOLDER", default_value = "calibration")]
    pub(crate) out: PathBuf,
    /// Print the profile as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const CALIBRATE_EXAMPLES: &str = "\
Examples:
  joulebench emulate --gpu h200 -- joulebench calibrate --out h200
      on an emulated GPU

  joulebench calibrate --load 'python burn.py'
      on a real one; burn.py: a loop of a small matrix product and torch.cuda.synchronize()

  joulebench measure --profile calibration/profile.json -- ./my-command
      what was found narrows the uncertainty of a measurement";
