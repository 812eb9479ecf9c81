//! What fewer bits cost in quality.

use statistics::interval::Interval;

use super::{Cell, Column, Table};
use crate::quality::{Quality, QualityReport};

/// One row for each number format of each model.
pub fn quality_table(report: &QualityReport) -> Table {
    let documents = report.models.iter().map(|studied| {
        let missing = if studied.omitted.is_empty() {
            String::new()
        } else {
            format!(" Not there: {}.", studied.omitted.join("; "))
        };
        format!("{}: {}.{missing}", studied.model, studied.task)
    });
    Table {
        name: "quality".into(),
        columns: vec![
            Column::words("model", "Model"),
            Column::words("format", "Format"),
            Column::number("accuracy_pct", "Accuracy (%)"),
            Column::data("accuracy_low_pct"),
            Column::data("accuracy_high_pct"),
            Column::number("accuracy_difference_pp", "to f32 (pp)"),
            Column::data("accuracy_difference_low_pp"),
            Column::data("accuracy_difference_high_pp"),
            Column::number("mcnemar_p", "McNemar p"),
            Column::number("perplexity", "Perplexity"),
            Column::data("perplexity_low"),
            Column::data("perplexity_high"),
            Column::number("perplexity_ratio", "by f32"),
            Column::data("perplexity_ratio_low"),
            Column::data("perplexity_ratio_high"),
            Column::number("token_agreement_pct", "Same tokens (%)"),
            Column::data("token_agreement_low_pct"),
            Column::data("token_agreement_high_pct"),
            Column::number("exact_match_pct", "Same text (%)"),
            Column::data("exact_match_low_pct"),
            Column::data("exact_match_high_pct"),
        ],
        rows: report.rows.iter().map(row).collect(),
        notes: documents
            .chain([format!(
                "Computed on a processor with {}, no energy measured. 95 % intervals: accuracy and \
                 same text by Wilson, the difference by Newcombe for pairs, perplexity and its \
                 ratio over documents, same tokens over sequences.",
                report.engine
            )])
            .collect(),
    }
}

fn row(quality: &Quality) -> Vec<Cell> {
    let accuracy = quality.accuracy;
    let likelihood = quality.likelihood;
    let agreement = quality.agreement;
    let p = accuracy.and_then(|it| it.mcnemar_p);
    let mut cells = vec![
        Cell::same(quality.model.clone()),
        Cell::same(quality.variant.clone()),
    ];
    cells.extend(interval(accuracy.map(|it| it.share), 100.0, 1));
    cells.extend(interval(accuracy.and_then(|it| it.difference), 100.0, 1));
    cells.push(Cell::number(
        p.map(round),
        p.map(|p| format!("{p:.2}")).unwrap_or_default(),
    ));
    cells.extend(interval(likelihood.map(|it| it.perplexity), 1.0, 3));
    cells.extend(interval(likelihood.and_then(|it| it.ratio), 1.0, 4));
    cells.extend(interval(agreement.map(|it| it.tokens), 100.0, 1));
    cells.extend(interval(agreement.map(|it| it.exact), 100.0, 1));
    cells
}

/// Value, printed with its bounds, and the bounds for machines.
fn interval(interval: Option<Interval>, scale: f64, decimals: usize) -> [Cell; 3] {
    let ends = interval.map(|it| [it.value, it.low, it.high].map(|end| round(end * scale)));
    let print = ends.map(|[value, low, high]| {
        format!("{value:.decimals$} [{low:.decimals$}, {high:.decimals$}]")
    });
    let data = |end: usize| Cell::number(ends.map(|ends| ends[end]), "");
    [
        Cell::number(ends.map(|ends| ends[0]), print.unwrap_or_default()),
        data(1),
        data(2),
    ]
}

/// Ten significant digits: enough for any reader, and the same on every processor.
fn round(value: f64) -> f64 {
    format!("{value:.9e}").parse().unwrap_or(value)
}
