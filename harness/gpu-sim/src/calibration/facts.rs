//! Single facts that stand in no table: idle power, and power while the limit does not hold yet.
//! Each with its source; none was measured by this project's harness.

/// Idle power of a board at a clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct IdleFact {
    pub(super) board: &'static str,
    pub(super) name: &'static str,
    pub(super) core_mhz: u32,
    pub(super) temperature_c: f64,
    pub(super) power_w: f64,
    /// How well it is known, relative to itself.
    pub(super) relative_sd: f64,
    /// Whether a context is open.
    pub(super) has_context: bool,
    pub(super) is_fitted: bool,
    /// Relative tolerance in percent.
    pub(super) tolerance_pct: f64,
}

const fn stated(board: &'static str, core_mhz: u32, temperature_c: f64, power_w: f64) -> IdleFact {
    IdleFact {
        board,
        name: "idle, lowest clock",
        core_mhz,
        temperature_c,
        power_w,
        relative_sd: 0.02,
        has_context: false,
        is_fitted: true,
        tolerance_pct: 4.0,
    }
}

/// Idle power. At the lowest clock: `nvidia-smi -q` of such boards in public dumps, at the
/// temperature that stands beside it. At 1440 and 1965 MHz: single readings of the H200's square
/// wave just after load, whose temperature is known to a few kelvin. The A100 40 GB at its highest
/// clock: idle parts of a transient trace of 'Part-time Power Measurements' (arXiv 2312.02741).
pub(super) const IDLE: [IdleFact; 8] = [
    stated("h200-sxm-141gb", 345, 28.0, 74.6),
    after_load("idle, just after load", 1_440, 50.0, 106.0),
    after_load("idle, a second after load", 1_965, 45.0, 128.0),
    stated("h100-sxm5-80gb", 345, 33.0, 72.0),
    stated("h100-nvl", 345, 30.0, 61.5),
    stated("a100-pcie-40gb", 210, 27.0, 32.0),
    IdleFact {
        name: "idle, highest clock",
        has_context: true,
        ..stated("a100-pcie-40gb", 1_410, 38.0, 59.8)
    },
    stated("v100-pcie-32gb", 135, 22.0, 23.0),
];

const fn after_load(
    name: &'static str,
    core_mhz: u32,
    temperature_c: f64,
    power_w: f64,
) -> IdleFact {
    IdleFact {
        name,
        is_fitted: false,
        has_context: true,
        ..stated("h200-sxm-141gb", core_mhz, temperature_c, power_w)
    }
}

/// The facts of a board.
pub(super) fn idle_of(board: &str) -> impl Iterator<Item = &'static IdleFact> {
    IDLE.iter().filter(move |fact| fact.board == board)
}

/// Growth of the H200's idle power at 1980 MHz: 126 counter steps between 38 and 44 °C of
/// `artifacts/imported/h200-square-wave`.
pub(super) const H200_IDLE_W_PER_K: f64 = 0.57;
/// Temperature to which it belongs.
pub(super) const H200_IDLE_SLOPE_AT_C: f64 = 40.0;

/// A BF16 product of 8192 on the H200 at a moment when the limit of 700 W does not hold yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BurstFact {
    pub(super) name: &'static str,
    pub(super) core_mhz: u32,
    pub(super) temperature_c: f64,
    pub(super) power_w: f64,
    pub(super) relative_sd: f64,
    pub(super) tolerance_pct: f64,
}

/// From `artifacts/imported/h200-square-wave`. Burst power there is what the counter shows beyond
/// idle by the time that was busy; edges are known to a few ms, so it is good to about 5 %.
pub(super) const H200_BURSTS: [BurstFact; 2] = [
    BurstFact {
        name: "bf16 within 0.1 to 0.9 s of load",
        core_mhz: 1_530,
        temperature_c: 55.0,
        power_w: 720.0,
        relative_sd: 0.02,
        tolerance_pct: 4.0,
    },
    BurstFact {
        name: "bf16 in bursts of 30 ms",
        core_mhz: 1_755,
        temperature_c: 48.0,
        power_w: 923.0,
        relative_sd: 0.04,
        tolerance_pct: 5.0,
    },
];

/// Constant power that the source of the V100's voltages took off.
pub(super) const V100_CONSTANT_W: f64 = 24.0;
