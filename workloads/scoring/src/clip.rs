//! How well images fit their captions: cosines of the embeddings of CLIP, by both conventions.
//!
//! The two differ in scale and in where a negative value is cut off, so a number without the name of
//! its convention says nothing. Images of one prompt are alike: prompts are the sample, not images.

use serde::{Deserialize, Serialize};
use statistics::interval::{Interval, Level, Method};
use statistics::location::{mean_t, t_interval};
use statistics::moments::Moments;

use crate::ScoringError;
use crate::error::require_same_length;
use crate::network::{Network, Score};
use crate::rows::{Rows, dot, mean, require_same_width};

/// How cosines become a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// 100 · cos, averaged, and the *mean* cut off at zero: torchmetrics.
    Torchmetrics,
    /// 2.5 · max(cos, 0) for each *pair*, averaged: Hessel and others, EMNLP 2021.
    Hessel,
}

impl Convention {
    /// What a pair contributes to the mean.
    pub fn of_pair(self, cosine: f64) -> f64 {
        match self {
            Self::Torchmetrics => 100.0 * cosine,
            Self::Hessel => 2.5 * cosine.max(0.0),
        }
    }

    /// What the mean over all becomes.
    pub const fn of_mean(self, mean: f64) -> f64 {
        match self {
            Self::Torchmetrics => mean.max(0.0),
            Self::Hessel => mean,
        }
    }
}

/// A score of captions and how to read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaptionFit {
    /// What it is called: "CLIP score" with canonical weights only.
    pub title: String,
    /// What made the embeddings.
    pub network: Network,
    /// How cosines became the score.
    pub convention: Convention,
    /// Pairs of image and caption.
    pub pairs: usize,
    /// The score over all pairs.
    pub score: f64,
    /// Mean over prompts of the means of their pairs, with prompts as the sample; `n` is their
    /// number. Before the mean is cut off at zero.
    pub interval: Interval,
}

/// Cosine of each image with its caption.
///
/// # Errors
/// Different numbers of rows, different widths, or a row of zeros, which has no direction.
pub fn cosines(images: &Rows, captions: &Rows) -> Result<Vec<f64>, ScoringError> {
    require_same_width(("the images", images), ("the captions", captions))?;
    require_same_length("images and captions", images.len(), captions.len())?;
    images
        .iter()
        .zip(captions.iter())
        .enumerate()
        .map(|(pair, (image, caption))| {
            let lengths = dot(image, image).sqrt() * dot(caption, caption).sqrt();
            if lengths > 0.0 {
                return Ok(dot(image, caption) / lengths);
            }
            Err(ScoringError::Value {
                what: "embedding",
                found: format!("zero in pair {pair}"),
                expected: "a vector with a direction; the network put out zeros".into(),
            })
        })
        .collect()
}

/// The score of pairs. `prompts` says which prompt each pair belongs to; seeds of one prompt share it.
///
/// # Errors
/// As [`cosines`]; fewer than two prompts.
pub fn measure(
    images: &Rows,
    captions: &Rows,
    prompts: &[usize],
    convention: Convention,
    network: &Network,
    level: Level,
) -> Result<CaptionFit, ScoringError> {
    require_same_length("pairs and their prompts", images.len(), prompts.len())?;
    let values = pair_values(images, captions, convention)?;
    Ok(CaptionFit {
        title: network.title(Score::CaptionFit),
        network: network.clone(),
        convention,
        pairs: values.len(),
        score: convention.of_mean(mean(&values)),
        interval: mean_t(&by_prompt(&values, prompts), level)?,
    })
}

/// By how much one system's score exceeds another's: pair i of both is the same prompt and seed.
/// Before means are cut off at zero.
///
/// # Errors
/// As [`measure`].
pub fn difference(
    (left, right): (&Rows, &Rows),
    captions: &Rows,
    prompts: &[usize],
    convention: Convention,
    level: Level,
) -> Result<Interval, ScoringError> {
    require_same_length("pairs and their prompts", left.len(), prompts.len())?;
    let values = pair_values(left, captions, convention)?;
    let others = pair_values(right, captions, convention)?;
    let apart: Vec<f64> = values.iter().zip(&others).map(|(a, b)| a - b).collect();
    let moments = Moments::of("prompts", &by_prompt(&apart, prompts))?;
    Ok(t_interval(&moments, level, Method::PairedDifferenceT))
}

fn pair_values(
    images: &Rows,
    captions: &Rows,
    convention: Convention,
) -> Result<Vec<f64>, ScoringError> {
    let cosines = cosines(images, captions)?;
    Ok(cosines
        .into_iter()
        .map(|cosine| convention.of_pair(cosine))
        .collect())
}

/// The mean of each prompt, prompts in ascending order.
fn by_prompt(values: &[f64], prompts: &[usize]) -> Vec<f64> {
    let mut groups = std::collections::BTreeMap::<usize, Vec<f64>>::new();
    for (value, prompt) in values.iter().zip(prompts) {
        groups.entry(*prompt).or_default().push(*value);
    }
    groups.values().map(|group| mean(group)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, close, number as value};

    fn pairs() -> (Rows, Rows) {
        (
            fixture::features(21_000_000, 24, 16, 0.1),
            fixture::features(22_000_000, 24, 16, 0.05),
        )
    }

    fn score(images: &Rows, captions: &Rows, convention: Convention) -> CaptionFit {
        let prompts: Vec<usize> = (0..images.len()).map(|pair| pair / 3).collect();
        let network = Network::other("two-towers", "seed:1");
        measure(images, captions, &prompts, convention, &network, Level::P95).unwrap()
    }

    #[test]
    fn both_conventions_are_those_of_their_programs() {
        let expected = fixture::expected("clip");
        let (images, captions) = pairs();
        let found = cosines(&images, &captions).unwrap();
        for (found, expected) in found.iter().zip(expected["cosines"].as_array().unwrap()) {
            assert!((found - expected.as_f64().unwrap()).abs() < 1e-12);
        }
        let torchmetrics = score(&images, &captions, Convention::Torchmetrics);
        assert!(close(
            torchmetrics.score,
            value(&expected, "torchmetrics"),
            1e-12
        ));
        let hessel = score(&images, &captions, Convention::Hessel);
        assert!(close(hessel.score, value(&expected, "hessel"), 1e-12));
        // Opposites: the mean is cut off, and the interval still says how far below zero it is.
        let opposite = Rows::new(images.values().iter().map(|x| -x).collect(), 16).unwrap();
        let found = score(&images, &opposite, Convention::Torchmetrics);
        assert_eq!(found.score, value(&expected, "torchmetrics_of_opposites"));
        assert!((found.interval.value + 100.0).abs() < 1e-9);
        insta::assert_json_snapshot!(torchmetrics, {
            ".score" => insta::rounded_redaction(6),
            ".interval.value" => insta::rounded_redaction(6),
            ".interval.low" => insta::rounded_redaction(6),
            ".interval.high" => insta::rounded_redaction(6),
        });
    }

    #[test]
    fn prompts_are_the_sample() {
        let (images, captions) = pairs();
        let found = score(&images, &captions, Convention::Torchmetrics);
        assert_eq!((found.pairs, found.interval.n), (24, 8));
        let prompts: Vec<usize> = (0..24).map(|pair| pair / 3).collect();
        let none = difference(
            (&images, &images),
            &captions,
            &prompts,
            Convention::Hessel,
            Level::P95,
        )
        .unwrap();
        assert_eq!((none.low, none.high, none.n), (0.0, 0.0, 8));
    }

    #[test]
    fn pairs_that_do_not_belong_together_are_refused() {
        let (images, captions) = pairs();
        let fewer = Rows::new(captions.values()[..16 * 23].to_vec(), 16).unwrap();
        assert!(cosines(&images, &fewer).is_err());
        let zeros = Rows::new(vec![0.0; 16 * 24], 16).unwrap();
        let refusal = cosines(&images, &zeros).unwrap_err().to_string();
        assert!(
            refusal.starts_with("embedding is zero in pair 0"),
            "{refusal}"
        );
    }
}
