//! What a query can name: each field with its names, its unit in the header and where it comes
//! from.

use crate::item::Item;

/// Where the value of a field comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The moment of the row.
    Timestamp,
    DriverVersion,
    /// Cards in the machine.
    DeviceCount,
    Item(Item),
    /// The real tool knows the field, this one does not read it: `[N/A]`.
    NotRead,
    /// Only of a list of processes or of clocks.
    Pid,
    ProcessName,
    UsedMemory,
    MemoryClock,
    GraphicsClock,
}

/// One field of a query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// The first name heads the column, whichever name the query used.
    pub(crate) names: &'static [&'static str],
    pub(crate) unit: Option<&'static str>,
    pub(crate) source: Source,
}

impl Field {
    /// The head of the column: `power.draw [W]`, or without the unit.
    pub(crate) fn heading(&self) -> String {
        match self.unit {
            Some(unit) => format!("{} [{unit}]", self.names[0]),
            None => self.names[0].to_owned(),
        }
    }
}

/// A list of things that can be queried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    Gpu,
    ComputeApps,
    SupportedClocks,
}

impl Query {
    /// The word after `--query-`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::ComputeApps => "compute-apps",
            Self::SupportedClocks => "supported-clocks",
        }
    }

    /// Every field of this query, in the order of the help.
    pub(crate) fn fields(self) -> impl Iterator<Item = &'static Field> {
        let parts: &[&[Field]] = match self {
            Self::Gpu => super::gpu_fields::ALL,
            Self::ComputeApps => &[&BESIDE_A_LIST, &APPS],
            Self::SupportedClocks => &[&BESIDE_A_LIST, &CLOCKS],
        };
        parts.iter().flat_map(|part| part.iter())
    }

    /// The field with this name. Upper and lower case are the same.
    pub(crate) fn field(self, name: &str) -> Option<&'static Field> {
        self.fields().find(|field| {
            field
                .names
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
        })
    }

    /// What `--help-query-…` prints.
    pub(crate) fn help(self) -> String {
        let mut text = format!(
            "List of valid properties to query for the switch \"--query-{}=\":\n",
            self.word()
        );
        for field in self.fields() {
            let names: Vec<String> = field
                .names
                .iter()
                .map(|name| format!("\"{name}\""))
                .collect();
            text.push('\n');
            text.push_str(&names.join(" or "));
            let remark = match (field.source, field.unit) {
                (Source::NotRead, _) => " (always [N/A] here)".to_owned(),
                (Source::Timestamp, _) => ": YYYY/MM/DD HH:MM:SS.msec, UTC".to_owned(),
                (_, Some(unit)) => format!(": in {unit}"),
                (_, None) => String::new(),
            };
            text.push_str(&remark);
            text.push('\n');
        }
        text
    }
}

/// A field without a unit.
pub(super) const fn plain(names: &'static [&'static str], source: Source) -> Field {
    Field {
        names,
        unit: None,
        source,
    }
}

/// A field with a unit.
pub(super) const fn in_unit(
    unit: &'static str,
    names: &'static [&'static str],
    source: Source,
) -> Field {
    Field {
        names,
        unit: Some(unit),
        source,
    }
}

/// What the lists of processes and clocks can show of their card.
const BESIDE_A_LIST: [Field; 5] = [
    plain(&["timestamp"], Source::Timestamp),
    plain(&["gpu_name"], Source::Item(Item::Name)),
    plain(&["gpu_bus_id"], Source::Item(Item::BusId)),
    plain(&["gpu_serial"], Source::Item(Item::Serial)),
    plain(&["gpu_uuid"], Source::Item(Item::Uuid)),
];

const APPS: [Field; 3] = [
    plain(&["pid"], Source::Pid),
    plain(&["process_name", "name"], Source::ProcessName),
    in_unit(
        "MiB",
        &["used_gpu_memory", "used_memory"],
        Source::UsedMemory,
    ),
];

const CLOCKS: [Field; 2] = [
    in_unit("MHz", &["memory", "mem"], Source::MemoryClock),
    in_unit("MHz", &["graphics", "gr"], Source::GraphicsClock),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const QUERIES: [Query; 3] = [Query::Gpu, Query::ComputeApps, Query::SupportedClocks];

    #[test]
    fn no_name_stands_for_two_fields() {
        for query in QUERIES {
            let mut seen = BTreeSet::new();
            for name in query.fields().flat_map(|field| field.names) {
                assert!(seen.insert(*name), "{name} twice in {}", query.word());
            }
        }
    }

    #[test]
    fn a_second_name_and_another_case_find_the_same_field() {
        let field = Query::Gpu.field("clocks.sm").expect("known");
        assert_eq!(field.heading(), "clocks.current.sm [MHz]");
        assert_eq!(Query::Gpu.field("Clocks.Current.SM"), Some(field));
        assert_eq!(Query::Gpu.field("foo"), None);
        assert_eq!(Query::Gpu.field(""), None);
    }

    #[test]
    fn the_help_names_every_field_of_its_query() {
        for query in QUERIES {
            let help = query.help();
            for name in query.fields().flat_map(|field| field.names) {
                assert!(help.contains(&format!("\"{name}\"")), "{name}");
            }
        }
    }
}
