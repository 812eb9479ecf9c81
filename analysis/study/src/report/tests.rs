use std::num::NonZeroUsize;

use super::*;
use crate::runner::{Options, Size, run};

fn tiny(only: BarId) -> StudyReport {
    let options = Options {
        size: Size::Experiments(40),
        threads: NonZeroUsize::MIN,
        seed: 1,
        only: Some(only),
    };
    run(&options, &|_| {}).unwrap()
}

#[test]
fn the_text_is_a_table_under_each_bar() {
    insta::assert_snapshot!(tiny(BarId::Relabelling).to_text());
}

#[test]
fn the_typst_table_is_one_that_markup_cannot_leave() {
    let source = tiny(BarId::Relabelling).to_typst();
    assert!(source.starts_with("// Written by joulebench"));
    assert!(source.contains("table.cell(colspan: 6, strong(\"15 relabelling: random"));
    let rows = source
        .lines()
        .filter(|line| line.starts_with("  \""))
        .count();
    assert_eq!(rows, 9, "three cells with three questions each");
    for line in source.lines() {
        assert_eq!(line.matches('"').count() % 2, 0, "{line}");
    }
}

#[test]
fn json_has_ten_digits_and_the_number_of_experiments_in_each_row() {
    let report = tiny(BarId::Relabelling);
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    let rows = json["bars"][0]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 9);
    for row in rows {
        assert_eq!(row["experiments"], 40);
        assert!(
            row["measured"]["low"].as_f64().unwrap() <= row["measured"]["value"].as_f64().unwrap()
        );
        let digits = row["measured"]["high"].to_string().replace(['.', '-'], "");
        assert!(digits.trim_start_matches('0').len() <= 10, "{digits}");
    }
    assert_eq!(json["bars"][0]["id"], "relabelling");
}

#[test]
fn ten_digits_are_kept() {
    for (value, published) in [
        (0.123_456_789_012_345, 0.123_456_789_0),
        (-12_345_678_901_234.0, -12_345_678_900_000.0),
        (0.0, 0.0_f64),
    ] {
        assert_eq!(significant(value).to_bits(), published.to_bits(), "{value}");
    }
}

#[test]
fn a_row_that_misses_fails_the_report_and_an_exception_does_not() {
    let mut report = tiny(BarId::Relabelling);
    assert!(report.passed());
    report.bars[0].rows[0].verdict = Verdict::Exception;
    let again = StudyReport::new(1, 40, report.bars.clone());
    assert!(again.passed() && again.counts.exceptions == 1);
    report.bars[0].rows[0].verdict = Verdict::Missed;
    assert!(!StudyReport::new(1, 40, report.bars).passed());
}
