//! The calibration as the repository has it: tables in, committed profiles out.

use std::path::Path;
use std::sync::LazyLock;

use gpu_sim::Board;
use gpu_sim::calibration::{Calibration, Tables, UsedFor, calibrate, table};

fn imported(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../artifacts/imported");
    std::fs::read_to_string(folder.join(file)).expect("an imported table")
}

fn tables() -> Tables {
    Tables::parse(
        &imported("h200-anatomy/anatomy.csv"),
        &imported("a100-pi-babelstream/table.csv"),
        &imported("v100-voltage/table.csv"),
    )
    .expect("imported tables are whole")
}

static CALIBRATION: LazyLock<Calibration> =
    LazyLock::new(|| calibrate(&tables()).expect("the committed tables and profiles fit together"));

/// `joulebench emulate calibrate --out …` writes what is committed, whatever was committed before.
#[test]
fn the_committed_profiles_are_what_the_program_finds() {
    let slugs: Vec<&str> = CALIBRATION
        .profiles
        .iter()
        .map(|(slug, _)| slug.as_str())
        .collect();
    assert_eq!(slugs, Board::slugs().collect::<Vec<_>>());
    if std::env::var_os("ACCEPT_PROFILES").is_some() {
        for (slug, text) in &CALIBRATION.profiles {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("profiles/{slug}.toml"));
            let on_disk = std::fs::read_to_string(&file).expect("a profile beside this crate");
            assert_eq!(
                Some(on_disk.as_str()),
                Board::text_of(slug),
                "{slug} was edited since it was compiled in: run again"
            );
            std::fs::write(file, text).expect("the profiles can be written");
        }
    }
    for (slug, text) in &CALIBRATION.profiles {
        let committed = Board::text_of(slug).expect("a board that is compiled in");
        assert_eq!(
            text, committed,
            "{slug}: run this test with ACCEPT_PROFILES=1 and look at the difference"
        );
    }
}

#[test]
fn the_same_tables_give_the_same_bytes() {
    assert_eq!(*CALIBRATION, calibrate(&tables()).expect("as before"));
}

#[test]
fn what_is_left_is_shown_row_by_row() {
    insta::assert_snapshot!(table(&CALIBRATION.residuals));
}

#[test]
fn every_judged_number_is_within_its_tolerance() {
    let outside: Vec<String> = CALIBRATION
        .residuals
        .iter()
        .filter(|residual| !residual.is_within)
        .map(|r| {
            format!(
                "{} {} {}: {:+.1} %",
                r.board, r.row, r.quantity, r.error_pct
            )
        })
        .collect();
    assert!(outside.is_empty(), "{outside:#?}");
}

#[test]
fn rows_were_kept_back_for_every_board_with_a_table() {
    for board in ["h200-sxm-141gb", "a100-pcie-80gb", "v100-pcie-32gb"] {
        let kept = CALIBRATION.residuals.iter().filter(|r| {
            r.board == board && r.used_for == UsedFor::Holdout && r.tolerance_pct.is_some()
        });
        assert!(kept.count() > 0, "{board}");
    }
}
