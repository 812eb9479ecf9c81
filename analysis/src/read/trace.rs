//! One trace file: version, header, columns, seal.

use std::path::Path;

use model::format::{FORMAT_VERSION, HEADER_KEY, SEAL_KEY, Seal, VERSION_KEY};
use model::sample::{Access, SAMPLE_COLUMNS, Sample};
use model::trace::{Trace, TraceHeader};
use polars::prelude::{
    Column, DataFrame, Float64Chunked, Int64Chunked, ParallelStrategy, ParquetReader, PolarsError,
    SerReader,
};
use thiserror::Error;

use super::guard::guarded;
use crate::Error;

/// Why a file is not accepted as a trace.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TraceProblem {
    /// The file is no complete Parquet file.
    #[error(
        "not a readable Parquet file ({0}); it is truncated or damaged, restore it from its source"
    )]
    Unreadable(String),
    /// A key of the file's metadata is absent.
    #[error("no '{0}' in the file's metadata; this is not a joulebench trace")]
    MissingKey(&'static str),
    /// The file was written by another version of the format.
    #[error(
        "format version '{found}', expected {FORMAT_VERSION}; use the joulebench that wrote it"
    )]
    UnknownVersion {
        /// What the file says.
        found: String,
    },
    /// The header is not the JSON of a trace header.
    #[error("bad header: {0}")]
    BadHeader(String),
    /// A column of the samples is absent.
    #[error("column '{0}' is missing from the samples")]
    MissingColumn(&'static str),
    /// A column has another type than the format says.
    #[error("column '{column}' holds {found}, expected {expected}")]
    WrongType {
        /// Name of the column.
        column: &'static str,
        /// Type in the file.
        found: String,
        /// Type of the format.
        expected: &'static str,
    },
    /// A column that must have a value in every row has a null.
    #[error("column '{0}' has a row without a value")]
    MissingStamp(&'static str),
    /// Header and samples are not what was sealed.
    #[error(
        "seal mismatch: sealed as {sealed}, but the content hashes to {found}; \
         the file was changed after it was written, restore it from its source"
    )]
    SealMismatch {
        /// The seal in the file.
        sealed: String,
        /// The hash of what the file holds now.
        found: String,
    },
}

/// Reads a trace and checks that it is what was sealed.
///
/// # Errors
/// [`Error::Io`] where the file cannot be opened, [`Error::Trace`] where it cannot be trusted.
pub fn read_trace(path: &Path) -> Result<Trace, Error> {
    let bytes = fs_err::read(path)?;
    let parsed =
        guarded(|| parse(bytes)).unwrap_or_else(|message| Err(TraceProblem::Unreadable(message)));
    parsed.map_err(|problem| Error::Trace {
        path: path.to_owned(),
        problem,
    })
}

fn parse(bytes: Vec<u8>) -> Result<Trace, TraceProblem> {
    // On this thread alone: a panic of the decoder must be caught where it is expected.
    let mut reader =
        ParquetReader::new(std::io::Cursor::new(bytes)).read_parallel(ParallelStrategy::None);
    let metadata = reader.get_metadata().map_err(unreadable)?;
    let text = |key: &'static str| {
        metadata
            .key_value_metadata()
            .iter()
            .flatten()
            .find(|entry| entry.key == key)
            .and_then(|entry| entry.value.clone())
            .ok_or(TraceProblem::MissingKey(key))
    };
    let version = text(VERSION_KEY)?;
    if version != FORMAT_VERSION.to_string() {
        return Err(TraceProblem::UnknownVersion { found: version });
    }
    let header_json = text(HEADER_KEY)?;
    let sealed = text(SEAL_KEY)?;
    let samples = reader.finish().map_err(unreadable)?;

    let found = seal(&header_json, &samples)?;
    if found != sealed {
        return Err(TraceProblem::SealMismatch { sealed, found });
    }
    let header: TraceHeader = serde_json::from_str(&header_json)
        .map_err(|error| TraceProblem::BadHeader(error.to_string()))?;
    Ok(Trace {
        header,
        samples: to_samples(&samples)?,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "maps the error of a result")]
fn unreadable(error: PolarsError) -> TraceProblem {
    TraceProblem::Unreadable(error.to_string())
}

/// A column, with as many rows as the file says that it has: the seal covers the values, not the
/// count of rows that stands beside them.
fn column<'a>(frame: &'a DataFrame, name: &'static str) -> Result<&'a Column, TraceProblem> {
    let column = frame
        .column(name)
        .map_err(|_| TraceProblem::MissingColumn(name))?;
    if column.len() == frame.height() {
        Ok(column)
    } else {
        Err(TraceProblem::Unreadable(format!(
            "column '{name}' has {} rows, the file says {}",
            column.len(),
            frame.height()
        )))
    }
}

fn integers<'a>(
    frame: &'a DataFrame,
    name: &'static str,
) -> Result<&'a Int64Chunked, TraceProblem> {
    let column = column(frame, name)?;
    column.i64().map_err(|_| TraceProblem::WrongType {
        column: name,
        found: column.dtype().to_string(),
        expected: "64-bit integers",
    })
}

fn floats<'a>(
    frame: &'a DataFrame,
    name: &'static str,
) -> Result<&'a Float64Chunked, TraceProblem> {
    let column = column(frame, name)?;
    column.f64().map_err(|_| TraceProblem::WrongType {
        column: name,
        found: column.dtype().to_string(),
        expected: "64-bit floats",
    })
}

fn seal(header_json: &str, frame: &DataFrame) -> Result<String, TraceProblem> {
    let mut seal = Seal::new(header_json);
    for column in SAMPLE_COLUMNS {
        let name = column.name;
        match column.access {
            Access::Integer { .. } => seal.integers(name, integers(frame, name)?.iter()),
            Access::Float { .. } => seal.floats(name, floats(frame, name)?.iter()),
        }
    }
    Ok(seal.finish())
}

fn to_samples(frame: &DataFrame) -> Result<Vec<Sample>, TraceProblem> {
    let mut samples = vec![Sample::default(); frame.height()];
    for column in SAMPLE_COLUMNS {
        let name = column.name;
        match column.access {
            Access::Integer { set, .. } => {
                let values = integers(frame, name)?;
                if !column.is_optional() && values.null_count() > 0 {
                    return Err(TraceProblem::MissingStamp(name));
                }
                for (sample, value) in samples.iter_mut().zip(values.iter()) {
                    set(sample, value);
                }
            }
            Access::Float { set, .. } => {
                for (sample, value) in samples.iter_mut().zip(floats(frame, name)?.iter()) {
                    set(sample, value);
                }
            }
        }
    }
    Ok(samples)
}
