//! Rows of values, separated by a comma and a blank.

use crate::card::{Card, Process, System};
use crate::exit::Failure;
use crate::field::{Field, Query, Source};
use crate::timestamp::Timestamp;
use crate::value::{Reading, Value};

const SEPARATOR: &str = ", ";

/// What `--format` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) header: bool,
    pub(crate) units: bool,
}

impl Default for Format {
    fn default() -> Self {
        Self {
            header: true,
            units: true,
        }
    }
}

/// What a row can show beside the values of the card.
#[derive(Clone, Copy)]
enum Entry<'a> {
    Card,
    Process(&'a Process),
    Clocks { memory_mhz: u32, graphics_mhz: u32 },
}

/// One query, ready to be answered as often as needed.
pub(crate) struct Table<'a> {
    pub(crate) query: Query,
    pub(crate) fields: &'a [&'static Field],
    pub(crate) format: Format,
    pub(crate) system: &'a System,
}

impl Table<'_> {
    /// The first line, or nothing where the format wants none.
    pub(crate) fn header(&self) -> String {
        if !self.format.header {
            return String::new();
        }
        let headings: Vec<String> = self.fields.iter().map(|field| field.heading()).collect();
        format!("{}\n", headings.join(SEPARATOR))
    }

    /// The rows of one card: one, or one for each process or pair of clocks.
    ///
    /// # Errors
    ///
    /// The list of processes or of clocks cannot be had.
    pub(crate) fn rows(&self, card: &dyn Card, at: Timestamp) -> Result<String, Failure> {
        let mut text = String::new();
        match self.query {
            Query::Gpu => text.push_str(&self.row(card, at, Entry::Card)),
            Query::ComputeApps => {
                for process in card.processes()? {
                    text.push_str(&self.row(card, at, Entry::Process(&process)));
                }
            }
            Query::SupportedClocks => {
                for memory_mhz in card.memory_clocks_mhz()? {
                    for graphics_mhz in card.graphics_clocks_mhz(memory_mhz)? {
                        let entry = Entry::Clocks {
                            memory_mhz,
                            graphics_mhz,
                        };
                        text.push_str(&self.row(card, at, entry));
                    }
                }
            }
        }
        Ok(text)
    }

    fn row(&self, card: &dyn Card, at: Timestamp, entry: Entry<'_>) -> String {
        let cells: Vec<String> = self
            .fields
            .iter()
            .map(|field| self.cell(field, card, at, entry))
            .collect();
        format!("{}\n", cells.join(SEPARATOR))
    }

    fn cell(&self, field: &Field, card: &dyn Card, at: Timestamp, entry: Entry<'_>) -> String {
        match self.value(field.source, card, at, entry) {
            Ok(value) => match field.unit {
                Some(unit) if self.format.units => format!("{} {unit}", value.bare()),
                _ => value.bare(),
            },
            Err(failure) => format!("[{}]", failure.words()),
        }
    }

    fn value(&self, source: Source, card: &dyn Card, at: Timestamp, entry: Entry<'_>) -> Reading {
        match (source, entry) {
            (Source::Timestamp, _) => Ok(Value::Text(at.in_csv())),
            (Source::DriverVersion, _) => Ok(Value::Text(self.system.driver_version.clone())),
            (Source::DeviceCount, _) => Ok(Value::Count(u64::from(self.system.count))),
            (Source::Item(item), _) => card.read(item),
            (Source::Pid, Entry::Process(process)) => Ok(Value::Count(u64::from(process.pid))),
            (Source::ProcessName, Entry::Process(process)) => process.name.clone().map(Value::Text),
            (Source::UsedMemory, Entry::Process(process)) => process.used_memory.clone(),
            (Source::MemoryClock, Entry::Clocks { memory_mhz, .. }) => {
                Ok(Value::Megahertz(memory_mhz))
            }
            (Source::GraphicsClock, Entry::Clocks { graphics_mhz, .. }) => {
                Ok(Value::Megahertz(graphics_mhz))
            }
            (
                Source::NotRead
                | Source::Pid
                | Source::ProcessName
                | Source::UsedMemory
                | Source::MemoryClock
                | Source::GraphicsClock,
                _,
            ) => Err(Failure::NotSupported),
        }
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
