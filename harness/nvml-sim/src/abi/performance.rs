//! Performance states, utilisation, and what holds the clocks back.

use std::ffi::{c_uint, c_ulonglong};

use gpu_sim::Readings;
use model::units::Nanos;
use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlGpuDynamicPstatesInfo_t, nvmlPerfPolicyType_t, nvmlPstates_t,
    nvmlUtilization_t, nvmlViolationTime_t,
};

use super::call::exports;
use super::pointer::{List, Out};
use super::refusal::{Answer, Refusal};

/// Every reason that the header knows; all of them are shown when they hold.
const ALL_REASONS: u64 = 0x1FF;

exports! {
    /// Performance state.
    fn nvmlDeviceGetPerformanceState(call, device: nvmlDevice_t, state: Out<nvmlPstates_t>) {
        state.put(call.readings(device)?.pstate)
    }

    /// As [`nvmlDeviceGetPerformanceState`].
    fn nvmlDeviceGetPowerState(call, device: nvmlDevice_t, state: Out<nvmlPstates_t>) {
        state.put(call.readings(device)?.pstate)
    }

    /// The states that the board has, `size` in bytes: P0, and unknown behind it.
    fn nvmlDeviceGetSupportedPerformanceStates(
        call,
        device: nvmlDevice_t,
        states: List<nvmlPstates_t>,
        size: c_uint,
    ) {
        call.gpu(device)?;
        let mut next = nvml::nvmlPStates_enum_NVML_PSTATE_0;
        states.each(size as usize / size_of::<nvmlPstates_t>(), |state| {
            *state = next;
            next = nvml::nvmlPStates_enum_NVML_PSTATE_UNKNOWN;
        })
    }

    /// Shares of the last sampling period in which kernels ran and memory was used, in percent.
    fn nvmlDeviceGetUtilizationRates(call, device: nvmlDevice_t, rates: Out<nvmlUtilization_t>) {
        let readings = call.readings(device)?;
        rates.put(nvmlUtilization_t {
            gpu: readings.gpu_util_pct,
            memory: readings.memory_util_pct,
        })
    }

    /// The same shares by domain: graphics, memory; video and bus do nothing.
    fn nvmlDeviceGetDynamicPstatesInfo(
        call,
        device: nvmlDevice_t,
        info: Out<nvmlGpuDynamicPstatesInfo_t>,
    ) {
        let readings = call.readings(device)?;
        info.put(dynamic_states(&readings))
    }

    /// What holds the clocks back now.
    fn nvmlDeviceGetCurrentClocksEventReasons(
        call,
        device: nvmlDevice_t,
        reasons: Out<c_ulonglong>,
    ) {
        reasons.put(call.readings(device)?.event_reasons)
    }

    /// The older name of [`nvmlDeviceGetCurrentClocksEventReasons`].
    fn nvmlDeviceGetCurrentClocksThrottleReasons(
        call,
        device: nvmlDevice_t,
        reasons: Out<c_ulonglong>,
    ) {
        reasons.put(call.readings(device)?.event_reasons)
    }

    /// What can hold the clocks back.
    fn nvmlDeviceGetSupportedClocksEventReasons(
        call,
        device: nvmlDevice_t,
        reasons: Out<c_ulonglong>,
    ) {
        call.gpu(device)?;
        reasons.put(ALL_REASONS)
    }

    /// The older name of [`nvmlDeviceGetSupportedClocksEventReasons`].
    fn nvmlDeviceGetSupportedClocksThrottleReasons(
        call,
        device: nvmlDevice_t,
        reasons: Out<c_ulonglong>,
    ) {
        call.gpu(device)?;
        reasons.put(ALL_REASONS)
    }

    /// For how long in all a policy held the clocks back, in ns, and the time of the answer in µs.
    fn nvmlDeviceGetViolationStatus(
        call,
        device: nvmlDevice_t,
        policy: nvmlPerfPolicyType_t,
        violation: Out<nvmlViolationTime_t>,
    ) {
        let gpu = call.emulated(device)?;
        let (at, readings) = (gpu.now(), gpu.read());
        violation.put(nvmlViolationTime_t {
            referenceTime: call.wall_clock.micros(at),
            violationTime: held_back(&readings, policy)?.get(),
        })
    }
}

/// For how long in all a policy held the clocks back.
pub(super) fn held_back(readings: &Readings, policy: nvmlPerfPolicyType_t) -> Answer<Nanos> {
    match policy {
        nvml::nvmlPerfPolicyType_enum_NVML_PERF_POLICY_POWER => Ok(readings.violation_power),
        nvml::nvmlPerfPolicyType_enum_NVML_PERF_POLICY_THERMAL => Ok(readings.violation_thermal),
        // No emulated board is held back by these.
        nvml::nvmlPerfPolicyType_enum_NVML_PERF_POLICY_SYNC_BOOST
        | nvml::nvmlPerfPolicyType_enum_NVML_PERF_POLICY_BOARD_LIMIT
        | nvml::nvmlPerfPolicyType_enum_NVML_PERF_POLICY_LOW_UTILIZATION
        | nvml::nvmlPerfPolicyType_enum_NVML_PERF_POLICY_RELIABILITY => Ok(Nanos::new(0)),
        nvml::nvmlPerfPolicyType_enum_NVML_PERF_POLICY_TOTAL_APP_CLOCKS
        | nvml::nvmlPerfPolicyType_enum_NVML_PERF_POLICY_TOTAL_BASE_CLOCKS => {
            Err(Refusal::NOT_SUPPORTED)
        }
        _ => Err(Refusal::INVALID_ARGUMENT),
    }
}

fn dynamic_states(readings: &Readings) -> nvmlGpuDynamicPstatesInfo_t {
    use nvml_wrapper_sys::bindings::nvmlGpuDynamicPstatesInfo_st__bindgen_ty_1 as Domain;
    let domain = |present, percentage| Domain {
        bIsPresent: present,
        percentage,
        incThreshold: 0,
        decThreshold: 0,
    };
    let mut utilization = [domain(0, 0); 8];
    utilization[0] = domain(1, readings.gpu_util_pct);
    utilization[1] = domain(1, readings.memory_util_pct);
    nvmlGpuDynamicPstatesInfo_t {
        flags: 0,
        utilization,
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok, read};
    use super::*;

    #[test]
    fn an_idle_gpu_says_so() {
        let bench = Bench::of(&["h100-nvl"]);
        let device = bench.device(0);
        let mut rates = nvmlUtilization_t { gpu: 9, memory: 9 };
        ok(nvmlDeviceGetUtilizationRates(device, Out::to(&mut rates)));
        assert_eq!((rates.gpu, rates.memory), (0, 0));
        let reasons = read(|out| nvmlDeviceGetCurrentClocksEventReasons(device, out));
        assert_eq!(reasons & u64::from(nvml::nvmlClocksEventReasonGpuIdle), 1);
        assert_eq!(
            read(|out| nvmlDeviceGetCurrentClocksThrottleReasons(device, out)),
            reasons
        );
        let supported = read(|out| nvmlDeviceGetSupportedClocksEventReasons(device, out));
        assert_eq!(supported & reasons, reasons);
        let mut states = [7; 3];
        ok(nvmlDeviceGetSupportedPerformanceStates(
            device,
            List::to(&mut states),
            12,
        ));
        assert_eq!(states, [0, 32, 32]);
    }

    #[test]
    fn work_is_seen_as_utilisation() {
        let mut bench = Bench::of(&["h100-nvl"]);
        bench.run(0, "gemm-bf16");
        let device = bench.device(0);
        bench.wait_until("full utilisation", || {
            let mut rates = nvmlUtilization_t { gpu: 0, memory: 0 };
            ok(nvmlDeviceGetUtilizationRates(device, Out::to(&mut rates)));
            rates.gpu == 100
        });
        assert_eq!(read(|out| nvmlDeviceGetPerformanceState(device, out)), 0);
    }

    #[test]
    fn a_tight_power_limit_is_counted_as_violation() {
        let mut bench = Bench::of(&["h100-sxm5-80gb"]);
        let device = bench.device(0);
        ok(super::super::power::nvmlDeviceSetPowerManagementLimit(
            device, 300_000,
        ));
        bench.run(0, "gemm-bf16");
        bench.wait_until("a counted violation", || {
            let mut violation = nvmlViolationTime_t {
                referenceTime: 0,
                violationTime: 0,
            };
            ok(nvmlDeviceGetViolationStatus(
                device,
                0,
                Out::to(&mut violation),
            ));
            violation.violationTime > 0 && violation.referenceTime > 0
        });
        let mut ignored = nvmlViolationTime_t {
            referenceTime: 0,
            violationTime: 0,
        };
        let mut refused =
            |policy| nvmlDeviceGetViolationStatus(device, policy, Out::to(&mut ignored));
        assert_eq!(refused(10), Refusal::NOT_SUPPORTED.0);
        assert_eq!(refused(12), Refusal::INVALID_ARGUMENT.0);
    }
}
