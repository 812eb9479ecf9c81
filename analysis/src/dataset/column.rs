//! A column of a published table: name, type, unit, sentence, and its values.
//!
//! The functions that fill a table are also its schema: called without records they give the
//! columns with no rows. So nothing about a column is written down twice.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow_schema::{DataType, Field};

/// How the values of a column are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Signed 64-bit integer.
    Integer,
    /// 64-bit float.
    Float,
    /// UTF-8 text.
    Text,
    /// True or false.
    Boolean,
}

impl Kind {
    /// The word in the data dictionary.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integer => "int64",
            Self::Float => "float64",
            Self::Text => "string",
            Self::Boolean => "bool",
        }
    }

    /// The type in Croissant.
    pub(super) const fn croissant(self) -> &'static str {
        match self {
            Self::Integer => "sc:Integer",
            Self::Float => "sc:Float",
            Self::Text => "sc:Text",
            Self::Boolean => "sc:Boolean",
        }
    }

    const fn arrow(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
        }
    }

    /// The kind that a file stores a column as, where it is one of ours.
    pub(super) fn from_arrow(stored: &DataType) -> Option<Self> {
        [Self::Integer, Self::Float, Self::Text, Self::Boolean]
            .into_iter()
            .find(|kind| kind.arrow() == *stored)
    }
}

/// What a reader must know of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name; numbers carry their unit.
    pub name: &'static str,
    /// How it is stored.
    pub kind: Kind,
    /// Unit in UCUM notation where that has one; `1` for counts, words and masks.
    pub unit: &'static str,
    /// One sentence.
    pub description: &'static str,
    /// Whether every row has a value.
    pub required: bool,
}

/// Key of the unit in the metadata of an Arrow field.
pub(super) const UNIT_KEY: &str = "unit";
/// Key of the sentence in the metadata of an Arrow field.
pub(super) const DESCRIPTION_KEY: &str = "description";

impl Column {
    /// The Arrow field, with unit and description in its metadata.
    pub(super) fn field(&self) -> Field {
        Field::new(self.name, self.kind.arrow(), !self.required).with_metadata(
            std::collections::BTreeMap::from([
                (UNIT_KEY.to_owned(), self.unit.to_owned()),
                (DESCRIPTION_KEY.to_owned(), self.description.to_owned()),
            ]),
        )
    }
}

/// A column and its values for some records.
#[derive(Clone, Debug)]
pub(super) struct Filled {
    pub(super) column: Column,
    pub(super) values: ArrayRef,
}

impl Filled {
    fn new(name: &'static str, kind: Kind, unit: &'static str, values: ArrayRef) -> Self {
        Self {
            column: Column {
                name,
                kind,
                unit,
                description: "",
                required: false,
            },
            values,
        }
    }

    pub(super) fn integers(
        name: &'static str,
        unit: &'static str,
        values: impl Iterator<Item = Option<i64>>,
    ) -> Self {
        Self::new(
            name,
            Kind::Integer,
            unit,
            Arc::new(values.collect::<Int64Array>()),
        )
    }

    pub(super) fn floats(
        name: &'static str,
        unit: &'static str,
        values: impl Iterator<Item = Option<f64>>,
    ) -> Self {
        Self::new(
            name,
            Kind::Float,
            unit,
            Arc::new(values.collect::<Float64Array>()),
        )
    }

    pub(super) fn texts<T: AsRef<str>>(
        name: &'static str,
        values: impl Iterator<Item = Option<T>>,
    ) -> Self {
        Self::new(
            name,
            Kind::Text,
            "1",
            Arc::new(values.collect::<StringArray>()),
        )
    }

    pub(super) fn booleans(name: &'static str, values: impl Iterator<Item = Option<bool>>) -> Self {
        Self::new(
            name,
            Kind::Boolean,
            "1",
            Arc::new(values.collect::<BooleanArray>()),
        )
    }

    /// Adds the sentence for the data dictionary.
    pub(super) fn about(mut self, description: &'static str) -> Self {
        self.column.description = description;
        self
    }

    /// States that every record has a value; a record without one is refused on writing.
    pub(super) fn required(mut self) -> Self {
        self.column.required = true;
        self
    }
}
