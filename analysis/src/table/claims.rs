//! Claims and their verdicts.

use super::{ABSENT, Cell, Column, Table};
use crate::claim::{ClaimResult, Claims};
use crate::number::print_estimate;

/// One row for each claim.
pub fn claims_table(claims: &Claims) -> Table {
    Table {
        name: "claims".into(),
        columns: vec![
            Column::words("id", "Claim"),
            Column::words("sentence", "Sentence"),
            Column::words("criterion", "Test"),
            Column::number("value", "Estimate"),
            Column::data("low"),
            Column::data("high"),
            Column::data("unit"),
            Column::number("n", "n"),
            Column::number("paper_value", "Paper"),
            Column::words("verdict", "Verdict"),
            Column::data("subject"),
            Column::data("reason"),
            Column::words("provenance", "Provenance"),
        ],
        rows: claims.claims.iter().map(row).collect(),
        notes: claims
            .claims
            .iter()
            .filter_map(|claim| {
                claim
                    .reason
                    .as_ref()
                    .map(|reason| format!("{}: {reason}.", claim.id))
            })
            .collect(),
    }
}

fn row(claim: &ClaimResult) -> Vec<Cell> {
    let decisive = claim.decisive.as_ref();
    let estimate = decisive.map_or(ABSENT.to_owned(), |evidence| {
        let printed = print_estimate(evidence.value, evidence.low, evidence.high).with_interval();
        match evidence.unit.as_str() {
            "1" => printed,
            unit => format!("{printed} {unit}"),
        }
    });
    let paper = claim.paper.map(|paper| paper.value);
    let reason = claim
        .reason
        .as_deref()
        .or_else(|| decisive.and_then(|evidence| evidence.reason.as_deref()));
    vec![
        Cell::same(&claim.id),
        Cell::same(&claim.sentence),
        Cell::same(&claim.criterion),
        Cell::number(decisive.map(|evidence| evidence.value), estimate),
        Cell::number(decisive.and_then(|evidence| evidence.low), ""),
        Cell::number(decisive.and_then(|evidence| evidence.high), ""),
        Cell::word(decisive.map(|evidence| evidence.unit.as_str())),
        Cell::word(decisive.map(|evidence| evidence.n.to_string()).as_deref()),
        Cell::number(
            paper,
            paper.map_or(String::new(), |value| {
                print_estimate(value, None, None).value
            }),
        ),
        Cell::same(claim.verdict.name()),
        Cell::word(decisive.map(|evidence| evidence.subject.as_str())),
        Cell::word(reason),
        Cell::word(decisive.map(|evidence| evidence.provenance.name())),
    ]
}
