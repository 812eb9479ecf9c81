//! A writer of HTML in which text cannot become markup.

use std::fmt::Write;

/// A piece of HTML whose text has been escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Html(String);

impl Html {
    /// Escapes a text.
    pub(crate) fn text(text: &str) -> Self {
        Self(crate::figure::svg::escape(text))
    }

    /// Takes markup as it is: for literals of this crate and drawings of [`crate::figure`].
    pub(crate) fn trusted(markup: &str) -> Self {
        Self(markup.to_owned())
    }

    /// Wraps content in an element. Attribute values are escaped.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a page is built from the inside out; its parts are used up"
    )]
    pub(crate) fn element(
        name: &'static str,
        attributes: &[(&'static str, &str)],
        content: Self,
    ) -> Self {
        let mut html = format!("<{name}");
        for (key, value) in attributes {
            write!(html, " {key}=\"{}\"", crate::figure::svg::escape(value))
                .expect("writing to a string cannot fail");
        }
        Self(format!("{html}>{}</{name}>", content.0))
    }

    /// An element without attributes around a text.
    pub(crate) fn tagged(name: &'static str, text: &str) -> Self {
        Self::element(name, &[], Self::text(text))
    }

    /// Appends.
    pub(crate) fn push(&mut self, other: &Self) {
        self.0.push_str(&other.0);
        self.0.push('\n');
    }

    /// Pieces one after another.
    pub(crate) fn joined(pieces: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for piece in pieces {
            all.push(&piece);
        }
        all
    }

    /// The markup.
    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped() {
        let html = Html::element("a", &[("href", "\"><script>")], Html::text("<b>&"));
        assert_eq!(
            html.into_string(),
            "<a href=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt;&amp;</a>"
        );
    }
}
