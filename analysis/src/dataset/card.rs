//! The dataset card: a datasheet for people, with the configuration that Hugging Face reads.
//!
//! The prose lies in `artifacts/dataset/card.md`; what depends on the data is filled in here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use model::axis::{Axis, AxisValue};
use model::point::Point;
use model::provenance::Provenance;
use model::trace::TraceHeader;

use super::{Counts, DATASET_VERSION, Error, REPOSITORY, Table, dictionary};
use crate::row::Row;

/// Name of the file inside the dataset.
pub(super) const FILE: &str = "README.md";

const TEMPLATE: &str = include_str!("../../../artifacts/dataset/card.md");

/// The headings of a datasheet (Gebru et al. 2018), each of which a card must have.
pub(super) const HEADINGS: [&str; 7] = [
    "Motivation",
    "Composition",
    "Collection process",
    "Preprocessing",
    "Uses",
    "Distribution",
    "Maintenance",
];

/// What the card says of the campaigns, gathered while their traces pass by.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// Runs by table, sweep, provenance and device.
    sweeps: BTreeMap<(Table, String, &'static str, String), u64>,
    /// The values of each axis over all runs.
    axes: BTreeMap<Axis, BTreeSet<AxisValue>>,
}

impl Content {
    /// Takes note of a run.
    pub(super) fn add(&mut self, header: &TraceHeader) {
        let device = &header.machine.device.name;
        let provenance = header.provenance;
        self.count(Table::Runs, &header.run.sweep, provenance, device);
        self.add_point(&header.run.point);
    }

    /// Takes note of a run that is in the table of emulated runs.
    pub(super) fn add_emulated(&mut self, row: &Row) {
        self.count(Table::EmulatedRuns, &row.sweep, row.provenance, &row.device);
        self.add_point(&row.point);
    }

    fn count(&mut self, table: Table, sweep: &str, provenance: Provenance, device: &str) {
        let key = (
            table,
            sweep.to_owned(),
            provenance.name(),
            device.to_owned(),
        );
        *self.sweeps.entry(key).or_default() += 1;
    }

    fn add_point(&mut self, point: &Point) {
        for (axis, value) in point.iter() {
            self.axes.entry(axis).or_default().insert(value.clone());
        }
    }

    fn sweep_lines(&self) -> String {
        let lines = self
            .sweeps
            .iter()
            .map(|((table, sweep, provenance, device), runs)| {
                format!(
                    "| {} | {provenance} | {} | {} | `{}` |",
                    cell(sweep),
                    cell(device),
                    grouped(*runs),
                    table.name()
                )
            });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn axis_lines(&self) -> String {
        let mut text = "| axis | unit | values | meaning |\n|---|---|---|---|".to_owned();
        for (axis, values) in &self.axes {
            let (values, unit, about) = (listed(values), axis.unit(), axis.description());
            write!(
                text,
                "\n| `{axis}` | {unit} | {} | {about} |",
                cell(&values)
            )
            .expect("writing to a string cannot fail");
        }
        text
    }
}

/// Values of an axis that are all named; more are given by their ends.
const NAMED_VALUES: usize = 16;

fn listed(values: &BTreeSet<AxisValue>) -> String {
    if let (Some(first), Some(last)) = (values.first(), values.last())
        && values.len() > NAMED_VALUES
    {
        return format!("{first} to {last}, {} values", values.len());
    }
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    values.join(", ")
}

/// The card.
pub(super) fn to_markdown(content: &Content, counts: &Counts) -> String {
    let tables: Vec<String> = Table::ALL
        .into_iter()
        .map(|table| {
            let (name, rows) = (table.name(), grouped(counts.rows(table)));
            format!(
                "| [`{name}`]({}) | {rows} | {} |",
                table.path(),
                table.description()
            )
        })
        .collect();
    let body = TEMPLATE
        .replace("{{runs}}", &grouped(counts.runs))
        .replace("{{samples}}", &grouped(counts.samples))
        .replace("{{marks}}", &grouped(counts.marks))
        .replace("{{emulated_runs}}", &grouped(counts.emulated_runs))
        .replace("{{residuals}}", &grouped(counts.emulator_residuals))
        .replace("{{readings}}", &grouped(counts.tool_readings))
        .replace("{{tables}}", &tables.join("\n"))
        .replace("{{sweeps}}", &content.sweep_lines())
        .replace("{{axes}}", &content.axis_lines())
        .replace("{{repository}}", REPOSITORY)
        .replace("{{version}}", DATASET_VERSION)
        .replace("{{dictionary}}", &dictionary_section());
    format!("{}\n{body}", front_matter(counts))
}

fn front_matter(counts: &Counts) -> String {
    let tags = super::KEYWORDS.map(|tag| format!("- {tag}\n")).concat();
    let configs = Table::ALL.map(|table| {
        let (name, path) = (table.name(), table.path());
        let default = if table == Table::Runs {
            "  default: true\n"
        } else {
            ""
        };
        format!("- config_name: {name}\n  data_files: {path}\n{default}")
    });
    format!(
        "---\nlicense: cc-by-4.0\npretty_name: \"joulebench: energy of AI inference on GPUs\"\n\
         size_categories:\n- {}\ntags:\n{tags}configs:\n{}---\n",
        size_category(counts.samples),
        configs.concat()
    )
}

fn dictionary_section() -> String {
    let entries = dictionary::entries();
    let of_table = |table: Table| {
        let mut text = format!(
            "### {}\n\n| column | type | unit | description |\n|---|---|---|---|",
            table.name()
        );
        for entry in entries.iter().filter(|entry| entry.table == table.name()) {
            write!(
                text,
                "\n| `{}` | {} | {} | {} |",
                entry.column,
                entry.kind,
                cell(&entry.unit),
                cell(&entry.description)
            )
            .expect("writing to a string cannot fail");
        }
        text
    };
    Table::ALL.map(of_table).join("\n\n")
}

/// A text that cannot end its cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Hugging Face's words for the number of rows of the largest table.
fn size_category(rows: u64) -> &'static str {
    match rows {
        0..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000..1_000_000 => "100K<n<1M",
        1_000_000..10_000_000 => "1M<n<10M",
        10_000_000..100_000_000 => "10M<n<100M",
        _ => "100M<n<1B",
    }
}

/// A count with thousands set apart.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Checks that a card has its headings, each with text below it, and that its configurations name
/// files that exist.
pub(super) fn verify(root: &Path) -> Result<(), Error> {
    let path = root.join(FILE);
    let text = fs_err::read_to_string(&path)?;
    let Some((front, body)) = text
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"))
    else {
        return Err(Error::invalid(
            &path,
            "no YAML block between two '---' lines at the top",
        ));
    };
    for heading in HEADINGS {
        let marker = format!("\n## {heading}\n");
        let below = body
            .split_once(&marker)
            .map(|(_, rest)| rest.split("\n## ").next());
        if below
            .flatten()
            .is_none_or(|section| section.trim().is_empty())
        {
            return Err(Error::invalid(
                &path,
                format!("no text below the heading '## {heading}'"),
            ));
        }
    }
    let files: Vec<&str> = front
        .lines()
        .filter_map(|line| line.trim().strip_prefix("data_files: "))
        .collect();
    for table in Table::ALL {
        if !files.contains(&table.path()) {
            let problem = format!("configs lack 'data_files: {}'", table.path());
            return Err(Error::invalid(&path, problem));
        }
    }
    match files.iter().find(|file| !root.join(file).is_file()) {
        Some(file) => Err(Error::invalid(
            &path,
            format!("configs name the file '{file}', which does not exist"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_in_thousands() {
        let texts = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }

    proptest::proptest! {
        #[test]
        fn grouping_keeps_the_digits(count: u64) {
            let text = grouped(count);
            proptest::prop_assert_eq!(text.replace(',', ""), count.to_string());
            let groups: Vec<&str> = text.split(',').collect();
            proptest::prop_assert!(groups[1..].iter().all(|group| group.len() == 3));
            proptest::prop_assert!((1..=3).contains(&groups[0].len()));
        }
    }

    #[test]
    fn nothing_of_the_template_is_left_over() {
        let card = to_markdown(&Content::default(), &Counts::default());
        assert!(!card.contains("{{"), "a placeholder was not filled in");
    }
}
