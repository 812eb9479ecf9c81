//! A long recording in virtual time: the memory that it takes, and the file that it becomes.
//!
//! The card is emulated and works without a pause; sessions, recorder and store are those of every
//! run. The file is held against a prediction, so that a disk can be planned for.

use std::path::Path;

use model::plan::DeviceKind;
use model::run::Run;
use model::units::{Nanos, Seconds};
use serde::{Deserialize, Serialize};

use super::OverheadError;
use super::clocks::peak_memory_kib;
use crate::clock::monotonic_now;
use crate::device::Backend;
use crate::store::{Durability, Store, column_bytes};
use crate::{plan_file, session};

/// The sweep that is recorded: iterations of about a minute, as a long training run or a server at
/// work would look. Its one run is stretched to the length that is asked for.
const PLAN: &str = r#"
name = "a-day"
title = "A day of decoding on an emulated H200"
seed = 1
blocks = 1

[session]
device = "emulated"
sample_period_ms = 100
idle_s = 60.0
warmup_s = 1.0
window_s = 60.0
cooldown_s = 1.0
timeout_s = 3600.0

[axes]
model = ["llama-7b"]
precision = ["f16"]
batch = [64]
prompt_tokens = [2048]
decode_tokens = [2048]
"#;

/// Bytes that a sample takes in the file, by column, at 10 readings a second and at 100. Found on two
/// hours of [`PLAN`] at each; a column that is not named takes less than a
/// hundredth of a byte. A day must be within [`TOLERANCE_PCT`] of the sum.
pub const PREDICTED_BYTES: [(&str, f64, f64); 12] = [
    ("energy_mj", 0.443, 0.066),
    ("power_mw", 0.335, 0.070),
    ("power_average_mw", 0.335, 0.070),
    ("power_instant_mw", 0.224, 0.044),
    ("memory_power_mw", 0.156, 0.032),
    ("sm_clock_mhz", 0.098, 0.023),
    ("temperature_c", 0.042, 0.013),
    ("event_reasons", 0.020, 0.006),
    ("sm_util_pct", 0.168, 0.044),
    ("sm_occupancy_pct", 0.173, 0.046),
    ("tensor_util_pct", 0.192, 0.059),
    ("dram_util_pct", 0.195, 0.048),
];

/// How far a file may be from its prediction, in percent.
pub const TOLERANCE_PCT: f64 = 10.0;

/// What a long recording took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordingCost {
    /// Time that was recorded, in hours.
    pub hours: f64,
    /// Readings of all sensors per second.
    pub rate_hz: u32,
    /// Readings recorded.
    pub samples: u64,
    /// Memory at its peak beyond what the process had before, in KiB.
    pub memory_kib: Option<u64>,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Of these, per reading, by column, in bytes.
    pub column_bytes_per_sample: Vec<(String, f64)>,
    /// The same, all columns.
    pub bytes_per_sample: f64,
    /// What was predicted; none for other rates.
    pub predicted_bytes_per_sample: Option<f64>,
    /// Real time that it took to simulate and seal, in seconds.
    pub took_s: f64,
}

/// Records so many hours at a rate into a store below `folder`.
///
/// # Errors
/// Where the folder cannot be written.
pub fn recording_cost(
    folder: &Path,
    hours: f64,
    rate_hz: u32,
) -> Result<RecordingCost, OverheadError> {
    let run = long_run(hours, rate_hz);
    let memory_before = peak_memory_kib();
    let begin = monotonic_now();
    let backend = Backend::load(&run.session)?;
    let store = Store::open(folder, PLAN, Durability::of(DeviceKind::Emulated))?;
    let mut recording = store.record(run.id.clone());
    let mut instrument = backend.open_for(&run)?;
    let header = session::record_into(
        instrument.as_mut(),
        &run,
        session::Circumstances::default(),
        &mut recording,
        &mut (),
    )?;
    let file = recording.seal(&header)?;
    let took = Seconds::from(monotonic_now().saturating_sub(begin));
    let memory_kib = peak_memory_kib()
        .zip(memory_before)
        .map(|(after, before)| after - before);

    let recorded = header.spans.last().map_or(Nanos::new(0), |last| {
        let first = header
            .spans
            .first()
            .map_or(last.begin_ns, |span| span.begin_ns);
        last.end_ns.saturating_sub(first)
    });
    let samples = recorded.get() * u64::from(rate_hz) / 1_000_000_000;
    let columns: Vec<(String, f64)> = column_bytes(&file)?
        .into_iter()
        .map(|(name, bytes)| (name.to_owned(), as_float(bytes) / as_float(samples)))
        .collect();
    Ok(RecordingCost {
        hours: Seconds::from(recorded).get() / 3_600.0,
        rate_hz,
        samples,
        memory_kib,
        file_bytes: fs_err::metadata(&file)?.len(),
        bytes_per_sample: columns.iter().map(|(_, bytes)| bytes).sum(),
        column_bytes_per_sample: columns,
        predicted_bytes_per_sample: predicted_bytes_per_sample(rate_hz),
        took_s: took.get(),
    })
}

/// The sum of [`PREDICTED_BYTES`] for a rate that it knows.
pub fn predicted_bytes_per_sample(rate_hz: u32) -> Option<f64> {
    let of = |column: fn(&(&str, f64, f64)) -> f64| PREDICTED_BYTES.iter().map(column).sum();
    match rate_hz {
        10 => Some(of(|(_, slow, _)| *slow)),
        100 => Some(of(|(_, _, fast)| *fast)),
        _ => None,
    }
}

/// A run of the plan whose window is as long as a plan would not allow: nobody waits for it.
fn long_run(hours: f64, rate_hz: u32) -> Run {
    let plan = plan_file::parse(Path::new("a-day.toml"), PLAN).expect("a good plan, see the tests");
    let mut run = plan.runs().swap_remove(0);
    run.session.sample_period_ms = 1_000 / rate_hz.clamp(1, 1_000);
    run.session.window_s = hours * 3_600.0;
    run
}

#[expect(clippy::cast_precision_loss, reason = "counts and bytes below 2^53")]
const fn as_float(count: u64) -> f64 {
    count as f64
}
