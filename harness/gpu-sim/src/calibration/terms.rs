//! Power as a sum of terms, each in proportion to one parameter of the profile.
//!
//! Once the voltage and the growth of leakage are given, power is linear in everything else
//! ([`crate::power`]); that makes fitting a matter of linear least squares.

use model::cost::Pipe;

use crate::board::Board;
use crate::execution::Execution;

/// How many parameters there are.
pub(super) const COUNT: usize = 7 + Pipe::ALL.len();

/// One number for each parameter.
pub(super) type Terms = [f64; COUNT];

/// A parameter that power is in proportion to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Fixed,
    MemoryIdle,
    Leakage,
    IdleClock,
    BusyClock,
    Cache,
    Dram,
    Operation(Pipe),
}

impl Term {
    /// Place in [`Terms`].
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Fixed => 0,
            Self::MemoryIdle => 1,
            Self::Leakage => 2,
            Self::IdleClock => 3,
            Self::BusyClock => 4,
            Self::Cache => 5,
            Self::Dram => 6,
            Self::Operation(pipe) => 7 + pipe.index(),
        }
    }
}

/// A moment of a board: what the terms depend on beside the parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    pub(super) core_mhz: f64,
    pub(super) volts: f64,
    pub(super) work: Option<&'a Execution>,
}

/// What one unit of each parameter adds to the power at a moment, for operands that toggle fully.
pub(super) fn coefficients(leakage_growth: f64, moment: &Moment<'_>) -> Terms {
    let square = moment.volts * moment.volts;
    let clock = square * moment.core_mhz * 1e-3;
    let mut terms = [0.0; COUNT];
    terms[Term::Fixed.index()] = 1.0;
    terms[Term::MemoryIdle.index()] = 1.0;
    terms[Term::Leakage.index()] = moment.volts * leakage_growth;
    terms[Term::IdleClock.index()] = clock;
    let Some(work) = moment.work else {
        return terms;
    };
    terms[Term::BusyClock.index()] = clock * work.busy_share;
    terms[Term::Cache.index()] = square * 1e-12 * work.cache_bytes_per_s;
    terms[Term::Dram.index()] = 1e-12 * work.dram_bytes_per_s;
    for (pipe, rate) in work.operations_per_s.iter() {
        terms[Term::Operation(pipe).index()] = square * 1e-12 * rate;
    }
    terms
}

/// Leakage at a temperature relative to that at the reference.
pub(super) fn leakage_growth(per_k: f64, reference_c: f64, temperature_c: f64) -> f64 {
    libm::exp(per_k * (temperature_c - reference_c))
}

/// The coefficients of the memory's power alone.
pub(super) fn memory_only(terms: &Terms) -> Terms {
    let mut memory = [0.0; COUNT];
    for term in [Term::MemoryIdle, Term::Dram] {
        memory[term.index()] = terms[term.index()];
    }
    memory
}

/// Puts parameters into a board.
pub(super) fn put(board: &mut Board, parameters: &Terms) {
    let power = &mut board.power;
    power.fixed_w.value = parameters[Term::Fixed.index()];
    power.memory_idle_w.value = parameters[Term::MemoryIdle.index()];
    power.leakage_w.value = parameters[Term::Leakage.index()];
    power.idle_clock_mw_per_mhz.value = parameters[Term::IdleClock.index()];
    power.busy_clock_mw_per_mhz.value = parameters[Term::BusyClock.index()];
    power.cache_pj_per_byte.value = parameters[Term::Cache.index()];
    power.dram_pj_per_byte.value = parameters[Term::Dram.index()];
    for (pipe, energy) in &mut power.operation_pj {
        energy.value = parameters[Term::Operation(*pipe).index()];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Card;
    use crate::execution::{ClockPair, execute};
    use crate::kernels;
    use crate::power::power;

    /// The sum of the terms is what the emulator takes for the power.
    #[test]
    fn the_terms_are_those_of_the_emulator() {
        let mut parameters = [0.0; COUNT];
        for (i, value) in parameters.iter_mut().enumerate() {
            *value = 3.0 + f64::from(u32::try_from(i).unwrap());
        }
        let mut board = Board::clone(&Board::named("h200").unwrap());
        put(&mut board, &parameters);
        let card = Card::ideal(board.clone().into());
        for name in kernels::NAMES {
            let cost = kernels::named(name).unwrap();
            if cost.toggle < 1.0 {
                continue;
            }
            for core_mhz in [345, 1_400, 1_980] {
                let clocks = ClockPair {
                    core_mhz,
                    memory_mhz: board.memory_max_mhz(),
                };
                let work = execute(&board, &cost, clocks);
                let mhz = f64::from(core_mhz);
                let moment = Moment {
                    core_mhz: mhz,
                    volts: board.voltage.volts(mhz, 1_980.0),
                    work: Some(&work),
                };
                let growth = leakage_growth(
                    board.power.leakage_per_k.value,
                    board.power.leakage_reference_c.value,
                    51.0,
                );
                let terms = coefficients(growth, &moment);
                let sum: f64 = terms.iter().zip(&parameters).map(|(a, x)| a * x).sum();
                let parts = power(&card, clocks, 51.0, Some(&work));
                assert!(
                    (sum / parts.total_w() - 1.0).abs() < 1e-12,
                    "{name} {core_mhz}"
                );
                let memory: f64 = memory_only(&terms)
                    .iter()
                    .zip(&parameters)
                    .map(|(a, x)| a * x)
                    .sum();
                assert!(
                    (memory / parts.memory_w - 1.0).abs() < 1e-12,
                    "{name} {core_mhz}"
                );
            }
        }
    }
}
