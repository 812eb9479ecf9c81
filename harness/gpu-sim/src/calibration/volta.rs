//! The V100, fitted so that the voltages that others derived from its power come out of the
//! emulated power by the same derivation.
//!
//! The source takes a constant 24 W off the power of kernels that are bound by arithmetic; what is
//! left goes with f·V². That holds only where leakage and constants add up to about that, so those
//! are what is fitted; idle power is the other witness. The voltages in the profile stay.

use model::cost::PhaseCost;

use crate::board::Board;
use crate::execution::execute;
use crate::kernels;

use super::facts::{self, V100_CONSTANT_W};
use super::least_squares::{Equation, Prior, solve};
use super::prior::GV100;
use super::residual::{Reference, Residual, UsedFor};
use super::tables::{Tables, VOLTAGE_REFERENCE_MHZ};
use super::terms::{COUNT, Moment, Term, Terms, coefficients, leakage_growth};
use super::{CalibrationError, Fitted, Texts, predict, siblings, template, thermal};

const SLUG: &str = "v100-pcie-32gb";
const SOURCE: &str = "artifacts/imported/v100-voltage";
/// Deviation of a power by which a ratio is met, in watts.
const RATIO_SD_W: f64 = 2.0;
/// Tolerance of a voltage ratio in percent.
const RATIO_PCT: f64 = 1.5;
/// Idle power with a context at the highest clock, from which the loads begin, in watts: an
/// estimate, with its temperature and how far it may be off.
const IDLE_W: f64 = 45.0;
const IDLE_C: f64 = 30.0;
const IDLE_SD_W: f64 = 4.0;
/// Middle of the time of a load that counts, in seconds.
const MIDDLE_S: f64 = 4.0;
/// Times that temperatures are taken from the last solution.
const ROUNDS: usize = 4;
const FITTED: [Term; 4] = [
    Term::Fixed,
    Term::MemoryIdle,
    Term::Leakage,
    Term::IdleClock,
];

/// Fits the profile of the V100.
pub(super) fn fit(tables: &Tables, texts: Texts<'_>) -> Result<Fitted, CalibrationError> {
    let (mut profile, mut board) = template(SLUG, texts)?;
    let cost = arithmetic();
    let mut priors = GV100.priors();
    hold_the_rest(&mut priors, &board);
    let mut parameters = priors.map(|prior| prior.mean);
    for _ in 0..ROUNDS {
        let mut equations = Vec::new();
        let of_reference = warm_terms(&board, &cost, VOLTAGE_REFERENCE_MHZ, &parameters);
        for row in &tables.v100 {
            let factor =
                row.ratio * row.ratio * f64::from(row.core_mhz) / f64::from(VOLTAGE_REFERENCE_MHZ);
            let here = warm_terms(&board, &cost, row.core_mhz, &parameters);
            let mut difference = here;
            for (value, reference) in difference.iter_mut().zip(&of_reference) {
                *value -= factor * reference;
            }
            equations.push(Equation {
                coefficients: difference,
                target: V100_CONSTANT_W * (1.0 - factor),
                sd: RATIO_SD_W,
            });
        }
        for fact in facts::idle_of(SLUG) {
            equations.push(Equation {
                coefficients: terms_at(&board, None, fact.core_mhz, fact.temperature_c),
                target: fact.power_w,
                sd: fact.relative_sd * fact.power_w,
            });
        }
        equations.push(Equation {
            coefficients: terms_at(&board, None, board.clocks.core_max_mhz.value, IDLE_C),
            target: IDLE_W,
            sd: IDLE_SD_W,
        });
        (parameters, _) = solve(&equations, &priors);
    }
    let power = &mut board.power;
    for (term, place, key) in [
        (Term::Fixed, &mut power.fixed_w.value, "fixed_w"),
        (
            Term::MemoryIdle,
            &mut power.memory_idle_w.value,
            "memory_idle_w",
        ),
        (Term::Leakage, &mut power.leakage_w.value, "leakage_w"),
        (
            Term::IdleClock,
            &mut power.idle_clock_mw_per_mhz.value,
            "idle_clock_mw_per_mhz",
        ),
    ] {
        *place = parameters[term.index()];
        profile.set("power", key, *place)?;
    }
    Fitted::new(SLUG, &profile)
}

/// Arithmetic in registers.
fn arithmetic() -> PhaseCost {
    kernels::named("pi-fp32").expect("a kernel that exists")
}

/// Arithmetic and traffic on the chip in turn: bound by the core clock as well, but another mixture
/// of energies.
fn mixture() -> PhaseCost {
    PhaseCost {
        cache_bytes: 0.1 * arithmetic().operations.sum(),
        serial_share: 1.0,
        ..arithmetic()
    }
}

/// Energies of work stay as the profile has them: the table says nothing of them.
fn hold_the_rest(priors: &mut [Prior; COUNT], board: &Board) {
    let power = &board.power;
    let mut values = [0.0; COUNT];
    values[Term::BusyClock.index()] = power.busy_clock_mw_per_mhz.value;
    values[Term::Cache.index()] = power.cache_pj_per_byte.value;
    values[Term::Dram.index()] = power.dram_pj_per_byte.value;
    for (pipe, energy) in &power.operation_pj {
        values[Term::Operation(*pipe).index()] = energy.value;
    }
    for (i, (prior, value)) in priors.iter_mut().zip(values).enumerate() {
        if FITTED.iter().all(|term| term.index() != i) {
            *prior = Prior {
                mean: value,
                sd: 0.0,
            };
        }
    }
}

/// The terms of a load at the temperature that its power with the last parameters makes.
fn warm_terms(board: &Board, cost: &PhaseCost, core_mhz: u32, parameters: &Terms) -> Terms {
    let ambient_c = board.thermal.ambient_c.value;
    let cool = terms_at(board, Some(cost), core_mhz, ambient_c);
    let power_w: f64 = cool.iter().zip(parameters).map(|(a, x)| a * x).sum();
    let warm_c = ambient_c + thermal::warmed(&board.thermal, IDLE_W, power_w, MIDDLE_S);
    terms_at(board, Some(cost), core_mhz, warm_c)
}

fn terms_at(board: &Board, cost: Option<&PhaseCost>, core_mhz: u32, temperature_c: f64) -> Terms {
    let work = cost.map(|cost| execute(board, cost, predict::clocks(board, core_mhz)));
    let power = &board.power;
    let mhz = f64::from(core_mhz);
    let moment = Moment {
        core_mhz: mhz,
        volts: board
            .voltage
            .volts(mhz, f64::from(board.clocks.core_max_mhz.value)),
        work: work.as_ref(),
    };
    let growth = leakage_growth(
        power.leakage_per_k.value,
        power.leakage_reference_c.value,
        temperature_c,
    );
    coefficients(growth, &moment)
}

/// The voltages of the table from emulated power, by the derivation of their source.
pub(super) fn residuals(tables: &Tables, fitted: &Fitted) -> Vec<Residual> {
    let board = &fitted.board;
    let mut list = Vec::new();
    for (name, cost, used_for) in [
        ("arithmetic", arithmetic(), UsedFor::Fit),
        ("arithmetic and cache", mixture(), UsedFor::Holdout),
    ] {
        let per_clock = |core_mhz: u32| {
            let seen = predict::steady(board, Some(&cost), Some(core_mhz));
            (seen.power_w - V100_CONSTANT_W) / f64::from(core_mhz)
        };
        let of_reference = per_clock(VOLTAGE_REFERENCE_MHZ);
        for row in &tables.v100 {
            if row.core_mhz == VOLTAGE_REFERENCE_MHZ {
                continue;
            }
            let reference = Reference {
                board: SLUG,
                source: SOURCE,
                row: format!("{name}, {} MHz", row.core_mhz),
                quantity: "voltage by that at 945 MHz",
                unit: "1",
                value: row.ratio,
                tolerance_pct: Some(RATIO_PCT),
                used_for,
            };
            let ratio = (per_clock(row.core_mhz) / of_reference).sqrt();
            list.push(reference.against(None, Some(ratio)));
        }
    }
    list.extend(siblings::residuals(fitted));
    list
}
