//! Settings of an NVIDIA GPU: [`NvmlKnobs`] turns them by the calls of NVML, [`NvmlControl`] is what
//! a session sees and turns them under a lease only.

use std::sync::Arc;

use model::axis::Axis;
use model::units::{Megahertz, Milliwatts, Nanos, Watts};
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::Clock as ClockDomain;
use nvml_wrapper::enums::device::GpuLockedClocksSetting;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use super::call;
use crate::clock::{Clock as _, MonotonicClock};
use crate::control::{
    ApplicationClocks, ClockRange, KnobError, Knobs, Lease, LockEvidence, Readable,
};
use crate::device::{Control, DeviceError};

/// How long an idle GPU may take to fall to its lowest clock after the last process has left.
const TIME_TO_IDLE: Nanos = Nanos::from_millis(3_000);
/// How long it stays there before it is taken to be free.
const TIME_AT_REST: Nanos = Nanos::from_millis(300);
/// Time between two looks at it.
const LOOK_EVERY: Nanos = Nanos::from_millis(20);

/// The settings of one GPU, through a use of the driver library of its own.
pub(crate) struct NvmlKnobs {
    nvml: Nvml,
    uuid: String,
}

impl NvmlKnobs {
    /// Finds the GPU of a UUID.
    pub(crate) fn of(uuid: &str) -> Result<Self, DeviceError> {
        let nvml = super::NvmlDriver::load()?.nvml;
        nvml.device_by_uuid(uuid)
            .map_err(call("nvmlDeviceGetHandleByUUID"))?;
        Ok(Self {
            nvml,
            uuid: uuid.to_owned(),
        })
    }

    fn device(&self) -> Result<Device<'_>, KnobError> {
        self.nvml
            .device_by_uuid(self.uuid.as_str())
            .map_err(refused("nvmlDeviceGetHandleByUUID"))
    }
}

impl Knobs for NvmlKnobs {
    fn read(&mut self) -> Result<Readable, KnobError> {
        let device = self.device()?;
        let limit = known(
            device.power_management_limit(),
            "nvmlDeviceGetPowerManagementLimit",
        )?;
        let application = |domain| {
            known(
                device.applications_clock(domain),
                "nvmlDeviceGetApplicationsClock",
            )
        };
        let memory_mhz = application(ClockDomain::Memory)?;
        let sm_mhz = application(ClockDomain::SM)?;
        Ok(Readable {
            power_limit: limit.map(u64::from).map(Milliwatts::new),
            application_clocks: memory_mhz
                .zip(sm_mhz)
                .map(|(memory_mhz, sm_mhz)| ApplicationClocks { memory_mhz, sm_mhz }),
            persistence: known(
                device.is_in_persistent_mode(),
                "nvmlDeviceGetPersistenceMode",
            )?,
        })
    }

    fn lock_evidence(&mut self) -> Result<LockEvidence, KnobError> {
        let device = self.device()?;
        let floor = supported_clocks(&device).first().copied();
        let is_empty = known(
            device.running_compute_processes_count(),
            "nvmlDeviceGetComputeRunningProcesses",
        )? == Some(0);
        let idle_clock_mhz = if is_empty {
            idle_clock(&device, floor)?
        } else {
            None
        };
        let default = device.default_applications_clock(ClockDomain::SM).ok();
        let applications = device.applications_clock(ClockDomain::SM).ok();
        let reasons = device.current_throttle_reasons().ok();
        Ok(LockEvidence {
            idle_clock_mhz,
            idle_floor_mhz: floor,
            user_clocks_limit: default == applications
                && reasons.is_some_and(|reasons| {
                    reasons.contains(ThrottleReasons::APPLICATIONS_CLOCKS_SETTING)
                }),
        })
    }

    fn lock_sm_clock(&mut self, range: ClockRange) -> Result<(), KnobError> {
        self.device()?
            .set_gpu_locked_clocks(GpuLockedClocksSetting::Numeric {
                min_clock_mhz: range.min_mhz(),
                max_clock_mhz: range.max_mhz(),
            })
            .map_err(refused("nvmlDeviceSetGpuLockedClocks"))
    }

    fn free_sm_clock(&mut self) -> Result<(), KnobError> {
        self.device()?
            .reset_gpu_locked_clocks()
            .map_err(refused("nvmlDeviceResetGpuLockedClocks"))
    }

    fn set_power_limit(&mut self, limit: Milliwatts) -> Result<(), KnobError> {
        let call = "nvmlDeviceSetPowerManagementLimit";
        let limit = u32::try_from(limit.get()).map_err(|_| KnobError::Refused {
            call,
            reason: format!("{limit} is more than any board takes"),
        })?;
        self.device()?
            .set_power_management_limit(limit)
            .map_err(refused(call))
    }
}

/// The clock at which an empty GPU comes to rest. A clock is at the floor for a while before it is
/// believed: one that was locked a moment ago is still on its way up.
fn idle_clock(device: &Device<'_>, floor: Option<u32>) -> Result<Option<u32>, KnobError> {
    let give_up = MonotonicClock.now() + TIME_TO_IDLE;
    let mut at_rest_since = None;
    loop {
        let now = MonotonicClock.now();
        let clock = known(device.clock_info(ClockDomain::SM), "nvmlDeviceGetClockInfo")?;
        let is_at_floor = matches!((clock, floor), (Some(clock), Some(floor)) if clock <= floor);
        at_rest_since = is_at_floor.then(|| at_rest_since.unwrap_or(now));
        let is_at_rest = at_rest_since.is_some_and(|since| now >= since + TIME_AT_REST);
        if is_at_rest || now > give_up {
            return Ok(clock);
        }
        MonotonicClock.sleep_until(now + LOOK_EVERY);
    }
}

/// The multiprocessor clocks that the board supports at its highest memory clock, in MHz,
/// ascending; empty where the driver does not say.
fn supported_clocks(device: &Device<'_>) -> Vec<u32> {
    let memory = device
        .supported_memory_clocks()
        .ok()
        .and_then(|clocks| clocks.into_iter().max());
    let mut clocks = memory
        .and_then(|memory| device.supported_graphics_clocks(memory).ok())
        .unwrap_or_default();
    clocks.sort_unstable();
    clocks
}

/// A setting that a board lacks is unknown; a driver that fails is an error.
fn known<T>(answer: Result<T, NvmlError>, call: &'static str) -> Result<Option<T>, KnobError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(NvmlError::NotSupported | NvmlError::FailedToLoadSymbol(_)) => Ok(None),
        Err(error) => Err(refused(call)(error)),
    }
}

fn refused(call: &'static str) -> impl Fn(NvmlError) -> KnobError {
    move |error| match error {
        NvmlError::NoPermission => KnobError::NoPermission { call },
        other => KnobError::Refused {
            call,
            reason: other.to_string(),
        },
    }
}

/// What a session may change, under the lease of the sweep.
pub(super) struct NvmlControl {
    lease: Arc<Lease>,
    /// Supported clocks in MHz, ascending.
    clocks: Vec<u32>,
    /// Lowest and highest power limit in mW, where the driver tells.
    limits_mw: Option<(u32, u32)>,
}

impl NvmlControl {
    pub(super) fn new(device: &Device<'_>, lease: Arc<Lease>) -> Self {
        Self {
            lease,
            clocks: supported_clocks(device),
            limits_mw: device
                .power_management_limit_constraints()
                .ok()
                .map(|limits| (limits.min_limit, limits.max_limit)),
        }
    }
}

impl Control for NvmlControl {
    fn lock_sm_clock(&mut self, clock: Megahertz) -> Result<(), DeviceError> {
        if let (Some(&low), Some(&high)) = (self.clocks.first(), self.clocks.last()) {
            if !(low..=high).contains(&clock.get()) {
                return Err(DeviceError::OutOfRange {
                    axis: Axis::SmClockMhz,
                    value: clock.to_string(),
                    low: Megahertz::new(low).to_string(),
                    high: Megahertz::new(high).to_string(),
                });
            }
            // The driver would take the nearest one and say nothing.
            if let Err(above) = self.clocks.binary_search(&clock.get()) {
                return Err(DeviceError::UnsupportedClock {
                    clock: clock.get(),
                    below: self.clocks[above - 1],
                    above: self.clocks[above],
                });
            }
        }
        Ok(self.lease.lock_sm_clock(ClockRange::exactly(clock))?)
    }

    fn set_power_cap(&mut self, cap: Watts) -> Result<(), DeviceError> {
        let cap_mw = milliwatts(cap);
        if let Some((low, high)) = self.limits_mw
            && !(u64::from(low)..=u64::from(high)).contains(&cap_mw.get())
        {
            let watts = |limit: u32| Watts::new(f64::from(limit) / 1e3).to_string();
            return Err(DeviceError::OutOfRange {
                axis: Axis::PowerCapW,
                value: cap.to_string(),
                low: watts(low),
                high: watts(high),
            });
        }
        Ok(self.lease.set_power_limit(cap_mw)?)
    }

    fn release(&mut self) -> Result<(), DeviceError> {
        Ok(self.lease.give_back()?)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a power cap of a plan is a small positive number"
)]
fn milliwatts(cap: Watts) -> Milliwatts {
    Milliwatts::new((cap.get() * 1e3).round() as u64)
}
