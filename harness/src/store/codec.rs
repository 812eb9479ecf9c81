//! A trace as the bytes of a Parquet file, and back. The format is `model::format`.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use model::format::{FORMAT_VERSION, HEADER_KEY, SEAL_KEY, Seal, VERSION_KEY};
use model::sample::{Access, SAMPLE_COLUMNS, Sample, SampleColumn};
use model::trace::{Trace, TraceHeader};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::StoreError;
use super::guard::guarded;

/// zstd's level; higher ones gain little on traces.
const COMPRESSION_LEVEL: i32 = 9;

/// Encodes a trace.
///
/// # Errors
/// [`StoreError::Encode`], which only an encoder's defect can cause.
pub fn trace_bytes(trace: &Trace) -> Result<Vec<u8>, StoreError> {
    encode(trace).map_err(|reason| StoreError::Encode {
        id: trace.header.run.id.to_string(),
        reason,
    })
}

fn encode(trace: &Trace) -> Result<Vec<u8>, String> {
    let header = serde_json::to_string(&trace.header).map_err(|error| error.to_string())?;
    let metadata = vec![
        KeyValue::new(VERSION_KEY.to_owned(), FORMAT_VERSION.to_string()),
        KeyValue::new(SEAL_KEY.to_owned(), seal_of(&header, &trace.samples)),
        KeyValue::new(HEADER_KEY.to_owned(), header),
    ];
    let schema = Arc::new(Schema::new(
        SAMPLE_COLUMNS.iter().map(field).collect::<Vec<_>>(),
    ));
    let columns = SAMPLE_COLUMNS
        .iter()
        .map(|column| array(column, &trace.samples))
        .collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties(metadata)?))
        .map_err(|error| error.to_string())?;
    writer.write(&batch).map_err(|error| error.to_string())?;
    writer.close().map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Counters and stamps grow by nearly equal steps, which delta encoding shrinks to little.
fn properties(metadata: Vec<KeyValue>) -> Result<WriterProperties, String> {
    let level = ZstdLevel::try_new(COMPRESSION_LEVEL).map_err(|error| error.to_string())?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by("joulebench".to_owned())
        .set_key_value_metadata(Some(metadata));
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

fn seal_of(header: &str, samples: &[Sample]) -> String {
    let mut seal = Seal::new(header);
    for column in SAMPLE_COLUMNS {
        match column.access {
            Access::Integer { get, .. } => seal.integers(column.name, samples.iter().map(get)),
            Access::Float { get, .. } => seal.floats(column.name, samples.iter().map(get)),
        }
    }
    seal.finish()
}

/// Reads a trace and checks its version and its seal.
///
/// # Errors
/// [`StoreError::Corrupt`] or [`StoreError::Version`], naming the file.
pub fn read_trace(file: &Path) -> Result<Trace, StoreError> {
    let handle = fs_err::File::open(file)?.into_parts().0;
    guarded(|| read(file, handle)).unwrap_or_else(|panic| {
        Err(StoreError::Corrupt {
            file: file.to_owned(),
            reason: format!("has damaged pages ({panic})"),
        })
    })
}

fn read(file: &Path, handle: File) -> Result<Trace, StoreError> {
    let corrupt = |reason: String| StoreError::Corrupt {
        file: file.to_owned(),
        reason,
    };
    let reader = ParquetRecordBatchReaderBuilder::try_new(handle)
        .map_err(|error| corrupt(format!("is no whole Parquet file ({error})")))?;
    let entries = reader
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .cloned();
    let value = |key: &str| {
        entries
            .iter()
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
    let mut samples = Vec::new();
    let batches = reader
        .build()
        .map_err(|error| corrupt(format!("cannot be read ({error})")))?;
    for batch in batches {
        let batch = batch.map_err(|error| corrupt(format!("has damaged pages ({error})")))?;
        samples.extend(decode(&batch).map_err(corrupt)?);
    }
    if seal_of(&header_json, &samples) != value(SEAL_KEY)? {
        return Err(corrupt(
            "was altered: its seal does not match its content".to_owned(),
        ));
    }
    Ok(Trace { header, samples })
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
