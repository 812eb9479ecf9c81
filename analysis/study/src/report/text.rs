//! The report for a terminal.

use std::fmt::Write as _;

use super::layout::{self, PrintedRow};
use super::{BarReport, Counts, StudyReport};

/// Question, target, n, measured, demand, verdict; the numbers of the bar and the names of the cells
/// stand in lines of their own.
const FIRST_COLUMN: usize = 2;

/// Columns whose cells are set to the right.
const NUMBERS: [usize; 2] = [4, 5];

/// Width of running text.
const WRAP_AT: usize = 110;

pub(super) fn render(report: &StudyReport) -> String {
    let mut page = Page::default();
    page.line(&format!(
        "study: {} experiments per cell unless a row says otherwise, seed {}",
        report.experiments, report.seed
    ));
    let widths = widths(&report.printed_rows());
    for bar in &report.bars {
        page.line("");
        page.bar(bar, &widths);
    }
    page.line("");
    for note in &report.notes {
        page.prose("", note);
    }
    page.line("");
    page.counts(report.counts);
    page.text
}

/// The text so far.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, content: &str) {
        writeln!(self.text, "{}", content.trim_end()).expect("writing to a string cannot fail");
    }

    /// Running text in lines of at most [`WRAP_AT`] characters, the later ones indented further.
    fn prose(&mut self, indent: &str, text: &str) {
        let mut line = indent.to_owned();
        for word in text.split(' ') {
            if line.chars().count() + 1 + word.chars().count() > WRAP_AT {
                self.line(&line);
                line = format!("{indent}  ");
            }
            if !line.trim().is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&line);
    }

    fn bar(&mut self, bar: &BarReport, widths: &[usize; 8]) {
        self.prose(
            "",
            &format!("{} {}: {}", bar.number, bar.id.name(), bar.title),
        );
        self.prose("  ", &format!("calls {}", bar.calls.join(", ")));
        if let Some(note) = &bar.note {
            self.prose("  ", note);
        }
        let headings = layout::HEADINGS.map(str::to_owned);
        self.line(&format!("    {}", aligned(&headings, widths)));
        let mut cell = "";
        for row in &bar.rows {
            if row.cell != cell {
                cell = &row.cell;
                self.line(&format!("  {cell}"));
            }
            self.line(&format!(
                "    {}",
                aligned(&layout::print(bar, row), widths)
            ));
        }
        for reason in layout::reasons(bar) {
            self.prose("  ", &reason);
        }
    }

    fn counts(&mut self, counts: Counts) {
        self.line(&format!(
            "{} met, {} not refuted, {} missed, {} documented exceptions, {} unanswered, \
             {} without a demand",
            counts.met,
            counts.not_refuted,
            counts.missed,
            counts.exceptions,
            counts.unanswered,
            counts.reported
        ));
    }
}

fn widths(rows: &[PrintedRow]) -> [usize; 8] {
    let mut widths = layout::HEADINGS.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

fn aligned(cells: &PrintedRow, widths: &[usize; 8]) -> String {
    let mut line = String::new();
    for column in FIRST_COLUMN..cells.len() {
        let cell = &cells[column];
        let space = " ".repeat(widths[column] - cell.chars().count());
        if NUMBERS.contains(&column) {
            line.push_str(&space);
            line.push_str(cell);
        } else {
            line.push_str(cell);
            line.push_str(&space);
        }
        line.push_str("  ");
    }
    line
}
