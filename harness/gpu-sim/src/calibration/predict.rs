//! What the emulator says: by its equations at given conditions, and in virtual time.

use std::sync::Arc;

use model::cost::PhaseCost;
use model::units::Nanos;

use crate::board::Board;
use crate::card::Card;
use crate::execution::{ClockPair, Execution, execute};
use crate::gpu::Gpu;
use crate::power::{PowerParts, power};
use crate::work::Work;

/// Time with an open context before the load, in seconds: the heat has settled.
const SETTLE_S: f64 = 600.0;
/// Time of load that does not count, in seconds.
const WARM_UP_S: f64 = 2.0;
/// Time that counts, in seconds.
const WINDOW_S: f64 = 4.0;
/// Time between two looks at the clock, in seconds; the reference looked as often.
const LOOK_S: f64 = 0.02;

/// Means over a window of an ideal card in virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Steady {
    /// Power in watts.
    pub power_w: f64,
    /// Power of the memory in watts.
    pub memory_power_w: f64,
    /// Core clock in MHz.
    pub core_mhz: f64,
    /// Temperature of the chip at the end, in °C.
    pub end_c: f64,
    /// Operations per second over all pipes.
    pub operations_per_s: f64,
    /// Bytes of memory per second.
    pub dram_bytes_per_s: f64,
}

/// A load on an ideal card with an open context, or none, as calibrations measure it: 2 s that do
/// not count, then 4 s. The core clock may be locked.
pub fn steady(board: &Arc<Board>, load: Option<&PhaseCost>, locked_mhz: Option<u32>) -> Steady {
    let mut bench = Bench::new(board, true, locked_mhz);
    bench.gpu.set_work(load.copied().map(Work::endless));
    bench.wait(WARM_UP_S);
    bench.watch(WINDOW_S / LOOK_S, |bench| bench.wait(LOOK_S))
}

/// An ideal card that nobody uses: clocks low, heat settled.
pub fn idle_without_context(board: &Arc<Board>) -> Steady {
    let mut bench = Bench::new(board, false, None);
    bench.watch(1.0, |bench| bench.wait(WINDOW_S))
}

/// A load that is switched on and off, on an ideal card with an open context: pulses for 2 s that
/// do not count, then for 4 s.
pub fn pulses(board: &Arc<Board>, load: &PhaseCost, busy_s: f64, idle_s: f64) -> Steady {
    let mut bench = Bench::new(board, true, None);
    let period_s = busy_s + idle_s;
    let pulse = |bench: &mut Bench| {
        bench.gpu.set_work(Some(Work::endless(*load)));
        bench.wait(busy_s);
        bench.gpu.set_work(None);
        bench.wait(idle_s);
    };
    bench.watch((WARM_UP_S / period_s).round(), pulse);
    bench.watch((WINDOW_S / period_s).round(), pulse)
}

/// A card on the bench, and its time.
struct Bench {
    gpu: Gpu,
}

impl Bench {
    fn new(board: &Arc<Board>, has_context: bool, locked_mhz: Option<u32>) -> Self {
        let mut gpu = Gpu::ideal(Arc::clone(board), Nanos::from_millis(0));
        gpu.set_context(has_context);
        gpu.lock_core_clocks(locked_mhz.map(|mhz| (mhz, mhz)));
        let mut bench = Self { gpu };
        bench.wait(SETTLE_S);
        bench
    }

    fn wait(&mut self, seconds: f64) {
        let until = self.gpu.now() + Nanos::from_seconds(seconds);
        self.gpu.advance(until);
    }

    /// Does something so many times and gives the means over all of it.
    fn watch(&mut self, times: f64, mut each: impl FnMut(&mut Self)) -> Steady {
        let begin = self.gpu.now();
        let mut sum = Steady::default();
        let mut count = 0.0;
        while count < times {
            each(self);
            count += 1.0;
            sum.core_mhz += f64::from(self.gpu.core_clock_mhz());
            if let Some(execution) = self.gpu.execution() {
                sum.operations_per_s += execution.operations_per_s.sum();
                sum.dram_bytes_per_s += execution.dram_bytes_per_s;
            }
        }
        let end = self.gpu.now();
        let timeline = self.gpu.timeline();
        let seconds = crate::gpu::seconds_between(begin, end);
        let memory_j = timeline.memory_energy(end) - timeline.memory_energy(begin);
        Steady {
            power_w: timeline.energy_between(begin, end).get() / seconds,
            memory_power_w: memory_j.get() / seconds,
            core_mhz: sum.core_mhz / count,
            end_c: self.gpu.temperature_c(),
            operations_per_s: sum.operations_per_s / count,
            dram_bytes_per_s: sum.dram_bytes_per_s / count,
        }
    }
}

/// Clocks with the memory at its highest.
pub(super) fn clocks(board: &Board, core_mhz: u32) -> ClockPair {
    ClockPair {
        core_mhz,
        memory_mhz: board.memory_max_mhz(),
    }
}

/// Power of an ideal card at a core clock and temperature, by its causes.
pub(super) fn power_at(
    board: &Arc<Board>,
    load: Option<&PhaseCost>,
    core_mhz: u32,
    temperature_c: f64,
) -> PowerParts {
    let clocks = clocks(board, core_mhz);
    let work: Option<Execution> = load.map(|cost| execute(board, cost, clocks));
    power(
        &Card::ideal(Arc::clone(board)),
        clocks,
        temperature_c,
        work.as_ref(),
    )
}

/// The highest core clock in MHz at which a load stays within a power at a temperature.
pub(super) fn clock_within(
    board: &Arc<Board>,
    load: &PhaseCost,
    power_w: f64,
    temperature_c: f64,
) -> u32 {
    let (mut low, mut high) = (
        board.clocks.core_min_mhz.value,
        board.clocks.core_max_mhz.value,
    );
    while low < high {
        let middle = (low + high).div_ceil(2);
        if power_at(board, Some(load), middle, temperature_c).total_w() <= power_w {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}
