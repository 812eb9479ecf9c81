//! Figures for print: plain structs in, SVG and the CSV of its points out.
//!
//! A [`chart::Chart`] says what is drawn; [`draw::svg`] draws it in the one [`theme`]; [`stage`]
//! builds the figures of the paper from `out/estimates.json` and `out/sensor.json`. No statistic is
//! computed here: values and intervals arrive as they were estimated.
//!
//! The SVG is written by hand rather than by a plotting library, because the figures need what
//! those we tried lack together: ticks at the measured points of a logarithmic axis, error bars
//! with redundant markers, text in the paper's own font, and bytes that never change.

#![expect(
    clippy::cast_precision_loss,
    reason = "places, batch sizes and counts of a figure are far below 2^53"
)]

pub mod chart;
pub mod dots;
pub mod draw;
pub mod dvfs;
pub mod energy;
mod legend;
pub mod points;
pub mod scale;
pub mod sensor;
mod source;
mod stage;
pub mod svg;
pub mod theme;

pub use stage::{FigureEntry, stage};
