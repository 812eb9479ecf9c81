//! Changing clocks and persistence. All of it needs permission, and holds for every process.

use std::ffi::c_uint;

use gpu_sim::{Architecture, Board};
use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::{nvmlDevice_t, nvmlEnableState_t};

use super::call::exports;
use super::pointer::Out;
use super::refusal::{Answer, Refusal};
use crate::state::EventKind;

/// `NVML_CLOCK_LIMIT_ID_TDP` of the header: the highest clock that holds within the power limit.
const CLOCK_LIMIT_TDP: u32 = 0xFFFF_FF01;
/// `NVML_CLOCK_LIMIT_ID_UNLIMITED` of the header.
const CLOCK_LIMIT_UNLIMITED: u32 = 0xFFFF_FF02;

exports! {
    /// Whether the driver keeps the GPU awake without clients.
    fn nvmlDeviceGetPersistenceMode(call, device: nvmlDevice_t, mode: Out<nvmlEnableState_t>) {
        mode.put(u32::from(call.emulated(device)?.settings().persistence))
    }

    /// Sets persistence mode.
    fn nvmlDeviceSetPersistenceMode(call, device: nvmlDevice_t, mode: nvmlEnableState_t) {
        let gpu = call.controlled(device)?;
        let on = match mode {
            nvml::nvmlEnableState_enum_NVML_FEATURE_DISABLED => false,
            nvml::nvmlEnableState_enum_NVML_FEATURE_ENABLED => true,
            _ => return Err(Refusal::INVALID_ARGUMENT),
        };
        call.apply(gpu, EventKind::SetPersistence { on })
    }

    /// Locks the core clock to a range in MHz; each end goes to the nearest supported clock.
    fn nvmlDeviceSetGpuLockedClocks(call, device: nvmlDevice_t, lowest: c_uint, highest: c_uint) {
        let gpu = call.controlled(device)?;
        let clocks = call.board(device)?.core_clocks();
        let (min_mhz, max_mhz) = supported_range(&clocks, lowest, highest)?;
        call.apply(gpu, EventKind::LockCoreClocks { min_mhz, max_mhz })
    }

    /// Frees the core clock.
    fn nvmlDeviceResetGpuLockedClocks(call, device: nvmlDevice_t) {
        let gpu = call.controlled(device)?;
        call.apply(gpu, EventKind::ResetCoreClocks)
    }

    /// Locks the memory clock to a range in MHz (Ampere and later).
    fn nvmlDeviceSetMemoryLockedClocks(
        call,
        device: nvmlDevice_t,
        lowest: c_uint,
        highest: c_uint,
    ) {
        let gpu = call.controlled(device)?;
        let board = call.board(device)?;
        has_memory_locks(board)?;
        let (min_mhz, max_mhz) = supported_range(board.memory_clocks(), lowest, highest)?;
        call.apply(gpu, EventKind::LockMemoryClocks { min_mhz, max_mhz })
    }

    /// Frees the memory clock (Ampere and later).
    fn nvmlDeviceResetMemoryLockedClocks(call, device: nvmlDevice_t) {
        let gpu = call.controlled(device)?;
        has_memory_locks(call.board(device)?)?;
        call.apply(gpu, EventKind::ResetMemoryClocks)
    }

    /// Sets the clocks of applications in MHz; both must be supported ones.
    fn nvmlDeviceSetApplicationsClocks(call, device: nvmlDevice_t, memory: c_uint, core: c_uint) {
        let gpu = call.controlled(device)?;
        let board = call.board(device)?;
        if !board.memory_clocks().contains(&memory) || !board.core_clocks().contains(&core) {
            return Err(Refusal::INVALID_ARGUMENT);
        }
        call.apply(gpu, EventKind::SetApplicationClocks { memory_mhz: memory, core_mhz: core })
    }

    /// Sets the clocks of applications back.
    fn nvmlDeviceResetApplicationsClocks(call, device: nvmlDevice_t) {
        let gpu = call.controlled(device)?;
        call.apply(gpu, EventKind::ResetApplicationClocks)
    }
}

fn has_memory_locks(board: &Board) -> Answer {
    if board.architecture == Architecture::Volta {
        return Err(Refusal::NOT_SUPPORTED);
    }
    Ok(())
}

/// The supported clocks nearest to the ends of a range. `clocks` ascend.
fn supported_range(clocks: &[u32], lowest: u32, highest: u32) -> Answer<(u32, u32)> {
    let top = clocks.last().copied().ok_or(Refusal::UNKNOWN)?;
    let named = |clock| match clock {
        CLOCK_LIMIT_TDP | CLOCK_LIMIT_UNLIMITED => top,
        clock => clock,
    };
    let (lowest, highest) = (named(lowest), named(highest));
    let nothing_inside = lowest > top || highest < clocks[0];
    if lowest > highest || nothing_inside {
        return Err(Refusal::INVALID_ARGUMENT);
    }
    Ok((nearest(clocks, lowest), nearest(clocks, highest)))
}

fn nearest(clocks: &[u32], wanted: u32) -> u32 {
    let distance = |clock: &u32| clock.abs_diff(wanted);
    clocks
        .iter()
        .copied()
        .min_by_key(distance)
        .unwrap_or(wanted)
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok, read};
    use super::super::clocks::{nvmlDeviceGetApplicationsClock, nvmlDeviceGetClockInfo};
    use super::*;

    const SM: u32 = nvml::nvmlClockType_enum_NVML_CLOCK_SM;

    #[test]
    fn a_range_goes_to_the_nearest_supported_clocks() {
        let clocks = [345, 360, 375, 390];
        assert_eq!(supported_range(&clocks, 350, 370), Ok((345, 375)));
        assert_eq!(supported_range(&clocks, 0, 9_999), Ok((345, 390)));
        assert_eq!(
            supported_range(&clocks, 360, CLOCK_LIMIT_UNLIMITED),
            Ok((360, 390))
        );
        for (low, high) in [(375, 360), (400, 500), (100, 300)] {
            assert_eq!(
                supported_range(&clocks, low, high),
                Err(Refusal::INVALID_ARGUMENT)
            );
        }
    }

    #[test]
    fn a_locked_clock_comes_into_force_and_is_freed() {
        let bench = Bench::of(&["a100-pcie-80gb"]);
        let device = bench.device(0);
        ok(nvmlDeviceSetGpuLockedClocks(device, 1_005, 1_005));
        bench.wait_until("the locked clock", || {
            read(|out| nvmlDeviceGetClockInfo(device, SM, out)) == 1_005
        });
        ok(nvmlDeviceResetGpuLockedClocks(device));
        bench.wait_until("the idle clock", || {
            read(|out| nvmlDeviceGetClockInfo(device, SM, out)) == 210
        });
    }

    #[test]
    fn application_clocks_are_set_and_reset() {
        let bench = Bench::of(&["v100-pcie-32gb"]);
        let device = bench.device(0);
        let before = read(|out| nvmlDeviceGetApplicationsClock(device, SM, out));
        ok(nvmlDeviceSetApplicationsClocks(device, 877, 1_005));
        assert_eq!(
            read(|out| nvmlDeviceGetApplicationsClock(device, SM, out)),
            1_005
        );
        ok(nvmlDeviceResetApplicationsClocks(device));
        assert_eq!(
            read(|out| nvmlDeviceGetApplicationsClock(device, SM, out)),
            before
        );
        for (memory, core) in [(876, 1_005), (877, 1_006)] {
            let refused = nvmlDeviceSetApplicationsClocks(device, memory, core);
            assert_eq!(refused, Refusal::INVALID_ARGUMENT.0);
        }
    }

    #[test]
    fn memory_locks_came_with_ampere() {
        let bench = Bench::of(&["v100-pcie-32gb", "h100-nvl"]);
        let (volta, hopper) = (bench.device(0), bench.device(1));
        assert_eq!(
            nvmlDeviceSetMemoryLockedClocks(volta, 877, 877),
            Refusal::NOT_SUPPORTED.0
        );
        assert_eq!(
            nvmlDeviceResetMemoryLockedClocks(volta),
            Refusal::NOT_SUPPORTED.0
        );
        ok(nvmlDeviceSetMemoryLockedClocks(hopper, 1_593, 1_593));
        let memory = nvml::nvmlClockType_enum_NVML_CLOCK_MEM;
        bench.wait_until("the locked memory clock", || {
            read(|out| nvmlDeviceGetClockInfo(hopper, memory, out)) == 1_593
        });
        ok(nvmlDeviceResetMemoryLockedClocks(hopper));
    }

    #[test]
    fn persistence_is_remembered() {
        let bench = Bench::of(&["h100-nvl"]);
        let device = bench.device(0);
        for mode in [1, 0, 1] {
            ok(nvmlDeviceSetPersistenceMode(device, mode));
            assert_eq!(read(|out| nvmlDeviceGetPersistenceMode(device, out)), mode);
        }
        assert_eq!(
            nvmlDeviceSetPersistenceMode(device, 2),
            Refusal::INVALID_ARGUMENT.0
        );
    }

    #[test]
    fn every_change_needs_permission() {
        let bench = Bench::without_permission(&["h100-nvl"]);
        let device = bench.device(0);
        let codes = [
            nvmlDeviceSetPersistenceMode(device, 1),
            nvmlDeviceSetGpuLockedClocks(device, 1_005, 1_005),
            nvmlDeviceResetGpuLockedClocks(device),
            nvmlDeviceSetMemoryLockedClocks(device, 2_619, 2_619),
            nvmlDeviceResetMemoryLockedClocks(device),
            nvmlDeviceSetApplicationsClocks(device, 2_619, 1_005),
            nvmlDeviceResetApplicationsClocks(device),
        ];
        assert_eq!(codes, [Refusal::NO_PERMISSION.0; 7]);
    }
}
