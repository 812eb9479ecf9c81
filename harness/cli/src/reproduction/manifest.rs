//! The outputs that the authors got, by checksum, and holding new outputs against them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use analysis::checksum::list_checksums;

/// SHA-256 by path below the output folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest(BTreeMap<String, String>);

/// An output that is not what the authors got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) file: String,
    pub(crate) problem: &'static str,
}

/// Folders below `out/` that hold no derived result. Traces of emulated sweeps are what results are
/// derived from, and each carries its own seal.
const OTHERS: [&str; 4] = ["clients/", "emulated/raw/", "live/", "man/"];

impl Manifest {
    /// The outputs as they lie there now.
    pub(crate) fn of(out: &Path) -> anyhow::Result<Self> {
        let mut manifest = Self::parse(&list_checksums(out)?);
        manifest
            .0
            .retain(|file, _| !OTHERS.iter().any(|folder| file.starts_with(folder)));
        Ok(manifest)
    }

    /// A list in the format of `sha256sum`.
    pub(crate) fn parse(text: &str) -> Self {
        let entries = text
            .lines()
            .filter_map(|line| line.split_once("  "))
            .map(|(digest, file)| (file.to_owned(), digest.to_owned()));
        Self(entries.collect())
    }

    /// The list in the format of `sha256sum`, sorted by name.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for (file, digest) in &self.0 {
            writeln!(text, "{digest}  {file}").expect("a string takes all");
        }
        text
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// What differs from the expected outputs, sorted by name.
    pub(crate) fn differences(&self, expected: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (file, digest) in &self.0 {
            let problem = match expected.0.get(file) {
                None => "is not among the expected outputs",
                Some(other) if other != digest => "differs from the expected output",
                Some(_) => continue,
            };
            differences.push(Difference {
                file: file.clone(),
                problem,
            });
        }
        let missing = expected.0.keys().filter(|file| !self.0.contains_key(*file));
        differences.extend(missing.map(|file| Difference {
            file: file.clone(),
            problem: "is expected and was not written",
        }));
        differences.sort_by(|a, b| a.file.cmp(&b.file));
        differences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_named() {
        let expected = Manifest::parse("aa  same\nbb  changed\ncc  gone\n");
        let found = Manifest::parse("aa  same\nxx  changed\ndd  new\n");
        let differences = found.differences(&expected);
        let words: Vec<(&str, &str)> = differences
            .iter()
            .map(|d| (d.file.as_str(), d.problem))
            .collect();
        assert_eq!(
            words,
            [
                ("changed", "differs from the expected output"),
                ("gone", "is expected and was not written"),
                ("new", "is not among the expected outputs"),
            ]
        );
        assert!(expected.differences(&expected).is_empty());
        assert_eq!(Manifest::parse(&expected.to_text()), expected);
    }
}
