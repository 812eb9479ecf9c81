use model::reason::RunFault;
use model::trace::{Fault, Trace};
use model::units::{Millijoules, Milliwatts, Nanos};
use tempfile::TempDir;

use super::*;
use crate::fixture::emulated_trace;
use crate::store::{Durability, check_trace, read_trace, trace_bytes};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn open(folder: &TempDir) -> Store {
    Store::open(folder.path(), "name = \"a plan\"\n", Durability::PowerLoss).expect("a fresh store")
}

/// Readings that change as those of a board do.
fn sample(index: u64) -> Sample {
    let noise = index.wrapping_mul(6_364_136_223_846_793_005) >> 50;
    Sample {
        at_ns: Nanos::new(1_000_000 * index),
        read_ns: Nanos::new(150_000 + noise),
        energy_mj: Some(Millijoules::new(700 * (index / 2))),
        power_mw: (!index.is_multiple_of(97)).then(|| Milliwatts::new(70_000 + noise)),
        sm_util_pct: index.is_multiple_of(100).then_some(97.5),
        ..Sample::default()
    }
}

/// A trace of so many samples.
fn long_trace(samples: u64) -> Trace {
    Trace {
        samples: (0..samples).map(sample).collect(),
        ..emulated_trace()
    }
}

fn take_all<'store>(store: &'store Store, trace: &Trace) -> Recording<'store> {
    let mut recording = store.record(trace.header.run.id.clone());
    for sample in &trace.samples {
        recording.take(sample.clone()).expect("room on the disk");
    }
    recording
}

fn batches(count: usize) -> u64 {
    (count * BATCH_ROWS) as u64
}

/// Whatever way its samples came in, a trace is the same file.
#[test]
fn a_streamed_trace_is_the_bytes_of_one_that_was_encoded_at_once() {
    let lengths = [
        0,
        1,
        batches(1) - 1,
        batches(1),
        batches(1) + 1,
        batches(5) + 1_023,
        // Two row groups, and the beginning of a third.
        batches(33) + 7,
    ];
    for length in lengths {
        let (folder, trace) = (folder(), long_trace(length));
        let store = open(&folder);
        let file = take_all(&store, &trace)
            .seal(&trace.header)
            .expect("sealed");
        let bytes = fs_err::read(&file).expect("there");
        assert!(
            bytes == trace_bytes(&trace).expect("encodes"),
            "{length} samples"
        );
        assert_eq!(check_trace(&file).expect("whole"), trace.header);
        assert!(
            read_trace(&file).expect("whole") == trace,
            "{length} samples"
        );
    }
}

#[test]
fn a_long_attempt_that_failed_is_kept_apart() {
    let (folder, mut trace) = (folder(), long_trace(batches(2)));
    trace.header.faults.push(Fault {
        fault: RunFault::DeviceLost,
        detail: "for the test".to_owned(),
    });
    let store = open(&folder);
    let file = take_all(&store, &trace)
        .seal(&trace.header)
        .expect("sealed");
    assert_eq!(file.parent(), Some(folder.path().join("failed").as_path()));
    assert!(read_trace(&file).expect("whole") == trace);
}

fn temporaries(folder: &TempDir) -> usize {
    let entries = fs_err::read_dir(folder.path()).expect("readable");
    let is_temporary = |name: std::ffi::OsString| name.to_string_lossy().ends_with(".tmp");
    entries
        .filter(|entry| is_temporary(entry.as_ref().expect("readable").file_name()))
        .count()
}

#[test]
fn a_recording_that_is_given_up_leaves_nothing_and_one_that_was_killed_is_swept() {
    let (folder, trace) = (folder(), long_trace(batches(2)));
    let store = open(&folder);
    let recording = take_all(&store, &trace);
    assert_eq!(temporaries(&folder), 1, "it is written while it is taken");
    drop(recording);
    assert_eq!(temporaries(&folder), 0);

    // Nobody runs a destructor of a killed process.
    std::mem::forget(take_all(&store, &trace));
    assert_eq!(temporaries(&folder), 1);
    drop(store);
    let store = open(&folder);
    assert_eq!(temporaries(&folder), 0);
    assert!(!store.has(&trace.header.run.id).expect("readable"));
}

#[test]
fn a_disk_that_cannot_be_written_ends_the_recording_with_its_name() {
    let (folder, trace) = (folder(), long_trace(batches(1)));
    let store = open(&folder);
    fs_err::create_dir(store.temporary_of(&trace.header.run.id)).expect("in the way");
    let mut recording = store.record(trace.header.run.id.clone());
    let refused = trace
        .samples
        .iter()
        .find_map(|sample| recording.take(sample.clone()).err())
        .expect("there is a folder in the place of the file");
    assert!(refused.reason.contains(".parquet.tmp"), "{refused}");
    let error = recording.seal(&trace.header).expect_err("nothing to seal");
    assert!(matches!(error, StoreError::Io(_)), "{error}");
    assert!(!store.path_of(&trace.header.run.id).exists());
}

/// A changed value is found without the samples in memory.
#[test]
fn a_seal_that_does_not_match_is_found_column_by_column() {
    let (folder, mut trace) = (folder(), long_trace(batches(3)));
    let store = open(&folder);
    let header = serde_json::to_string(&trace.header).expect("serialises");
    let seal = codec::seal_of(&header, &trace.samples);
    trace.samples[9_000].temperature_c = Some(41);
    let mut writer = codec::writer(Vec::new()).expect("memory");
    writer
        .write(&codec::record_batch(&trace.samples).expect("encodes"))
        .expect("encodes");
    for entry in codec::metadata(header, seal) {
        writer.append_key_value_metadata(entry);
    }
    let file = store.path_of(&trace.header.run.id);
    fs_err::write(&file, writer.into_inner().expect("encodes")).expect("writable");
    for error in [
        check_trace(&file).expect_err("altered"),
        read_trace(&file).expect_err("altered"),
    ] {
        assert!(error.to_string().contains("was altered"), "{error}");
    }
}
