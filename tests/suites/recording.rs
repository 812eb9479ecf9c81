//! A recording of a day, in virtual time: flat memory, a file of the predicted size, and a trace that
//! the rest of the chain can read.

use std::process::Command;

use serde_json::Value;
use tests::program::{Outcome, joulebench};

/// Beyond what six hours take, a day may take this much more: the marks of its worker, and the list
/// of the pieces of its file. Its readings would be 200 MiB.
const MORE_MEMORY_KIB: u64 = 8 * 1_024;

/// How far the file of a day may be from its prediction, in percent. The prediction rests on two
/// hours at each rate.
const TOLERANCE_PCT: f64 = 10.0;

/// What a recording of so many hours took, as a process of its own found.
fn recorded(hours: u32, rate_hz: u32) -> Value {
    let mut overhead: Command = joulebench(["overhead", "--json", "--device", "emulated"]);
    overhead.args(["--seconds", "0.1"]);
    overhead.args(["--hours", &hours.to_string()]);
    overhead.args(["--recording-hz", &rate_hz.to_string()]);
    let said = Outcome::of(&mut overhead).expect_code(0);
    serde_json::from_str::<Value>(&said.stdout).unwrap()["recording"].take()
}

fn assert_a_day_is_flat_and_as_predicted(rate_hz: u32) {
    let (morning, day) = (recorded(6, rate_hz), recorded(24, rate_hz));
    let samples = day["samples"].as_u64().unwrap();
    assert!(samples >= 24 * 3_600 * u64::from(rate_hz), "{day}");

    let memory = |cost: &Value| cost["memory_kib"].as_u64().unwrap();
    let (of_morning, of_day) = (memory(&morning), memory(&day));
    assert!(
        of_day < of_morning + MORE_MEMORY_KIB,
        "6 hours take {of_morning} KiB, 24 hours {of_day} KiB"
    );

    let number = |key: &str| day[key].as_f64().unwrap();
    let error_pct =
        (number("bytes_per_sample") / number("predicted_bytes_per_sample") - 1.0) * 100.0;
    assert!(error_pct.abs() < TOLERANCE_PCT, "{error_pct} %: {day}");
    // Header, footer and index are the smaller part of the file.
    assert!(
        number("file_bytes") < 1.5 * number("bytes_per_sample") * number("samples"),
        "{day}"
    );
}

#[test]
fn a_day_at_10_hz_takes_flat_memory_and_a_file_as_predicted() {
    assert_a_day_is_flat_and_as_predicted(10);
}

#[test]
#[ignore = "takes a minute: cargo test --workspace --test suite -- --ignored recording"]
fn a_day_at_100_hz_takes_flat_memory_and_a_file_as_predicted() {
    assert_a_day_is_flat_and_as_predicted(100);
}
