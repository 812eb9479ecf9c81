//! Values with intervals on labelled rows: for points that are no function of one number.

use model::provenance::Provenance;

use super::chart::{Axis, Interval, ScaleKind};
use super::draw::marker;
use super::scale::{Scale, tick_text};
use super::svg::{Anchor, Svg, TextStyle};
use super::theme;
use crate::Error;

const RIGHT_PT: f64 = 8.0;
const TOP_PT: f64 = 17.0;
const BOTTOM_PT: f64 = 28.0;
const ROW_PT: f64 = 13.0;
const TICK_PT: f64 = 3.0;
const CAP_PT: f64 = 2.2;
const GAP_PT: f64 = 6.0;
const BETWEEN_PT: f64 = 4.0;

/// A figure of rows, each with a dot for every series, over one logarithmic axis.
#[derive(Clone, Debug, PartialEq)]
pub struct DotChart {
    /// File name without ending, and prefix of the ids inside the SVG.
    pub slug: String,
    /// One line that names the figure for a screen reader.
    pub title: String,
    /// What a reader who cannot see the figure should know.
    pub description: String,
    /// Where its numbers come from.
    pub provenance: Provenance,
    /// The axis of the values; its scale is logarithmic whatever it says.
    pub x: Axis,
    /// A value that parts better from worse.
    pub parting: Option<f64>,
    /// Names of the series.
    pub series: Vec<String>,
    /// Heading of the notes, where rows have some.
    pub note: Option<String>,
    /// The rows, from top to bottom.
    pub rows: Vec<DotRow>,
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct DotRow {
    /// What it is about.
    pub label: String,
    /// A dot for each series, where it has a value.
    pub dots: Vec<Option<Dot>>,
    /// A word at the end of the row.
    pub note: Option<String>,
}

/// One value, with its interval where it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    /// The value, above zero.
    pub value: f64,
    /// Its bounds.
    pub interval: Option<Interval>,
}

impl DotChart {
    fn values(&self) -> impl Iterator<Item = f64> {
        let dots = self.rows.iter().flat_map(|row| row.dots.iter().flatten());
        dots.flat_map(|dot| {
            let ends = dot.interval.map(|interval| [interval.low, interval.high]);
            std::iter::once(dot.value).chain(ends.into_iter().flatten())
        })
        .chain(self.parting)
    }
}

/// Draws a chart of dots. The bytes depend on the chart alone.
pub fn svg(chart: &DotChart) -> String {
    let widest = |texts: &mut dyn Iterator<Item = &str>| {
        texts
            .map(|text| theme::text_width_pt(text, theme::SMALL_PT))
            .fold(0.0, f64::max)
    };
    let labels = widest(&mut chart.rows.iter().map(|row| row.label.as_str()));
    let notes = chart.rows.iter().filter_map(|row| row.note.as_deref());
    let notes = widest(&mut notes.chain(chart.note.as_deref()));
    let left = labels + 2.0 * GAP_PT;
    let right = theme::PAGE_PT - RIGHT_PT - if notes > 0.0 { notes + GAP_PT } else { 0.0 };
    let bottom = TOP_PT + ROW_PT * chart.rows.len() as f64;
    let scale = Scale::holding(ScaleKind::Log, chart.values());
    let column = |value: f64| left + scale.position(value) * (right - left);
    let mut svg = Svg::new(theme::PAGE_PT, bottom + BOTTOM_PT);
    let small = TextStyle::new(theme::SMALL_PT);

    for value in scale.ticks(&chart.x.ticks) {
        let x = column(value);
        svg.line((x, TOP_PT), (x, bottom), theme::GRID, 0.5);
        svg.line((x, bottom), (x, bottom + TICK_PT), theme::AXIS, 0.6);
        let at = (x, bottom + TICK_PT + theme::SMALL_PT + 1.0);
        svg.text(at, &tick_text(value), small.anchored(Anchor::Middle));
    }
    if let Some(parting) = chart.parting {
        let x = column(parting);
        svg.line((x, TOP_PT), (x, bottom), theme::AXIS, 0.9);
    }
    svg.line((left, bottom), (right, bottom), theme::AXIS, 0.6);
    let title = (f64::midpoint(left, right), bottom + BOTTOM_PT - 6.0);
    let label = TextStyle::new(theme::LABEL_PT).anchored(Anchor::Middle);
    svg.text(title, &chart.x.text(), label);
    for (line, row) in chart.rows.iter().enumerate() {
        let y = TOP_PT + ROW_PT * (line as f64 + 0.5);
        let baseline = y + theme::SMALL_PT * 0.36;
        svg.text(
            (left - GAP_PT, baseline),
            &row.label,
            small.anchored(Anchor::End),
        );
        if let Some(note) = &row.note {
            svg.text((right + GAP_PT, baseline), note, small);
        }
        draw_dots(&mut svg, row, y, &column);
    }
    head(&mut svg, chart, left, right);
    svg.finish(&chart.slug, &chart.title, &chart.description)
}

/// Dots of one row, a little above each other so that none hides another.
fn draw_dots(svg: &mut Svg, row: &DotRow, y: f64, column: &impl Fn(f64) -> f64) {
    let middle = (row.dots.len() as f64 - 1.0) / 2.0;
    for (index, dot) in row.dots.iter().enumerate() {
        let Some(dot) = dot else { continue };
        let look = theme::look(index);
        let y = y + (index as f64 - middle) * BETWEEN_PT;
        if let Some(interval) = dot.interval {
            let (low, high) = (column(interval.low), column(interval.high));
            svg.line((low, y), (high, y), look.colour, 0.9);
            for x in [low, high] {
                svg.line((x, y - CAP_PT), (x, y + CAP_PT), look.colour, 0.9);
            }
        }
        marker(svg, (column(dot.value), y), look);
    }
}

/// What stands above the rows: names of series, heading of the notes, origin.
fn head(svg: &mut Svg, chart: &DotChart, left: f64, right: f64) {
    let baseline = TOP_PT - 7.0;
    let small = TextStyle::new(theme::SMALL_PT);
    if chart.series.len() > 1 {
        let mut x = left;
        for (index, name) in chart.series.iter().enumerate() {
            let at = (x + 3.0, baseline - theme::SMALL_PT * 0.36);
            marker(svg, at, theme::look(index));
            svg.text((x + 9.0, baseline), name, small);
            x += theme::text_width_pt(name, theme::SMALL_PT) + 9.0 + 3.0 * GAP_PT;
        }
    }
    if let Some(note) = &chart.note {
        svg.text((right + GAP_PT, baseline), note, small);
    }
    svg.text(
        (right, baseline),
        chart.provenance.name(),
        small.coloured(theme::FAINT).anchored(Anchor::End),
    );
}

/// The CSV beside the SVG: one line for each dot, exact values.
///
/// # Errors
/// [`Error::Io`] only if memory cannot be written, which does not happen.
pub(crate) fn csv(chart: &DotChart) -> Result<Vec<u8>, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let x = chart.x.column;
    let header = [
        "row",
        "series",
        x,
        &format!("{x}_low"),
        &format!("{x}_high"),
        "note",
        "provenance",
    ];
    writer.write_record(header).map_err(std::io::Error::from)?;
    for row in &chart.rows {
        for (name, dot) in chart.series.iter().zip(&row.dots) {
            let Some(dot) = dot else { continue };
            let bound = |end: Option<f64>| end.map(|end| end.to_string()).unwrap_or_default();
            writer
                .write_record([
                    &row.label,
                    name,
                    &dot.value.to_string(),
                    &bound(dot.interval.map(|interval| interval.low)),
                    &bound(dot.interval.map(|interval| interval.high)),
                    row.note.as_deref().unwrap_or_default(),
                    chart.provenance.name(),
                ])
                .map_err(std::io::Error::from)?;
        }
    }
    Ok(writer
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?)
}
