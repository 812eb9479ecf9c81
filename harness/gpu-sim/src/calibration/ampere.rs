//! The A100 80 GB, fitted to pi-solver and `BabelStream` at five locked clocks.
//!
//! The voltages are those that were derived from the same table (they stay); what is fitted here is
//! how the power at those voltages divides. The precision of the pi-solver is not published: its
//! arithmetic is taken as FP32.

use std::sync::Arc;

use model::cost::{PhaseCost, Pipe};

use crate::board::Board;
use crate::execution::execute;
use crate::kernels;

use super::facts::IdleFact;
use super::least_squares::{Equation, solve};
use super::prior::GA100;
use super::residual::{Reference, Residual, UsedFor};
use super::rewrite::Profile;
use super::tables::{ClockRow, Tables};
use super::terms::{Moment, Term, Terms, coefficients, leakage_growth};
use super::{CalibrationError, Fitted, Texts, facts, predict, template, thermal};

const SLUG: &str = "a100-pcie-80gb";
const SOURCE: &str = "artifacts/imported/a100-pi-babelstream";
/// Relative deviation of a power of the table.
const POWER_SD: f64 = 0.005;
/// Clock whose rows are kept back.
const HELD_BACK_MHZ: u32 = 1_200;
/// That of the rise of idle power with the clock.
const SWING_SD: f64 = 0.02;
/// The board of the same chip whose idle power was seen.
const SIBLING: &str = "a100-pcie-40gb";
/// Tolerance of power and time in percent.
const TABLE_PCT: f64 = 2.0;
/// Idle power with a context from which the loads begin, in watts; an estimate.
const IDLE_W: f64 = 65.0;
/// Middle of the time of a load that counts, in seconds.
const MIDDLE_S: f64 = 4.0;

/// Fits the profile of the A100 80 GB.
pub(super) fn fit(tables: &Tables, texts: Texts<'_>) -> Result<Fitted, CalibrationError> {
    let (mut profile, mut board) = template(SLUG, texts)?;
    board.throughput.dram_gb_per_s.value =
        middle_factor(fitted_rows(tables).map(|row| row.stream_gb_per_s));
    profile.set(
        "throughput",
        "dram_gb_per_s",
        board.throughput.dram_gb_per_s.value,
    )?;

    let mut equations = Vec::new();
    for row in fitted_rows(tables) {
        equations.push(load_equation(&board, &pi_solver(), row, row.pi_power_w));
        equations.push(load_equation(
            &board,
            &babelstream(),
            row,
            row.stream_power_w,
        ));
    }
    equations.extend(idle_swing(&board));
    let (parameters, _) = solve(&equations, &GA100.priors());
    board.power.fixed_w.value = parameters[Term::Fixed.index()];
    board.power.memory_idle_w.value = parameters[Term::MemoryIdle.index()];
    for (term, value) in shared(&mut board) {
        *value = parameters[term.index()];
    }
    profile.set("power", "fixed_w", board.power.fixed_w.value)?;
    profile.set("power", "memory_idle_w", board.power.memory_idle_w.value)?;
    write_energies(&mut profile, &board)?;
    Fitted::new(SLUG, &profile)
}

fn fitted_rows(tables: &Tables) -> impl Iterator<Item = &ClockRow> {
    tables
        .a100
        .iter()
        .filter(|row| row.core_mhz != HELD_BACK_MHZ)
}

/// The parameters of the chip that the table sets, with their places in a board.
fn shared(board: &mut Board) -> Vec<(Term, &mut f64)> {
    let power = &mut board.power;
    let mut list = vec![
        (Term::Leakage, &mut power.leakage_w.value),
        (Term::IdleClock, &mut power.idle_clock_mw_per_mhz.value),
        (Term::BusyClock, &mut power.busy_clock_mw_per_mhz.value),
        (Term::Cache, &mut power.cache_pj_per_byte.value),
        (Term::Dram, &mut power.dram_pj_per_byte.value),
    ];
    if let Some(energy) = power.operation_pj.get_mut(&Pipe::Fp32) {
        list.push((Term::Operation(Pipe::Fp32), &mut energy.value));
    }
    list
}

/// Gives a board of the same chip what the table set.
pub(super) fn take_energies(board: &mut Board, from: &Board) {
    let mut from = from.clone();
    for ((_, to), (_, from)) in shared(board).into_iter().zip(shared(&mut from)) {
        *to = *from;
    }
}

/// Writes what the table set into the profile of a board of this chip.
pub(super) fn write_energies(profile: &mut Profile, board: &Board) -> Result<(), CalibrationError> {
    let mut board = board.clone();
    for (term, value) in shared(&mut board) {
        let (section, key) = match term {
            Term::Leakage => ("power", "leakage_w"),
            Term::IdleClock => ("power", "idle_clock_mw_per_mhz"),
            Term::BusyClock => ("power", "busy_clock_mw_per_mhz"),
            Term::Cache => ("power", "cache_pj_per_byte"),
            Term::Dram => ("power", "dram_pj_per_byte"),
            Term::Operation(pipe) => ("power.operation_pj", pipe.name()),
            Term::Fixed | Term::MemoryIdle => continue,
        };
        profile.set(section, key, *value)?;
    }
    Ok(())
}

fn pi_solver() -> PhaseCost {
    kernels::named("pi-fp32").expect("a kernel that exists")
}

fn babelstream() -> PhaseCost {
    kernels::named("babelstream").expect("a kernel that exists")
}

fn load_equation(board: &Board, cost: &PhaseCost, row: &ClockRow, power_w: f64) -> Equation {
    Equation {
        coefficients: terms_at(
            board,
            Some((cost, row.core_mhz)),
            f64::from(row.core_mhz),
            warm_c(board, power_w),
        ),
        target: power_w,
        sd: POWER_SD * power_w,
    }
}

/// What a rise from the lowest to the highest clock adds to idle power. Boards of the chip differ in
/// memory and constants, but not in this; it was seen on an A100 40 GB.
fn idle_swing(board: &Board) -> Option<Equation> {
    let mut facts = facts::idle_of(SIBLING);
    let (low, high) = (facts.next()?, facts.next()?);
    let of = |fact: &IdleFact| terms_at(board, None, f64::from(fact.core_mhz), fact.temperature_c);
    let mut coefficients = of(high);
    for (value, low) in coefficients.iter_mut().zip(of(low)) {
        *value -= low;
    }
    let target = high.power_w - low.power_w;
    Some(Equation {
        coefficients,
        target,
        sd: SWING_SD * target,
    })
}

fn terms_at(
    board: &Board,
    load: Option<(&PhaseCost, u32)>,
    core_mhz: f64,
    temperature_c: f64,
) -> Terms {
    let work = load.map(|(cost, mhz)| execute(board, cost, predict::clocks(board, mhz)));
    let power = &board.power;
    let growth = leakage_growth(
        power.leakage_per_k.value,
        power.leakage_reference_c.value,
        temperature_c,
    );
    let moment = Moment {
        core_mhz,
        volts: board
            .voltage
            .volts(core_mhz, f64::from(board.clocks.core_max_mhz.value)),
        work: work.as_ref(),
    };
    coefficients(growth, &moment)
}

/// Temperature of the chip under a load: the source gives none.
fn warm_c(board: &Board, power_w: f64) -> f64 {
    board.thermal.ambient_c.value + thermal::warmed(&board.thermal, IDLE_W, power_w, MIDDLE_S)
}

/// One of the two programs of the table.
struct Program {
    name: &'static str,
    cost: PhaseCost,
    time_s: fn(&ClockRow) -> f64,
    power_w: fn(&ClockRow) -> f64,
    gb_per_s: Option<fn(&ClockRow) -> f64>,
}

/// What is left of the table. The amount of work is not published, so times are compared after one
/// common factor for each program.
pub(super) fn residuals(tables: &Tables, fitted: &Fitted) -> Vec<Residual> {
    let pi = Program {
        name: "pi-solver",
        cost: pi_solver(),
        time_s: |row| row.pi_time_s,
        power_w: |row| row.pi_power_w,
        gb_per_s: None,
    };
    let stream = Program {
        name: "BabelStream",
        cost: babelstream(),
        time_s: |row| row.stream_time_s,
        power_w: |row| row.stream_power_w,
        gb_per_s: Some(|row| row.stream_gb_per_s),
    };
    let mut list = Vec::new();
    for program in [pi, stream] {
        let work =
            middle_factor(fitted_rows(tables).map(|row| {
                (program.time_s)(row) * rate(&fitted.board, &program.cost, row.core_mhz)
            }));
        for row in &tables.a100 {
            list.extend(program.residuals(row, work, &fitted.board));
        }
    }
    list
}

impl Program {
    fn residuals(&self, row: &ClockRow, work: f64, board: &Arc<Board>) -> Vec<Residual> {
        let is_fitted = row.core_mhz != HELD_BACK_MHZ;
        let reference = |quantity, unit, value| Reference {
            board: SLUG,
            source: SOURCE,
            row: format!("{}, {} MHz", self.name, row.core_mhz),
            quantity,
            unit,
            value,
            tolerance_pct: Some(TABLE_PCT),
            used_for: if is_fitted {
                UsedFor::Fit
            } else {
                UsedFor::Holdout
            },
        };
        let power_w = (self.power_w)(row);
        let warm_c = warm_c(board, power_w);
        let solved = predict::power_at(board, Some(&self.cost), row.core_mhz, warm_c);
        let solved_rate = rate(board, &self.cost, row.core_mhz);
        let seen = predict::steady(board, Some(&self.cost), Some(row.core_mhz));
        let seen_rate = seen.operations_per_s.max(seen.dram_bytes_per_s);
        let mut list = vec![
            reference("power", "W", power_w).against(Some(solved.total_w()), Some(seen.power_w)),
            reference("time", "s", (self.time_s)(row))
                .against(Some(work / solved_rate), Some(work / seen_rate)),
        ];
        if let Some(gb_per_s) = self.gb_per_s {
            list.push(
                reference("bandwidth", "GBy/s", gb_per_s(row))
                    .against(Some(solved_rate / 1e9), Some(seen_rate / 1e9)),
            );
        }
        list
    }
}

/// Operations or, where there are more of them, bytes per second.
fn rate(board: &Arc<Board>, cost: &PhaseCost, core_mhz: u32) -> f64 {
    let execution = execute(board, cost, predict::clocks(board, core_mhz));
    execution
        .operations_per_s
        .sum()
        .max(execution.dram_bytes_per_s)
}

/// The value that is as far, relatively, from the highest as from the lowest of some values.
fn middle_factor(values: impl Iterator<Item = f64>) -> f64 {
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), x| {
        (low.min(x), high.max(x))
    });
    2.0 * low * high / (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_as_far_from_the_highest_as_from_the_lowest() {
        let middle = middle_factor([1.0, 1.05, 1.1].into_iter());
        assert!(((middle / 1.0 - 1.0) + (middle / 1.1 - 1.0)).abs() < 1e-12);
    }
}
