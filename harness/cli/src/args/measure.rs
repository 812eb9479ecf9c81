//! The command line of `joulebench measure`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Measure joules, watts and time of any command, with 95 % intervals
///
/// The energy is that of the whole board (or, with --device cpu, of the processor packages) from
/// the start of the command to its end: gross, and net of idle power beside it. The driver's energy
/// counter is read between two of its ticks, and what the instrument may be wrong by is stated
/// beside the scatter of the runs. A command too short for the sensor is repeated inside the window
/// of each run.
#[derive(Args, Debug)]
#[command(after_long_help = MEASURE_EXAMPLES)]
pub(crate) struct MeasureArguments {
    /// Runs that count [default: 10]
    #[arg(short = 'n', long, value_name = "RUNS", conflicts_with = "precision",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) runs: Option<u32>,
    /// Take as many runs as this half width of the interval needs, for example 1%
    ///
    /// In two stages: a pilot (--pilot), one look at its scatter, then all the runs that it asks
    /// for. Looking again after every run and stopping as soon as the interval is narrow would stop
    /// on lucky runs: of such "95 %" intervals only 90 to 94 % hold the truth.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(crate) precision: Option<f64>,
    /// Runs of the pilot of --precision
    #[arg(long, value_name = "RUNS", default_value_t = 10, requires = "precision",
          value_parser = clap::value_parser!(u32).range(3..=1_000))]
    pub(crate) pilot: u32,
    /// Most runs that --precision may take
    #[arg(long, value_name = "RUNS", default_value_t = 50, requires = "precision",
          value_parser = clap::value_parser!(u32).range(3..=100_000))]
    pub(crate) max_runs: u32,
    /// Runs before them that do not count
    #[arg(long, value_name = "RUNS", default_value_t = 0)]
    pub(crate) warmup: u32,
    /// A name for tables, instead of the command
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) bench: BenchArguments,
    #[command(flatten)]
    pub(crate) export: ExportArguments,
    /// The command and its arguments; it is started without a shell
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// On what and how is measured; shared with `compare`.
#[derive(Args, Debug)]
pub(crate) struct BenchArguments {
    /// What is measured [default: nvml where there is a GPU, else cpu]
    #[arg(long, value_enum)]
    pub(crate) device: Option<DeviceChoice>,
    /// Which GPU, by the driver's count
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) device_index: u32,
    /// Time between two readings of the sensors
    #[arg(long, value_name = "MS", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) sample_period_ms: u32,
    /// Idle baseline before the first and after the last run; 0 for none, and no net energy
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = parse_seconds)]
    pub(crate) idle: f64,
    /// Repeat a shorter command inside each run until so much time has passed; 0 for never
    /// [default: 1 where energy can be read and no --instrument-budget is given, else 0]
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) min_window: Option<f64>,
    /// Repeat the command inside each run as often as this share of the instrument needs, for example
    /// 1%
    ///
    /// Half of the 95 % interval of one run's energy that the instrument alone makes, by the energy:
    /// edges and stamps of the window, lateness and drift of the counter, as the profile (or the class
    /// of the board) has them; the scale of the board is not among them, no window makes that smaller.
    /// A first run shows what one execution takes; where it is long enough already, it counts. Windows
    /// grow to 600 s at most. With --min-window, both are met.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(crate) instrument_budget: Option<f64>,
    /// What joulebench calibrate found about this GPU; without, what is known of its class
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
    /// Measure a command although it fails
    #[arg(long)]
    pub(crate) ignore_failure: bool,
    /// Let the command write to this terminal; without, what it prints is thrown away
    #[arg(long)]
    pub(crate) show_output: bool,
}

/// Where results go beside the terminal.
#[derive(Args, Debug)]
pub(crate) struct ExportArguments {
    /// Write everything, run by run, as JSON; - for standard output, instead of the summary
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write one line for each run as CSV; - for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Write a table as Markdown; - for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}

/// Kinds of device that a command can be measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceChoice {
    /// An NVIDIA GPU
    Nvml,
    /// This machine's processor, by RAPL where it can be read
    Cpu,
}

const MEASURE_EXAMPLES: &str = "\
Examples:
  joulebench measure -- python infer.py --batch 8
      ten runs on the first GPU

  joulebench measure --precision 1% --warmup 1 -- ./llama-bench -m model.gguf
      as many runs as a half width of 1 % needs

  joulebench measure --instrument-budget 0.5% -- ./one-token
      a short command, repeated until the sensor knows its energy to half a percent

  joulebench measure -n 5 --json result.json --markdown result.md -- ./my-command
      five runs; everything as JSON, a table for a report

  joulebench measure -- sh -c 'cat prompts.txt | ./generate > /dev/null'
      shell syntax goes to a shell

  joulebench emulate --gpu h200 -- joulebench measure -- joulebench emulate load load.toml --wait
      try it without a GPU: the load plays on an emulated one

Exit codes:
  0 measured; 2 bad command line, or no such command: nothing was run; 3 no such device;
  5 the command failed; 6 time was measured, energy was not: the reason is in the output";

/// `1%` or `0.01`, as a fraction.
pub(crate) fn parse_percent(text: &str) -> Result<f64, String> {
    let (number, factor) = match text.strip_suffix('%') {
        Some(number) => (number, 0.01),
        None => (text, 1.0),
    };
    match number.trim().parse::<f64>() {
        Ok(value) if value > 0.0 && value * factor <= 0.5 => Ok(value * factor),
        _ => Err("expected a share above 0 and up to 50 %, such as 1% or 0.01".to_owned()),
    }
}

/// Seconds from 0 on.
pub(crate) fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.strip_suffix('s').unwrap_or(text).parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected seconds from 0 to 86400, such as 2 or 0.5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precision_is_a_share() {
        assert_eq!(parse_percent("1%"), Ok(0.01));
        assert_eq!(parse_percent("0.02"), Ok(0.02));
        for bad in ["0", "0%", "-1%", "60%", "1", "nan", "x", "%"] {
            assert!(parse_percent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn seconds_may_be_none() {
        assert_eq!(parse_seconds("0"), Ok(0.0));
        assert_eq!(parse_seconds("1.5s"), Ok(1.5));
        for bad in ["-1", "nan", "inf", "", "1m"] {
            assert!(parse_seconds(bad).is_err(), "{bad}");
        }
    }
}
