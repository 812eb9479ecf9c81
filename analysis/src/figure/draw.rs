//! From a chart to SVG.

use super::chart::{Axis, Chart, Interval, Mark, Panel, Point, ScaleKind, Series, Width};
use super::legend;
use super::scale::{Scale, tick_text};
use super::svg::{Anchor, Svg, TextStyle};
use super::theme::{self, Look, Marker};

const LEFT_PT: f64 = 36.0;
const RIGHT_PT: f64 = 8.0;
const TOP_PT: f64 = 15.0;
const BOTTOM_PT: f64 = 30.0;
const BETWEEN_PT: f64 = 14.0;
const TICK_PT: f64 = 3.0;
const MARKER_PT: f64 = 2.6;
const CAP_PT: f64 = 2.2;
const ASIDE_PT: f64 = 3.6;

/// A panel's rectangle on the page and its two scales. Lengths are points.
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    x: Scale,
    y: Scale,
}

impl Frame {
    /// Where a value lies on the page.
    pub(crate) fn place(&self, x: f64, y: f64) -> (f64, f64) {
        (self.column(x), self.row(y))
    }

    fn column(&self, x: f64) -> f64 {
        self.left + self.x.position(x) * (self.right - self.left)
    }

    fn row(&self, y: f64) -> f64 {
        self.bottom - self.y.position(y) * (self.bottom - self.top)
    }
}

/// Draws a chart. The bytes depend on the chart alone.
pub fn svg(chart: &Chart) -> String {
    let width = match chart.width {
        Width::Column => theme::COLUMN_PT,
        Width::Page => theme::PAGE_PT,
    };
    let mut svg = Svg::new(width, TOP_PT + theme::PANEL_HEIGHT_PT + BOTTOM_PT);
    let frames = frames(chart, width);
    for (index, (panel, frame)) in chart.panels.iter().zip(&frames).enumerate() {
        shade(&mut svg, panel, frame);
        axes(&mut svg, chart, frame, index == 0);
        let title = (frame.left, frame.top - 5.0);
        svg.text(
            title,
            &panel.title,
            TextStyle::new(theme::LABEL_PT).strong(),
        );
        for (series, aside) in panel.series.iter().zip(asides(&panel.series)) {
            draw_series(&mut svg, series, aside, frame);
        }
    }
    if let (Some(panel), Some(frame)) = (chart.panels.first(), frames.first()) {
        legend::draw(&mut svg, panel, frame);
    }
    provenance(&mut svg, chart, width);
    svg.finish(&chart.slug, &chart.title, &chart.description)
}

fn frames(chart: &Chart, width: f64) -> Vec<Frame> {
    let count = chart.panels.len().max(1) as f64;
    let panel_width = (width - LEFT_PT - RIGHT_PT - BETWEEN_PT * (count - 1.0)) / count;
    let y = match chart.y.scale {
        ScaleKind::Linear => Scale::from_zero(chart.y_values()),
        ScaleKind::Log => Scale::holding(ScaleKind::Log, chart.y_values()),
    };
    let frame = |(index, panel): (usize, &Panel)| {
        let left = LEFT_PT + index as f64 * (panel_width + BETWEEN_PT);
        let values = panel.points().map(|point| point.x);
        Frame {
            left,
            right: left + panel_width,
            top: TOP_PT,
            bottom: TOP_PT + theme::PANEL_HEIGHT_PT,
            x: match panel.span {
                Some(span) => Scale::exact(span.from, span.to),
                None => Scale::holding(chart.x.scale, values),
            },
            y,
        }
    };
    chart.panels.iter().enumerate().map(frame).collect()
}

fn shade(svg: &mut Svg, panel: &Panel, frame: &Frame) {
    for shade in &panel.shades {
        let (from, to) = (frame.column(shade.from), frame.column(shade.to));
        svg.rectangle(
            (from, frame.top),
            (to - from, frame.bottom - frame.top),
            theme::SHADE,
        );
    }
}

fn axes(svg: &mut Svg, chart: &Chart, frame: &Frame, first: bool) {
    let small = TextStyle::new(theme::SMALL_PT);
    for value in frame.y.ticks(&chart.y.ticks) {
        let y = frame.row(value);
        svg.line((frame.left, y), (frame.right, y), theme::GRID, 0.5);
        svg.line((frame.left - TICK_PT, y), (frame.left, y), theme::AXIS, 0.6);
        if first {
            let at = (frame.left - TICK_PT - 2.0, y + theme::SMALL_PT * 0.36);
            svg.text(at, &tick_text(value), small.anchored(Anchor::End));
        }
    }
    for value in frame.x.ticks(&chart.x.ticks) {
        let x = frame.column(value);
        svg.line(
            (x, frame.bottom),
            (x, frame.bottom + TICK_PT),
            theme::AXIS,
            0.6,
        );
        let at = (x, frame.bottom + TICK_PT + theme::SMALL_PT + 1.0);
        svg.text(at, &tick_text(value), small.anchored(Anchor::Middle));
    }
    let corner = (frame.left, frame.bottom);
    svg.line((frame.left, frame.top), corner, theme::AXIS, 0.6);
    svg.line(corner, (frame.right, frame.bottom), theme::AXIS, 0.6);
    axis_titles(svg, &chart.x, &chart.y, frame, first);
}

fn axis_titles(svg: &mut Svg, x: &Axis, y: &Axis, frame: &Frame, first: bool) {
    let label = TextStyle::new(theme::LABEL_PT).anchored(Anchor::Middle);
    let below = (
        f64::midpoint(frame.left, frame.right),
        frame.bottom + BOTTOM_PT - 8.0,
    );
    svg.text(below, &x.text(), label);
    if first {
        let beside = (
            theme::LABEL_PT + 1.0,
            f64::midpoint(frame.top, frame.bottom),
        );
        svg.text(beside, &y.text(), label.upright());
    }
}

fn provenance(svg: &mut Svg, chart: &Chart, width: f64) {
    let style = TextStyle::new(theme::SMALL_PT)
        .coloured(theme::FAINT)
        .anchored(Anchor::End);
    svg.text(
        (width - RIGHT_PT, TOP_PT - 5.0),
        chart.provenance.name(),
        style,
    );
}

fn draw_series(svg: &mut Svg, series: &Series, aside: f64, frame: &Frame) {
    let look = theme::look(series.look);
    let place = |point: &Point| (frame.column(point.x) + aside, frame.row(point.y));
    let places: Vec<(f64, f64)> = series.points.iter().map(place).collect();
    match series.mark {
        Mark::Steps => svg.polyline(&steps(&places), look.colour, 1.1, look.dash),
        Mark::Curve => {
            band(svg, &series.points, frame, look);
            svg.polyline(&places, look.colour, 1.2, look.dash);
            let least = series.points.iter().min_by(|a, b| a.y.total_cmp(&b.y));
            if let Some(least) = least {
                marker(svg, place(least), look);
            }
        }
        Mark::Estimates => {
            svg.polyline(&places, look.colour, 0.9, look.dash);
            for point in &series.points {
                interval(svg, point, aside, frame, look);
            }
            for place in places {
                marker(svg, place, look);
            }
        }
    }
}

/// How far each series stands beside its true column, in points: estimates at the same place would
/// hide each other's markers and intervals.
fn asides(series: &[Series]) -> Vec<f64> {
    let middle = (series.len() as f64 - 1.0) / 2.0;
    let aside = |(index, series): (usize, &Series)| match series.mark {
        Mark::Estimates => (index as f64 - middle) * ASIDE_PT,
        Mark::Curve | Mark::Steps => 0.0,
    };
    series.iter().enumerate().map(aside).collect()
}

/// Corners of a line that keeps each height until the next point.
fn steps(places: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let Some(last) = places.last() else {
        return Vec::new();
    };
    let corners = places
        .windows(2)
        .flat_map(|pair| [pair[0], (pair[1].0, pair[0].1)]);
    corners.chain(std::iter::once(*last)).collect()
}

/// The intervals of neighbouring points as one area; a point without one has its value.
fn band(svg: &mut Svg, points: &[Point], frame: &Frame, look: Look) {
    let end = |point: &Point, of: fn(Interval) -> f64| {
        frame.place(point.x, point.interval.map_or(point.y, of))
    };
    let upper = points
        .iter()
        .map(|point| end(point, |interval| interval.high));
    let lower = points.iter().rev();
    let lower = lower.map(|point| end(point, |interval| interval.low));
    let corners: Vec<(f64, f64)> = upper.chain(lower).collect();
    if points.iter().any(|point| point.interval.is_some()) {
        svg.area(&corners, look.colour);
    }
}

fn interval(svg: &mut Svg, point: &Point, aside: f64, frame: &Frame, look: Look) {
    let Some(interval) = point.interval else {
        return;
    };
    let x = frame.column(point.x) + aside;
    let (low, high) = (frame.row(interval.low), frame.row(interval.high));
    svg.line((x, low), (x, high), look.colour, 0.9);
    for y in [low, high] {
        svg.line((x - CAP_PT, y), (x + CAP_PT, y), look.colour, 0.9);
    }
}

pub(crate) fn marker(svg: &mut Svg, (x, y): (f64, f64), look: Look) {
    let r = MARKER_PT;
    match look.marker {
        Marker::Circle => svg.circle((x, y), r, look.colour),
        Marker::Square => {
            let s = r * 0.9;
            svg.polygon(
                &[
                    (x - s, y - s),
                    (x + s, y - s),
                    (x + s, y + s),
                    (x - s, y + s),
                ],
                look.colour,
            );
        }
        Marker::Triangle => {
            svg.polygon(
                &[
                    (x, y - r * 1.2),
                    (x + r * 1.1, y + r * 0.8),
                    (x - r * 1.1, y + r * 0.8),
                ],
                look.colour,
            );
        }
        Marker::Diamond => {
            let d = r * 1.25;
            svg.polygon(
                &[(x, y - d), (x + d, y), (x, y + d), (x - d, y)],
                look.colour,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use model::provenance::Provenance;

    use super::super::chart::Ticks;
    use super::*;

    fn small() -> Chart {
        let point = |x: f64, y: f64| Point {
            x,
            y,
            interval: Some(Interval {
                low: y * 0.9,
                high: y * 1.1,
            }),
        };
        let series = |label: &str, look: usize, factor: f64| Series {
            label: label.to_owned(),
            look,
            mark: Mark::Estimates,
            points: vec![point(1.0, 4.0 * factor), point(8.0, 1.0 * factor)],
        };
        Chart {
            slug: "small".to_owned(),
            title: "Energy & batch".to_owned(),
            description: "Energy falls.".to_owned(),
            provenance: Provenance::Emulated,
            width: Width::Column,
            x: Axis {
                label: "batch size",
                unit: None,
                column: "batch",
                scale: ScaleKind::Log,
                ticks: Ticks::At(vec![1.0, 8.0]),
            },
            y: Axis {
                label: "energy per token",
                unit: Some("J"),
                column: "energy_per_token_j",
                scale: ScaleKind::Log,
                ticks: Ticks::Round,
            },
            panels: vec![Panel {
                title: "512 tokens".to_owned(),
                span: None,
                shades: Vec::new(),
                series: vec![series("candle", 0, 1.0), series("pytorch", 1, 1.4)],
            }],
        }
    }

    #[test]
    fn a_small_figure_looks_as_it_did() {
        insta::assert_snapshot!(svg(&small()));
    }

    #[test]
    fn the_same_chart_gives_the_same_bytes() {
        assert_eq!(svg(&small()), svg(&small()));
    }

    #[test]
    fn every_coordinate_lies_on_the_page() {
        let chart = small();
        for (panel, frame) in chart.panels.iter().zip(frames(&chart, theme::COLUMN_PT)) {
            for point in panel.points() {
                let (x, y) = frame.place(point.x, point.y);
                assert!(x > frame.left && x < frame.right, "{x}");
                assert!(y > frame.top && y < frame.bottom, "{y}");
            }
        }
    }

    #[test]
    fn steps_keep_each_value_until_the_next_point() {
        let corners = steps(&[(0.0, 5.0), (1.0, 7.0)]);
        assert_eq!(corners, [(0.0, 5.0), (1.0, 5.0), (1.0, 7.0)]);
    }
}
