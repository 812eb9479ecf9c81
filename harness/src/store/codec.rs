//! A trace as the bytes of a Parquet file, and back. The format is `model::format`.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, Float64Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use model::format::{FORMAT_VERSION, HEADER_KEY, SEAL_KEY, Seal, VERSION_KEY};
use model::sample::{Access, SAMPLE_COLUMNS, Sample, SampleColumn};
use model::trace::{Trace, TraceHeader};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter, ProjectionMask, encode_arrow_schema};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{FileMetaData, KeyValue, ParquetMetaData, RowGroupMetaData};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::StoreError;
use super::guard::guarded;
use super::recording::BATCH_ROWS;

/// zstd's level; higher ones gain little on traces.
const COMPRESSION_LEVEL: i32 = 9;

/// Samples of one row group: a reader holds one at a time. Traces up to this length have one.
const ROW_GROUP_ROWS: usize = 65_536;
/// Values that are decoded at once.
const DECODED_ROWS: usize = 8_192;

/// Encodes a trace.
///
/// # Errors
/// [`StoreError::Encode`], which only an encoder's defect can cause.
pub fn trace_bytes(trace: &Trace) -> Result<Vec<u8>, StoreError> {
    encode(&trace.header, &trace.samples)
}

pub(super) fn encode(header: &TraceHeader, samples: &[Sample]) -> Result<Vec<u8>, StoreError> {
    encode_whole(header, samples).map_err(|reason| StoreError::Encode {
        id: header.run.id.to_string(),
        reason,
    })
}

fn encode_whole(header: &TraceHeader, samples: &[Sample]) -> Result<Vec<u8>, String> {
    let header = serde_json::to_string(header).map_err(|error| error.to_string())?;
    let seal = seal_of(&header, samples);
    let mut writer = writer(Vec::new())?;
    for batch in samples.chunks(BATCH_ROWS) {
        writer
            .write(&record_batch(batch)?)
            .map_err(|error| error.to_string())?;
    }
    for entry in metadata(header, seal) {
        writer.append_key_value_metadata(entry);
    }
    writer.into_inner().map_err(|error| error.to_string())
}

/// A writer of samples. What else a trace holds is appended by [`metadata`] at the end, when it is
/// known.
pub(super) fn writer<W: Write + Send>(target: W) -> Result<ArrowWriter<W>, String> {
    let options = ArrowWriterOptions::new()
        .with_properties(properties()?)
        .with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(target, schema(), options).map_err(|error| error.to_string())
}

/// The entries of the footer, in the order of the format.
pub(super) fn metadata(header_json: String, seal: String) -> [KeyValue; 4] {
    [
        KeyValue::new(VERSION_KEY.to_owned(), FORMAT_VERSION.to_string()),
        KeyValue::new(SEAL_KEY.to_owned(), seal),
        KeyValue::new(HEADER_KEY.to_owned(), header_json),
        KeyValue::new(
            ARROW_SCHEMA_META_KEY.to_owned(),
            encode_arrow_schema(&schema()),
        ),
    ]
}

pub(super) fn record_batch(samples: &[Sample]) -> Result<RecordBatch, String> {
    let columns = SAMPLE_COLUMNS
        .iter()
        .map(|column| array(column, samples))
        .collect();
    RecordBatch::try_new(schema(), columns).map_err(|error| error.to_string())
}

fn schema() -> Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    Arc::clone(SCHEMA.get_or_init(|| {
        Arc::new(Schema::new(
            SAMPLE_COLUMNS.iter().map(field).collect::<Vec<_>>(),
        ))
    }))
}

/// Counters and stamps grow by nearly equal steps, which delta encoding shrinks to little.
fn properties() -> Result<WriterProperties, String> {
    let level = ZstdLevel::try_new(COMPRESSION_LEVEL).map_err(|error| error.to_string())?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by("joulebench".to_owned());
    for column in SAMPLE_COLUMNS.iter().filter(|column| is_integer(column)) {
        let path = ColumnPath::from(column.name);
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    Ok(properties.build())
}

fn is_integer(column: &SampleColumn) -> bool {
    matches!(column.access, Access::Integer { .. })
}

fn field(column: &SampleColumn) -> Field {
    let kind = if is_integer(column) {
        DataType::Int64
    } else {
        DataType::Float64
    };
    let metadata = HashMap::from([
        ("unit".to_owned(), column.unit.to_owned()),
        ("description".to_owned(), column.description.to_owned()),
    ]);
    Field::new(column.name, kind, column.is_optional()).with_metadata(metadata)
}

fn array(column: &SampleColumn, samples: &[Sample]) -> ArrayRef {
    match column.access {
        Access::Integer { get, .. } => Arc::new(samples.iter().map(get).collect::<Int64Array>()),
        Access::Float { get, .. } => Arc::new(samples.iter().map(get).collect::<Float64Array>()),
    }
}

pub(super) fn seal_of(header: &str, samples: &[Sample]) -> String {
    let mut seal = Seal::new(header);
    for column in SAMPLE_COLUMNS {
        match column.access {
            Access::Integer { get, .. } => seal.integers(column.name, samples.iter().map(get)),
            Access::Float { get, .. } => seal.floats(column.name, samples.iter().map(get)),
        }
    }
    seal.finish()
}

/// The footer of a file whose row groups are written and whose end is not.
pub(super) fn footer_of(groups: Vec<RowGroupMetaData>) -> Arc<ParquetMetaData> {
    let schema = groups
        .first()
        .map(RowGroupMetaData::schema_descr_ptr)
        .expect("a streamed recording has a batch");
    let rows = groups.iter().map(RowGroupMetaData::num_rows).sum();
    let file = FileMetaData::new(1, rows, None, None, schema, None);
    Arc::new(ParquetMetaData::new(file, groups))
}

/// The seal of samples that lie in a file: one column after the other, a few values at a time.
pub(super) fn seal_of_file(
    header_json: &str,
    file: &Path,
    footer: Arc<ParquetMetaData>,
) -> Result<String, String> {
    let footer = ArrowReaderMetadata::try_new(footer, ArrowReaderOptions::new())
        .map_err(|error| error.to_string())?;
    let mut seal = Seal::new(header_json);
    for column in SAMPLE_COLUMNS {
        let handle = File::open(file).map_err(|error| error.to_string())?;
        let leaves = footer.parquet_schema().columns().iter();
        let leaf = leaves
            .enumerate()
            .find_map(|(leaf, found)| (found.name() == column.name).then_some(leaf))
            .ok_or_else(|| format!("lacks the column '{}'", column.name))?;
        let mask = ProjectionMask::leaves(footer.parquet_schema(), [leaf]);
        let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, footer.clone())
            .with_projection(mask)
            .with_batch_size(DECODED_ROWS)
            .build()
            .map_err(|error| format!("cannot be read ({error})"))?;
        let mut trouble = None;
        match column.access {
            Access::Integer { .. } => {
                seal.integers(column.name, values::<Int64Type>(batches, &mut trouble));
            }
            Access::Float { .. } => {
                seal.floats(column.name, values::<Float64Type>(batches, &mut trouble));
            }
        }
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
    }
    Ok(seal.finish())
}

/// The values of the one column that a reader gives; ends at the first trouble, which it leaves.
fn values<T: ArrowPrimitiveType>(
    batches: ParquetRecordBatchReader,
    trouble: &mut Option<String>,
) -> impl Iterator<Item = Option<T::Native>> {
    batches
        .map_while(|batch| {
            let values = batch
                .map_err(|error| format!("has damaged pages ({error})"))
                .and_then(|batch| {
                    let column = batch.column(0);
                    let values = column.as_primitive_opt::<T>().cloned();
                    values.ok_or_else(|| format!("has a column of type {}", column.data_type()))
                });
            values.map_err(|reason| *trouble = Some(reason)).ok()
        })
        .flat_map(|values| {
            (0..values.len()).map(move |row| values.is_valid(row).then(|| values.value(row)))
        })
}

/// Reads a trace and checks its version and its seal.
///
/// # Errors
/// [`StoreError::Corrupt`] or [`StoreError::Version`], naming the file.
pub fn read_trace(file: &Path) -> Result<Trace, StoreError> {
    checked(file, |opened| {
        let header_json = opened.header_json.clone();
        let seal = opened.seal.clone();
        let (header, samples) = opened.decode()?;
        if seal_of(&header_json, &samples) == seal {
            Ok(Trace { header, samples })
        } else {
            Err(ALTERED.to_owned())
        }
    })
}

/// Checks version and seal of a trace and gives its header; of the samples it holds a few at a time,
/// however long the trace is.
///
/// # Errors
/// [`StoreError::Corrupt`] or [`StoreError::Version`], naming the file.
pub fn check_trace(file: &Path) -> Result<TraceHeader, StoreError> {
    checked(file, |opened| {
        let footer = Arc::clone(opened.reader.metadata());
        if seal_of_file(&opened.header_json, file, footer)? == opened.seal {
            Ok(opened.header)
        } else {
            Err(ALTERED.to_owned())
        }
    })
}

/// Bytes that each column takes in a file, in the order of the columns. What is left of the file is
/// the header, and an index of its pages.
///
/// # Errors
/// [`StoreError::Corrupt`] or [`StoreError::Version`], naming the file.
pub fn column_bytes(file: &Path) -> Result<Vec<(&'static str, u64)>, StoreError> {
    checked(file, |opened| {
        let mut sizes: Vec<_> = SAMPLE_COLUMNS
            .iter()
            .map(|column| (column.name, 0))
            .collect();
        for chunk in opened
            .reader
            .metadata()
            .row_groups()
            .iter()
            .flat_map(RowGroupMetaData::columns)
        {
            let name = chunk.column_path().string();
            if let Some((_, bytes)) = sizes.iter_mut().find(|(column, _)| *column == name) {
                *bytes += u64::try_from(chunk.compressed_size()).unwrap_or_default();
            }
        }
        Ok(sizes)
    })
}

const ALTERED: &str = "was altered: its seal does not match its content";

/// A trace whose footer is read and whose seal is not checked.
struct Opened {
    reader: ParquetRecordBatchReaderBuilder<File>,
    header_json: String,
    header: TraceHeader,
    seal: String,
}

fn checked<T>(
    file: &Path,
    check: impl FnOnce(Opened) -> Result<T, String>,
) -> Result<T, StoreError> {
    let corrupt = |reason: String| StoreError::Corrupt {
        file: file.to_owned(),
        reason,
    };
    let handle = fs_err::File::open(file)?.into_parts().0;
    guarded(|| check(open(file, handle)?).map_err(corrupt))
        .unwrap_or_else(|panic| Err(corrupt(format!("has damaged pages ({panic})"))))
}

fn open(file: &Path, handle: File) -> Result<Opened, StoreError> {
    let corrupt = |reason: String| StoreError::Corrupt {
        file: file.to_owned(),
        reason,
    };
    let reader = ParquetRecordBatchReaderBuilder::try_new(handle)
        .map_err(|error| corrupt(format!("is no whole Parquet file ({error})")))?;
    let entries = reader.metadata().file_metadata().key_value_metadata();
    let value = |key: &str| {
        entries
            .into_iter()
            .flatten()
            .find(|entry| entry.key == key)
            .and_then(|entry| entry.value.clone())
            .ok_or_else(|| corrupt(format!("has no '{key}' in its metadata, so it is no trace")))
    };
    let version = value(VERSION_KEY)?;
    if version != FORMAT_VERSION.to_string() {
        return Err(StoreError::Version {
            file: file.to_owned(),
            found: version,
            expected: FORMAT_VERSION,
        });
    }
    let header_json = value(HEADER_KEY)?;
    let header: TraceHeader = serde_json::from_str(&header_json)
        .map_err(|error| corrupt(format!("has a header that cannot be read ({error})")))?;
    let seal = value(SEAL_KEY)?;
    Ok(Opened {
        reader,
        header_json,
        header,
        seal,
    })
}

impl Opened {
    fn decode(self) -> Result<(TraceHeader, Vec<Sample>), String> {
        let batches = self
            .reader
            .build()
            .map_err(|error| format!("cannot be read ({error})"))?;
        let mut samples = Vec::new();
        for batch in batches {
            let batch = batch.map_err(|error| format!("has damaged pages ({error})"))?;
            samples.extend(decode(&batch)?);
        }
        Ok((self.header, samples))
    }
}

fn decode(batch: &RecordBatch) -> Result<Vec<Sample>, String> {
    let mut samples = vec![Sample::default(); batch.num_rows()];
    for column in SAMPLE_COLUMNS {
        let array = batch
            .column_by_name(column.name)
            .ok_or_else(|| format!("lacks the column '{}'", column.name))?;
        let wrong = || format!("column '{}' has type {}", column.name, array.data_type());
        match column.access {
            Access::Integer { set, .. } => {
                let values = array.as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
                for (sample, value) in samples.iter_mut().zip(values) {
                    set(sample, value);
                }
            }
            Access::Float { set, .. } => {
                let values = array.as_primitive_opt::<Float64Type>().ok_or_else(wrong)?;
                for (sample, value) in samples.iter_mut().zip(values) {
                    set(sample, value);
                }
            }
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests;
