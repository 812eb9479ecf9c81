//! What emulated boards do not have, or have switched off, and say so instead of refusing.

use std::ffi::{c_uint, c_ulonglong};

use gpu_sim::Architecture;
use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::{
    nvmlC2cModeInfo_v1_t, nvmlComputeMode_t, nvmlDevice_t, nvmlDeviceCapabilities_v1_t,
    nvmlEnableState_t, nvmlEncoderSessionInfo_t, nvmlFBCSessionInfo_t, nvmlFBCStats_t,
    nvmlGpuTopologyLevel_t, nvmlGpuVirtualizationMode_t, nvmlRestrictedAPI_t,
};

use super::call::{Call, exports};
use super::handle;
use super::pointer::{InOut, List, Out};
use super::refusal::{Answer, Refusal};

/// Sampling period that is given for the engines that never do anything, in µs.
const IDLE_ENGINE_PERIOD_US: u32 = 167_000;
/// Processes that the accounting buffer of a driver holds.
const ACCOUNTING_BUFFER: u32 = 4_000;

exports! {
    /// No board is joined to its processor.
    fn nvmlDeviceGetC2cModeInfoV(call, device: nvmlDevice_t, info: Out<nvmlC2cModeInfo_v1_t>) {
        call.gpu(device)?;
        info.put(nvmlC2cModeInfo_v1_t { isC2cEnabled: 0 })
    }

    /// MIG is off, now and after a reset (Ampere and later).
    fn nvmlDeviceGetMigMode(
        call,
        device: nvmlDevice_t,
        current: Out<c_uint>,
        pending: Out<c_uint>,
    ) {
        has_mig(call, device)?;
        pending.given()?;
        current.put(0)?;
        pending.put(0)
    }

    /// With MIG off there can be no MIG device.
    fn nvmlDeviceGetMaxMigDeviceCount(call, device: nvmlDevice_t, count: Out<c_uint>) {
        call.gpu(device)?;
        count.put(0)
    }

    /// With MIG off there is no MIG device.
    fn nvmlDeviceGetMigDeviceHandleByIndex(
        call,
        device: nvmlDevice_t,
        _index: c_uint,
        mig_device: Out<nvmlDevice_t>,
    ) {
        has_mig(call, device)?;
        mig_device.given()?;
        Err(Refusal::NOT_FOUND)
    }

    /// No board is virtualised.
    fn nvmlDeviceGetVirtualizationMode(
        call,
        device: nvmlDevice_t,
        mode: Out<nvmlGpuVirtualizationMode_t>,
    ) {
        call.gpu(device)?;
        mode.put(nvml::nvmlGpuVirtualizationMode_NVML_GPU_VIRTUALIZATION_MODE_NONE)
    }

    /// Any number of processes may hold a context.
    fn nvmlDeviceGetComputeMode(call, device: nvmlDevice_t, mode: Out<nvmlComputeMode_t>) {
        call.gpu(device)?;
        mode.put(nvml::nvmlComputeMode_enum_NVML_COMPUTEMODE_DEFAULT)
    }

    /// No display is attached.
    fn nvmlDeviceGetDisplayMode(call, device: nvmlDevice_t, mode: Out<nvmlEnableState_t>) {
        call.gpu(device)?;
        mode.put(nvml::nvmlEnableState_enum_NVML_FEATURE_DISABLED)
    }

    /// No display is in use.
    fn nvmlDeviceGetDisplayActive(call, device: nvmlDevice_t, active: Out<nvmlEnableState_t>) {
        call.gpu(device)?;
        active.put(nvml::nvmlEnableState_enum_NVML_FEATURE_DISABLED)
    }

    /// Accounting is off.
    fn nvmlDeviceGetAccountingMode(call, device: nvmlDevice_t, mode: Out<nvmlEnableState_t>) {
        call.gpu(device)?;
        mode.put(nvml::nvmlEnableState_enum_NVML_FEATURE_DISABLED)
    }

    /// Accounting is off, so it knows no process.
    fn nvmlDeviceGetAccountingPids(
        call,
        device: nvmlDevice_t,
        count: InOut<c_uint>,
        pids: List<c_uint>,
    ) {
        call.gpu(device)?;
        pids.fill(count, &[])
    }

    /// Processes that accounting could hold.
    fn nvmlDeviceGetAccountingBufferSize(call, device: nvmlDevice_t, size: Out<c_uint>) {
        call.gpu(device)?;
        size.put(ACCOUNTING_BUFFER)
    }

    /// Whether a change needs root: application clocks do unless the machine lets everybody.
    fn nvmlDeviceGetAPIRestriction(
        call,
        device: nvmlDevice_t,
        api: nvmlRestrictedAPI_t,
        restricted: Out<nvmlEnableState_t>,
    ) {
        call.gpu(device)?;
        match api {
            nvml::nvmlRestrictedAPI_enum_NVML_RESTRICTED_API_SET_APPLICATION_CLOCKS => {
                restricted.put(u32::from(!call.machine.may_control()))
            }
            nvml::nvmlRestrictedAPI_enum_NVML_RESTRICTED_API_SET_AUTO_BOOSTED_CLOCKS => {
                Err(Refusal::NOT_SUPPORTED)
            }
            _ => Err(Refusal::INVALID_ARGUMENT),
        }
    }

    /// The encoder is idle.
    fn nvmlDeviceGetEncoderUtilization(
        call,
        device: nvmlDevice_t,
        utilization: Out<c_uint>,
        period_us: Out<c_uint>,
    ) {
        idle_engine(call, device, utilization, period_us)
    }

    /// The decoder is idle.
    fn nvmlDeviceGetDecoderUtilization(
        call,
        device: nvmlDevice_t,
        utilization: Out<c_uint>,
        period_us: Out<c_uint>,
    ) {
        idle_engine(call, device, utilization, period_us)
    }

    /// The JPEG engine is idle.
    fn nvmlDeviceGetJpgUtilization(
        call,
        device: nvmlDevice_t,
        utilization: Out<c_uint>,
        period_us: Out<c_uint>,
    ) {
        idle_engine(call, device, utilization, period_us)
    }

    /// The optical flow engine is idle.
    fn nvmlDeviceGetOfaUtilization(
        call,
        device: nvmlDevice_t,
        utilization: Out<c_uint>,
        period_us: Out<c_uint>,
    ) {
        idle_engine(call, device, utilization, period_us)
    }

    /// Nothing is encoded.
    fn nvmlDeviceGetEncoderStats(
        call,
        device: nvmlDevice_t,
        sessions: Out<c_uint>,
        frames_per_s: Out<c_uint>,
        latency_us: Out<c_uint>,
    ) {
        call.gpu(device)?;
        for number in [sessions, frames_per_s, latency_us] {
            number.given()?;
        }
        [sessions, frames_per_s, latency_us].into_iter().try_for_each(|number| number.put(0))
    }

    /// Nothing is encoded.
    fn nvmlDeviceGetEncoderSessions(
        call,
        device: nvmlDevice_t,
        count: InOut<c_uint>,
        sessions: List<nvmlEncoderSessionInfo_t>,
    ) {
        call.gpu(device)?;
        sessions.fill(count, &[])
    }

    /// No frame buffer is captured.
    fn nvmlDeviceGetFBCStats(call, device: nvmlDevice_t, stats: Out<nvmlFBCStats_t>) {
        call.gpu(device)?;
        stats.put(nvmlFBCStats_t { sessionsCount: 0, averageFPS: 0, averageLatency: 0 })
    }

    /// No frame buffer is captured.
    fn nvmlDeviceGetFBCSessions(
        call,
        device: nvmlDevice_t,
        count: InOut<c_uint>,
        sessions: List<nvmlFBCSessionInfo_t>,
    ) {
        call.gpu(device)?;
        sessions.fill(count, &[])
    }

    /// None of the capabilities that the header names.
    fn nvmlDeviceGetCapabilities(
        call,
        device: nvmlDevice_t,
        capabilities: InOut<nvmlDeviceCapabilities_v1_t>,
    ) {
        call.gpu(device)?;
        let version = capabilities.versioned(1)?.version;
        capabilities.put(nvmlDeviceCapabilities_v1_t { version, capMask: 0 })
    }

    /// How near two GPUs are: one is itself, two hang on different bridges of one processor.
    fn nvmlDeviceGetTopologyCommonAncestor(
        call,
        first: nvmlDevice_t,
        second: nvmlDevice_t,
        level: Out<nvmlGpuTopologyLevel_t>,
    ) {
        let (first, second) = (call.gpu(first)?, call.gpu(second)?);
        level.put(if first == second { INTERNAL } else { NODE })
    }

    /// The GPUs at a level from a GPU. Asking for the count alone succeeds here.
    fn nvmlDeviceGetTopologyNearestGpus(
        call,
        device: nvmlDevice_t,
        level: nvmlGpuTopologyLevel_t,
        count: InOut<c_uint>,
        devices: List<nvmlDevice_t>,
    ) {
        let own = call.gpu(device)?;
        let others = (0..call.machine.count()).filter(|gpu| *gpu != own && level == NODE);
        let others: Vec<_> = others.map(handle::of_device).collect();
        devices.fill_some(count, &others)
    }

    /// Kinds of event that can be waited for.
    fn nvmlDeviceGetSupportedEventTypes(call, device: nvmlDevice_t, types: Out<c_ulonglong>) {
        call.gpu(device)?;
        types.put(super::events::SUPPORTED)
    }
}

const INTERNAL: nvmlGpuTopologyLevel_t = nvml::nvmlGpuLevel_enum_NVML_TOPOLOGY_INTERNAL;
const NODE: nvmlGpuTopologyLevel_t = nvml::nvmlGpuLevel_enum_NVML_TOPOLOGY_NODE;

fn has_mig(call: &mut Call<'_>, device: nvmlDevice_t) -> Answer {
    if call.board(device)?.architecture == Architecture::Volta {
        return Err(Refusal::NOT_SUPPORTED);
    }
    Ok(())
}

fn idle_engine(
    call: &mut Call<'_>,
    device: nvmlDevice_t,
    utilization: Out<c_uint>,
    period_us: Out<c_uint>,
) -> Answer {
    call.gpu(device)?;
    period_us.given()?;
    utilization.put(0)?;
    period_us.put(IDLE_ENGINE_PERIOD_US)
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok, read};
    use super::*;

    #[test]
    fn what_is_off_says_so() {
        let bench = Bench::of(&["v100-pcie-32gb", "h100-sxm5-80gb"]);
        let (volta, hopper) = (bench.device(0), bench.device(1));
        let (mut current, mut pending) = (9, 9);
        ok(nvmlDeviceGetMigMode(
            hopper,
            Out::to(&mut current),
            Out::to(&mut pending),
        ));
        assert_eq!((current, pending), (0, 0));
        let none = nvmlDeviceGetMigMode(volta, Out::to(&mut current), Out::to(&mut pending));
        assert_eq!(none, Refusal::NOT_SUPPORTED.0);
        assert_eq!(
            read(|out| nvmlDeviceGetC2cModeInfoV(hopper, out)).isC2cEnabled,
            0
        );
        assert_eq!(read(|out| nvmlDeviceGetVirtualizationMode(hopper, out)), 0);
        let (mut busy, mut period) = (9, 0);
        ok(nvmlDeviceGetEncoderUtilization(
            hopper,
            Out::to(&mut busy),
            Out::to(&mut period),
        ));
        assert_eq!((busy, period), (0, IDLE_ENGINE_PERIOD_US));
        let mut capabilities = nvmlDeviceCapabilities_v1_t {
            version: 0x0100_0008,
            capMask: 9,
        };
        ok(nvmlDeviceGetCapabilities(
            hopper,
            InOut::to(&mut capabilities),
        ));
        assert_eq!(capabilities.capMask, 0);
    }

    #[test]
    fn restriction_is_what_control_would_meet() {
        let api = nvml::nvmlRestrictedAPI_enum_NVML_RESTRICTED_API_SET_APPLICATION_CLOCKS;
        let shown =
            |bench: &Bench| read(|out| nvmlDeviceGetAPIRestriction(bench.device(0), api, out));
        let bench = Bench::of(&["h100-nvl"]);
        assert_eq!(shown(&bench), 0);
        drop(bench);
        assert_eq!(shown(&Bench::without_permission(&["h100-nvl"])), 1);
    }

    #[test]
    fn gpus_of_a_machine_are_neighbours() {
        let bench = Bench::of(&["h100-nvl", "h100-nvl", "h100-nvl"]);
        let level = |a, b| {
            read(|out| nvmlDeviceGetTopologyCommonAncestor(bench.device(a), bench.device(b), out))
        };
        assert_eq!((level(0, 0), level(0, 2)), (INTERNAL, NODE));
        let mut count = 4;
        let mut devices = [std::ptr::null_mut(); 4];
        ok(nvmlDeviceGetTopologyNearestGpus(
            bench.device(1),
            NODE,
            InOut::to(&mut count),
            List::to(&mut devices),
        ));
        assert_eq!(
            devices[..count as usize],
            [bench.device(0), bench.device(2)]
        );
    }
}
