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
        // The whole reason, which names sweep and point, is in `claims.json` and in the paper.
        (None, Some(reason)) if reason.starts_with("no data:") => "no data".to_owned(),
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
    use analysis::claim::{CLAIMS_SCHEMA, Evidence, Level, PaperValue};
    use model::provenance::Provenance;

    use super::*;

    /// A claim in which everything that the table shows can be set.
    fn claim(
        id: &str,
        verdict: Verdict,
        decisive: Option<f64>,
        agrees: Option<bool>,
    ) -> ClaimResult {
        let decisive = decisive.map(|value| Evidence {
            subject: "batch 8 over batch 1".to_owned(),
            value,
            low: Some(value * 0.98),
            high: Some(value * 1.02),
            level: 0.95,
            n: 5,
            unit: "J/token".to_owned(),
            provenance: Provenance::Measured,
            verdict,
            reason: None,
        });
        ClaimResult {
            id: id.to_owned(),
            sentence: format!("Sentence of {id}."),
            level: Level::SameHardware,
            needs: "one H200".to_owned(),
            place: "Section 3".to_owned(),
            criterion: "at least 2".to_owned(),
            verdict,
            reason: (verdict == Verdict::Unavailable).then(|| "no such sweep".to_owned()),
            evidence: decisive.iter().cloned().collect(),
            decisive,
            paper: agrees.map(|_| PaperValue {
                value: 5.123_4,
                tolerance_pct: 1.0,
            }),
            agrees_with_paper: agrees,
        }
    }

    fn claims(claims: Vec<ClaimResult>) -> Claims {
        Claims {
            schema: CLAIMS_SCHEMA,
            claims,
        }
    }

    #[test]
    fn the_table_is_one_line_for_each_claim() {
        let mut unbounded = claim("C5", Verdict::Inconclusive, Some(0.01), None);
        if let Some(evidence) = &mut unbounded.decisive {
            (evidence.low, evidence.high) = (None, None);
            evidence.unit = "1".to_owned();
        }
        let claims = claims(vec![
            claim("C1", Verdict::Supported, Some(5.123_4), Some(true)),
            claim("C2-long", Verdict::Refuted, Some(1_234.5), Some(false)),
            claim("C3", Verdict::Unavailable, None, None),
            claim("C4", Verdict::Inconclusive, None, None),
            unbounded,
        ]);
        let timed = table(&claims, Some(Seconds::new(1.26)));
        insta::assert_snapshot!(format!("{timed}\n{}", table(&claims, None)));
    }

    #[test]
    fn a_refuted_claim_holds_where_the_paper_says_so_and_a_moved_value_does_not() {
        let holds = |claim| hold(&claims(vec![claim]));
        assert!(holds(claim("C", Verdict::Supported, Some(1.0), Some(true))));
        assert!(holds(claim("C", Verdict::Refuted, Some(1.0), Some(true))));
        assert!(holds(claim("C", Verdict::Inconclusive, Some(1.0), None)));
        assert!(!holds(claim(
            "C",
            Verdict::Supported,
            Some(1.0),
            Some(false)
        )));
        assert!(!holds(claim("C", Verdict::Unavailable, None, None)));
        assert!(hold(&claims(vec![])));
    }

    #[test]
    fn numbers_keep_four_significant_digits() {
        assert_eq!(significant(5.123_456), "5.123");
        assert_eq!(significant(-0.012_345_6), "-0.01235");
        assert_eq!(significant(123_456.0), "123456");
        assert_eq!(significant(99.999_6), "100.0");
        assert_eq!(significant(0.0), "0");
    }
}
