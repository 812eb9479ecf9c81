//! The command line of `joulebench watch`.

use clap::Args;

use super::measure::DeviceChoice;

/// Show power, clocks, temperature, event reasons and energy of a device, live
///
/// Keys: q or Esc ends, p pauses the picture, r counts energy anew. Where standard output is no
/// terminal, or with --plain, one line is printed for each interval.
#[derive(Args, Debug)]
#[command(after_long_help = WATCH_EXAMPLES)]
pub(crate) struct WatchArguments {
    /// What is watched [default: nvml where there is a GPU, else cpu]
    #[arg(long, value_enum)]
    pub(crate) device: Option<DeviceChoice>,
    /// Which GPU, by the driver's count
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) device_index: u32,
    /// Time between two pictures or lines, in seconds; sensors are read more often
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = parse_interval)]
    pub(crate) interval: f64,
    /// Print one line for one interval and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Print lines, also on a terminal
    #[arg(long)]
    pub(crate) plain: bool,
}

const WATCH_EXAMPLES: &str = "\
Examples:
  joulebench watch
  joulebench watch --interval 0.2 --device-index 1
  joulebench watch --json > power.jsonl
  joulebench watch --once --json | jq .power_w";

fn parse_interval(text: &str) -> Result<f64, String> {
    match text.strip_suffix('s').unwrap_or(text).parse::<f64>() {
        Ok(seconds) if (0.05..=3_600.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected seconds from 0.05 to 3600, such as 1 or 0.2".to_owned()),
    }
}
