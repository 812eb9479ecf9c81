use std::path::{Path, PathBuf};

use model::format::FORMAT_VERSION;
use model::trace::Trace;
use tempfile::TempDir;

use super::*;
use crate::Error;
use crate::synthetic::{self, Load};

fn trace() -> Trace {
    let point = synthetic::llama_point("candle", 1, 512);
    synthetic::trace(point, 0, Load::PLAIN)
}

/// A folder with one trace in it.
fn written() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("run.parquet");
    synthetic::write_trace(&path, &trace());
    (folder, path)
}

fn problem(path: &Path) -> TraceProblem {
    match read_trace(path).expect_err("the file was damaged") {
        Error::Trace {
            path: named,
            problem,
        } => {
            assert_eq!(named, path);
            problem
        }
        other => panic!("expected an error about the trace, found {other}"),
    }
}

#[test]
fn a_trace_reads_back_as_it_was_written() {
    let (_folder, path) = written();
    assert_eq!(read_trace(&path).expect("a whole file"), trace());
}

#[test]
fn a_truncated_file_is_named_as_such() {
    let (_folder, path) = written();
    let bytes = fs_err::read(&path).expect("the file");
    for length in [0, 3, 100, bytes.len() / 2, bytes.len() - 1] {
        fs_err::write(&path, &bytes[..length]).expect("a writable file");
        let problem = problem(&path);
        assert!(
            matches!(problem, TraceProblem::Unreadable(_)),
            "{length}: {problem}"
        );
        assert!(problem.to_string().contains("truncated"), "{problem}");
    }
}

#[test]
fn no_flipped_byte_changes_what_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("run.parquet");
    let mut original = trace();
    original.samples.truncate(60);
    synthetic::write_trace(&path, &original);
    let bytes = fs_err::read(&path).expect("the file");
    let mut refused = 0;
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x20;
        fs_err::write(&path, &damaged).expect("a writable file");
        // Bytes that no reader uses (statistics, a padding) may change; the content may not.
        match read_trace(&path) {
            Ok(trace) => assert!(
                trace == original,
                "byte {position}: {} of {} samples",
                trace.samples.len(),
                original.samples.len()
            ),
            Err(Error::Trace { .. }) => refused += 1,
            Err(other) => panic!("byte {position}: {other}"),
        }
    }
    assert!(
        refused * 2 > bytes.len(),
        "{refused} of {} refused",
        bytes.len()
    );
}

#[test]
fn a_changed_reading_breaks_the_seal() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("run.parquet");
    let mut trace = trace();
    let header = serde_json::to_string(&trace.header).expect("a header serialises");
    let sealed = synthetic::seal(&header, &trace.samples);
    trace.samples[7].temperature_c = Some(41);
    synthetic::write_sealed_as(&path, &header, &trace.samples, &sealed);
    let problem = problem(&path);
    assert!(
        matches!(problem, TraceProblem::SealMismatch { .. }),
        "{problem}"
    );
}

#[test]
fn another_version_a_bad_header_and_a_missing_column_are_told_apart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("run.parquet");
    let trace = trace();
    let header = serde_json::to_string(&trace.header).expect("a header serialises");
    let version = FORMAT_VERSION.to_string();

    synthetic::write_raw(&path, "999", &header, &trace.samples, |_| true);
    assert_eq!(
        problem(&path),
        TraceProblem::UnknownVersion {
            found: "999".into()
        }
    );
    synthetic::write_raw(&path, &version, "{\"format\":1}", &trace.samples, |_| true);
    let bad = problem(&path);
    assert!(matches!(bad, TraceProblem::BadHeader(_)), "{bad}");
    assert!(bad.to_string().contains("run"), "{bad}");
    synthetic::write_raw(&path, &version, &header, &trace.samples, |name| {
        name != "energy_mj"
    });
    assert_eq!(problem(&path), TraceProblem::MissingColumn("energy_mj"));
}

#[test]
fn a_parquet_file_of_others_is_no_trace() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("other.parquet");
    synthetic::write_foreign(&path);
    assert_eq!(
        problem(&path),
        TraceProblem::MissingKey("joulebench.format")
    );
}

#[test]
fn a_campaign_needs_a_plan_and_a_trace_and_true_names() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = || Campaign::open(folder.path());
    let no_plan = open().expect_err("an empty folder").to_string();
    assert!(no_plan.contains("no plan.toml"), "{no_plan}");
    fs_err::write(folder.path().join("plan.toml"), "").expect("a fresh folder");
    let no_trace = open().expect_err("no trace").to_string();
    assert!(no_trace.contains("no *.parquet"), "{no_trace}");

    synthetic::write_trace(&folder.path().join("other.parquet"), &trace());
    fs_err::create_dir(folder.path().join("failed")).expect("a fresh folder");
    synthetic::write_trace(&folder.path().join("failed/x-1.parquet"), &trace());
    let campaign = open().expect("a plan and a trace");
    assert_eq!(campaign.failed[0].name, "failed/x-1.parquet");
    let renamed = campaign
        .read_sealed(&campaign.sealed[0])
        .expect_err("another name")
        .to_string();
    assert!(renamed.contains("other.parquet holds the run"), "{renamed}");
}
