//! What was thought of the parameters before anything was fitted: engineering estimates of the size
//! that a chip of its process has, and how far they may be off. They decide only where the tables
//! cannot.

use model::cost::Pipe;

use super::least_squares::Prior;
use super::terms::{COUNT, Term};

/// Estimates of one chip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimates {
    pub(super) fixed_w: f64,
    pub(super) memory_idle_w: f64,
    pub(super) leakage_w: f64,
    pub(super) idle_clock_mw_per_mhz: f64,
    pub(super) busy_clock_mw_per_mhz: f64,
    pub(super) cache_pj_per_byte: f64,
    pub(super) dram_pj_per_byte: f64,
    /// In the order of [`Pipe::ALL`].
    pub(super) operation_pj: [f64; Pipe::ALL.len()],
}

/// Relative standard deviation of an estimate.
const RELATIVE_SD: f64 = 0.5;

/// H200 (4 nm, `HBM3e`).
pub(super) const GH100: Estimates = Estimates {
    fixed_w: 15.0,
    memory_idle_w: 41.8,
    leakage_w: 25.0,
    idle_clock_mw_per_mhz: 22.0,
    busy_clock_mw_per_mhz: 30.0,
    cache_pj_per_byte: 70.0,
    dram_pj_per_byte: 24.0,
    operation_pj: [15.0, 8.8, 2.4, 1.0, 0.6, 0.6],
};

/// A100 (7 nm, `HBM2e`).
pub(super) const GA100: Estimates = Estimates {
    fixed_w: 10.0,
    memory_idle_w: 12.0,
    leakage_w: 10.0,
    idle_clock_mw_per_mhz: 22.0,
    busy_clock_mw_per_mhz: 40.0,
    cache_pj_per_byte: 40.0,
    dram_pj_per_byte: 30.0,
    operation_pj: [22.0, 9.5, 2.6, 1.1, 0.6, 0.6],
};

/// V100 (12 nm, HBM2).
pub(super) const GV100: Estimates = Estimates {
    fixed_w: 8.0,
    memory_idle_w: 8.0,
    leakage_w: 7.0,
    idle_clock_mw_per_mhz: 20.0,
    busy_clock_mw_per_mhz: 25.0,
    cache_pj_per_byte: 70.0,
    dram_pj_per_byte: 45.0,
    operation_pj: [42.0, 17.0, 2.2, 2.2, 2.2, 2.2],
};

impl Estimates {
    /// The estimates with their deviations.
    pub(super) fn priors(&self) -> [Prior; COUNT] {
        let mut priors = [Prior { mean: 0.0, sd: 0.0 }; COUNT];
        let mut set = |term: Term, mean: f64| {
            priors[term.index()] = Prior {
                mean,
                sd: RELATIVE_SD * mean,
            };
        };
        set(Term::Fixed, self.fixed_w);
        set(Term::MemoryIdle, self.memory_idle_w);
        set(Term::Leakage, self.leakage_w);
        set(Term::IdleClock, self.idle_clock_mw_per_mhz);
        set(Term::BusyClock, self.busy_clock_mw_per_mhz);
        set(Term::Cache, self.cache_pj_per_byte);
        set(Term::Dram, self.dram_pj_per_byte);
        for (pipe, mean) in Pipe::ALL.into_iter().zip(self.operation_pj) {
            set(Term::Operation(pipe), mean);
        }
        priors
    }
}
