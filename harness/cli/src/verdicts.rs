//! The verdict table for terminals.

use std::fmt::Write as _;

use analysis::claim::{ClaimResult, Claims, Verdict};
use model::units::Seconds;

/// Whether every claim could be judged and agrees with the paper. A refuted claim that the paper
/// prints as refuted is as it should be.
pub(crate) fn hold(claims: &Claims) -> bool {
    claims.claims.iter().all(|claim| {
        claim.verdict != Verdict::Unavailable && claim.agrees_with_paper != Some(false)
    })
}

/// One line for each claim: what the paper says, what came out, the verdict, how long it took from
/// the raw traces to here, and the sentence.
pub(crate) fn table(claims: &Claims, took: Option<Seconds>) -> String {
    let time = took.map_or_else(|| "-".to_owned(), |took| format!("{took:.1}"));
    let header = [
        "claim",
        "paper",
        "regenerated",
        "same",
        "verdict",
        "time",
        "sentence",
    ];
    let rows: Vec<[String; 7]> = std::iter::once(header.map(str::to_owned))
        .chain(claims.claims.iter().map(|claim| row(claim, &time)))
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(&widths) {
            let gap = width - cell.chars().count() + 2;
            write!(text, "{cell}{:gap$}", "").expect("a string takes all");
        }
        text.push_str(&row[6]);
        text.push('\n');
    }
    text
}

fn row(claim: &ClaimResult, time: &str) -> [String; 7] {
    let paper = claim
        .paper
        .map_or_else(|| "-".to_owned(), |paper| significant(paper.value));
    let regenerated = match (&claim.decisive, &claim.reason) {
        (Some(evidence), _) => interval(
            evidence.value,
            evidence.low.zip(evidence.high),
            &evidence.unit,
        ),
        (None, Some(reason)) => reason.clone(),
        (None, None) => "-".to_owned(),
    };
    let same = match claim.agrees_with_paper {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "-",
    };
    [
        claim.id.clone(),
        paper,
        regenerated,
        same.to_owned(),
        claim.verdict.to_string(),
        time.to_owned(),
        claim.sentence.clone(),
    ]
}

/// `value [low, high] unit`; without bounds where there are none.
pub(crate) fn interval(value: f64, bounds: Option<(f64, f64)>, unit: &str) -> String {
    let unit = if unit == "1" { "" } else { unit };
    let value = significant(value);
    match bounds {
        Some((low, high)) => format!(
            "{value} [{}, {}] {unit}",
            significant(low),
            significant(high)
        ),
        None => format!("{value} {unit}"),
    }
    .trim_end()
    .to_owned()
}

/// Four significant digits.
fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    // The exponent of the rounded value, since 99.9996 is printed as 100.0.
    let rounded = format!("{value:.3e}");
    let magnitude: i32 = rounded
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or_default();
    let decimals = usize::try_from(3 - magnitude).unwrap_or(0);
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_significant_digits() {
        assert_eq!(significant(5.123_456), "5.123");
        assert_eq!(significant(-0.012_345_6), "-0.01235");
        assert_eq!(significant(123_456.0), "123456");
        assert_eq!(significant(99.999_6), "100.0");
        assert_eq!(significant(0.0), "0");
    }
}
