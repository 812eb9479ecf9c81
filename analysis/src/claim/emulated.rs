//! Numbers of the tests that are about emulated results: optima of clock sweeps, the counter
//! against the truth, residuals of the emulator, readings of tools.
//!
//! What is known exactly of the shipped data (a reading beside the truth, a residual) has an
//! interval of no width: there is no sampling error in a claim about these very numbers.

use model::provenance::Provenance;

use super::evidence::{Findings, Number};
use super::source::{OptimumMetric, TruthQuantity};
use crate::emulated::EmulatedEvidence;
use crate::emulated::curve::Objective;
use crate::emulated::optimum::Optimum;
use crate::emulated::residual::Residual;
use crate::emulated::tool::ToolReading;
use crate::estimate::LEVEL;

/// What to do where nothing emulated was derived.
const NOT_DERIVED: &str =
    "no emulated results in the output folder; `joulebench reproduce` derives them";

impl Findings<'_> {
    /// A metric at the optimum by the same at the highest clock.
    pub(super) fn optimum_ratios(
        &self,
        sweeps: &[String],
        phase: &str,
        objective: Objective,
        metric: OptimumMetric,
    ) -> Result<Vec<Number>, String> {
        let number = |sweep: &String| {
            let optimum = self.optimum(sweep, phase, objective)?;
            let ratio = match metric {
                OptimumMetric::Energy => optimum.energy,
                OptimumMetric::Time => optimum.time,
            };
            Ok(Number {
                subject: format!(
                    "{sweep}, {phase}: {metric} at the least {} ({} MHz) to {} MHz",
                    objective.title(),
                    optimum.sm_clock_mhz,
                    optimum.reference_mhz
                ),
                value: ratio.value,
                low: ratio.low,
                high: ratio.high,
                level: LEVEL,
                n: optimum.n,
                unit: "1".to_owned(),
                provenance: Provenance::Emulated,
                reason: ratio
                    .low
                    .is_none()
                    .then(|| "one run has no scatter".to_owned()),
            })
        };
        sweeps.iter().map(number).collect()
    }

    /// The clock of one optimum by that of another. The bounds come from the clocks that cannot be
    /// told apart from each.
    pub(super) fn optimum_clocks(
        &self,
        sweeps: &[String],
        objective: Objective,
        numerator: &str,
        denominator: &str,
    ) -> Result<Vec<Number>, String> {
        let by = |above: u32, below: u32| f64::from(above) / f64::from(below);
        let number = |sweep: &String| {
            let above = self.optimum(sweep, numerator, objective)?;
            let below = self.optimum(sweep, denominator, objective)?;
            Ok(Number {
                subject: format!(
                    "{sweep}: clock of the least {}, {numerator} ({} MHz) to {denominator} ({} MHz)",
                    objective.title(),
                    above.sm_clock_mhz,
                    below.sm_clock_mhz
                ),
                value: by(above.sm_clock_mhz, below.sm_clock_mhz),
                low: Some(by(above.lowest_mhz, below.highest_mhz)),
                high: Some(by(above.highest_mhz, below.lowest_mhz)),
                level: LEVEL,
                n: above.n,
                unit: "1".to_owned(),
                provenance: Provenance::Emulated,
                reason: None,
            })
        };
        sweeps.iter().map(number).collect()
    }

    fn optimum(&self, sweep: &str, phase: &str, objective: Objective) -> Result<&Optimum, String> {
        let curves = self.curves.ok_or(NOT_DERIVED)?;
        let mut found = curves.optima.iter().filter(|optimum| {
            optimum.sweep == sweep && optimum.phase == phase && optimum.objective == objective
        });
        match (found.next(), found.next()) {
            (Some(optimum), None) => Ok(optimum),
            (None, _) => Err(format!(
                "no curve of '{phase}' in the emulated sweep '{sweep}'"
            )),
            _ => Err(format!("the emulated sweep '{sweep}' has several devices")),
        }
    }

    fn evidence(&self) -> Result<&EmulatedEvidence, String> {
        self.emulated.ok_or_else(|| NOT_DERIVED.to_owned())
    }

    /// How the counter of a sweep's device compares with the truth.
    pub(super) fn counter_truth(
        &self,
        sweeps: &[String],
        quantity: TruthQuantity,
    ) -> Result<Vec<Number>, String> {
        let evidence = self.evidence()?;
        let number = |sweep: &String| {
            let found = evidence.counters.iter().find(|truth| truth.sweep == *sweep);
            let truth = found.ok_or_else(|| format!("no truth is known of sweep '{sweep}'"))?;
            let value = match quantity {
                TruthQuantity::ErrorMax => Some(truth.error_max_pct),
                TruthQuantity::ResidualMax => truth.residual_max_pct,
            };
            let value = value.ok_or_else(|| format!("all runs of '{sweep}' have one energy"))?;
            Ok(exact(format!("{sweep}: {quantity}"), value, truth.n, "%"))
        };
        let numbers = sweeps
            .iter()
            .map(number)
            .collect::<Result<Vec<Number>, String>>()?;
        Ok(worst_first(numbers))
    }

    /// Errors by tolerances of the residuals that have one.
    pub(super) fn residual_shares(&self, used_for: &str) -> Result<Vec<Number>, String> {
        let number = |residual: &Residual| {
            let tolerance = residual
                .tolerance_pct
                .filter(|tolerance| *tolerance > 0.0)?;
            let subject = format!(
                "{}, {}, {}",
                residual.board, residual.row, residual.quantity
            );
            Some(exact(subject, residual.error_pct.abs() / tolerance, 1, "1"))
        };
        let residuals = self.evidence()?.residuals.iter();
        let numbers: Vec<Number> = residuals
            .filter(|residual| residual.used_for == used_for)
            .filter_map(number)
            .collect();
        some(numbers, || {
            format!("no residual that is used for {used_for} has a tolerance")
        })
    }

    /// Errors of the tools on some loads.
    pub(super) fn tool_errors(&self, loads: &[String]) -> Result<Vec<Number>, String> {
        let number = |reading: &ToolReading| {
            let (board, client, method, load) = reading.key();
            let subject = format!("{client} ({method}) on {board}, {load}");
            Some(exact(subject, reading.error_pct?, 1, "%"))
        };
        let readings = self.evidence()?.tool_readings.iter();
        let numbers: Vec<Number> = readings
            .filter(|reading| loads.contains(&reading.load))
            .filter_map(number)
            .collect();
        some(numbers, || {
            format!("no tool reported an energy under {}", loads.join(", "))
        })
    }

    /// The largest distance from the truth, on either side, of any tool on some loads.
    pub(super) fn worst_tool_error(&self, loads: &[String]) -> Result<Vec<Number>, String> {
        let worst = self.tool_errors(loads)?.into_iter().next();
        let distance = |number: Number| exact(number.subject, number.value.abs(), 1, "%");
        Ok(worst.map(distance).into_iter().collect())
    }
}

fn some(numbers: Vec<Number>, otherwise: impl FnOnce() -> String) -> Result<Vec<Number>, String> {
    if numbers.is_empty() {
        return Err(otherwise());
    }
    Ok(worst_first(numbers))
}

/// The number furthest from zero first: of numbers with one verdict the first is printed.
fn worst_first(mut numbers: Vec<Number>) -> Vec<Number> {
    numbers.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
    numbers
}

fn exact(subject: String, value: f64, n: usize, unit: &str) -> Number {
    Number {
        subject,
        value,
        low: Some(value),
        high: Some(value),
        level: LEVEL,
        n,
        unit: unit.to_owned(),
        provenance: Provenance::Emulated,
        reason: None,
    }
}
