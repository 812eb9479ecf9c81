//! Processes that hold a context, and their share of the GPU.

use std::ffi::{c_uint, c_ulonglong};

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlProcessInfo_t, nvmlProcessInfo_v1_t, nvmlProcessInfo_v2_t,
    nvmlProcessUtilizationInfo_v1_t, nvmlProcessUtilizationSample_t,
    nvmlProcessesUtilizationInfo_v1_t,
};

use super::call::{Call, exports};
use super::pointer::{InOut, List};
use super::refusal::{Answer, Refusal};
use crate::state::Process;

/// What stands where a process is in no MIG instance.
const NO_INSTANCE: u32 = u32::MAX;

exports! {
    /// Processes with a CUDA context, oldest form.
    fn nvmlDeviceGetComputeRunningProcesses(
        call,
        device: nvmlDevice_t,
        count: InOut<c_uint>,
        list: List<nvmlProcessInfo_v1_t>,
    ) {
        let gpu = call.gpu(device)?;
        list.fill(count, &map(call, gpu, first))
    }

    /// Processes with a CUDA context.
    fn nvmlDeviceGetComputeRunningProcesses_v2(
        call,
        device: nvmlDevice_t,
        count: InOut<c_uint>,
        list: List<nvmlProcessInfo_v2_t>,
    ) {
        let gpu = call.gpu(device)?;
        list.fill(count, &map(call, gpu, second))
    }

    /// Processes with a CUDA context.
    fn nvmlDeviceGetComputeRunningProcesses_v3(
        call,
        device: nvmlDevice_t,
        count: InOut<c_uint>,
        list: List<nvmlProcessInfo_t>,
    ) {
        let gpu = call.gpu(device)?;
        list.fill(count, &map(call, gpu, second))
    }

    /// Nothing draws on an emulated GPU.
    fn nvmlDeviceGetGraphicsRunningProcesses(
        call,
        device: nvmlDevice_t,
        count: InOut<c_uint>,
        list: List<nvmlProcessInfo_v1_t>,
    ) {
        call.gpu(device)?;
        list.fill(count, &[])
    }

    /// Nothing draws on an emulated GPU.
    fn nvmlDeviceGetGraphicsRunningProcesses_v2(
        call,
        device: nvmlDevice_t,
        count: InOut<c_uint>,
        list: List<nvmlProcessInfo_v2_t>,
    ) {
        call.gpu(device)?;
        list.fill(count, &[])
    }

    /// Nothing draws on an emulated GPU.
    fn nvmlDeviceGetGraphicsRunningProcesses_v3(
        call,
        device: nvmlDevice_t,
        count: InOut<c_uint>,
        list: List<nvmlProcessInfo_t>,
    ) {
        call.gpu(device)?;
        list.fill(count, &[])
    }

    /// There is no MPS server.
    fn nvmlDeviceGetMPSComputeRunningProcesses(
        call,
        device: nvmlDevice_t,
        count: InOut<c_uint>,
        list: List<nvmlProcessInfo_v1_t>,
    ) {
        call.gpu(device)?;
        list.fill(count, &[])
    }

    /// There is no MPS server.
    fn nvmlDeviceGetMPSComputeRunningProcesses_v2(
        call,
        device: nvmlDevice_t,
        count: InOut<c_uint>,
        list: List<nvmlProcessInfo_v2_t>,
    ) {
        call.gpu(device)?;
        list.fill(count, &[])
    }

    /// There is no MPS server.
    fn nvmlDeviceGetMPSComputeRunningProcesses_v3(
        call,
        device: nvmlDevice_t,
        count: InOut<c_uint>,
        list: List<nvmlProcessInfo_t>,
    ) {
        call.gpu(device)?;
        list.fill(count, &[])
    }

    /// Share of the GPU by process, newer than a timestamp in µs.
    fn nvmlDeviceGetProcessUtilization(
        call,
        device: nvmlDevice_t,
        list: List<nvmlProcessUtilizationSample_t>,
        count: InOut<c_uint>,
        last_seen: c_ulonglong,
    ) {
        let shares = shares(call, device, last_seen)?;
        let samples: Vec<_> = shares
            .iter()
            .map(|share| nvmlProcessUtilizationSample_t {
                pid: share.pid,
                timeStamp: share.at_us,
                smUtil: share.sm_pct,
                memUtil: share.memory_pct,
                encUtil: 0,
                decUtil: 0,
            })
            .collect();
        list.fill(count, &samples)
    }

    /// Share of the GPU by process, newer than a timestamp in µs, in a structure.
    fn nvmlDeviceGetProcessesUtilizationInfo(
        call,
        device: nvmlDevice_t,
        info: InOut<nvmlProcessesUtilizationInfo_v1_t>,
    ) {
        call.gpu(device)?;
        let mut answer = info.versioned(1)?;
        let shares = shares(call, device, answer.lastSeenTimeStamp)?;
        let samples: Vec<_> = shares
            .iter()
            .map(|share| nvmlProcessUtilizationInfo_v1_t {
                timeStamp: share.at_us,
                pid: share.pid,
                smUtil: share.sm_pct,
                memUtil: share.memory_pct,
                encUtil: 0,
                decUtil: 0,
                jpgUtil: 0,
                ofaUtil: 0,
            })
            .collect();
        let list = list_of(&answer);
        let filled = list.fill(InOut::to(&mut answer.processSamplesCount), &samples);
        info.put(answer)?;
        filled
    }
}

#[expect(unsafe_code, reason = "the list stands in a structure of the caller")]
fn list_of(info: &nvmlProcessesUtilizationInfo_v1_t) -> List<nvmlProcessUtilizationInfo_v1_t> {
    // SAFETY: the header promises for this field what it promises for arguments: null, or room for
    // `processSamplesCount` values.
    unsafe { List::of_structure(info.procUtilArray) }
}

fn map<T>(call: &mut Call<'_>, gpu: u32, form: fn(&Process) -> T) -> Vec<T> {
    call.machine.processes(gpu).iter().map(form).collect()
}

fn first(process: &Process) -> nvmlProcessInfo_v1_t {
    nvmlProcessInfo_v1_t {
        pid: process.pid,
        usedGpuMemory: process.used_memory_bytes,
    }
}

fn second(process: &Process) -> nvmlProcessInfo_v2_t {
    nvmlProcessInfo_v2_t {
        pid: process.pid,
        usedGpuMemory: process.used_memory_bytes,
        gpuInstanceId: NO_INSTANCE,
        computeInstanceId: NO_INSTANCE,
    }
}

/// What one process has of the GPU.
struct Share {
    pid: u32,
    at_us: u64,
    sm_pct: u32,
    memory_pct: u32,
}

/// The emulated GPU knows what it does, not for whom: processes share it evenly, as its time slices
/// would. `NOT_FOUND` where there is none, or nothing newer than `last_seen`.
fn shares(call: &mut Call<'_>, device: nvmlDevice_t, last_seen: u64) -> Answer<Vec<Share>> {
    let gpu = call.gpu(device)?;
    let emulated = call.machine.gpu(gpu);
    let (readings, at) = (emulated.read(), emulated.now());
    let at_us = call.wall_clock.micros(at);
    let processes = call.machine.processes(gpu);
    let sharers = u32::try_from(processes.len()).map_err(|_| Refusal::UNKNOWN)?;
    if sharers == 0 || at_us <= last_seen {
        return Err(Refusal::NOT_FOUND);
    }
    let share = |process: &Process| Share {
        pid: process.pid,
        at_us,
        sm_pct: readings.gpu_util_pct / sharers,
        memory_pct: readings.memory_util_pct / sharers,
    };
    Ok(processes.iter().map(share).collect())
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok};
    use super::super::pointer::struct_version;
    use super::*;

    fn empty() -> nvmlProcessInfo_v2_t {
        second(&Process {
            pid: 0,
            used_memory_bytes: 0,
        })
    }

    #[test]
    fn a_process_with_a_context_is_listed_in_every_form() {
        let mut bench = Bench::of(&["h100-nvl"]);
        let device = bench.device(0);
        let mut count = 0;
        ok(nvmlDeviceGetComputeRunningProcesses_v3(
            device,
            InOut::to(&mut count),
            List::null(),
        ));
        assert_eq!(count, 0);
        bench.open_context(0, 1 << 30);
        let asked =
            nvmlDeviceGetComputeRunningProcesses_v3(device, InOut::to(&mut count), List::null());
        assert_eq!((asked, count), (Refusal::INSUFFICIENT_SIZE.0, 1));
        let (mut newer, mut older) = (
            [empty(); 2],
            [first(&Process {
                pid: 0,
                used_memory_bytes: 0,
            }); 2],
        );
        for list in [
            nvmlDeviceGetComputeRunningProcesses_v2,
            nvmlDeviceGetComputeRunningProcesses_v3,
        ] {
            let mut count = 2;
            ok(list(device, InOut::to(&mut count), List::to(&mut newer)));
            assert_eq!(
                (count, newer[0].pid, newer[0].usedGpuMemory),
                (1, std::process::id(), 1 << 30)
            );
            assert_eq!(newer[0].gpuInstanceId, NO_INSTANCE);
        }
        let mut count = 2;
        ok(nvmlDeviceGetComputeRunningProcesses(
            device,
            InOut::to(&mut count),
            List::to(&mut older),
        ));
        assert_eq!(
            (count, older[0].pid, older[0].usedGpuMemory),
            (1, std::process::id(), 1 << 30)
        );
        let mut count = 2;
        ok(nvmlDeviceGetGraphicsRunningProcesses_v3(
            device,
            InOut::to(&mut count),
            List::to(&mut newer),
        ));
        assert_eq!(count, 0);
    }

    #[test]
    fn the_share_of_a_lone_process_is_all_of_it() {
        let mut bench = Bench::of(&["h100-nvl"]);
        let device = bench.device(0);
        let mut info = nvmlProcessesUtilizationInfo_v1_t {
            version: struct_version::<nvmlProcessesUtilizationInfo_v1_t>(1),
            processSamplesCount: 0,
            lastSeenTimeStamp: 0,
            procUtilArray: std::ptr::null_mut(),
        };
        let nobody = nvmlDeviceGetProcessesUtilizationInfo(device, InOut::to(&mut info));
        assert_eq!(nobody, Refusal::NOT_FOUND.0);
        bench.open_context(0, 1 << 30);
        bench.run(0, "gemm-bf16");
        bench.wait_until("a full share", || {
            info.processSamplesCount = 0;
            info.procUtilArray = std::ptr::null_mut();
            let asked = nvmlDeviceGetProcessesUtilizationInfo(device, InOut::to(&mut info));
            assert_eq!(
                (asked, info.processSamplesCount),
                (Refusal::INSUFFICIENT_SIZE.0, 1)
            );
            let mut samples = [nvmlProcessUtilizationInfo_v1_t {
                timeStamp: 0,
                pid: 0,
                smUtil: 0,
                memUtil: 0,
                encUtil: 9,
                decUtil: 9,
                jpgUtil: 9,
                ofaUtil: 9,
            }];
            info.procUtilArray = samples.as_mut_ptr();
            ok(nvmlDeviceGetProcessesUtilizationInfo(
                device,
                InOut::to(&mut info),
            ));
            assert_eq!(
                (samples[0].pid, samples[0].encUtil),
                (std::process::id(), 0)
            );
            samples[0].smUtil == 100
        });
        info.lastSeenTimeStamp = u64::MAX;
        let nothing_new = nvmlDeviceGetProcessesUtilizationInfo(device, InOut::to(&mut info));
        assert_eq!(nothing_new, Refusal::NOT_FOUND.0);
    }
}
