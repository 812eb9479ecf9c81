//! New values into the text of a profile. Order, comments and sources stay; only values change
//! whose source says that they are fitted.

use super::CalibrationError;

/// A profile's text while its values are replaced.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    slug: &'static str,
    lines: Vec<String>,
}

impl Profile {
    /// Takes a profile's text.
    pub(super) fn new(slug: &'static str, text: &str) -> Self {
        Self {
            slug,
            lines: text.lines().map(str::to_owned).collect(),
        }
    }

    /// Replaces the number of a key in a section.
    pub(super) fn set(
        &mut self,
        section: &str,
        key: &str,
        value: f64,
    ) -> Result<(), CalibrationError> {
        self.replace(section, key, &number(value))
    }

    /// Replaces a list of pairs.
    pub(super) fn set_pairs(
        &mut self,
        section: &str,
        key: &str,
        pairs: &[[f64; 2]],
    ) -> Result<(), CalibrationError> {
        let pairs: Vec<String> = pairs
            .iter()
            .map(|[a, b]| format!("[{}, {}]", number(*a), number(*b)))
            .collect();
        self.replace(section, key, &format!("[{}]", pairs.join(", ")))
    }

    /// The text with the new values.
    pub(super) fn text(&self) -> String {
        let mut text = self.lines.join("\n");
        text.push('\n');
        text
    }

    fn replace(&mut self, section: &str, key: &str, value: &str) -> Result<(), CalibrationError> {
        let refused = |expected: &'static str| CalibrationError::Profile {
            slug: self.slug,
            key: format!("{section}.{key}"),
            expected,
        };
        let head = format!("[{section}]");
        let begin = self.lines.iter().position(|line| *line == head);
        let begin = begin.ok_or_else(|| refused("this section"))? + 1;
        let start = format!("{key} = {{ value = ");
        let place = self.lines[begin..]
            .iter()
            .take_while(|line| !line.starts_with('['))
            .position(|line| line.starts_with(&start))
            .ok_or_else(|| refused("a line 'key = { value = …, source = … }'"))?;
        let line = &self.lines[begin + place];
        let rest = &line[start.len()..];
        // A list holds commas too: the value ends where the next key begins.
        let end = [", sd = ", ", source = "]
            .iter()
            .filter_map(|next| rest.find(next))
            .min();
        let end = end.ok_or_else(|| refused("a source behind the value"))?;
        if !rest[end..].contains("fit: ") {
            return Err(refused("a source that says 'fit: …'"));
        }
        self.lines[begin + place] = format!("{start}{value}{}", &rest[end..]);
        Ok(())
    }
}

/// Four significant digits, and always a decimal point.
pub(super) fn number(value: f64) -> String {
    let rounded = rounded(value);
    if rounded.fract() == 0.0 {
        format!("{rounded:.1}")
    } else {
        format!("{rounded}")
    }
}

/// To four significant digits.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}")
        .parse()
        .expect("a number that was just written")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Comment.\n[a]\nx = { value = 1.0, source = \"fit: t\" }\n\n[b]\n\
        x = { value = 2.0, source = \"fit: t\" }\ny = { value = 3.0, source = \"stated\" }\n\
        p = { value = [[1.0, 2.0], [3.0, 4.0]], source = \"fit: t\" }\n\
        s = { value = 1.0, sd = 0.5, source = \"fit: t\" }\n";

    #[test]
    fn only_the_value_of_the_key_in_its_section_changes() {
        let mut profile = Profile::new("b", TEXT);
        profile.set("b", "x", 24.123_45).unwrap();
        profile.set("b", "s", 29.0).unwrap();
        profile
            .set_pairs("b", "p", &[[0.05, 0.015], [40.0, 0.025]])
            .unwrap();
        let expected = TEXT
            .replace("value = 2.0", "value = 24.12")
            .replace("value = 1.0, sd", "value = 29.0, sd")
            .replace("[[1.0, 2.0], [3.0, 4.0]]", "[[0.05, 0.015], [40.0, 0.025]]");
        assert_eq!(profile.text(), expected);
    }

    #[test]
    fn what_is_not_said_to_be_fitted_stays() {
        let mut profile = Profile::new("b", TEXT);
        let error = profile.set("b", "y", 1.0).unwrap_err().to_string();
        assert_eq!(
            error,
            "profile b: b.y: expected a source that says 'fit: …'"
        );
        assert!(profile.set("a", "y", 1.0).is_err());
        assert!(profile.set("c", "x", 1.0).is_err());
        assert_eq!(profile.text(), TEXT);
    }

    #[test]
    fn numbers_are_short_and_stable() {
        let texts = [22.0, 0.012_345_6, 4_436.77, 1.0, 0.0].map(number);
        assert_eq!(texts, ["22.0", "0.01235", "4437.0", "1.0", "0.0"]);
    }
}
