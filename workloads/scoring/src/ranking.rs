//! Top-1 and top-5: whether the right class is among the best scores.

use serde::{Deserialize, Serialize};
use statistics::interval::{Interval, Level};
use statistics::proportion::{PairedOutcomes, Share, newcombe_paired, wilson};
use statistics::test::mcnemar_exact;

use crate::ScoringError;
use crate::error::require_same_length;
use crate::rows::Rows;

/// Whether the class of each image is among its `k` highest scores. Of equal scores the first
/// counts as the higher, so that a network that says the same for all is not right for all.
///
/// # Errors
/// Different numbers of images and classes, a class that has no score, `k` of zero or above the
/// number of classes.
pub fn hits(scores: &Rows, classes: &[usize], k: usize) -> Result<Vec<bool>, ScoringError> {
    require_same_length("rows of scores and classes", scores.len(), classes.len())?;
    if k == 0 || k > scores.width() {
        return Err(ScoringError::Value {
            what: "k of top-k",
            found: k.to_string(),
            expected: format!("1 to {}, the number of classes", scores.width()),
        });
    }
    scores
        .iter()
        .zip(classes)
        .map(|(row, class)| {
            let Some(own) = row.get(*class) else {
                return Err(ScoringError::Value {
                    what: "class of an image",
                    found: class.to_string(),
                    expected: format!("below {}, the number of scores", row.len()),
                });
            };
            let above = row
                .iter()
                .enumerate()
                .filter(|(index, score)| *score > own || (*score >= own && index < class))
                .count();
            Ok(above < k)
        })
        .collect()
}

/// The share of hits with Wilson's interval.
///
/// # Errors
/// No images.
pub fn accuracy(hits: &[bool], level: Level) -> Result<Interval, ScoringError> {
    let right = hits.iter().filter(|hit| **hit).count();
    Ok(wilson(Share::new(right as u64, hits.len() as u64)?, level))
}

/// Two systems on the same images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// `first − second`, Newcombe's interval for pairs.
    pub difference: Interval,
    /// `McNemar`'s exact test of no difference, two-sided.
    pub p_value: f64,
    /// Who is right where.
    pub outcomes: PairedOutcomes,
}

/// Compares two systems on the same images, in the same order.
///
/// # Errors
/// Lists of unequal length, or no images.
pub fn compare(first: &[bool], second: &[bool], level: Level) -> Result<Comparison, ScoringError> {
    let outcomes = PairedOutcomes::of(first, second)?;
    Ok(Comparison {
        difference: newcombe_paired(outcomes, level)?,
        p_value: mcnemar_exact(outcomes.only_first, outcomes.only_second),
        outcomes,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture;

    #[test]
    fn ranks_by_hand() {
        let scores = Rows::new(vec![0.1, 0.7, 0.2, 3.0, 1.0, 2.0], 3).unwrap();
        assert_eq!(hits(&scores, &[1, 2], 1), Ok(vec![true, false]));
        assert_eq!(hits(&scores, &[2, 2], 2), Ok(vec![true, true]));
        assert_eq!(hits(&scores, &[0, 1], 3), Ok(vec![true, true]));
    }

    #[test]
    fn a_constant_is_right_for_one_class_only() {
        let scores = Rows::new(vec![1.0; 12], 4).unwrap();
        assert_eq!(hits(&scores, &[0, 1, 3], 1), Ok(vec![true, false, false]));
        assert_eq!(hits(&scores, &[0, 1, 3], 2), Ok(vec![true, true, false]));
    }

    #[test]
    fn systems_are_compared_in_pairs() {
        let first: Vec<bool> = (0..100).map(|index| index >= 10).collect();
        let second: Vec<bool> = (0..100).map(|index| index >= 19).collect();
        let found = compare(&first, &second, Level::P95).unwrap();
        assert!((found.difference.value - 0.09).abs() < 1e-12 && found.difference.low > 0.0);
        // Nine discordant pairs, all one way: 2 / 2⁹.
        assert!((found.p_value - 2.0 / 512.0).abs() < 1e-12);
        insta::assert_json_snapshot!(accuracy(&first, Level::P95).unwrap(), {
            ".low" => insta::rounded_redaction(6),
            ".high" => insta::rounded_redaction(6),
        });
    }

    #[test]
    fn what_has_no_rank_is_refused() {
        let scores = Rows::new(vec![0.0; 6], 3).unwrap();
        assert!(hits(&scores, &[1], 1).is_err());
        assert!(hits(&scores, &[1, 3], 1).is_err());
        assert!(hits(&scores, &[1, 2], 4).is_err());
        assert!(hits(&scores, &[1, 2], 0).is_err());
        assert!(accuracy(&[], Level::P95).is_err());
    }

    proptest! {
        #[test]
        fn more_places_never_lose_a_hit(seed in 0u64..10_000, images in 1usize..20) {
            let scores = fixture::features(seed, images, 7, 0.0);
            let classes: Vec<usize> = (0..images).map(|image| (image * 5 + 2) % 7).collect();
            let mut before = 0;
            for k in 1..=7 {
                let right = hits(&scores, &classes, k).unwrap().iter().filter(|hit| **hit).count();
                prop_assert!(right >= before);
                before = right;
            }
            prop_assert_eq!(before, images);
        }
    }
}
