//! Files beside the terminal.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use crate::args::measure::ExportArguments;
use crate::exit::refuse;
use crate::output;

use super::Report;

/// Where results go; `-` is standard output.
pub(crate) struct Places {
    json: Option<PathBuf>,
    csv: Option<PathBuf>,
    markdown: Option<PathBuf>,
}

impl Places {
    /// Refuses, before anything is run, folders that are not there and two results for one place.
    pub(crate) fn of(arguments: &ExportArguments) -> anyhow::Result<Self> {
        let places = [
            ("--json", &arguments.json),
            ("--csv", &arguments.csv),
            ("--markdown", &arguments.markdown),
        ];
        let given: Vec<(&str, &Path)> = places
            .into_iter()
            .filter_map(|(option, place)| Some((option, place.as_deref()?)))
            .collect();
        for (position, (option, place)) in given.iter().enumerate() {
            if let Some((other, _)) = given[..position].iter().find(|(_, other)| other == place) {
                refuse!(
                    "{other} and {option} both write to {}; give each its own",
                    place.display()
                );
            }
            let folder = place
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
                refuse!(
                    "{option} {}: there is no folder {}",
                    place.display(),
                    folder.display()
                );
            }
        }
        Ok(Self {
            json: arguments.json.clone(),
            csv: arguments.csv.clone(),
            markdown: arguments.markdown.clone(),
        })
    }

    /// Whether a result takes the place of the summary.
    pub(crate) fn takes_standard_output(&self) -> bool {
        [&self.json, &self.csv, &self.markdown]
            .into_iter()
            .flatten()
            .any(|place| is_standard_output(place))
    }

    /// Writes what was asked for.
    pub(crate) fn write<T: Serialize>(
        &self,
        report: &T,
        csv: &str,
        markdown: &str,
    ) -> anyhow::Result<()> {
        if let Some(place) = &self.json {
            let mut json = serde_json::to_string_pretty(report)?;
            json.push('\n');
            write_text(place, &json)?;
        }
        if let Some(place) = &self.csv {
            write_text(place, csv)?;
        }
        if let Some(place) = &self.markdown {
            write_text(place, markdown)?;
        }
        Ok(())
    }
}

fn is_standard_output(place: &Path) -> bool {
    place.as_os_str() == "-"
}

/// Writes a text to a file, or to standard output for `-`.
pub(crate) fn write_text(place: &Path, text: &str) -> anyhow::Result<()> {
    if is_standard_output(place) {
        output::write(format_args!("{text}"));
        return Ok(());
    }
    analysis::write::write_atomically(place, text.as_bytes())
        .with_context(|| format!("writing {}", place.display()))
}

/// Columns of the CSV, one line for each run.
pub(crate) const CSV_HEADER: &str = "command,run,provenance,executions,time_s,energy_j,energy_net_j,power_w,package_energy_j,sm_clock_mhz,temperature_c,exit,energy_absent\n";

impl Report<'_> {
    /// One line for each run.
    pub(super) fn csv(&self) -> String {
        let mut text = CSV_HEADER.to_owned();
        super::csv_lines(&mut text, self.name, self.provenance, &self.measurement);
        text
    }

    /// A table.
    pub(super) fn markdown(&self) -> String {
        let mut text = super::MARKDOWN_HEADER.to_owned();
        text.push_str(&super::row_of(self.name, &self.summary));
        let _ = writeln!(text, "\n{} · {}", self.device_line(), self.provenance);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(json: &str, csv: &str) -> anyhow::Result<Places> {
        Places::of(&ExportArguments {
            json: Some(PathBuf::from(json)),
            csv: Some(PathBuf::from(csv)),
            markdown: None,
        })
    }

    #[test]
    fn a_place_that_cannot_be_written_is_refused_beforehand() {
        let refusal = |json, csv| places(json, csv).err().unwrap().to_string();
        assert!(
            refusal("-", "-").contains("--json and --csv both"),
            "{}",
            refusal("-", "-")
        );
        assert!(refusal("/no/such/x.json", "a.csv").contains("/no/such"));
        let good = places("-", "a.csv").unwrap();
        assert!(good.takes_standard_output());
        assert!(!places("a.json", "b.csv").unwrap().takes_standard_output());
    }
}
