//! Arguments of `joulebench overhead`.

use clap::{Args, ValueEnum};
use model::plan::DeviceKind;

/// Devices by the names that plans use.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DeviceName {
    /// An NVIDIA GPU
    Nvml,
    /// This machine's processor
    Cpu,
    /// The emulated GPU in virtual time: only the cost of a reading is real
    Emulated,
}

impl DeviceName {
    pub(crate) const fn kind(self) -> DeviceKind {
        match self {
            Self::Nvml => DeviceKind::Nvml,
            Self::Cpu => DeviceKind::Cpu,
            Self::Emulated => DeviceKind::Emulated,
        }
    }
}

/// Takes about two minutes with the defaults: each rate for `--seconds`, work on every core with and
/// without sampling, and a long recording in virtual time. Nothing else should be at work.
#[derive(Args, Debug)]
pub(crate) struct OverheadArguments {
    /// Device that is read
    #[arg(long, value_enum, default_value = "cpu")]
    pub(crate) device: DeviceName,
    /// Index of the device
    #[arg(long, default_value_t = 0)]
    pub(crate) index: u32,
    /// Seconds at each rate: 10, 100 and 1,000 readings a second
    #[arg(long, default_value_t = 20.0, value_parser = seconds)]
    pub(crate) seconds: f64,
    /// Pairs of work with and without sampling; 0 leaves them out
    #[arg(long, default_value_t = harness::overhead::slowdown::PAIRS)]
    pub(crate) pairs: usize,
    /// Hours of the recording in virtual time; 0 leaves it out
    #[arg(long, default_value_t = 24)]
    pub(crate) hours: u16,
    /// Readings per second of that recording
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) recording_hz: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3_600.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected seconds from 0.1 to 3600".to_owned()),
    }
}
