//! What a figure shows, before any of it has a place on the page.

use model::provenance::Provenance;

/// A figure: panels side by side that share the vertical axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// File name without ending, and prefix of the ids inside the SVG.
    pub slug: String,
    /// One line that names the figure for a screen reader.
    pub title: String,
    /// What a reader who cannot see the figure should know.
    pub description: String,
    /// Where its numbers come from, printed in its corner.
    pub provenance: Provenance,
    /// Width on paper.
    pub width: Width,
    /// Horizontal axis of every panel; each panel has a range of its own.
    pub x: Axis,
    /// Vertical axis, with one range for all panels.
    pub y: Axis,
    /// The panels, from left to right.
    pub panels: Vec<Panel>,
}

/// Width of a figure on paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One column, 3.33 in.
    Column,
    /// The whole text width, 7 in.
    Page,
}

/// An axis: what it says, in which unit, on which scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Quantity, in words.
    pub label: &'static str,
    /// Unit, or nothing for a count.
    pub unit: Option<&'static str>,
    /// Name of the column in the source table, unit included.
    pub column: &'static str,
    /// Linear or logarithmic.
    pub scale: ScaleKind,
    /// Where ticks stand.
    pub ticks: Ticks,
}

/// How values map to lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleKind {
    /// Equal differences have equal length. The range of a vertical axis includes zero.
    Linear,
    /// Equal ratios have equal length. Every value must be above zero.
    Log,
}

/// Where ticks stand.
#[derive(Clone, Debug, PartialEq)]
pub enum Ticks {
    /// At round values inside the range.
    Round,
    /// At these values: for an axis whose few values were chosen by the plan.
    At(Vec<f64>),
}

/// One coordinate system with its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What sets this panel apart.
    pub title: String,
    /// Ends of the horizontal axis; absent where it shall just hold the points.
    pub span: Option<Stretch>,
    /// Stretches of the horizontal axis that are shaded.
    pub shades: Vec<Stretch>,
    /// The series, drawn in this order.
    pub series: Vec<Series>,
}

/// A stretch of the horizontal axis, in its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}

/// Points that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub label: String,
    /// Which look of the theme it has: equal in every panel for the same name.
    pub look: usize,
    /// How its points are drawn.
    pub mark: Mark,
    /// The points, sorted by `x`.
    pub points: Vec<Point>,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A marker at each point, its interval, and a line between.
    Estimates,
    /// A line through many points, their intervals as a pale band, and a marker at the least.
    Curve,
    /// A line that keeps each value until the next point: a mean over an interval that starts
    /// there.
    Steps,
}

/// One value, with its interval where it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Horizontal position, in the unit of the axis.
    pub x: f64,
    /// Vertical position, in the unit of the axis.
    pub y: f64,
    /// Lower and upper end of the interval.
    pub interval: Option<Interval>,
}

/// Ends of an interval, in the unit of the vertical axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Chart {
    /// Every value the vertical axis must hold, intervals included.
    pub(crate) fn y_values(&self) -> impl Iterator<Item = f64> {
        self.panels
            .iter()
            .flat_map(Panel::points)
            .flat_map(|point| {
                let ends = point.interval.map(|interval| [interval.low, interval.high]);
                std::iter::once(point.y).chain(ends.into_iter().flatten())
            })
    }
}

impl Panel {
    /// The points of all series.
    pub(crate) fn points(&self) -> impl Iterator<Item = &Point> {
        self.series.iter().flat_map(|series| &series.points)
    }
}

impl Axis {
    /// The text beside the axis: quantity and unit.
    pub(crate) fn text(&self) -> String {
        match self.unit {
            Some(unit) => format!("{} ({unit})", self.label),
            None => self.label.to_owned(),
        }
    }
}
