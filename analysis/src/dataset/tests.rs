//! Datasets from synthetic traces: what is built is verified, what is changed is noticed.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::emulated_content::tests::Emulated;
use super::parquet_file::TableWriter;
use super::{DatasetSummary, EmulatedContent, Error, Table, build, build_from_traces, verify};
use crate::emulated::tool::ToolReading;
use crate::row::Row;
use crate::synthetic::{Load, llama_point, trace, write_trace};
use crate::tidy::tidy;

/// No results of emulated boards.
const NONE: EmulatedContent<'_> = EmulatedContent {
    runs: &[],
    residuals: &[],
    readings: &[],
};

/// A campaign of four runs below a folder, and the rows of its runs.
fn campaign(folder: &Path) -> (PathBuf, Vec<Row>) {
    let raw = folder.join("raw");
    fs_err::create_dir_all(&raw).expect("a fresh folder");
    fs_err::write(raw.join("plan.toml"), "name = \"synthetic\"\n").expect("a fresh folder");
    let mut rows = Vec::new();
    for (batch, block) in [(1, 0), (8, 0), (1, 1), (8, 1)] {
        let trace = trace(llama_point("candle", batch, 512), block, Load::PLAIN);
        write_trace(
            &raw.join(format!("{}.parquet", trace.header.run.id)),
            &trace,
        );
        rows.push(tidy(&trace));
    }
    (raw, rows)
}

/// The dataset of [`campaign`] and the folder that keeps it.
fn dataset() -> (TempDir, DatasetSummary) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (raw, rows) = campaign(folder.path());
    let emulated = Emulated::new();
    let summary = build(&[raw], &rows, &emulated.content(), folder.path()).expect("good traces");
    (folder, summary)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn what_is_built_passes_and_counts_every_row() {
    let (_folder, summary) = dataset();
    let checked = verify(&summary.path).expect("a fresh dataset");
    assert_eq!(checked.counts, summary.counts);
    assert_eq!((checked.counts.runs, checked.counts.machines), (4, 4));
    assert_eq!(checked.counts.marks, 4 * 6);
    assert_eq!(checked.counts.emulated_runs, 6);
    assert_eq!(checked.counts.emulator_residuals, 2);
    assert_eq!(checked.counts.tool_readings, 3);
    let trace = trace(llama_point("candle", 1, 512), 0, Load::PLAIN);
    assert_eq!(checked.counts.samples, 4 * trace.samples.len() as u64);
    assert_eq!(checked.files, files_below(&summary.path).len());
}

#[test]
fn the_bytes_depend_on_the_data_alone() {
    let (_first, one) = dataset();
    let second = tempfile::tempdir().expect("a temporary folder");
    let (raw, mut rows) = campaign(second.path());
    rows.reverse();
    let out = second.path().join("deeper/out");
    let mut emulated = Emulated::new();
    emulated.runs.reverse();
    emulated.residuals.reverse();
    emulated.readings.reverse();
    let two = build(&[raw], &rows, &emulated.content(), &out).expect("good traces");
    let (files, others) = (files_below(&one.path), files_below(&two.path));
    assert_eq!(files.len(), others.len());
    for (file, other) in files.iter().zip(&others) {
        assert_eq!(file.strip_prefix(&one.path), other.strip_prefix(&two.path));
        let bytes = [file, other].map(|path| fs_err::read(path).expect("a file"));
        assert!(bytes[0] == bytes[1], "{} differs", file.display());
    }
}

#[test]
fn rows_from_the_traces_give_the_same_dataset() {
    let (folder, one) = dataset();
    let other = tempfile::tempdir().expect("a temporary folder");
    let emulated = Emulated::new();
    let raw = [folder.path().join("raw")];
    let two = build_from_traces(&raw, &emulated.content(), other.path()).expect("good traces");
    let sums = [one.path, two.path]
        .map(|path| fs_err::read_to_string(path.join("SHA256SUMS")).expect("a list"));
    assert_eq!(sums[0], sums[1]);
}

#[test]
fn one_flipped_byte_names_its_file() {
    let (_folder, summary) = dataset();
    for file in files_below(&summary.path) {
        let original = fs_err::read(&file).expect("a file");
        for place in [0, original.len() / 2, original.len() - 1] {
            let mut bytes = original.clone();
            bytes[place] ^= 1;
            fs_err::write(&file, &bytes).expect("a writable file");
            let error = verify(&summary.path)
                .expect_err("a byte was flipped")
                .to_string();
            let name = file.file_name().expect("a file").to_string_lossy();
            assert!(error.contains(&*name), "byte {place} of {name}: {error}");
        }
        fs_err::write(&file, &original).expect("a writable file");
    }
    verify(&summary.path).expect("everything was put back");
}

#[test]
fn a_missing_and_an_extra_file_are_named() {
    let (_folder, summary) = dataset();
    let extra = summary.path.join("data/more.parquet");
    fs_err::write(&extra, b"").expect("a writable folder");
    let error = verify(&summary.path)
        .expect_err("a file too many")
        .to_string();
    assert!(error.contains("more.parquet"), "{error}");
    fs_err::remove_file(&extra).expect("the file");
    fs_err::remove_file(summary.path.join("LICENSE")).expect("the file");
    let error = verify(&summary.path)
        .expect_err("a file too few")
        .to_string();
    assert!(error.contains("LICENSE"), "{error}");
}

/// Changes a file and its checksum, so that only the content can give it away.
fn resealed(file: &str, change: impl Fn(String) -> String) -> String {
    let (_folder, summary) = dataset();
    let path = summary.path.join(file);
    let text = fs_err::read_to_string(&path).expect("a text");
    let changed = change(text.clone());
    assert_ne!(text, changed, "the change must change something");
    fs_err::write(&path, changed).expect("a writable file");
    super::checksums::seal(&summary.path).expect("readable files");
    verify(&summary.path)
        .expect_err("the content is wrong")
        .to_string()
}

#[test]
fn a_dictionary_that_disagrees_with_a_table_is_refused() {
    let unit = resealed("data_dictionary.csv", |text| {
        text.replace("energy_mj,int64,mJ", "energy_mj,int64,J")
    });
    assert!(unit.contains("samples.parquet: column"), "{unit}");
    let kind = resealed("data_dictionary.csv", |text| {
        text.replace("batch,int64", "batch,string")
    });
    assert!(kind.contains("runs.parquet: column"), "{kind}");
}

#[test]
fn a_card_without_a_heading_or_with_a_dead_link_is_refused() {
    let heading = resealed("README.md", |text| text.replace("## Uses", "## Usage"));
    assert!(heading.contains("'## Uses'"), "{heading}");
    let file = resealed("README.md", |text| {
        text.replace("data_files: data/marks", "data_files: data/mark")
    });
    assert!(file.contains("data/marks.parquet"), "{file}");
}

#[test]
fn a_stale_hash_in_the_description_is_refused() {
    let error = resealed("croissant.json", |text| {
        text.replace("\"sha256\": \"", "\"sha256\": \"0")
    });
    assert!(error.contains("croissant.json: sha256 of"), "{error}");
}

#[test]
fn rows_that_are_not_those_of_the_traces_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (raw, mut rows) = campaign(folder.path());
    let lost = rows.pop().expect("four rows");
    let error = build(std::slice::from_ref(&raw), &rows, &NONE, folder.path())
        .expect_err("a row is missing");
    assert!(error.to_string().contains(&lost.run_id), "{error}");
    rows.push(lost);
    let twice =
        build(&[raw.clone(), raw], &rows, &NONE, folder.path()).expect_err("the same folder twice");
    assert!(matches!(twice, Error::DuplicateRun { .. }), "{twice}");
    assert!(!folder.path().join("dataset").exists());
}

#[test]
fn without_emulated_results_their_tables_are_empty_and_pass() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (raw, rows) = campaign(folder.path());
    let summary = build(&[raw], &rows, &NONE, folder.path()).expect("good traces");
    let counts = verify(&summary.path).expect("a fresh dataset").counts;
    assert_eq!(counts, summary.counts);
    let emulated = [
        Table::EmulatedRuns,
        Table::EmulatorResiduals,
        Table::ToolReadings,
    ];
    assert_eq!(emulated.map(|table| counts.rows(table)), [0; 3]);
}

#[test]
fn a_run_is_never_in_runs_and_in_emulated_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (raw, rows) = campaign(folder.path());
    let emulated = EmulatedContent {
        runs: &rows[..1],
        ..NONE
    };
    let error =
        build(&[raw], &rows, &emulated, folder.path()).expect_err("the same run in both tables");
    assert!(matches!(error, Error::RunInTwoTables { .. }), "{error}");
    assert!(error.to_string().contains(&rows[0].run_id), "{error}");
    assert!(!folder.path().join("dataset").exists());
}

/// Writes another table of tool readings and its checksum, so that only its rows give it away.
fn with_readings(change: impl Fn(&mut Vec<ToolReading>)) -> String {
    let (_folder, summary) = dataset();
    let mut readings = Emulated::new().readings;
    change(&mut readings);
    let readings: Vec<&ToolReading> = readings.iter().collect();
    let mut writer = TableWriter::create(&summary.path, Table::ToolReadings).expect("a folder");
    writer
        .append(super::tool_readings::columns(&readings))
        .expect("complete rows");
    writer.finish().expect("a writable file");
    super::checksums::seal(&summary.path).expect("readable files");
    verify(&summary.path)
        .expect_err("the rows are wrong")
        .to_string()
}

#[test]
fn emulated_tables_with_other_rows_are_refused() {
    let measured = with_readings(|rows| rows[0].provenance = "measured".to_owned());
    assert!(measured.contains("tool_readings.parquet"), "{measured}");
    assert!(
        measured.contains("'measured', expected 'emulated'"),
        "{measured}"
    );
    let twice = with_readings(|rows| rows.insert(0, rows[0].clone()));
    assert!(twice.contains("client, method, board, load"), "{twice}");
}

#[test]
fn what_was_not_judged_is_not_within_a_tolerance() {
    use arrow_array::Array as _;
    let emulated = Emulated::new();
    let residuals: Vec<_> = emulated.residuals.iter().collect();
    let table = super::emulator_residuals::columns(&residuals);
    let nulls = |name| {
        let column = table.iter().find(|filled| filled.column.name == name);
        column.expect("a column").values.null_count()
    };
    assert_eq!((nulls("tolerance_pct"), nulls("is_within")), (1, 1));
}

#[test]
fn an_older_dataset_is_replaced_and_anything_else_is_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (raw, rows) = campaign(folder.path());
    for _ in 0..2 {
        build(std::slice::from_ref(&raw), &rows, &NONE, folder.path()).expect("good traces");
    }
    let left: Vec<_> = fs_err::read_dir(folder.path())
        .expect("the folder")
        .collect();
    assert_eq!(left.len(), 2, "raw and dataset");

    let foreign = tempfile::tempdir().expect("a temporary folder");
    fs_err::create_dir(foreign.path().join("dataset")).expect("a fresh folder");
    fs_err::write(foreign.path().join("dataset/thesis.txt"), "mine").expect("a fresh folder");
    let error = build(&[raw], &rows, &NONE, foreign.path()).expect_err("a folder of someone else");
    assert!(matches!(error, Error::NotADataset { .. }), "{error}");
    assert!(foreign.path().join("dataset/thesis.txt").is_file());
}

#[test]
fn a_damaged_trace_stops_the_build_and_leaves_the_older_dataset() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (raw, rows) = campaign(folder.path());
    build(std::slice::from_ref(&raw), &rows, &NONE, folder.path()).expect("good traces");
    let victim = files_below(&raw)
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "parquet"));
    let victim = victim.expect("a trace");
    let bytes = fs_err::read(&victim).expect("a trace");
    fs_err::write(&victim, &bytes[..bytes.len() / 2]).expect("a writable file");
    let error = build(&[raw], &rows, &NONE, folder.path())
        .expect_err("a truncated trace")
        .to_string();
    let name = victim.file_name().expect("a file").to_string_lossy();
    assert!(error.contains(&*name), "{error}");
    verify(&folder.path().join("dataset")).expect("the older dataset");
    assert!(!folder.path().join("dataset.tmp").exists());
}

#[test]
fn both_ends_of_the_window_carry_its_energy() {
    use arrow_array::cast::AsArray as _;
    use arrow_array::types::Int64Type;
    let trace = trace(llama_point("candle", 1, 512), 0, Load::PLAIN);
    let table = super::samples::columns(&super::samples::records(&trace));
    let column = |name| {
        &table
            .iter()
            .find(|filled| filled.column.name == name)
            .expect("a column")
            .values
    };
    let stages = column("stage").as_string::<i32>();
    let energies = column("energy_mj").as_primitive::<Int64Type>();
    let inside: Vec<i64> = stages
        .iter()
        .zip(energies)
        .filter_map(|(stage, energy)| {
            if stage == Some("window") {
                energy
            } else {
                None
            }
        })
        .collect();
    assert_eq!(
        inside.last().expect("samples") - inside[0],
        200_000,
        "200 J in mJ"
    );
    let window_begin = stages.iter().position(|stage| stage == Some("window"));
    let since = column("t_ns").as_primitive::<Int64Type>();
    assert_eq!(since.value(window_begin.expect("samples")), 0);
}

#[test]
fn the_data_dictionary() {
    insta::assert_snapshot!(super::dictionary::to_csv());
}

#[test]
fn the_card() {
    let (_folder, summary) = dataset();
    insta::assert_snapshot!(
        fs_err::read_to_string(summary.path.join("README.md")).expect("a card")
    );
}

#[test]
fn every_table_lies_where_it_says() {
    let (_folder, summary) = dataset();
    for table in Table::ALL {
        assert!(summary.path.join(table.path()).is_file());
    }
}
