//! The one look of all figures: sizes, colours, markers, text.

/// Points per inch.
const PT_PER_IN: f64 = 72.0;

/// Width of a one-column figure, in points (3.33 in).
pub const COLUMN_PT: f64 = 3.33 * PT_PER_IN;

/// Width of a figure across the page, in points (7 in).
pub const PAGE_PT: f64 = 7.0 * PT_PER_IN;

/// Height of the plotting area of a panel, in points.
pub const PANEL_HEIGHT_PT: f64 = 138.0;

/// The family of all text. The paper's compiler serves it from `paper/fonts`.
pub const FONT: &str = "Inter";

/// Size of tick labels, legend and provenance mark, in points: nothing is smaller.
pub const SMALL_PT: f64 = 7.0;

/// Size of axis and panel titles, in points.
pub const LABEL_PT: f64 = 7.5;

/// Colour of text.
pub const INK: &str = "#1a1a1a";

/// Colour of axis lines and ticks.
pub const AXIS: &str = "#4d4d4d";

/// Colour of grid lines.
pub const GRID: &str = "#e3e3e3";

/// Colour behind stretches that are set apart.
pub const SHADE: &str = "#eef1f5";

/// Colour of the provenance mark.
pub const FAINT: &str = "#595959";

/// How a series looks. Marker and dash repeat what the colour says, for readers who cannot tell
/// the colours apart and for print in grey.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Colour of marker and line.
    pub colour: &'static str,
    /// Shape at each point.
    pub marker: Marker,
    /// Dash pattern of the line, empty for a solid one.
    pub dash: &'static str,
}

/// Shape at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// Filled circle.
    Circle,
    /// Filled square.
    Square,
    /// Filled triangle, point up.
    Triangle,
    /// Filled diamond.
    Diamond,
}

/// Looks in order of use. Colours: Okabe and Ito (2008), chosen to differ in lightness too.
const LOOKS: [Look; 4] = [
    Look {
        colour: "#0072b2",
        marker: Marker::Circle,
        dash: "",
    },
    Look {
        colour: "#d55e00",
        marker: Marker::Square,
        dash: "3 1.5",
    },
    Look {
        colour: "#009e73",
        marker: Marker::Triangle,
        dash: "1.5 1.5",
    },
    Look {
        colour: "#cc79a7",
        marker: Marker::Diamond,
        dash: "6 2 1.5 2",
    },
];

/// The look of series number `index`; a figure with more than four series repeats.
pub fn look(index: usize) -> Look {
    LOOKS[index % LOOKS.len()]
}

/// Width of `text` in points at `size_pt`, from the advance widths of Inter rounded up to classes:
/// good enough to leave room, never used to place one letter after another.
pub fn text_width_pt(text: &str, size_pt: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|letter| match letter {
            ' ' | '.' | ',' | ':' | ';' | '\'' | '|' | 'i' | 'j' | 'l' | 'I' => 0.29,
            'f' | 'r' | 't' | '(' | ')' | '-' | '/' | '·' => 0.40,
            'm' | 'w' | 'M' | 'W' => 0.90,
            'A'..='Z' => 0.72,
            '0'..='9' => 0.64,
            _ => 0.60,
        })
        .sum();
    em * size_pt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_looks_differ_in_colour_marker_and_dash() {
        for (index, one) in LOOKS.iter().enumerate() {
            for other in &LOOKS[index + 1..] {
                assert_ne!(one.colour, other.colour);
                assert_ne!(one.marker, other.marker);
                assert_ne!(one.dash, other.dash);
            }
        }
    }

    #[test]
    fn nothing_is_smaller_than_seven_points() {
        const { assert!(SMALL_PT >= 7.0 && LABEL_PT >= SMALL_PT) };
    }
}
