//! How numbers and demands look in print, the same in every form.

use super::{BarReport, Row};
use crate::bar::{Requirement, Role, Unit};
use crate::generator::count;

/// Headings of the printed columns.
pub const HEADINGS: [&str; 8] = [
    "bar", "cell", "question", "of", "n", "measured", "demand", "verdict",
];

/// The cells of one printed row, under [`HEADINGS`].
pub type PrintedRow = [String; 8];

pub(super) fn print(bar: &BarReport, row: &Row) -> PrintedRow {
    [
        bar.number.to_string(),
        row.cell.clone(),
        match row.role {
            Role::NegativeControl => format!("control: {}", row.question),
            Role::Bar | Role::Context => row.question.clone(),
        },
        row.target.name().to_owned(),
        row.experiments.to_string(),
        measured(row),
        demand(row.requirement, row.unit),
        row.verdict.name().to_owned(),
    ]
}

/// Why rows of a bar are exceptions or have no answer, each reason once.
pub(super) fn reasons(bar: &BarReport) -> Vec<String> {
    let mut reasons = Vec::new();
    for row in &bar.rows {
        if let Some(reason) = &row.reason {
            let line = format!("{}: {reason}", row.verdict.name());
            if !reasons.contains(&line) {
                reasons.push(line);
            }
        }
    }
    reasons
}

fn measured(row: &Row) -> String {
    let Some(measured) = row.measured else {
        return "\u{2013}".to_owned();
    };
    if row.requirement == Requirement::Always {
        let times = (measured.value * count(row.experiments)).round();
        return format!("{times} of {}", row.experiments);
    }
    let [value, low, high] =
        [measured.value, measured.low, measured.high].map(|number| match row.unit {
            Unit::Share => rounded(100.0 * number, 2),
            Unit::Number => rounded(number, 3),
        });
    let sign = match row.unit {
        Unit::Share => " %",
        Unit::Number => "",
    };
    format!("{value} [{low}, {high}]{sign}")
}

/// A number with so many decimals, and no sign where only zeros are left.
fn rounded(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) => digits.to_owned(),
        _ => text,
    }
}

fn demand(requirement: Requirement, unit: Unit) -> String {
    let bare = |value: f64| match unit {
        Unit::Share => trimmed(&rounded(100.0 * value, 2)),
        Unit::Number => trimmed(&rounded(value, 3)),
    };
    let sign = match unit {
        Unit::Share => " %",
        Unit::Number => "",
    };
    match requirement {
        Requirement::Within { low, high } => format!("{} to {}{sign}", bare(low), bare(high)),
        Requirement::AtLeast(least) => format!("\u{2265} {}{sign}", bare(least)),
        Requirement::AtMost(most) => format!("\u{2264} {}{sign}", bare(most)),
        Requirement::Always => "always".to_owned(),
        Requirement::Nothing => "\u{2013}".to_owned(),
    }
}

/// Decimals without zeros at their end.
fn trimmed(decimals: &str) -> String {
    let bare = decimals.trim_end_matches('0').trim_end_matches('.');
    bare.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lose_what_says_nothing() {
        assert_eq!(rounded(-0.000_4, 2), "0.00");
        assert_eq!(rounded(-0.006, 2), "-0.01");
        assert_eq!(trimmed(&rounded(94.5, 2)), "94.5");
        assert_eq!(trimmed(&rounded(90.0, 2)), "90");
    }
}
