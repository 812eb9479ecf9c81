//! Power, energy and the power limit.

use std::ffi::{c_uint, c_ulonglong};

use gpu_sim::Gpu;
use model::units::Milliwatts;
use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlEnableState_t, nvmlPowerSource_t, nvmlPowerValue_v2_t,
};

use super::call::{Call, exports};
use super::pointer::{InOut, Out};
use super::refusal::{Answer, Refusal};
use crate::state::EventKind;

exports! {
    /// Power as the board's `GetPowerUsage` shows it, in mW: a mean over 1 s on Hopper, a short
    /// window before.
    fn nvmlDeviceGetPowerUsage(call, device: nvmlDevice_t, power: Out<c_uint>) {
        power.put(milliwatts(call.readings(device)?.power_usage)?)
    }

    /// Energy counter in mJ.
    fn nvmlDeviceGetTotalEnergyConsumption(call, device: nvmlDevice_t, energy: Out<c_ulonglong>) {
        energy.put(call.readings(device)?.energy.get())
    }

    /// Every emulated board manages its power.
    fn nvmlDeviceGetPowerManagementMode(call, device: nvmlDevice_t, mode: Out<nvmlEnableState_t>) {
        call.gpu(device)?;
        mode.put(nvml::nvmlEnableState_enum_NVML_FEATURE_ENABLED)
    }

    /// Power limit that was set, in mW.
    fn nvmlDeviceGetPowerManagementLimit(call, device: nvmlDevice_t, limit: Out<c_uint>) {
        limit.put(Limits::of(call.emulated(device)?)?.set)
    }

    /// Power limit in force, in mW: nothing but the set limit holds the board back.
    fn nvmlDeviceGetEnforcedPowerLimit(call, device: nvmlDevice_t, limit: Out<c_uint>) {
        limit.put(Limits::of(call.emulated(device)?)?.set)
    }

    /// Power limit after a reset, in mW.
    fn nvmlDeviceGetPowerManagementDefaultLimit(call, device: nvmlDevice_t, limit: Out<c_uint>) {
        limit.put(Limits::of(call.emulated(device)?)?.default)
    }

    /// Lowest and highest power limit that can be set, in mW.
    fn nvmlDeviceGetPowerManagementLimitConstraints(
        call,
        device: nvmlDevice_t,
        lowest: Out<c_uint>,
        highest: Out<c_uint>,
    ) {
        let limits = Limits::of(call.emulated(device)?)?;
        highest.given()?;
        lowest.put(limits.min)?;
        highest.put(limits.max)
    }

    /// Sets the power limit, in mW.
    fn nvmlDeviceSetPowerManagementLimit(call, device: nvmlDevice_t, limit: c_uint) {
        set_limit(call, device, limit)
    }

    /// Sets the power limit of a scope; only the whole GPU has one.
    fn nvmlDeviceSetPowerManagementLimit_v2(
        call,
        device: nvmlDevice_t,
        value: InOut<nvmlPowerValue_v2_t>,
    ) {
        call.gpu(device)?;
        let wanted = value.versioned(2)?;
        if u32::from(wanted.powerScope) != nvml::NVML_POWER_SCOPE_GPU {
            return Err(Refusal::NOT_SUPPORTED);
        }
        set_limit(call, device, wanted.powerValueMw)
    }

    /// Every emulated board is fed from the mains.
    fn nvmlDeviceGetPowerSource(call, device: nvmlDevice_t, source: Out<nvmlPowerSource_t>) {
        call.gpu(device)?;
        source.put(nvml::NVML_POWER_SOURCE_AC)
    }
}

/// Power limits of a GPU in mW.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) default: u32,
    pub(super) set: u32,
}

impl Limits {
    /// The limits of a GPU as they are now.
    pub(super) fn of(gpu: &Gpu) -> Answer<Self> {
        let limits = &gpu.board().limits;
        Ok(Self {
            min: from_watts(limits.power_min_w.value)?,
            max: from_watts(limits.power_max_w.value)?,
            default: from_watts(limits.power_default_w.value)?,
            set: from_watts(gpu.settings().power_limit_w)?,
        })
    }
}

fn set_limit(call: &mut Call<'_>, device: nvmlDevice_t, limit: u32) -> Answer {
    let gpu = call.controlled(device)?;
    let limits = Limits::of(call.machine.gpu(gpu))?;
    if !(limits.min..=limits.max).contains(&limit) {
        return Err(Refusal::INVALID_ARGUMENT);
    }
    let watts = f64::from(limit) / 1e3;
    call.apply(gpu, EventKind::SetPowerLimit { watts })
}

/// A reading as the 32-bit number of the C interface.
pub(super) fn milliwatts(power: Milliwatts) -> Answer<u32> {
    u32::try_from(power.get()).map_err(|_| Refusal::UNKNOWN)
}

fn from_watts(watts: f64) -> Answer<u32> {
    let milliwatts = (watts * 1e3).round();
    if !(0.0..=f64::from(u32::MAX)).contains(&milliwatts) {
        return Err(Refusal::UNKNOWN);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked"
    )]
    Ok(milliwatts as u32)
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok, read};
    use super::super::pointer::struct_version;
    use super::*;

    #[test]
    fn power_and_energy_are_those_of_the_emulated_gpu() {
        let bench = Bench::of(&["h200-sxm-141gb"]);
        let device = bench.device(0);
        let power = read(|out| nvmlDeviceGetPowerUsage(device, out));
        assert!((40_000..200_000).contains(&power), "{power} mW at idle");
        let first = read(|out| nvmlDeviceGetTotalEnergyConsumption(device, out));
        std::thread::park_timeout(std::time::Duration::from_millis(350));
        let second = read(|out| nvmlDeviceGetTotalEnergyConsumption(device, out));
        let joules = (second - first) / 1_000;
        assert!((5..100).contains(&joules), "{joules} J in about 0.35 s");
    }

    #[test]
    fn the_limit_can_be_set_within_its_constraints_only() {
        let bench = Bench::of(&["h100-sxm5-80gb"]);
        let device = bench.device(0);
        let (mut low, mut high) = (0, 0);
        ok(nvmlDeviceGetPowerManagementLimitConstraints(
            device,
            Out::to(&mut low),
            Out::to(&mut high),
        ));
        assert_eq!((low, high), (200_000, 700_000));
        for bad in [0, low - 1, high + 1] {
            assert_eq!(
                nvmlDeviceSetPowerManagementLimit(device, bad),
                Refusal::INVALID_ARGUMENT.0
            );
        }
        ok(nvmlDeviceSetPowerManagementLimit(device, 350_000));
        assert_eq!(
            read(|out| nvmlDeviceGetPowerManagementLimit(device, out)),
            350_000
        );
        assert_eq!(
            read(|out| nvmlDeviceGetEnforcedPowerLimit(device, out)),
            350_000
        );
        assert_eq!(
            read(|out| nvmlDeviceGetPowerManagementDefaultLimit(device, out)),
            700_000
        );
    }

    #[test]
    fn the_second_form_of_the_limit_knows_scopes() {
        let bench = Bench::of(&["h100-sxm5-80gb"]);
        let device = bench.device(0);
        let mut value = nvmlPowerValue_v2_t {
            version: struct_version::<nvmlPowerValue_v2_t>(2),
            powerScope: 0,
            powerValueMw: 450_000,
        };
        ok(nvmlDeviceSetPowerManagementLimit_v2(
            device,
            InOut::to(&mut value),
        ));
        assert_eq!(
            read(|out| nvmlDeviceGetPowerManagementLimit(device, out)),
            450_000
        );
        value.powerScope = 1;
        let module = nvmlDeviceSetPowerManagementLimit_v2(device, InOut::to(&mut value));
        assert_eq!(module, Refusal::NOT_SUPPORTED.0);
        value.version = 1;
        let version = nvmlDeviceSetPowerManagementLimit_v2(device, InOut::to(&mut value));
        assert_eq!(version, Refusal::ARGUMENT_VERSION_MISMATCH.0);
    }

    #[test]
    fn without_permission_nothing_changes() {
        let bench = Bench::without_permission(&["h100-sxm5-80gb"]);
        let device = bench.device(0);
        assert_eq!(
            nvmlDeviceSetPowerManagementLimit(device, 350_000),
            Refusal::NO_PERMISSION.0
        );
        assert_eq!(
            read(|out| nvmlDeviceGetPowerManagementLimit(device, out)),
            700_000
        );
    }
}
