//! Writing one table as a Parquet file whose bytes depend on the rows alone.

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Schema, SchemaRef};
use fs_err::File;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde::{Deserialize, Serialize};

use super::column::{Column, Filled};
use super::{Error, Table};

/// Metadata key of the table's name.
pub(super) const TABLE_KEY: &str = "joulebench.table";
/// Metadata key of the schema as JSON. Readers that drop the metadata of Arrow fields (DuckDB,
/// pandas, Hugging Face) find units and descriptions here.
pub(super) const SCHEMA_KEY: &str = "joulebench.schema";

/// Rows of a row group; fixed, so that the bytes do not follow the library's default.
const ROW_GROUP_ROWS: usize = 1 << 17;
/// What the files say of their writer; without a version, so that an update of the library
/// changes the bytes only where it changes the encoding.
const CREATED_BY: &str = "joulebench dataset";
/// Level of the compression: beyond it the files hardly shrink.
const ZSTD_LEVEL: i32 = 9;

/// The schema of a table as it stands in the file's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredSchema {
    /// Version of this description.
    pub(super) version: u32,
    /// Name of the table.
    pub(super) table: String,
    /// The columns that name a row and by which the rows are sorted.
    pub(super) key: Vec<String>,
    /// Every column in its order.
    pub(super) columns: Vec<StoredColumn>,
}

/// A column as it stands in the file's metadata and in the data dictionary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredColumn {
    /// Name with its unit.
    pub(super) name: String,
    /// `int64`, `float64`, `string` or `bool`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Unit.
    pub(super) unit: String,
    /// One sentence.
    pub(super) description: String,
}

impl From<&Column> for StoredColumn {
    fn from(column: &Column) -> Self {
        Self {
            name: column.name.to_owned(),
            kind: column.kind.name().to_owned(),
            unit: column.unit.to_owned(),
            description: column.description.to_owned(),
        }
    }
}

impl StoredSchema {
    /// The schema of a table of this version of the program.
    pub(super) fn of(table: Table) -> Self {
        Self {
            version: 1,
            table: table.name().to_owned(),
            key: table.key().iter().map(|&name| name.to_owned()).collect(),
            columns: table.columns().iter().map(StoredColumn::from).collect(),
        }
    }
}

/// A table that is being written.
pub(super) struct TableWriter {
    path: PathBuf,
    schema: SchemaRef,
    writer: ArrowWriter<BufWriter<File>>,
    rows: u64,
}

impl TableWriter {
    /// Creates the file of a table below the root of a dataset; its folder must exist.
    pub(super) fn create(root: &Path, table: Table) -> Result<Self, Error> {
        let path = root.join(table.path());
        let columns = table.columns();
        let fields: Vec<_> = columns.iter().map(Column::field).collect();
        let schema = Arc::new(Schema::new(fields));
        let file = BufWriter::new(File::create(&path)?);
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties(table, &columns)))
            .map_err(Error::parquet(&path))?;
        Ok(Self {
            path,
            schema,
            writer,
            rows: 0,
        })
    }

    /// Appends rows; they follow those already written in the order of the table's key.
    pub(super) fn append(&mut self, filled: Vec<Filled>) -> Result<(), Error> {
        let values: Vec<ArrayRef> = filled.into_iter().map(|column| column.values).collect();
        let batch =
            RecordBatch::try_new(self.schema.clone(), values).map_err(|source| Error::Arrow {
                path: self.path.clone(),
                source,
            })?;
        self.rows += batch.num_rows() as u64;
        self.writer
            .write(&batch)
            .map_err(Error::parquet(&self.path))
    }

    /// Completes the file and gives the number of its rows.
    pub(super) fn finish(self) -> Result<u64, Error> {
        let buffered = self
            .writer
            .into_inner()
            .map_err(Error::parquet(&self.path))?;
        let file = buffered
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(self.rows)
    }
}

fn properties(table: Table, columns: &[Column]) -> WriterProperties {
    let schema = serde_json::to_string(&StoredSchema::of(table)).expect("a schema is plain data");
    let sorting = table
        .key()
        .iter()
        .filter_map(|key| columns.iter().position(|column| column.name == *key))
        .filter_map(|place| i32::try_from(place).ok())
        .map(|column_idx| SortingColumn {
            column_idx,
            descending: false,
            nulls_first: false,
        })
        .collect();
    WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(
            ZstdLevel::try_new(ZSTD_LEVEL).expect("the level is within zstd's range"),
        ))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_sorting_columns(Some(sorting))
        .set_key_value_metadata(Some(vec![
            KeyValue::new(TABLE_KEY.to_owned(), table.name().to_owned()),
            KeyValue::new(SCHEMA_KEY.to_owned(), schema),
        ]))
        .build()
}
