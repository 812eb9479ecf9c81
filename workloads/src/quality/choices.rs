//! Choices beside the right ones, and beside those of the reference.

use std::collections::BTreeMap;

use crate::family::Metric;

/// Metrics of [`choices`].
pub const METRICS: [Metric; 5] = [
    Metric {
        name: "right",
        meaning: "how many choices were right, of those whose answer is known",
    },
    Metric {
        name: "judged",
        meaning: "how many choices have a known answer",
    },
    Metric {
        name: "reference_agreement",
        meaning: "weights tiny: share of choices that f32 weights make too",
    },
    Metric {
        name: "right_only_here",
        meaning: "weights tiny: how many choices are right that f32 weights get wrong",
    },
    Metric {
        name: "right_only_reference",
        meaning: "weights tiny: how many choices are wrong that f32 weights get right",
    },
];

/// What is known of the right answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: random text has no class.
    #[default]
    Unknown,
    /// The text is real.
    Known {
        /// The class of each sequence, where they have one.
        classes: Option<Vec<u32>>,
        /// What f32 weights choose of the same text, where that was computed.
        reference: Option<Vec<u32>>,
    },
}

/// Counts of `found` beside the right answers and beside the choices of the reference, by the names
/// of [`METRICS`]. The four counts of right and wrong are what `McNemar`'s test takes.
pub fn choices(
    found: &[u32],
    answers: Option<&[u32]>,
    reference: Option<&[u32]>,
) -> BTreeMap<String, f64> {
    let mut metrics = BTreeMap::new();
    let mut put = |name: &str, value: f64| metrics.insert(name.to_owned(), value);
    if let Some(answers) = answers {
        put("right", count(found.iter().zip(answers), |(a, b)| a == b));
        put("judged", real(answers.len()));
    }
    if let Some(reference) = reference {
        let same = count(found.iter().zip(reference), |(a, b)| a == b);
        put("reference_agreement", same / real(found.len().max(1)));
    }
    if let (Some(answers), Some(reference)) = (answers, reference) {
        let outcomes = || {
            let pairs = found.iter().zip(reference).zip(answers);
            pairs.map(|((here, there), answer)| (here == answer, there == answer))
        };
        let only_here = count(outcomes(), |(here, there)| here && !there);
        let only_there = count(outcomes(), |(here, there)| there && !here);
        put("right_only_here", only_here);
        put("right_only_reference", only_there);
    }
    metrics
}

fn count<T>(items: impl Iterator<Item = T>, holds: impl Fn(T) -> bool) -> f64 {
    real(items.filter_map(|item| holds(item).then_some(())).count())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "choices are far fewer than 2^53"
)]
const fn real(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_pairs() {
        let found = [1, 1, 0, 0, 1];
        let answers = [1, 0, 0, 1, 1];
        let reference = [1, 0, 0, 0, 0];
        let metrics = choices(&found, Some(&answers), Some(&reference));
        assert_eq!(metrics["right"], 3.0);
        assert_eq!(metrics["judged"], 5.0);
        assert_eq!(metrics["reference_agreement"], 0.6);
        assert_eq!(metrics["right_only_here"], 1.0);
        assert_eq!(metrics["right_only_reference"], 1.0);
        assert!(
            metrics
                .keys()
                .all(|name| METRICS.iter().any(|m| m.name == name))
        );
        assert_eq!(metrics.len(), METRICS.len());
        assert!(choices(&found, None, None).is_empty());
    }
}
