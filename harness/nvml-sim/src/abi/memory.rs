//! Memory of the board.

use std::ffi::c_uint;

use nvml_wrapper_sys::bindings::{nvmlBAR1Memory_t, nvmlDevice_t, nvmlMemory_t, nvmlMemory_v2_t};

use super::call::{Call, exports};
use super::pointer::{InOut, Out};
use super::refusal::Answer;

exports! {
    /// Memory in bytes. Used is what registered processes hold; nothing is kept back.
    fn nvmlDeviceGetMemoryInfo(call, device: nvmlDevice_t, memory: Out<nvmlMemory_t>) {
        let (total, used) = total_and_used(call, device)?;
        memory.put(nvmlMemory_t { total, free: total - used, used })
    }

    /// As [`nvmlDeviceGetMemoryInfo`], with the reserved part stated.
    fn nvmlDeviceGetMemoryInfo_v2(call, device: nvmlDevice_t, memory: InOut<nvmlMemory_v2_t>) {
        let (total, used) = total_and_used(call, device)?;
        let version = memory.versioned(2)?.version;
        memory.put(nvmlMemory_v2_t { version, total, reserved: 0, free: total - used, used })
    }

    /// The window that the host has on the memory, in bytes: as data centre boards have it, the
    /// next power of two that holds all of it.
    fn nvmlDeviceGetBAR1MemoryInfo(call, device: nvmlDevice_t, window: Out<nvmlBAR1Memory_t>) {
        let mib = call.board(device)?.identity.memory_mib.value.next_power_of_two();
        let total = mib << 20;
        window.put(nvmlBAR1Memory_t { bar1Total: total, bar1Free: total, bar1Used: 0 })
    }

    /// Width of the memory bus in bits.
    fn nvmlDeviceGetMemoryBusWidth(call, device: nvmlDevice_t, width: Out<c_uint>) {
        width.put(call.board(device)?.identity.memory_bus_bits.value)
    }
}

/// Bytes of the board, and those that processes hold.
fn total_and_used(call: &mut Call<'_>, device: nvmlDevice_t) -> Answer<(u64, u64)> {
    let gpu = call.gpu(device)?;
    let total = call.machine.gpu(gpu).board().identity.memory_mib.value << 20;
    let held = call
        .machine
        .processes(gpu)
        .into_iter()
        .map(|process| process.used_memory_bytes);
    Ok((total, held.fold(0, u64::saturating_add).min(total)))
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok};
    use super::super::refusal::Refusal;
    use super::*;

    #[test]
    fn memory_is_what_the_board_has_and_processes_hold() {
        let mut bench = Bench::of(&["a100-pcie-80gb"]);
        bench.open_context(0, 3 << 30);
        let device = bench.device(0);
        let mut plain = nvmlMemory_t {
            total: 0,
            free: 0,
            used: 0,
        };
        ok(nvmlDeviceGetMemoryInfo(device, Out::to(&mut plain)));
        assert_eq!(
            (plain.total >> 30, plain.used, plain.free),
            (80, 3 << 30, plain.total - (3 << 30))
        );
        let mut second = nvmlMemory_v2_t {
            version: 0x0200_0028,
            total: 0,
            reserved: 1,
            free: 0,
            used: 0,
        };
        ok(nvmlDeviceGetMemoryInfo_v2(device, InOut::to(&mut second)));
        assert_eq!(
            (second.total, second.used, second.reserved),
            (plain.total, plain.used, 0)
        );
        second.version = 0x0100_0028;
        let wrong = nvmlDeviceGetMemoryInfo_v2(device, InOut::to(&mut second));
        assert_eq!(wrong, Refusal::ARGUMENT_VERSION_MISMATCH.0);
    }

    #[test]
    fn the_window_holds_the_whole_memory() {
        let bench = Bench::of(&["v100-pcie-32gb", "h200-sxm-141gb"]);
        for (gpu, gib) in [(0, 32), (1, 256)] {
            let mut window = nvmlBAR1Memory_t {
                bar1Total: 0,
                bar1Free: 0,
                bar1Used: 0,
            };
            ok(nvmlDeviceGetBAR1MemoryInfo(
                bench.device(gpu),
                Out::to(&mut window),
            ));
            assert_eq!(window.bar1Total, gib << 30);
        }
    }
}
