//! Reading clocks: current, highest, supported, of applications.

use std::ffi::c_uint;

use gpu_sim::{Board, Gpu};
use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::{nvmlClockId_t, nvmlClockType_t, nvmlDevice_t, nvmlPstates_t};

use super::call::exports;
use super::pointer::{InOut, List, Out};
use super::refusal::{Answer, Refusal};

exports! {
    /// Current clock in MHz.
    fn nvmlDeviceGetClockInfo(
        call,
        device: nvmlDevice_t,
        domain: nvmlClockType_t,
        clock: Out<c_uint>,
    ) {
        clock.put(current(call.emulated(device)?, Domain::of(domain)?))
    }

    /// Highest clock in MHz.
    fn nvmlDeviceGetMaxClockInfo(
        call,
        device: nvmlDevice_t,
        domain: nvmlClockType_t,
        clock: Out<c_uint>,
    ) {
        clock.put(highest(call.board(device)?, Domain::of(domain)?))
    }

    /// Highest clock that a customer may reach, in MHz: no board holds any back.
    fn nvmlDeviceGetMaxCustomerBoostClock(
        call,
        device: nvmlDevice_t,
        domain: nvmlClockType_t,
        clock: Out<c_uint>,
    ) {
        clock.put(highest(call.board(device)?, Domain::of(domain)?))
    }

    /// Clock of applications in MHz.
    fn nvmlDeviceGetApplicationsClock(
        call,
        device: nvmlDevice_t,
        domain: nvmlClockType_t,
        clock: Out<c_uint>,
    ) {
        clock.put(of_applications(call.emulated(device)?, Domain::of(domain)?))
    }

    /// Clock of applications after a reset, in MHz.
    fn nvmlDeviceGetDefaultApplicationsClock(
        call,
        device: nvmlDevice_t,
        domain: nvmlClockType_t,
        clock: Out<c_uint>,
    ) {
        clock.put(default_of_applications(call.board(device)?, Domain::of(domain)?))
    }

    /// One of the clocks above, by id.
    fn nvmlDeviceGetClock(
        call,
        device: nvmlDevice_t,
        domain: nvmlClockType_t,
        id: nvmlClockId_t,
        clock: Out<c_uint>,
    ) {
        let gpu = call.emulated(device)?;
        let domain = Domain::of(domain)?;
        clock.put(match id {
            nvml::nvmlClockId_enum_NVML_CLOCK_ID_CURRENT => current(gpu, domain),
            nvml::nvmlClockId_enum_NVML_CLOCK_ID_APP_CLOCK_TARGET => of_applications(gpu, domain),
            nvml::nvmlClockId_enum_NVML_CLOCK_ID_APP_CLOCK_DEFAULT => {
                default_of_applications(gpu.board(), domain)
            }
            nvml::nvmlClockId_enum_NVML_CLOCK_ID_CUSTOMER_BOOST_MAX => highest(gpu.board(), domain),
            _ => return Err(Refusal::INVALID_ARGUMENT),
        })
    }

    /// Supported memory clocks in MHz, highest first.
    fn nvmlDeviceGetSupportedMemoryClocks(
        call,
        device: nvmlDevice_t,
        count: InOut<c_uint>,
        clocks: List<c_uint>,
    ) {
        clocks.fill(count, &descending(call.board(device)?.memory_clocks()))
    }

    /// Supported core clocks at a memory clock in MHz, highest first.
    fn nvmlDeviceGetSupportedGraphicsClocks(
        call,
        device: nvmlDevice_t,
        memory_clock: c_uint,
        count: InOut<c_uint>,
        clocks: List<c_uint>,
    ) {
        let board = call.board(device)?;
        if !board.memory_clocks().contains(&memory_clock) {
            return Err(Refusal::NOT_FOUND);
        }
        clocks.fill(count, &descending(&board.core_clocks()))
    }

    /// Lowest and highest clock of a performance state in MHz; the boards have P0 only.
    fn nvmlDeviceGetMinMaxClockOfPState(
        call,
        device: nvmlDevice_t,
        domain: nvmlClockType_t,
        state: nvmlPstates_t,
        lowest: Out<c_uint>,
        highest_out: Out<c_uint>,
    ) {
        let board = call.board(device)?;
        let domain = Domain::of(domain)?;
        if state != nvml::nvmlPStates_enum_NVML_PSTATE_0 {
            return Err(Refusal::NOT_SUPPORTED);
        }
        let min = match domain {
            Domain::Core => board.clocks.core_min_mhz.value,
            Domain::Memory => board.memory_clocks().first().copied().unwrap_or_default(),
        };
        highest_out.given()?;
        lowest.put(min)?;
        highest_out.put(highest(board, domain))
    }
}

/// The clock domains that are emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Domain {
    /// Multiprocessors and everything that runs with them.
    Core,
    /// Memory of the board.
    Memory,
}

impl Domain {
    /// The domain of a clock type. There are no video engines, so no clock of theirs.
    fn of(clock_type: nvmlClockType_t) -> Answer<Self> {
        match clock_type {
            nvml::nvmlClockType_enum_NVML_CLOCK_GRAPHICS
            | nvml::nvmlClockType_enum_NVML_CLOCK_SM => Ok(Self::Core),
            nvml::nvmlClockType_enum_NVML_CLOCK_MEM => Ok(Self::Memory),
            nvml::nvmlClockType_enum_NVML_CLOCK_VIDEO => Err(Refusal::NOT_SUPPORTED),
            _ => Err(Refusal::INVALID_ARGUMENT),
        }
    }
}

fn current(gpu: &Gpu, domain: Domain) -> u32 {
    let readings = gpu.read();
    match domain {
        Domain::Core => readings.sm_clock.get(),
        Domain::Memory => readings.memory_clock.get(),
    }
}

fn highest(board: &Board, domain: Domain) -> u32 {
    match domain {
        Domain::Core => board.clocks.core_max_mhz.value,
        Domain::Memory => board.memory_max_mhz(),
    }
}

fn of_applications(gpu: &Gpu, domain: Domain) -> u32 {
    match (gpu.settings().application_mhz, domain) {
        (Some((_, core)), Domain::Core) => core,
        (Some((memory, _)), Domain::Memory) => memory,
        (None, _) => default_of_applications(gpu.board(), domain),
    }
}

fn default_of_applications(board: &Board, domain: Domain) -> u32 {
    match domain {
        Domain::Core => board.clocks.default_application_mhz.value,
        Domain::Memory => board.memory_max_mhz(),
    }
}

fn descending(clocks: &[u32]) -> Vec<u32> {
    clocks.iter().rev().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok, read};
    use super::*;

    const SM: u32 = nvml::nvmlClockType_enum_NVML_CLOCK_SM;
    const MEMORY: u32 = nvml::nvmlClockType_enum_NVML_CLOCK_MEM;

    #[test]
    fn the_supported_clocks_come_in_two_calls() {
        let bench = Bench::of(&["v100-pcie-32gb", "h100-nvl"]);
        for (gpu, memory, cores) in [(0, vec![877], 167), (1, vec![2_619, 1_593], 97)] {
            let device = bench.device(gpu);
            let mut count = 0;
            let asked =
                nvmlDeviceGetSupportedMemoryClocks(device, InOut::to(&mut count), List::null());
            assert_eq!(asked, Refusal::INSUFFICIENT_SIZE.0);
            let mut clocks = vec![0; count as usize];
            ok(nvmlDeviceGetSupportedMemoryClocks(
                device,
                InOut::to(&mut count),
                List::to(&mut clocks),
            ));
            assert_eq!(clocks, memory);
            let mut count = 300;
            let mut clocks = vec![0; 300];
            ok(nvmlDeviceGetSupportedGraphicsClocks(
                device,
                memory[0],
                InOut::to(&mut count),
                List::to(&mut clocks),
            ));
            assert_eq!(count, cores);
            let max = read(|out| nvmlDeviceGetMaxClockInfo(device, SM, out));
            assert_eq!(clocks[0], max);
            assert!(clocks[..count as usize].is_sorted_by(|a, b| a > b));
            let unknown = nvmlDeviceGetSupportedGraphicsClocks(
                device,
                1,
                InOut::to(&mut count),
                List::null(),
            );
            assert_eq!(unknown, Refusal::NOT_FOUND.0);
        }
    }

    #[test]
    fn clocks_are_read_by_domain_and_id() {
        let bench = Bench::of(&["h200-sxm-141gb"]);
        let device = bench.device(0);
        assert_eq!(
            read(|out| nvmlDeviceGetMaxClockInfo(device, SM, out)),
            1_980
        );
        assert_eq!(
            read(|out| nvmlDeviceGetMaxClockInfo(device, MEMORY, out)),
            3_201
        );
        let boost = nvml::nvmlClockId_enum_NVML_CLOCK_ID_CUSTOMER_BOOST_MAX;
        assert_eq!(
            read(|out| nvmlDeviceGetClock(device, SM, boost, out)),
            1_980
        );
        let current = read(|out| nvmlDeviceGetClockInfo(device, SM, out));
        assert!((345..=1_980).contains(&current), "{current} MHz");
        let mut clock = 0;
        let mut refused =
            |clock_type| nvmlDeviceGetClockInfo(device, clock_type, Out::to(&mut clock));
        assert_eq!(
            refused(nvml::nvmlClockType_enum_NVML_CLOCK_VIDEO),
            Refusal::NOT_SUPPORTED.0
        );
        assert_eq!(refused(17), Refusal::INVALID_ARGUMENT.0);
    }
}
