//! Traces as a GPU of 2025 gives them, for benchmarks: every sensor filled, noise from a seed.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use model::format::{FORMAT_VERSION, HEADER_KEY, SEAL_KEY, Seal, VERSION_KEY};
use model::sample::{Access, SAMPLE_COLUMNS, Sample};
use model::trace::{Stage, Trace, TraceHeader};
use model::units::{Megahertz, Millijoules, Milliwatts, Nanos};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::json;

const PERIOD_MS: u64 = 10;
const TICK_MS: u64 = 100;
/// One iteration of the workload: a prefill of 200 ms and a decode of 1.8 s.
const ITERATION_MS: u64 = 2_000;
const PREFILL_MS: u64 = 200;

/// When the stages of a session begin, in milliseconds.
struct Timeline {
    ready_ms: u64,
    window_ms: u64,
    end_ms: u64,
    total_ms: u64,
}

impl Timeline {
    fn of(samples: u64) -> Self {
        let total_ms = samples * PERIOD_MS;
        let window_ms = total_ms / 4 / TICK_MS * TICK_MS;
        let iterations = total_ms / 2 / ITERATION_MS;
        Self {
            ready_ms: window_ms - TICK_MS,
            window_ms,
            end_ms: window_ms + iterations * ITERATION_MS,
            total_ms,
        }
    }

    /// When each iteration begins, in milliseconds.
    fn iterations(&self) -> impl Iterator<Item = u64> {
        let count = (self.end_ms - self.window_ms) / ITERATION_MS;
        let first_ms = self.window_ms;
        (0..count).map(move |place| first_ms + place * ITERATION_MS)
    }

    fn is_busy(&self, ms: u64) -> bool {
        (self.window_ms..self.end_ms).contains(&ms)
    }
}

/// A run of a number of samples, at least 800; the index tells runs apart and seeds the noise.
pub(crate) fn recording(index: u64, samples: u64) -> Trace {
    let timeline = Timeline::of(samples);
    let mut noise = ChaCha8Rng::seed_from_u64(index);
    let (mut energy_uj, mut counter_mj) = (0, 0);
    let samples: Vec<Sample> = (0..samples)
        .map(|place| {
            let ms = place * PERIOD_MS;
            let busy = timeline.is_busy(ms);
            let level_mw = if busy { 560_000 } else { 75_000 };
            let power_mw = level_mw + u64::from(noise.next_u32() % 8_000);
            if ms.is_multiple_of(TICK_MS) {
                counter_mj = energy_uj / 1_000;
            }
            energy_uj += power_mw * PERIOD_MS;
            sample(ms, power_mw, counter_mj, busy, noise.next_u32())
        })
        .collect();
    let mut header = header(index, &timeline);
    align_window(&mut header, &samples);
    Trace { header, samples }
}

/// The bounds of a window are the moments of the samples that showed its ticks.
fn align_window(header: &mut TraceHeader, samples: &[Sample]) {
    let moment = |planned: Nanos| {
        let next = samples.partition_point(|sample| sample.at_ns < planned);
        samples[next.min(samples.len() - 1)].at_ns
    };
    for span in header
        .spans
        .iter_mut()
        .filter(|span| span.stage == Stage::Window)
    {
        span.begin_ns = moment(span.begin_ns);
        span.end_ns = moment(span.end_ns);
    }
}

fn sample(ms: u64, power_mw: u64, counter_mj: u64, busy: bool, noise: u32) -> Sample {
    let utilisation = |share: f64| {
        Some(if busy {
            share + f64::from(noise % 100) / 50.0
        } else {
            0.0
        })
    };
    Sample {
        at_ns: Nanos::new(ms * 1_000_000 + u64::from(noise % 50_000)),
        read_ns: Nanos::new(1_400_000 + u64::from(noise % 300_000)),
        late_ns: Nanos::new(u64::from(noise % 50_000)),
        energy_mj: Some(Millijoules::new(counter_mj)),
        package_energy_uj: None,
        power_mw: Some(Milliwatts::new(power_mw)),
        power_average_mw: Some(Milliwatts::new(power_mw)),
        power_instant_mw: Some(Milliwatts::new(power_mw)),
        memory_power_mw: Some(Milliwatts::new(power_mw / 4)),
        sm_clock_mhz: Some(Megahertz::new(1_980 - noise % 3 * 15)),
        memory_clock_mhz: Some(Megahertz::new(3_201)),
        temperature_c: Some(40 + i64::from(noise % 4)),
        event_reasons: Some(u64::from(!busy)),
        sm_util_pct: utilisation(93.0),
        sm_occupancy_pct: utilisation(31.0),
        tensor_util_pct: utilisation(22.0),
        dram_util_pct: utilisation(71.0),
    }
}

fn header(index: u64, timeline: &Timeline) -> TraceHeader {
    let at = |ms: u64| ms * 1_000_000;
    let span = |stage: &str, begin: u64, end: u64| json!({"stage": stage, "begin_ns": at(begin), "end_ns": at(end)});
    let mut marks = vec![
        json!({"mark": "ready", "at_ns": at(timeline.ready_ms), "worker": {
        "name": "worker 0.1.0", "engine": "candle 0.11.1", "device": "cuda:0", "weights": "seeded",
        "output_phase": "decode", "unit": "token"}}),
    ];
    let mut work = 0;
    for begin in timeline.iterations() {
        let split = begin + PREFILL_MS;
        marks.push(json!({"mark": "begin", "at_ns": at(begin), "phase": "prefill"}));
        marks.push(json!({"mark": "end", "at_ns": at(split), "phase": "prefill", "work": 8 * 512}));
        marks.push(json!({"mark": "begin", "at_ns": at(split), "phase": "decode"}));
        marks.push(json!({"mark": "end", "at_ns": at(begin + ITERATION_MS), "phase": "decode", "work": 8 * 128}));
        work += 8 * 128;
    }
    marks.push(json!({"mark": "done", "at_ns": at(timeline.end_ms), "work": work, "digest": "0".repeat(64), "quality": {}}));
    let received: Vec<_> = marks
        .into_iter()
        .map(|mark| json!({"received_ns": mark["at_ns"], "mark": mark}))
        .collect();
    let closing_ms = timeline.end_ms + TICK_MS;
    let header = json!({
        "format": FORMAT_VERSION,
        "run": {
            "id": format!("{index:016x}"), "sweep": "benchmark", "block": index / 10, "order": index,
            "point": {"engine": "candle", "model": "llama-7b", "precision": "bf16", "batch": 8,
                "prompt_tokens": 512, "decode_tokens": 128},
            "engine": {"command": ["joulebench-worker"], "protocol": "marks"},
            "weights_seed": 1, "input_seed": 2,
            "session": {"device": "emulated", "device_index": 0, "sample_period_ms": PERIOD_MS, "idle_s": 5.0,
                "warmup_s": 5.0, "window_s": 8.0, "cooldown_s": 2.0, "timeout_s": 120.0},
        },
        "provenance": "emulated",
        "machine": {
            "harness": "joulebench 0.1.0", "kernel": "Linux 6.8", "cpu": "a processor", "cpu_count": 16,
            "memory_mib": 131_072,
            "device": {"kind": "emulated", "name": "emulated H200", "board_id": null, "driver": null, "cuda": null,
                "vbios": null, "memory_mib": 143_771, "power_limit_mw": 700_000, "max_sm_clock_mhz": 1_980,
                "max_memory_clock_mhz": 3_201, "ecc": true, "mig": false, "persistence": true,
                "package_energy_range_uj": null, "true_window_energy_mj": null},
            "absent": {"package_energy_uj": "no_permission"},
        },
        "spans": [
            span("idle_before", 0, timeline.ready_ms / 2),
            span("warm_up", timeline.ready_ms / 2, timeline.ready_ms),
            span("window", timeline.window_ms, closing_ms),
            span("cool_down", closing_ms, closing_ms + TICK_MS),
            span("idle_after", closing_ms + TICK_MS, timeline.total_ms),
        ],
        "marks": received,
        "faults": [],
        "started_unix_s": null,
    });
    serde_json::from_value(header).expect("the header has the fields of the format")
}

/// Writes a trace in the format on disk.
#[allow(dead_code, reason = "shared by benchmarks of which one needs no files")]
pub(crate) fn write(path: &Path, trace: &Trace) {
    let header = serde_json::to_string(&trace.header).expect("a header serialises");
    let mut seal = Seal::new(&header);
    let samples = &trace.samples;
    let columns = SAMPLE_COLUMNS.iter().map(|column| {
        let values: ArrayRef = match column.access {
            Access::Integer { get, .. } => {
                seal.integers(column.name, samples.iter().map(get));
                Arc::new(samples.iter().map(get).collect::<Int64Array>())
            }
            Access::Float { get, .. } => {
                seal.floats(column.name, samples.iter().map(get));
                Arc::new(samples.iter().map(get).collect::<Float64Array>())
            }
        };
        (column.name, values, column.is_optional())
    });
    let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
    let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(vec![
            entry(VERSION_KEY, FORMAT_VERSION.to_string()),
            entry(HEADER_KEY, header),
            entry(SEAL_KEY, seal.finish()),
        ]))
        .build();
    let file = fs_err::File::create(path).expect("a writable folder");
    let mut writer =
        ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a valid schema");
    writer.write(&batch).expect("a batch of the schema");
    writer.close().expect("a complete file");
}
