//! Traces with a known truth, for tests.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use model::axis::{Axis, AxisValue};
use model::format::{FORMAT_VERSION, HEADER_KEY, SEAL_KEY, Seal, VERSION_KEY};
use model::machine::{Device, Machine};
use model::mark::{Mark, WorkerInfo};
use model::plan::{DeviceKind, SessionSettings};
use model::point::Point;
use model::provenance::Provenance;
use model::run::{Engine, Protocol, Role, Run, RunId};
use model::sample::{Access, SAMPLE_COLUMNS, Sample};
use model::trace::{ReceivedMark, Span, Stage, Trace, TraceHeader};
use model::units::{Megahertz, Millijoules, Milliwatts, Nanos};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::row::Row;
use crate::tidy::tidy;

const SAMPLE_MS: u64 = 10;
const TICK_MS: u64 = 100;
const IDLE_END_MS: u64 = 2_000;
const WINDOW_MS: u64 = 3_000;

/// A device that draws one power when idle and another while it works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) idle_mw: u64,
    pub(crate) busy_mw: u64,
    pub(crate) busy_ms: u64,
}

impl Load {
    /// 100 W for 2 s: 200 J.
    pub(crate) const PLAIN: Self = Self {
        idle_mw: 40_000,
        busy_mw: 100_000,
        busy_ms: 2_000,
    };

    fn window_end_ms(self) -> u64 {
        WINDOW_MS + self.busy_ms.next_multiple_of(TICK_MS)
    }

    fn energy_mj(self, at_ms: u64) -> u64 {
        let busy_ms = at_ms.clamp(WINDOW_MS, WINDOW_MS + self.busy_ms) - WINDOW_MS;
        ((at_ms - busy_ms) * self.idle_mw + busy_ms * self.busy_mw) / 1_000
    }

    fn power_mw(self, at_ms: u64) -> u64 {
        if (WINDOW_MS..WINDOW_MS + self.busy_ms).contains(&at_ms) {
            self.busy_mw
        } else {
            self.idle_mw
        }
    }
}

pub(crate) fn llama_point(engine: &str, batch: u64, prompt_tokens: u64) -> Point {
    Point::default()
        .with(Axis::Engine, AxisValue::Text(engine.into()))
        .with(Axis::Model, AxisValue::Text("llama-7b".into()))
        .with(Axis::Precision, AxisValue::Text("bf16".into()))
        .with(Axis::Batch, AxisValue::Integer(batch))
        .with(Axis::PromptTokens, AxisValue::Integer(prompt_tokens))
        .with(Axis::DecodeTokens, AxisValue::Integer(128))
}

fn run(point: Point, block: u32) -> Run {
    let id = {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(format!("{point} {block}").as_bytes());
        model::run::hex(&digest[..8])
    };
    let id: RunId = serde_json::from_value(serde_json::Value::String(id)).expect("an id is text");
    Run {
        id,
        sweep: "synthetic".into(),
        block,
        order: block,
        point,
        engine: Engine {
            command: vec!["worker".into()],
            protocol: Protocol::Marks,
        },
        weights_seed: 1,
        input_seed: 2,
        session: SessionSettings {
            device: DeviceKind::Emulated,
            device_index: 0,
            board: None,
            sample_period_ms: 10,
            idle_s: 2.0,
            warmup_s: 1.0,
            window_s: 2.0,
            cooldown_s: 1.0,
            timeout_s: 60.0,
        },
        role: Role::Point,
        rules: None,
        plan_sha256: None,
    }
}

fn machine() -> Machine {
    Machine {
        harness: "joulebench test".into(),
        kernel: "Linux".into(),
        cpu: "a processor".into(),
        cpu_count: 2,
        memory_mib: 1024,
        device: Device {
            kind: DeviceKind::Emulated,
            name: "NVIDIA H200".into(),
            board_id: Some("0123456789abcdef".into()),
            driver: None,
            cuda: None,
            vbios: None,
            memory_mib: None,
            power_limit_mw: Some(700_000),
            max_sm_clock_mhz: Some(1_980),
            max_memory_clock_mhz: None,
            ecc: None,
            mig: None,
            persistence: None,
            package_energy_range_uj: None,
            true_window_energy_mj: None,
        },
        absent: BTreeMap::new(),
    }
}

fn at(ms: u64) -> Nanos {
    Nanos::from_millis(1_000 + ms)
}

/// One iteration of prefill and decode that fills the busy time, 4:6.
fn marks(point: &Point, load: Load) -> Vec<ReceivedMark> {
    let number = |axis| point.get(axis).and_then(AxisValue::as_integer).unwrap_or(1);
    let worker = WorkerInfo {
        name: "worker 0".into(),
        engine: "candle 0".into(),
        device: "cuda:0".into(),
        weights: "seeded".into(),
        weights_id: None,
        inputs_id: None,
        output_phase: "decode".into(),
        unit: "token".into(),
    };
    let split_ms = WINDOW_MS + load.busy_ms * 4 / 10;
    let end_ms = WINDOW_MS + load.busy_ms;
    let output = number(Axis::Batch) * number(Axis::DecodeTokens);
    let begin = |ms, phase: &str| Mark::Begin {
        at_ns: at(ms),
        phase: phase.into(),
    };
    let end = |ms, phase: &str, work| Mark::End {
        at_ns: at(ms),
        phase: phase.into(),
        work,
    };
    [
        Mark::Ready {
            at_ns: at(WINDOW_MS - 100),
            worker,
        },
        begin(WINDOW_MS, "prefill"),
        end(
            split_ms,
            "prefill",
            number(Axis::Batch) * number(Axis::PromptTokens),
        ),
        begin(split_ms, "decode"),
        end(end_ms, "decode", output),
        Mark::Done {
            at_ns: at(end_ms),
            work: output,
            digest: "d1".into(),
            quality: BTreeMap::new(),
        },
    ]
    .into_iter()
    .map(|mark| ReceivedMark {
        received_ns: mark.at(),
        mark,
    })
    .collect()
}

/// A whole run under a load.
pub(crate) fn trace(point: Point, block: u32, load: Load) -> Trace {
    let end_ms = load.window_end_ms();
    let total_ms = end_ms + 3_000;
    let span = |stage, begin, end| Span {
        stage,
        begin_ns: at(begin),
        end_ns: at(end),
    };
    let samples = (0..=total_ms / SAMPLE_MS)
        .map(|index| {
            let ms = index * SAMPLE_MS;
            Sample {
                at_ns: at(ms),
                read_ns: Nanos::new(1_500_000),
                energy_mj: Some(Millijoules::new(load.energy_mj(ms / TICK_MS * TICK_MS))),
                power_mw: Some(Milliwatts::new(load.power_mw(ms))),
                power_instant_mw: Some(Milliwatts::new(load.power_mw(ms))),
                sm_clock_mhz: Some(Megahertz::new(1_980)),
                temperature_c: Some(40),
                event_reasons: Some(0),
                tensor_util_pct: Some(10.0),
                ..Sample::default()
            }
        })
        .collect();
    Trace {
        header: TraceHeader {
            format: FORMAT_VERSION,
            marks: marks(&point, load),
            run: run(point, block),
            provenance: Provenance::Emulated,
            machine: machine(),
            spans: vec![
                span(Stage::IdleBefore, 0, IDLE_END_MS),
                span(Stage::WarmUp, IDLE_END_MS, WINDOW_MS - 100),
                span(Stage::Window, WINDOW_MS, end_ms),
                span(Stage::CoolDown, end_ms, end_ms + 1_000),
                span(Stage::IdleAfter, end_ms + 1_000, total_ms),
            ],
            faults: Vec::new(),
            flags: Vec::new(),
            pre_soak: None,
            started_unix_s: None,
        },
        samples,
    }
}

/// A row in which everything is present that the synthetic device has.
pub(crate) fn row() -> Row {
    tidy(&trace(llama_point("candle", 1, 512), 0, Load::PLAIN))
}

/// A row in which nothing is present that can be absent.
pub(crate) fn empty_row() -> Row {
    Row::blank(Provenance::Emulated)
}

/// Writes a trace in the on-disk format.
pub(crate) fn write_trace(path: &Path, trace: &Trace) {
    let header = serde_json::to_string(&trace.header).expect("a header serialises");
    write_raw(
        path,
        &FORMAT_VERSION.to_string(),
        &header,
        &trace.samples,
        |_| true,
    );
}

/// The seal of a header and samples.
pub(crate) fn seal(header_json: &str, samples: &[Sample]) -> String {
    let mut seal = Seal::new(header_json);
    for column in SAMPLE_COLUMNS {
        match column.access {
            Access::Integer { get, .. } => seal.integers(column.name, samples.iter().map(get)),
            Access::Float { get, .. } => seal.floats(column.name, samples.iter().map(get)),
        }
    }
    seal.finish()
}

/// Writes a trace file with any version and header, and only the columns that are kept.
pub(crate) fn write_raw(
    path: &Path,
    version: &str,
    header_json: &str,
    samples: &[Sample],
    keep: impl Fn(&str) -> bool,
) {
    let metadata = [
        (VERSION_KEY, version.to_owned()),
        (HEADER_KEY, header_json.to_owned()),
        (SEAL_KEY, seal(header_json, samples)),
    ];
    write_columns(path, &metadata, samples, keep);
}

/// Writes a trace file under the seal of another content.
pub(crate) fn write_sealed_as(path: &Path, header_json: &str, samples: &[Sample], seal: &str) {
    let metadata = [
        (VERSION_KEY, FORMAT_VERSION.to_string()),
        (HEADER_KEY, header_json.to_owned()),
        (SEAL_KEY, seal.to_owned()),
    ];
    write_columns(path, &metadata, samples, |_| true);
}

/// Writes a Parquet file that is no trace.
pub(crate) fn write_foreign(path: &Path) {
    write_columns(path, &[], &[Sample::default()], |name| name == "at_ns");
}

fn write_columns(
    path: &Path,
    metadata: &[(&str, String)],
    samples: &[Sample],
    keep: impl Fn(&str) -> bool,
) {
    let columns = SAMPLE_COLUMNS
        .iter()
        .filter(|column| keep(column.name))
        .map(|column| {
            let array: ArrayRef = match column.access {
                Access::Integer { get, .. } => {
                    Arc::new(samples.iter().map(get).collect::<Int64Array>())
                }
                Access::Float { get, .. } => {
                    Arc::new(samples.iter().map(get).collect::<Float64Array>())
                }
            };
            (column.name, array, column.is_optional())
        });
    let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
    let metadata = metadata
        .iter()
        .map(|(key, value)| KeyValue::new((*key).to_owned(), Some(value.clone())))
        .collect();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(metadata))
        .build();
    let file = fs_err::File::create(path).expect("a file in a fresh folder");
    let mut writer =
        ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a valid schema");
    writer.write(&batch).expect("a batch of the schema");
    writer.close().expect("a complete file");
}
