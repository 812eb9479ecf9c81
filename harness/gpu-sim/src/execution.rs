//! How long work takes at given clocks, and how busy it keeps the parts of the board.

use model::cost::{PerPipe, PhaseCost, Pipe};

use crate::board::Board;

/// Core and memory clock in MHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockPair {
    /// Clock of the multiprocessors.
    pub core_mhz: u32,
    /// Clock of the memory.
    pub memory_mhz: u32,
}

/// What a phase is at given clocks: its time, its rates while it lasts, and shares of what the
/// board could do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Execution {
    /// Time of the phase in seconds.
    pub duration_s: f64,
    /// Share of that time in which a kernel runs.
    pub busy_share: f64,
    /// Operations per second by pipe, over the whole phase.
    pub operations_per_s: PerPipe,
    /// Bytes per second of memory, over the whole phase.
    pub dram_bytes_per_s: f64,
    /// Bytes per second of the second-level cache, over the whole phase.
    pub cache_bytes_per_s: f64,
    /// Scale of the energy of operations, 0 to 1.
    pub toggle: f64,
    /// Shares that profilers show.
    pub activity: Activity,
}

/// Shares of what the board could do, each 0 to 1, as GPM and DCGM count them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Activity {
    /// Any kernel is running.
    pub graphics: f64,
    /// Multiprocessors have a warp to run.
    pub sm: f64,
    /// Warp slots that are taken.
    pub occupancy: f64,
    /// Any tensor pipe is active.
    pub any_tensor: f64,
    /// Memory bandwidth by the data sheet.
    pub dram: f64,
    /// FP64 pipe outside tensor cores.
    pub fp64: f64,
    /// FP32 pipe.
    pub fp32: f64,
    /// FP16 pipe outside tensor cores.
    pub fp16: f64,
    /// Tensor pipe with floating-point operands.
    pub hmma: f64,
    /// Tensor pipe with integer operands.
    pub imma: f64,
}

impl Activity {
    /// Every share by a factor: seconds of full activity in a span of time.
    pub(crate) fn times(&self, factor: f64) -> Self {
        self.zip(&Self::default(), |mine, _| mine * factor)
    }

    /// Sum of two records.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        self.zip(other, |mine, theirs| mine + theirs)
    }

    fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            graphics: f(self.graphics, other.graphics),
            sm: f(self.sm, other.sm),
            occupancy: f(self.occupancy, other.occupancy),
            any_tensor: f(self.any_tensor, other.any_tensor),
            dram: f(self.dram, other.dram),
            fp64: f(self.fp64, other.fp64),
            fp32: f(self.fp32, other.fp32),
            fp16: f(self.fp16, other.fp16),
            hmma: f(self.hmma, other.hmma),
            imma: f(self.imma, other.imma),
        }
    }
}

/// The longest demand sets the time (roofline); of the others only the exposed share is added.
///
/// Arithmetic and the cache go with the core clock. Memory goes with the memory clock until the core
/// clock can no longer carry it (`dram_bytes_per_clock`). Kernels are separated by gaps, and where
/// the host needs longer to issue the phase than the device to compute it, the device waits.
pub fn execute(board: &Board, cost: &PhaseCost, clocks: ClockPair) -> Execution {
    let throughput = &board.throughput;
    let core_hz = f64::from(clocks.core_mhz) * 1e6;
    let operations = on_present_pipes(board, cost.operations);
    let mut demands = [0.0; Pipe::ALL.len() + 2];
    for (pipe, count) in operations.iter() {
        if let (true, Some(rate)) = (count > 0.0, throughput.operations_per_clock.get(&pipe)) {
            let efficiency = throughput.efficiency.get(&pipe).map_or(1.0, |e| e.value);
            demands[pipe.index()] = count / (rate.value * efficiency * core_hz);
        }
    }
    let dram = dram_bytes_per_s(board, clocks);
    let [.., by_dram, by_cache] = &mut demands;
    *by_dram = cost.dram_bytes / dram;
    *by_cache = cost.cache_bytes / (throughput.cache_bytes_per_clock.value * core_hz);
    let longest = demands.iter().copied().fold(0.0, f64::max);
    let exposed = throughput.exposed_share.value.max(cost.serial_share);
    let running_s = longest + exposed * (demands.iter().sum::<f64>() - longest);
    let device_s = running_s + cost.kernels * throughput.kernel_gap_us.value * 1e-6;
    let duration_s = device_s.max(cost.host.get()).max(1e-12);
    let busy_share = running_s / duration_s;
    let operations_per_s = operations.map(|count| count / duration_s);
    Execution {
        duration_s,
        busy_share,
        operations_per_s,
        dram_bytes_per_s: cost.dram_bytes / duration_s,
        cache_bytes_per_s: cost.cache_bytes / duration_s,
        toggle: cost.toggle,
        activity: activity(
            board,
            &operations_per_s,
            cost.dram_bytes / duration_s,
            core_hz,
            busy_share,
        ),
    }
}

/// Memory bandwidth at given clocks, in bytes per second.
pub fn dram_bytes_per_s(board: &Board, clocks: ClockPair) -> f64 {
    let throughput = &board.throughput;
    let ratio = f64::from(clocks.memory_mhz) / f64::from(board.memory_max_mhz());
    let by_memory = throughput.dram_gb_per_s.value * 1e9 * ratio;
    let by_core = throughput.dram_bytes_per_clock.value * f64::from(clocks.core_mhz) * 1e6;
    by_memory.min(by_core)
}

/// A pipe that the board lacks hands its work to FP32.
fn on_present_pipes(board: &Board, operations: PerPipe) -> PerPipe {
    let present = &board.throughput.operations_per_clock;
    let mut moved = PerPipe::default();
    for (pipe, count) in operations.iter() {
        let home = if present.contains_key(&pipe) {
            pipe
        } else {
            Pipe::Fp32
        };
        moved = moved.with(home, moved.get(home) + count);
    }
    moved
}

fn activity(
    board: &Board,
    rates: &PerPipe,
    dram_bytes_per_s: f64,
    core_hz: f64,
    busy: f64,
) -> Activity {
    let share = |pipe: Pipe| {
        let full = board.throughput.operations_per_clock.get(&pipe);
        full.map_or(0.0, |full| {
            (rates.get(pipe) / (full.value * core_hz)).min(1.0)
        })
    };
    let float_tensor = share(Pipe::Tf32Tensor) + share(Pipe::Fp16Tensor) + share(Pipe::Fp8Tensor);
    let double = share(Pipe::Fp64);
    let integer = share(Pipe::Int8Tensor);
    let any_tensor = (float_tensor + integer + double).min(1.0);
    let fp32 = share(Pipe::Fp32);
    Activity {
        graphics: busy,
        sm: busy,
        // Tensor kernels hold few large blocks, streaming ones fill the slots.
        occupancy: busy * if any_tensor > 0.3 { 0.15 } else { 0.8 },
        any_tensor,
        dram: (dram_bytes_per_s / (board.throughput.dram_peak_gb_per_s.value * 1e9)).min(1.0),
        fp64: 0.0,
        fp32,
        fp16: 0.0,
        hmma: float_tensor.min(1.0),
        imma: integer,
    }
}
