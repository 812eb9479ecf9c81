//! The comparison that people read.

use std::fmt::Write as _;

use harness::measure::compare::{Comparison, Ratio, Verdict};
use harness::measure::summary::Estimate;

use crate::verb::measure::quantity::{bounds, scaled};
use crate::verb::measure::{
    CSV_HEADER, MARKDOWN_HEADER, csv_lines, machine_line, row_of, warning_lines,
};

use super::{CommandReport, Report};

/// A reference and what is compared.
#[derive(Clone, Copy)]
enum Subject {
    Energy,
    Time,
    Package,
}

impl Subject {
    const fn verb(self) -> &'static str {
        match self {
            Self::Energy | Self::Package => "uses",
            Self::Time => "takes",
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Energy => "energy",
            Self::Time => "time",
            Self::Package => "CPU energy",
        }
    }
}

impl Report<'_> {
    /// Table, then one sentence for each comparison, then warnings.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let runs = self.settings.runs.at_least();
        let _ = writeln!(text, "{}", machine_line(self.machine, self.provenance));
        let _ = writeln!(
            text,
            "{runs} blocks, each command once in each, order by seed {}",
            self.seed
        );
        text.push('\n');
        let width = self
            .commands
            .iter()
            .map(|command| command.name.chars().count())
            .max()
            .unwrap_or(0)
            .clamp(7, 40);
        let _ = writeln!(
            text,
            "  {:<width$}  {:>10}  {:<20} {:>10}  {:<20} {:>10}",
            "command", "energy", "runs alone, 95 %", "time", "95 %", "power"
        );
        for command in &self.commands {
            let _ = writeln!(text, "{}", line_of(command, width).trim_end());
        }
        let reference = &self.commands[0].name;
        for command in &self.commands[1..] {
            if let Some(comparison) = &command.to_reference {
                text.push('\n');
                for sentence in sentences(&command.name, reference, comparison) {
                    let _ = writeln!(text, "{sentence}");
                }
            }
        }
        if self.commands.len() > 2 {
            text.push_str("\nIntervals are widened so that all hold together with 95 %.\n");
        }
        text.push_str(&self.warnings());
        text
    }

    /// Of the device all commands say the same: once, without a name.
    fn warnings(&self) -> String {
        let of = |command: &CommandReport| -> Vec<String> {
            command
                .warnings
                .iter()
                .map(|warning| {
                    warning_lines(std::slice::from_ref(warning), &self.settings).join("\n")
                })
                .collect()
        };
        let all: Vec<Vec<String>> = self.commands.iter().map(of).collect();
        let is_shared = |text: &String| all.iter().all(|of_command| of_command.contains(text));
        let mut lines: Vec<String> = all[0]
            .iter()
            .filter(|text| is_shared(text))
            .cloned()
            .collect();
        for (command, texts) in self.commands.iter().zip(&all) {
            let own = texts.iter().filter(|text| !is_shared(text));
            lines.extend(own.map(|text| {
                text.replacen("warning: ", &format!("warning: {}: ", command.name), 1)
            }));
        }
        if lines.is_empty() {
            return String::new();
        }
        format!("\n{}\n", lines.join("\n"))
    }

    /// One line for each run.
    pub(super) fn csv(&self) -> String {
        let mut text = CSV_HEADER.to_owned();
        for command in &self.commands {
            csv_lines(
                &mut text,
                &command.name,
                self.provenance,
                &command.measurement,
            );
        }
        text
    }

    /// A table and the sentences.
    pub(super) fn markdown(&self) -> String {
        let mut text = MARKDOWN_HEADER.to_owned();
        for command in &self.commands {
            text.push_str(&row_of(&command.name, &command.summary));
        }
        let reference = &self.commands[0].name;
        for command in &self.commands[1..] {
            for sentence in command
                .to_reference
                .iter()
                .flat_map(|comparison| sentences(&command.name, reference, comparison))
            {
                let _ = write!(text, "\n{sentence}\n");
            }
        }
        let _ = write!(
            text,
            "\n{} · {} · seed {}\n",
            machine_line(self.machine, self.provenance),
            self.provenance,
            self.seed
        );
        text
    }
}

fn line_of(command: &CommandReport, width: usize) -> String {
    let summary = &command.summary;
    let name: String = command.name.chars().take(width).collect();
    let (energy, of_energy) = cells(summary.energy_j.as_ref(), "J");
    let (time, of_time) = cells(Some(&summary.time_s), "s");
    let power = summary
        .power_w
        .as_ref()
        .map_or_else(|| "absent".to_owned(), |power| scaled(power.value, "W"));
    format!("  {name:<width$}  {energy:>10}  {of_energy:<20} {time:>10}  {of_time:<20} {power:>10}")
}

fn cells(estimate: Option<&Estimate>, unit: &str) -> (String, String) {
    match estimate {
        None => ("absent".to_owned(), String::new()),
        Some(estimate) => (
            scaled(estimate.value, unit),
            estimate
                .scatter
                .as_ref()
                .map(|scatter| bounds(estimate.value, [scatter.low, scatter.high]))
                .unwrap_or_default(),
        ),
    }
}

fn sentences(name: &str, reference: &str, comparison: &Comparison) -> Vec<String> {
    [
        (Subject::Energy, &comparison.energy),
        (Subject::Time, &comparison.time),
        (Subject::Package, &comparison.package_energy),
    ]
    .into_iter()
    .filter_map(|(subject, ratio)| Some(sentence(name, reference, subject, ratio.as_ref()?)))
    .collect()
}

/// "'A' uses 12 % [10, 14] less energy than 'B': supported at 95 %".
fn sentence(name: &str, reference: &str, subject: Subject, ratio: &Ratio) -> String {
    let interval = &ratio.interval;
    let level = format!("{:.4}", interval.level.value() * 100.0);
    let level = level.trim_end_matches('0').trim_end_matches('.');
    let (verb, noun) = (subject.verb(), subject.noun());
    let change = interval.value - 1.0;
    let (low, high) = (interval.low - 1.0, interval.high - 1.0);
    match ratio.verdict {
        Verdict::Less => format!(
            "{name} {verb} {} less {noun} than {reference}: supported at {level} %",
            change_and_bounds(-change, [-high, -low])
        ),
        Verdict::More => format!(
            "{name} {verb} {} more {noun} than {reference}: supported at {level} %",
            change_and_bounds(change, [low, high])
        ),
        Verdict::Inconclusive { needed_blocks } => {
            let needed = match needed_blocks {
                Some(blocks) => format!(
                    "a difference of this size would take {blocks} blocks to show (power 80 %): -n {blocks}"
                ),
                None => "no number of blocks worth waiting for would show a difference this small"
                    .to_owned(),
            };
            format!(
                "{noun} of {name} by {reference}: {:.3} [{:.3}, {:.3}]: inconclusive at {level} %; {needed}",
                interval.value, interval.low, interval.high
            )
        }
    }
}

/// A change and its bounds in per cent, with as many decimals as the width of the interval is worth.
fn change_and_bounds(change: f64, [low, high]: [f64; 2]) -> String {
    let decimals = match (high - low) * 100.0 {
        width if width < 0.1 => 3,
        width if width < 1.0 => 2,
        width if width < 10.0 => 1,
        _ => 0,
    };
    format!(
        "{:.decimals$} % [{:.decimals$}, {:.decimals$}]",
        change * 100.0,
        low * 100.0,
        high * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use statistics::interval::Level;

    #[test]
    fn every_verdict_is_a_sentence() {
        let reference = [100.0, 101.0, 102.0, 103.0];
        let of = |factors: [f64; 4]| {
            let values: Vec<f64> = reference.iter().zip(factors).map(|(e, f)| e * f).collect();
            let ratio = Ratio::of(&values, &reference, Level::P95).unwrap();
            sentence("B", "A", Subject::Energy, &ratio)
        };
        insta::assert_snapshot!(
            [
                of([0.88, 0.87, 0.89, 0.88]),
                of([1.25, 1.26, 1.24, 1.25]),
                of([0.98, 1.03, 0.99, 1.01]),
            ]
            .join("\n")
        );
    }
}
