//! A result table as HTML.

use super::html::Html;
use crate::table::{Align, Table};

/// The columns of a table that are meant for readers, with its notes.
pub(super) fn html(table: &Table, caption: &str) -> Html {
    let shown: Vec<usize> = (0..table.columns.len())
        .filter(|index| table.columns[*index].title.is_some())
        .collect();
    let class = |index: usize| match table.columns[index].align {
        Align::Left => "words",
        Align::Right => "number",
    };
    let heading = |index: &usize| {
        let title = table.columns[*index].title.unwrap_or_default();
        Html::element(
            "th",
            &[("scope", "col"), ("class", class(*index))],
            Html::text(title),
        )
    };
    let head = Html::element("tr", &[], Html::joined(shown.iter().map(heading)));
    let body = table.rows.iter().map(|row| {
        let cells = shown.iter().enumerate().map(|(place, index)| {
            let text = Html::text(&row[*index].print);
            match place {
                0 => Html::element("th", &[("scope", "row"), ("class", class(*index))], text),
                _ => Html::element("td", &[("class", class(*index))], text),
            }
        });
        Html::element("tr", &[], Html::joined(cells))
    });
    let mut all = framed(caption, head, Html::joined(body));
    for note in &table.notes {
        all.push(&Html::element("p", &[("class", "note")], Html::text(note)));
    }
    all
}

/// A table in a box that scrolls by itself where the page is narrow.
pub(super) fn framed(caption: &str, head: Html, body: Html) -> Html {
    let inner = Html::joined([
        Html::tagged("caption", caption),
        Html::element("thead", &[], head),
        Html::element("tbody", &[], body),
    ]);
    let table = Html::element("table", &[], inner);
    let region = [
        ("class", "scroll"),
        ("role", "region"),
        ("tabindex", "0"),
        ("aria-label", caption),
    ];
    Html::joined([Html::element("div", &region, table)])
}
