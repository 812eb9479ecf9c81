//! What is left between boards of silicon and their emulation.

use serde::Serialize;

/// Whether a number took part in the fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UsedFor {
    /// The parameters were fitted to it.
    Fit,
    /// It was kept back: the emulator predicts it.
    Holdout,
}

/// One number of silicon beside what the emulator makes of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Residual {
    /// Slug of the board.
    pub board: String,
    /// Where the reference comes from.
    pub source: &'static str,
    /// Row of the reference: a kernel, a clock, a state.
    pub row: String,
    /// What is compared.
    pub quantity: &'static str,
    /// Its unit, in UCUM notation.
    pub unit: &'static str,
    /// The number of silicon, as imported.
    pub reference: f64,
    /// The emulator's, at the conditions of the reference (clock and temperature), from its
    /// equations.
    pub solved: Option<f64>,
    /// The emulator's in virtual time: 2 s of load, then 4 s that count, by an ideal card.
    pub simulated: Option<f64>,
    /// What is judged: the simulated number where there is one, else the solved one.
    pub model: f64,
    /// Relative difference of it in percent; for differences of temperature in percent of the
    /// reference in kelvin above idle.
    pub error_pct: f64,
    /// The error that is allowed in percent; absent where the number is shown without judgement.
    pub tolerance_pct: Option<f64>,
    /// Whether the error is within the tolerance; true where there is none.
    pub is_within: bool,
    /// Fitted or kept back.
    pub used_for: UsedFor,
}

/// A residual before it is known what the emulator says.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) board: &'static str,
    pub(super) source: &'static str,
    pub(super) row: String,
    pub(super) quantity: &'static str,
    pub(super) unit: &'static str,
    pub(super) value: f64,
    pub(super) tolerance_pct: Option<f64>,
    pub(super) used_for: UsedFor,
}

impl Reference {
    /// The same, judged by a tolerance in percent.
    pub(super) fn judged(self, tolerance_pct: f64) -> Self {
        Self {
            tolerance_pct: Some(tolerance_pct),
            ..self
        }
    }

    /// The residual against what the emulator says by its equations, in virtual time, or both.
    pub(super) fn against(self, solved: Option<f64>, simulated: Option<f64>) -> Residual {
        let model = simulated.or(solved).unwrap_or(f64::NAN);
        let error_pct = 100.0 * (model / self.value - 1.0);
        Residual {
            board: self.board.to_owned(),
            source: self.source,
            row: self.row,
            quantity: self.quantity,
            unit: self.unit,
            reference: self.value,
            solved,
            simulated,
            model,
            error_pct,
            tolerance_pct: self.tolerance_pct,
            is_within: self
                .tolerance_pct
                .is_none_or(|tolerance| error_pct.abs() <= tolerance),
            used_for: self.used_for,
        }
    }
}

const HEAD: [&str; 9] = [
    "row",
    "quantity",
    "unit",
    "silicon",
    "solved",
    "simulated",
    "error %",
    "allowed %",
    "used for",
];

/// The residuals as a table for people, one part for each board.
pub fn table(residuals: &[Residual]) -> String {
    let mut out = String::new();
    let mut rest = residuals;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|r| r.board == first.board).count();
        let (part, after) = rest.split_at(count);
        rest = after;
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&first.board);
        out.push('\n');
        write_part(&mut out, part);
    }
    out.push('\n');
    out.push_str(&summary(residuals));
    out
}

fn write_part(out: &mut String, residuals: &[Residual]) {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(residuals.iter().map(cells));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    for line in &lines {
        let mut text = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let is_number = (3..8).contains(&column);
            let padded = if is_number {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            };
            text.push_str(&padded);
            text.push_str("  ");
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
}

fn cells(residual: &Residual) -> [String; HEAD.len()] {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), four_digits);
    let fails = if residual.is_within { "" } else { ", fails" };
    let used = match residual.used_for {
        UsedFor::Fit => "fit",
        UsedFor::Holdout => "holdout",
    };
    [
        residual.row.clone(),
        residual.quantity.to_owned(),
        residual.unit.to_owned(),
        four_digits(residual.reference),
        number(residual.solved),
        number(residual.simulated),
        format!("{:+.1}", residual.error_pct),
        residual
            .tolerance_pct
            .map_or_else(|| "-".to_owned(), |t| format!("{t:.1}")),
        format!("{used}{fails}"),
    ]
}

/// How many are judged, and how many of them fail.
fn summary(residuals: &[Residual]) -> String {
    let judged: Vec<&Residual> = residuals
        .iter()
        .filter(|r| r.tolerance_pct.is_some())
        .collect();
    let held: Vec<&&Residual> = judged
        .iter()
        .filter(|r| r.used_for == UsedFor::Holdout)
        .collect();
    let within = |list: &mut dyn Iterator<Item = bool>| list.filter(|is_within| *is_within).count();
    format!(
        "{} of {} judged numbers within their tolerance; of those kept back, {} of {}; {} shown without judgement\n",
        within(&mut judged.iter().map(|r| r.is_within)),
        judged.len(),
        within(&mut held.iter().map(|r| r.is_within)),
        held.len(),
        residuals.len() - judged.len(),
    )
}

/// Four significant digits, large numbers with an exponent.
fn four_digits(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1e6 {
        format!("{value:.3e}")
    } else if magnitude >= 1e3 {
        format!("{value:.0}")
    } else if magnitude >= 100.0 {
        format!("{value:.1}")
    } else if magnitude >= 10.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(value: f64, tolerance_pct: Option<f64>) -> Reference {
        Reference {
            board: "b",
            source: "s",
            row: "copy".to_owned(),
            quantity: "power",
            unit: "W",
            value,
            tolerance_pct,
            used_for: UsedFor::Holdout,
        }
    }

    #[test]
    fn the_simulated_number_is_judged_before_the_solved_one() {
        let both = reference(100.0, Some(4.0)).against(Some(101.0), Some(105.0));
        assert!((both.error_pct - 5.0).abs() < 1e-9);
        assert!(!both.is_within);
        let solved = reference(100.0, Some(4.0)).against(Some(101.0), None);
        assert!(solved.is_within);
        assert!(reference(100.0, None).against(Some(200.0), None).is_within);
    }

    #[test]
    fn nothing_said_is_no_success() {
        assert!(!reference(100.0, Some(4.0)).against(None, None).is_within);
    }

    #[test]
    fn numbers_have_four_digits() {
        let texts = [0.5701, 12.345, 123.45, 1_980.0, 4.244e12].map(four_digits);
        assert_eq!(texts, ["0.570", "12.35", "123.5", "1980", "4.244e12"]);
    }
}
