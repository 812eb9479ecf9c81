//! The key of a figure, inside a panel where the data leave room.

use super::chart::{Mark, Panel, Series};
use super::draw::{Frame, marker};
use super::svg::{Svg, TextStyle};
use super::theme;

const SAMPLE_PT: f64 = 16.0;
const GAP_PT: f64 = 4.0;
const LINE_PT: f64 = 10.5;

/// Draws the names of the series of a panel in the corner of its frame that holds the fewest
/// points.
pub(crate) fn draw(svg: &mut Svg, panel: &Panel, frame: &Frame) {
    let width = panel
        .series
        .iter()
        .map(|series| theme::text_width_pt(&series.label, theme::SMALL_PT))
        .fold(0.0, f64::max)
        + SAMPLE_PT
        + GAP_PT;
    let height = LINE_PT * panel.series.len() as f64;
    let corner = emptiest_corner(panel, frame, (width, height));
    svg.rectangle(
        (corner.0 - 2.0, corner.1 - 1.0),
        (width + 4.0, height + 2.0),
        "#ffffff",
    );
    for (line, series) in panel.series.iter().enumerate() {
        let y = corner.1 + LINE_PT * (line as f64 + 0.5);
        entry(svg, series, (corner.0, y));
    }
}

fn entry(svg: &mut Svg, series: &Series, (x, y): (f64, f64)) {
    let look = theme::look(series.look);
    svg.polyline(&[(x, y), (x + SAMPLE_PT, y)], look.colour, 1.2, look.dash);
    if series.mark != Mark::Steps {
        marker(svg, (x + SAMPLE_PT / 2.0, y), look);
    }
    let baseline = y + theme::SMALL_PT * 0.36;
    svg.text(
        (x + SAMPLE_PT + GAP_PT, baseline),
        &series.label,
        TextStyle::new(theme::SMALL_PT),
    );
}

/// Upper left point of the box that covers the fewest points; the upper right corner wins a draw.
fn emptiest_corner(panel: &Panel, frame: &Frame, (width, height): (f64, f64)) -> (f64, f64) {
    const INSET: f64 = 5.0;
    let left = frame.left + INSET;
    let right = frame.right - INSET - width;
    let (top, bottom) = (frame.top + INSET, frame.bottom - INSET - height);
    let corners = [(right, top), (left, top), (left, bottom), (right, bottom)];
    let covered = |corner: &(f64, f64)| {
        let inside =
            |value: f64, low: f64, size: f64| (low - 6.0..=low + size + 6.0).contains(&value);
        let points = panel.points().map(|point| frame.place(point.x, point.y));
        points
            .filter(|(x, y)| inside(*x, corner.0, width) && inside(*y, corner.1, height))
            .count()
    };
    corners
        .into_iter()
        .min_by_key(covered)
        .expect("there are four corners")
}
