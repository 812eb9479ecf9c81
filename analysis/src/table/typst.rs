//! Tables as Typst source.

use std::fmt::Write as _;

use super::{Align, Table};

pub(super) fn source(table: &Table) -> String {
    let shown: Vec<usize> = (0..table.columns.len())
        .filter(|i| table.columns[*i].title.is_some())
        .collect();
    let aligns: Vec<&str> = shown
        .iter()
        .map(|i| match table.columns[*i].align {
            Align::Left => "left",
            Align::Right => "right",
        })
        .collect();
    let titles: Vec<String> = shown
        .iter()
        .filter_map(|i| table.columns[*i].title)
        .map(quoted)
        .collect();
    let mut text = String::from("// Written by joulebench from the results; do not edit.\n");
    let mut line = |indent: &str, content: &str| {
        writeln!(text, "{indent}{content}").expect("writing to a string cannot fail");
    };
    line("", "#table(");
    line("  ", &format!("columns: {},", shown.len()));
    line("  ", &format!("align: ({},),", aligns.join(", ")));
    line("  ", &format!("table.header({}),", titles.join(", ")));
    for row in &table.rows {
        let cells: Vec<String> = shown.iter().map(|i| quoted(&row[*i].print)).collect();
        line("  ", &format!("{},", cells.join(", ")));
    }
    line("", ")");
    for note in &table.notes {
        line("", &format!("#block(text(size: 0.85em, {}))", quoted(note)));
    }
    text
}

/// A string literal; Typst shows it as it is, so no markup can slip in.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
