//! Claims and verdicts as HTML.

use super::html::Html;
use super::table::framed;
use crate::claim::{ClaimResult, Claims, Evidence, Level, Verdict};
use crate::number::print_estimate;

const COLUMNS: [&str; 9] = [
    "Claim",
    "Sentence",
    "Verdict",
    "Criterion",
    "Estimate [95 % interval]",
    "n",
    "Paper",
    "Level",
    "Provenance",
];

/// One line that says how the claims came out, in the order of [`Verdict`].
pub(super) fn summary(claims: &Claims) -> String {
    let all = [
        Verdict::Supported,
        Verdict::Refuted,
        Verdict::Inconclusive,
        Verdict::Unavailable,
    ];
    let counted: Vec<String> = all
        .into_iter()
        .map(|verdict| {
            (
                verdict,
                claims
                    .claims
                    .iter()
                    .filter(|claim| claim.verdict == verdict)
                    .count(),
            )
        })
        .filter(|(_, count)| *count > 0)
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    format!("{} claims: {}.", claims.claims.len(), counted.join(", "))
}

/// The table of verdicts.
pub(super) fn html(claims: &Claims) -> Html {
    let heading = |title: &&str| {
        let class = if matches!(*title, "n" | "Paper") {
            "number"
        } else {
            "words"
        };
        Html::element(
            "th",
            &[("scope", "col"), ("class", class)],
            Html::text(title),
        )
    };
    let head = Html::element("tr", &[], Html::joined(COLUMNS.iter().map(heading)));
    let caption = "Each claim with its criterion, and what the data say to it";
    framed(caption, head, Html::joined(claims.claims.iter().map(row)))
}

fn row(claim: &ClaimResult) -> Html {
    let decisive = claim.decisive.as_ref();
    let estimate = decisive.map_or_else(|| claim.reason.clone().unwrap_or_else(absent), estimate);
    let cell = |class: &str, text: &str| Html::element("td", &[("class", class)], Html::text(text));
    let verdict = claim.verdict.name();
    let badge = Html::element(
        "span",
        &[("class", &format!("verdict {verdict}"))],
        Html::text(verdict),
    );
    let mark = |evidence: &Evidence| {
        Html::element(
            "span",
            &[("class", "mark")],
            Html::text(evidence.provenance.name()),
        )
    };
    let cells = [
        Html::element(
            "th",
            &[("scope", "row"), ("id", &format!("claim-{}", claim.id))],
            Html::text(&claim.id),
        ),
        cell("sentence", &claim.sentence),
        Html::element("td", &[], badge),
        cell("words", &claim.criterion),
        cell(
            if decisive.is_some() {
                "estimate"
            } else {
                "words"
            },
            &estimate,
        ),
        cell(
            "number",
            &decisive.map_or_else(absent, |evidence| evidence.n.to_string()),
        ),
        cell(
            "number",
            &claim.paper.map_or_else(absent, |paper| {
                print_estimate(paper.value, None, None).value
            }),
        ),
        cell("words", level(claim.level)),
        Html::element(
            "td",
            &[],
            decisive.map_or_else(|| Html::text(&absent()), mark),
        ),
    ];
    Html::element("tr", &[], Html::joined(cells))
}

fn estimate(evidence: &Evidence) -> String {
    let printed = print_estimate(evidence.value, evidence.low, evidence.high).with_interval();
    match evidence.unit.as_str() {
        "1" => printed,
        unit => format!("{printed} {unit}"),
    }
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Exact => "exact",
        Level::SameHardware => "same hardware",
        Level::Direction => "direction",
    }
}

fn absent() -> String {
    crate::table::ABSENT.to_owned()
}
