//! The device that a command is measured on.

use std::path::Path;

use anyhow::Context as _;
use harness::device::{Backend, DeviceError, Instrument};
use harness::measure::Bench;
use metering::profile::{PROFILE_VERSION, SensorProfile};
use model::plan::{DeviceKind, SessionSettings};
use model::units::Nanos;

use crate::args::measure::{BenchArguments, DeviceChoice};
use crate::exit::refuse;

/// What can be done without a GPU.
const NO_GPU: &str = "no GPU here; on a machine without one, measure the processor with --device \
cpu, or put 'joulebench emulate --' in front";

/// A kind of device whose driver was found.
pub(crate) struct Target {
    backend: Backend,
}

impl Target {
    /// The kind that was asked for; without one, a GPU where there is one, else the processor.
    ///
    /// # Errors
    /// Where what was asked for is not there.
    pub(crate) fn find(choice: Option<DeviceChoice>) -> anyhow::Result<Self> {
        let backend = match choice {
            Some(DeviceChoice::Nvml) => load(DeviceKind::Nvml).context(NO_GPU)?,
            Some(DeviceChoice::Cpu) => load(DeviceKind::Cpu)?,
            None => match load(DeviceKind::Nvml) {
                Ok(backend) if backend.open(0).is_ok() => backend,
                _ => load(DeviceKind::Cpu)?,
            },
        };
        Ok(Self { backend })
    }

    /// Opens one device for this process alone: what another joulebench measured at the same time
    /// would be measured by both.
    ///
    /// # Errors
    /// Where there is no such device, it may not be read, or another joulebench uses it.
    pub(crate) fn open_alone(&mut self, index: u32) -> anyhow::Result<Box<dyn Instrument + '_>> {
        // The driver keeps the lease for as long as it lives.
        self.backend.lease(index, None)?;
        Ok(self.backend.open(index)?)
    }

    /// Opens one device to look at it, whoever else uses it.
    ///
    /// # Errors
    /// Where there is no such device or it may not be read.
    pub(crate) fn open(&self, index: u32) -> Result<Box<dyn Instrument + '_>, DeviceError> {
        self.backend.open(index)
    }
}

/// A bench as the command line asks for.
///
/// # Errors
/// Where the profile cannot be read.
pub(crate) fn bench<'a>(
    instrument: &'a mut dyn Instrument,
    arguments: &BenchArguments,
) -> anyhow::Result<Bench<'a>> {
    let profile = arguments.profile.as_deref().map(profile).transpose()?;
    let period = Nanos::from_millis(u64::from(arguments.sample_period_ms));
    let bench = Bench::new(instrument, period);
    Ok(match profile {
        Some(profile) => bench.with_profile(&profile),
        None => bench,
    })
}

/// Reads what a calibration wrote.
///
/// # Errors
/// Where the file is none, or of another version.
pub(crate) fn profile(file: &Path) -> anyhow::Result<SensorProfile> {
    let text = fs_err::read_to_string(file)?;
    let profile: SensorProfile = serde_json::from_str(&text).with_context(|| {
        format!(
            "{}: no sensor profile; expected what joulebench calibrate wrote",
            file.display()
        )
    })?;
    if profile.version != PROFILE_VERSION {
        refuse!(
            "{}: version = {}: expected {PROFILE_VERSION}; calibrate again",
            file.display(),
            profile.version
        );
    }
    Ok(profile)
}

/// The times are those of plans, which a measurement has none of.
fn load(device: DeviceKind) -> Result<Backend, DeviceError> {
    Backend::load(&SessionSettings {
        device,
        device_index: 0,
        board: None,
        sample_period_ms: 10,
        idle_s: 0.0,
        warmup_s: 0.0,
        window_s: 1.0,
        cooldown_s: 0.0,
        timeout_s: 1.0,
    })
}
