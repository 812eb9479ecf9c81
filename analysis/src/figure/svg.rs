//! A writer of SVG: escaped text, numbers with two decimals, attributes in the order given.

use std::fmt::Write;

use super::theme;

/// An SVG document under construction. Lengths are points.
#[derive(Clone, Debug)]
pub struct Svg {
    body: String,
    width_pt: f64,
    height_pt: f64,
}

/// Where a text stands relative to its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The text starts there.
    Start,
    /// The text is centred there.
    Middle,
    /// The text ends there.
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextStyle {
    /// Size in points.
    pub size_pt: f64,
    /// Colour.
    pub colour: &'static str,
    /// Semi-bold rather than regular.
    pub strong: bool,
    /// Side of the position.
    pub anchor: Anchor,
    /// Turned by a quarter, to be read from bottom to top.
    pub upright: bool,
}

impl TextStyle {
    /// Regular text of a size, starting at its position.
    pub const fn new(size_pt: f64) -> Self {
        Self {
            size_pt,
            colour: theme::INK,
            strong: false,
            anchor: Anchor::Start,
            upright: false,
        }
    }

    /// The same, anchored elsewhere.
    #[must_use]
    pub const fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    /// The same, in another colour.
    #[must_use]
    pub const fn coloured(self, colour: &'static str) -> Self {
        Self { colour, ..self }
    }

    /// The same, semi-bold.
    #[must_use]
    pub const fn strong(self) -> Self {
        Self {
            strong: true,
            ..self
        }
    }

    /// The same, read from bottom to top.
    #[must_use]
    pub const fn upright(self) -> Self {
        Self {
            upright: true,
            ..self
        }
    }
}

impl Svg {
    /// An empty drawing of a size in points.
    pub fn new(width_pt: f64, height_pt: f64) -> Self {
        Self {
            body: String::new(),
            width_pt,
            height_pt,
        }
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width_pt: f64) {
        self.element(&format!(
            "<path d=\"M{} L{}\" stroke=\"{colour}\" stroke-width=\"{}\" fill=\"none\"/>",
            pair(from),
            pair(to),
            number(width_pt),
        ));
    }

    /// A line through points, with rounded joints.
    pub fn polyline(&mut self, points: &[(f64, f64)], colour: &str, width_pt: f64, dash: &str) {
        if points.len() < 2 {
            return;
        }
        let path: Vec<String> = points.iter().map(|point| pair(*point)).collect();
        let dash = if dash.is_empty() {
            String::new()
        } else {
            format!(" stroke-dasharray=\"{dash}\"")
        };
        self.element(&format!(
            "<path d=\"M{}\" stroke=\"{colour}\" stroke-width=\"{}\"{dash} stroke-linejoin=\"round\" fill=\"none\"/>",
            path.join(" L"),
            number(width_pt),
        ));
    }

    /// A filled polygon with a thin white edge, which keeps markers apart where they overlap.
    pub fn polygon(&mut self, corners: &[(f64, f64)], colour: &str) {
        let path: Vec<String> = corners.iter().map(|corner| pair(*corner)).collect();
        self.element(&format!(
            "<path d=\"M{} Z\" fill=\"{colour}\" stroke=\"#ffffff\" stroke-width=\"0.5\"/>",
            path.join(" L"),
        ));
    }

    /// A pale area without an edge.
    pub fn area(&mut self, corners: &[(f64, f64)], colour: &str) {
        let path: Vec<String> = corners.iter().map(|corner| pair(*corner)).collect();
        self.element(&format!(
            "<path d=\"M{} Z\" fill=\"{colour}\" fill-opacity=\"0.25\"/>",
            path.join(" L"),
        ));
    }

    /// A filled circle with a thin white edge.
    pub fn circle(&mut self, centre: (f64, f64), radius_pt: f64, colour: &str) {
        self.element(&format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{colour}\" stroke=\"#ffffff\" stroke-width=\"0.5\"/>",
            number(centre.0),
            number(centre.1),
            number(radius_pt),
        ));
    }

    /// A filled rectangle.
    pub fn rectangle(&mut self, corner: (f64, f64), size: (f64, f64), colour: &str) {
        self.element(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{colour}\"/>",
            number(corner.0),
            number(corner.1),
            number(size.0),
            number(size.1),
        ));
    }

    /// A line of text with its baseline at `at`.
    pub fn text(&mut self, at: (f64, f64), text: &str, style: TextStyle) {
        let anchor = match style.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let weight = if style.strong {
            " font-weight=\"600\""
        } else {
            ""
        };
        let (x, y) = (number(at.0), number(at.1));
        let turn = if style.upright {
            format!(" transform=\"rotate(-90 {x} {y})\"")
        } else {
            String::new()
        };
        self.element(&format!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\"{weight}{anchor}{turn} fill=\"{}\">{}</text>",
            number(style.size_pt),
            style.colour,
            escape(text),
        ));
    }

    /// The finished document, with its name and description for readers who cannot see it.
    pub fn finish(self, slug: &str, title: &str, description: &str) -> String {
        let (width, height) = (number(self.width_pt), number(self.height_pt));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}pt\" height=\"{height}pt\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{slug}-title {slug}-desc\" \
             font-family=\"{}\">\n<title id=\"{slug}-title\">{}</title>\n\
             <desc id=\"{slug}-desc\">{}</desc>\n{}</svg>\n",
            theme::FONT,
            escape(title),
            escape(description),
            self.body,
        )
    }

    fn element(&mut self, element: &str) {
        writeln!(self.body, "{element}").expect("writing to a string cannot fail");
    }
}

fn pair((x, y): (f64, f64)) -> String {
    format!("{} {}", number(x), number(y))
}

/// Two decimals at most: a hundredth of a point is below what any printer resolves.
fn number(value: f64) -> String {
    let fixed = format!("{value:.2}");
    let text = fixed.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// Text that is safe inside an element or a double-quoted attribute of XML and HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML 1.0 has no way to write the other control characters, not even escaped.
            control if control.is_control() && !matches!(control, '\n' | '\t') => {
                escaped.push('\u{fffd}');
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_never_minus_zero() {
        assert_eq!(
            [1.0, -0.001, 2.345, 10.5].map(number),
            ["1", "0", "2.35", "10.5"]
        );
    }

    #[test]
    fn text_cannot_leave_its_element() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text((1.0, 2.0), "<b>\"&'\u{1}", TextStyle::new(7.0));
        let svg = svg.finish("s", "<t>", "&");
        assert!(
            svg.contains(">&lt;b&gt;&quot;&amp;&#39;\u{fffd}</text>"),
            "{svg}"
        );
        assert!(svg.contains(">&lt;t&gt;</title>") && svg.contains(">&amp;</desc>"));
    }
}
