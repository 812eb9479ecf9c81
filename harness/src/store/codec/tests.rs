use std::panic::{AssertUnwindSafe, catch_unwind};

use model::units::Nanos;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::fixture::emulated_trace;

/// Writes the bytes to a file and reads them as a trace; a panic of the decoder fails the test.
fn read_back(folder: &TempDir, bytes: &[u8]) -> Result<Trace, StoreError> {
    let file = folder.path().join("trace.parquet");
    fs_err::write(&file, bytes).expect("a temporary file");
    catch_unwind(AssertUnwindSafe(|| read_trace(&file))).expect("damage is an error, not a panic")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn sample() -> impl Strategy<Value = Sample> {
    // Readings are what a driver gives: never negative but for the temperature, clocks in 32 bits.
    let integers = prop::collection::vec(
        prop::option::of(0_i64..=u32::MAX.into()),
        SAMPLE_COLUMNS.len(),
    );
    let floats = prop::collection::vec(prop::option::of(0.0_f64..100.0), SAMPLE_COLUMNS.len());
    let temperature = prop::option::of(-50_i64..150);
    let stamp = 0_u64..1 << 62;
    (integers, floats, temperature, stamp).prop_map(|(integers, floats, temperature, at)| {
        let mut sample = Sample::default();
        for (column, (integer, float)) in
            SAMPLE_COLUMNS.iter().zip(integers.into_iter().zip(floats))
        {
            match column.access {
                Access::Integer { set, .. } => set(&mut sample, integer),
                Access::Float { set, .. } => set(&mut sample, float),
            }
        }
        sample.temperature_c = temperature;
        sample.at_ns = Nanos::new(at);
        sample
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_samples_come_back_as_they_were(samples in prop::collection::vec(sample(), 0..200)) {
        let mut trace = emulated_trace();
        trace.samples = samples;
        let bytes = trace_bytes(&trace).expect("encodes");
        prop_assert_eq!(read_back(&folder(), &bytes).expect("its own bytes"), trace);
    }
}

#[test]
fn the_same_trace_is_the_same_bytes() {
    let trace = emulated_trace();
    assert!(trace.samples.len() > 100);
    let first = trace_bytes(&trace).expect("encodes");
    for _ in 0..20 {
        assert_eq!(trace_bytes(&emulated_trace()).expect("encodes"), first);
    }
}

/// A flip is noticed, or it hit a byte that carries nothing of the trace (a statistic, the writer's
/// name) and the trace is whole; it never gives another trace.
#[test]
fn a_flipped_bit_never_gives_another_trace() {
    let (folder, trace) = (folder(), emulated_trace());
    let bytes = trace_bytes(&trace).expect("encodes");
    let (mut flips, mut noticed) = (0, 0);
    for position in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[position] ^= 1 << (position % 8);
        flips += 1;
        match read_back(&folder, &damaged) {
            Ok(read) => assert_eq!(read, trace, "bit flip at byte {position}"),
            Err(StoreError::Corrupt { file, .. } | StoreError::Version { file, .. }) => {
                assert!(file.ends_with("trace.parquet"));
                noticed += 1;
            }
            Err(other) => panic!("flip at byte {position}: {other}"),
        }
    }
    assert!(
        noticed * 2 > flips,
        "{noticed} of {flips} flips were noticed"
    );
}

#[test]
fn a_truncated_trace_is_refused_wherever_it_ends() {
    let folder = folder();
    let bytes = trace_bytes(&emulated_trace()).expect("encodes");
    for length in (0..bytes.len()).step_by(13) {
        let error = read_back(&folder, &bytes[..length]).expect_err("truncated");
        assert!(
            matches!(error, StoreError::Corrupt { .. }),
            "{length} bytes: {error}"
        );
    }
}

/// Rewrites the metadata value of a key, lengths and all left as they are.
fn with_text_replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes
        .windows(from.len())
        .position(|window| window == from.as_bytes());
    let at = at.expect("the text is in the file");
    let mut changed = bytes.to_vec();
    changed[at..at + to.len()].copy_from_slice(to.as_bytes());
    changed
}

#[test]
fn an_edited_header_breaks_the_seal_and_says_what_to_do() {
    let bytes = trace_bytes(&emulated_trace()).expect("encodes");
    let edited = with_text_replaced(
        &bytes,
        "\"provenance\":\"emulated\"",
        "\"provenance\":\"measured\"",
    );
    let error = read_back(&folder(), &edited)
        .expect_err("relabelled")
        .to_string();
    assert!(
        error.ends_with(
            "trace.parquet: was altered: its seal does not match its content; restore it from a \
             copy, or move it away to take the run again"
        ),
        "{error}"
    );
}

#[test]
fn another_parquet_file_is_no_trace() {
    let bytes = trace_bytes(&emulated_trace()).expect("encodes");
    let renamed = with_text_replaced(&bytes, VERSION_KEY, "joulebench.fOrmat");
    let error = read_back(&folder(), &renamed)
        .expect_err("no version")
        .to_string();
    assert!(
        error.contains("has no 'joulebench.format' in its metadata"),
        "{error}"
    );
}

#[test]
fn a_missing_file_is_named() {
    let file = folder().path().join("absent.parquet");
    let error = read_trace(&file).expect_err("absent");
    assert!(error.to_string().contains("absent.parquet"), "{error}");
}
