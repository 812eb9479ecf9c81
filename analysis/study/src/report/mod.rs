//! The result of a study: data, and its forms for terminals and for the paper.

mod layout;
#[cfg(test)]
mod tests;
mod text;
mod typst;

use serde::Serialize;

pub use layout::{HEADINGS, PrintedRow};

use crate::bar::{BarId, Requirement, Role, Target, Unit, Verdict};

/// Version of the JSON. 1: first.
pub const FORMAT: u32 = 1;

/// Everything that a study found. It holds neither date, duration nor number of threads, so two runs
/// of one seed are equal byte by byte.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StudyReport {
    /// Version of this record, [`FORMAT`].
    pub format: u32,
    /// Seed of everything random.
    pub seed: u64,
    /// Experiments of a cell, unless its rows say otherwise.
    pub experiments: usize,
    /// Rows by verdict.
    pub counts: Counts,
    /// The bars, in order.
    pub bars: Vec<BarReport>,
    /// What a reader must know of all of them.
    pub notes: Vec<String>,
}

/// One bar with its rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BarReport {
    /// Number.
    pub number: u8,
    /// Name.
    pub id: BarId,
    /// What has to hold.
    pub title: String,
    /// Functions under test.
    pub calls: Vec<String>,
    /// What a reader of its rows must know.
    pub note: Option<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// One measured number beside its demand.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Conditions of the experiments.
    pub cell: String,
    /// What was counted.
    pub question: String,
    /// Bar, negative control or context.
    pub role: Role,
    /// What the interval under test estimates.
    pub target: Target,
    /// Unit of the numbers.
    pub unit: Unit,
    /// Experiments that answered.
    pub experiments: usize,
    /// What was measured; nothing where too few experiments had an answer.
    pub measured: Option<Measured>,
    /// The demand.
    pub requirement: Requirement,
    /// How the row stands.
    pub verdict: Verdict,
    /// Why a miss is a documented exception, or why nothing was measured.
    pub reason: Option<String>,
}

/// A measured value with its 95 % Monte-Carlo interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The value.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Rows by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// See [`Verdict::Met`].
    pub met: usize,
    /// See [`Verdict::NotRefuted`].
    pub not_refuted: usize,
    /// See [`Verdict::Missed`].
    pub missed: usize,
    /// See [`Verdict::Exception`].
    pub exceptions: usize,
    /// See [`Verdict::Reported`].
    pub reported: usize,
    /// See [`Verdict::Unanswered`].
    pub unanswered: usize,
}

const NOTES: [&str; 4] = [
    "Intervals are 95 % Monte-Carlo intervals: Clopper-Pearson for shares, t for means, order \
     statistics for medians. Met: for 'at least' and 'at most' the unfavourable end of the interval \
     meets the demand; for a range the measured value lies inside. Not refuted: the interval reaches \
     the demand, but that is not shown. Missed: no value of the interval meets the demand.",
    "Of many intervals one in twenty misses its true value by chance. That alone turns a row into a \
     miss only if the true value lies at the edge of its demand.",
    "Negative controls are bad practice; their demand is that they fail as described.",
    "Everything here is simulated. The A/A test on a real GPU, 40 or more identical runs with false \
     labels that follow the schedule of the plan, is not part of it: there are no such data yet. \
     Bar 15 shows by simulation why random relabelling cannot replace it.",
];

impl StudyReport {
    pub(crate) fn new(seed: u64, experiments: usize, bars: Vec<BarReport>) -> Self {
        let mut counts = Counts::default();
        for row in bars.iter().flat_map(|bar| &bar.rows) {
            match row.verdict {
                Verdict::Met => counts.met += 1,
                Verdict::NotRefuted => counts.not_refuted += 1,
                Verdict::Missed => counts.missed += 1,
                Verdict::Exception => counts.exceptions += 1,
                Verdict::Reported => counts.reported += 1,
                Verdict::Unanswered => counts.unanswered += 1,
            }
        }
        Self {
            format: FORMAT,
            seed,
            experiments,
            counts,
            bars,
            notes: NOTES.map(str::to_owned).to_vec(),
        }
    }

    /// Whether no row missed its demand without a documented reason.
    pub fn passed(&self) -> bool {
        self.counts.missed == 0
    }

    /// The report as JSON, numbers with 10 significant digits.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("the report has string keys and finite numbers only");
        text.push('\n');
        text
    }

    /// The report as a table for a terminal of 130 columns or more.
    pub fn to_text(&self) -> String {
        text::render(self)
    }

    /// The report as a Typst table for an appendix.
    pub fn to_typst(&self) -> String {
        typst::render(self)
    }

    /// The rows as they are printed, with [`HEADINGS`] above them.
    pub fn printed_rows(&self) -> Vec<PrintedRow> {
        self.bars
            .iter()
            .flat_map(|bar| bar.rows.iter().map(|row| layout::print(bar, row)))
            .collect()
    }
}

/// A number with the 10 significant digits that are published.
pub(crate) fn significant(value: f64) -> f64 {
    format!("{value:.9e}")
        .parse()
        .expect("a number that was just printed can be read")
}
