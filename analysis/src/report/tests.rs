//! The page of a small set of results.

use model::provenance::Provenance;

use super::page::{Drawing, Report, document};
use crate::claim::{CLAIMS_SCHEMA, ClaimResult, Claims, Evidence, Level, Verdict};
use crate::figure::FigureEntry;
use crate::stage::SweepSummary;
use crate::table::{Align, Cell, Column, Table};

fn table(name: &'static str, rows: Vec<Vec<Cell>>) -> Table {
    let column = |key, title, align| Column {
        key,
        title: Some(title),
        align,
    };
    Table {
        name: name.into(),
        columns: vec![
            column("what", "What", Align::Left),
            column("value", "Value", Align::Right),
        ],
        rows,
        notes: vec!["a note with <angles>".to_owned()],
    }
}

fn cell(text: &str) -> Cell {
    Cell {
        data: text.to_owned(),
        print: text.to_owned(),
    }
}

fn claim(id: &str, verdict: Verdict, evidence: Option<Evidence>) -> ClaimResult {
    ClaimResult {
        id: id.to_owned(),
        sentence: "Energy falls & <b>stays</b> low.".to_owned(),
        level: Level::Direction,
        needs: "nothing".to_owned(),
        place: "Results".to_owned(),
        criterion: "at least 2".to_owned(),
        verdict,
        reason: evidence.is_none().then(|| "no such sweep".to_owned()),
        decisive: evidence.clone(),
        evidence: evidence.into_iter().collect(),
        paper: None,
        agrees_with_paper: None,
    }
}

fn report() -> Report {
    let evidence = Evidence {
        subject: "batch 1 to batch 8".to_owned(),
        value: 4.878,
        low: Some(4.781),
        high: Some(4.976),
        level: 0.95,
        n: 5,
        unit: "1".to_owned(),
        provenance: Provenance::Emulated,
        verdict: Verdict::Supported,
        reason: None,
    };
    Report {
        claims: Claims {
            schema: CLAIMS_SCHEMA,
            claims: vec![
                claim("C1", Verdict::Supported, Some(evidence)),
                claim("C2", Verdict::Unavailable, None),
            ],
        },
        sweeps: vec![SweepSummary {
            sweep: "s".to_owned(),
            title: "a sweep".to_owned(),
            provenance: Some(Provenance::Emulated),
            devices: vec!["GPU".to_owned()],
            drivers: vec![],
            engines: vec![],
            boards: 1,
            points: 1,
            blocks: 5,
            planned_runs: 5,
            runs: 5,
            faultless_runs: 5,
            failed_attempts: 0,
            not_run: 0,
        }],
        energy: table(
            "energy-per-token",
            vec![vec![cell("candle"), cell("3.5 [3.4, 3.6]")]],
        ),
        targets: table("targets", vec![vec![cell("decode"), cell("missed by 5 %")]]),
        exclusions: table("exclusions", vec![]),
        sensors: table("sensor", vec![vec![cell("period <script>"), cell("100")]]),
        emulated: Vec::new(),
        sheets: Vec::new(),
        figures: vec![Drawing {
            entry: FigureEntry {
                slug: "sensor".to_owned(),
                title: "Readings".to_owned(),
                alt: "alt".to_owned(),
                provenance: Provenance::Imported,
                source: "recording".to_owned(),
                device: None,
                runs_min: None,
                runs_max: None,
            },
            svg: "<svg xmlns=\"http://www.w3.org/2000/svg\"><title>Readings</title></svg>"
                .to_owned(),
        }],
        raw: vec!["../artifacts/raw/s/".to_owned()],
    }
}

#[test]
fn a_small_report_reads_as_it_did() {
    let page = document(&report());
    let (head, body) = page.split_once("</head>").expect("a document has a head");
    assert!(head.contains("prefers-color-scheme: dark"));
    insta::assert_snapshot!(body);
}

#[test]
fn text_of_the_results_cannot_become_markup() {
    let page = document(&report());
    assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<angles>"));
    assert!(page.contains("period &lt;script&gt;"));
}

#[test]
fn nothing_is_fetched_and_links_are_relative() {
    let page = document(&report());
    for attribute in ["href=\"", "src=\""] {
        for link in page.split(attribute).skip(1) {
            let target = link.split('"').next().expect("an attribute ends");
            assert!(
                !target.contains("//") && !target.starts_with('/'),
                "{target}"
            );
        }
    }
    assert!(!page.contains("@import") && !page.contains("url("));
}

#[test]
fn a_missing_estimate_gives_its_reason() {
    assert!(document(&report()).contains("no such sweep"));
}

#[test]
fn an_empty_list_of_exclusions_is_said_in_words() {
    assert!(document(&report()).contains("No run and no attempt was excluded."));
}
