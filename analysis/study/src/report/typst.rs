//! The report as Typst source: a table that runs over pages, with a line for each bar and cell.

use std::fmt::Write as _;

use super::StudyReport;
use super::layout::{self, HEADINGS};

/// Question, target, n, measured, demand, verdict; bar and cell have lines of their own.
const FIRST_COLUMN: usize = 2;

pub(super) fn render(report: &StudyReport) -> String {
    let mut text = String::from("// Written by joulebench from the results; do not edit.\n");
    let mut line = |content: &str| {
        writeln!(text, "{content}").expect("writing to a string cannot fail");
    };
    line("#table(");
    line("  columns: 6,");
    line("  align: (left, left, right, right, left, left),");
    line(&format!(
        "  table.header({}),",
        quoted_all(&HEADINGS[FIRST_COLUMN..])
    ));
    for bar in &report.bars {
        let title = format!("{} {}: {}", bar.number, bar.id.name(), bar.title);
        line(&format!(
            "  table.cell(colspan: 6, strong({})),",
            quoted(&title)
        ));
        let mut cell = "";
        for row in &bar.rows {
            if row.cell != cell {
                cell = &row.cell;
                line(&format!(
                    "  table.cell(colspan: 6, emph({})),",
                    quoted(cell)
                ));
            }
            let printed = layout::print(bar, row);
            line(&format!("  {},", quoted_all(&printed[FIRST_COLUMN..])));
        }
    }
    line(")");
    for bar in &report.bars {
        if let Some(note) = &bar.note {
            let note = format!("Bar {}: {note}", bar.number);
            line(&format!("#block(text(size: 0.85em, {}))", quoted(&note)));
        }
        for reason in layout::reasons(bar) {
            let reason = format!("Bar {}, {reason}", bar.number);
            line(&format!("#block(text(size: 0.85em, {}))", quoted(&reason)));
        }
    }
    for note in &report.notes {
        line(&format!("#block(text(size: 0.85em, {}))", quoted(note)));
    }
    text
}

fn quoted_all<S: AsRef<str>>(cells: &[S]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell.as_ref())).collect();
    cells.join(", ")
}

/// A string literal; Typst shows it as it is, so no markup can slip in.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
