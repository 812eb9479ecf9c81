//! Tokens beside those of the reference, and the likelihood of text.

use std::collections::BTreeMap;

use candle_core::{DType, Result, Tensor};

use crate::family::Metric;

/// Metrics of generated text.
pub const METRICS: [Metric; 4] = [
    Metric {
        name: "token_agreement",
        meaning: "weights tiny, sampling greedy: share of made tokens that f32 weights make too, at the \
                  same place",
    },
    Metric {
        name: "exact_match",
        meaning: "weights tiny, sampling greedy: share of sequences whose made tokens are all those of \
                  f32 weights",
    },
    Metric {
        name: "perplexity",
        meaning: "prompts that are text: exp of the mean of -ln p of each token but the first, \
                  given those before it; from a pass after the window over the prompts of the run",
    },
    Metric {
        name: "scored_tokens",
        meaning: "how many tokens the perplexity is over",
    },
];

/// Metrics of transcripts, beside the first two of [`METRICS`].
pub const TRANSCRIPT_METRICS: [Metric; 5] = [
    Metric {
        name: "token_accuracy",
        meaning: "weights tiny: share of the tokens of the right transcripts, the end included, \
                  that were made at the same place; as far as decode_tokens reach",
    },
    Metric {
        name: "right",
        meaning: "weights tiny: how many transcripts are right, as far as decode_tokens reach",
    },
    Metric {
        name: "judged",
        meaning: "weights tiny: how many transcripts were compared with the right ones",
    },
    Metric {
        name: "right_only_here",
        meaning: "weights tiny: how many transcripts are right that f32 weights get wrong",
    },
    Metric {
        name: "right_only_reference",
        meaning: "weights tiny: how many transcripts are wrong that f32 weights get right",
    },
];

/// What is known of a generation whose inputs mean something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What f32 weights make of the same inputs, where that was computed.
    pub reference: Option<Vec<Vec<u32>>>,
    /// The right output of each input, where there is one.
    pub answers: Option<Vec<Vec<u32>>>,
}

impl Known {
    /// How much of the answers was made, by the names of [`TRANSCRIPT_METRICS`]. What was made
    /// behind the end of an answer does not count.
    #[expect(clippy::cast_precision_loss, reason = "tokens are far fewer than 2^53")]
    pub fn accuracy(&self, tokens: &[Vec<u32>]) -> BTreeMap<String, f64> {
        let Some(answers) = &self.answers else {
            return BTreeMap::new();
        };
        let count = |outcomes: &[(usize, usize)], part: fn(&(usize, usize)) -> usize| {
            outcomes.iter().map(part).sum::<usize>() as f64
        };
        let here = same(tokens, answers);
        let share = count(&here, |(same, _)| *same) / count(&here, |(_, of)| *of).max(1.0);
        let right = count(&here, |(same, of)| usize::from(same == of));
        let mut metrics = BTreeMap::from([
            ("token_accuracy".to_owned(), share),
            ("right".to_owned(), right),
            ("judged".to_owned(), here.len() as f64),
        ]);
        if let Some(reference) = &self.reference {
            let there = same(reference, answers);
            let only = |a: &[(usize, usize)], b: &[(usize, usize)]| {
                let pairs = a.iter().zip(b);
                let only = pairs.filter(|((a, of), (b, _))| a == of && b != of);
                only.count() as f64
            };
            metrics.insert("right_only_here".to_owned(), only(&here, &there));
            metrics.insert("right_only_reference".to_owned(), only(&there, &here));
        }
        metrics
    }

    /// Agreement of made tokens with the reference, by the names of [`METRICS`].
    #[expect(clippy::cast_precision_loss, reason = "tokens are far fewer than 2^53")]
    pub fn agreement(&self, tokens: &[Vec<u32>]) -> BTreeMap<String, f64> {
        let Some(reference) = &self.reference else {
            return BTreeMap::new();
        };
        let pairs = || tokens.iter().zip(reference);
        let same: usize = pairs()
            .map(|(found, wanted)| found.iter().zip(wanted).filter(|(a, b)| a == b).count())
            .sum();
        let of: usize = pairs()
            .map(|(found, wanted)| found.len().max(wanted.len()))
            .sum();
        let exact = pairs().filter(|(found, wanted)| found == wanted).count();
        [
            ("token_agreement".to_owned(), same as f64 / of.max(1) as f64),
            (
                "exact_match".to_owned(),
                exact as f64 / tokens.len().max(1) as f64,
            ),
        ]
        .into()
    }

    /// Perplexity of scored tokens, by the names of [`METRICS`].
    #[expect(clippy::cast_precision_loss, reason = "tokens are far fewer than 2^53")]
    pub fn perplexity(logprobs: &[Vec<f64>]) -> BTreeMap<String, f64> {
        let count = logprobs.iter().map(Vec::len).sum::<usize>();
        if count == 0 {
            return BTreeMap::new();
        }
        let mean = logprobs.iter().flatten().sum::<f64>() / count as f64;
        [
            ("perplexity".to_owned(), (-mean).exp()),
            ("scored_tokens".to_owned(), count as f64),
        ]
        .into()
    }
}

/// For each answer, how many of its tokens were made at their place, and of how many that could be.
fn same(tokens: &[Vec<u32>], answers: &[Vec<u32>]) -> Vec<(usize, usize)> {
    let pairs = tokens.iter().zip(answers);
    pairs
        .map(|(found, answer)| {
            let same = found.iter().zip(answer).filter(|(a, b)| a == b).count();
            (same, found.len().min(answer.len()))
        })
        .collect()
}

/// ln p of one element under the softmax of a row of logits, summed in f64; not a number where the
/// row has no such element.
pub fn logprob_of(row: &[f32], element: u32) -> f64 {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = row
        .iter()
        .map(|value| f64::from(value - largest).exp())
        .sum();
    let value = row.get(element as usize).copied().unwrap_or(f32::NAN);
    f64::from(value - largest) - sum.ln()
}

/// ln p of each of `tokens` but the first, from the logits after each of them.
pub fn logprobs(logits: &[Vec<f32>], tokens: &[u32]) -> Vec<f64> {
    let next = tokens.iter().skip(1);
    logits
        .iter()
        .zip(next)
        .map(|(row, token)| logprob_of(row, *token))
        .collect()
}

/// ln p of each token of each prompt (u32 `[batch, tokens]`) but the first. `step` reads the tokens
/// of one place (u32 `[batch, 1]`) and gives the logits after them, `[batch, vocabulary]`.
///
/// # Errors
/// The device failed.
pub fn score_by_steps(
    prompt: &Tensor,
    mut step: impl FnMut(usize, &Tensor) -> Result<Tensor>,
) -> Result<Vec<Vec<f64>>> {
    let tokens: Vec<Vec<u32>> = prompt.to_vec2()?;
    let scored = prompt.dim(1)?.saturating_sub(1);
    let mut logprobs = vec![Vec::with_capacity(scored); tokens.len()];
    for place in 0..scored {
        let column = prompt.narrow(1, place, 1)?.contiguous()?;
        let logits = step(place, &column)?
            .to_dtype(DType::F32)?
            .to_vec2::<f32>()?;
        for ((row, known), tokens) in logits.iter().zip(&mut logprobs).zip(&tokens) {
            known.push(logprob_of(row, tokens[place + 1]));
        }
    }
    Ok(logprobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_counts_tokens_and_whole_sequences() {
        let known = Known {
            reference: Some(vec![vec![1, 2, 3], vec![4, 5, 6]]),
            ..Known::default()
        };
        let found = known.agreement(&[vec![1, 2, 3], vec![4, 9, 6]]);
        assert_eq!(found["token_agreement"], 5.0 / 6.0);
        assert_eq!(found["exact_match"], 0.5);
        assert!(Known::default().agreement(&[vec![1]]).is_empty());
    }

    /// Of 3 + 2 tokens of answers four are there; what follows an answer does not count, and an
    /// answer is not longer than what was made.
    #[test]
    fn answers_are_compared_as_far_as_they_and_the_tokens_reach() {
        let known = Known {
            reference: Some(vec![vec![9, 2, 3, 4], vec![6, 7, 9, 9]]),
            answers: Some(vec![vec![1, 2, 3], vec![6, 8]]),
        };
        let found = known.accuracy(&[vec![1, 2, 3, 4], vec![6, 7, 0, 0]]);
        assert_eq!(found["token_accuracy"], 0.8);
        assert_eq!([found["right"], found["judged"]], [1.0, 2.0]);
        assert_eq!(found["right_only_here"], 1.0);
        assert_eq!(found["right_only_reference"], 0.0);
        let names = TRANSCRIPT_METRICS.iter().map(|metric| metric.name);
        assert_eq!(
            found.len(),
            names.filter(|it| found.contains_key(*it)).count()
        );
        let short = known.accuracy(&[vec![1], vec![6]]);
        assert_eq!([short["token_accuracy"], short["right"]], [1.0, 2.0]);
        assert!(Known::default().accuracy(&[vec![1]]).is_empty());
    }

    /// The vectors of `tests/fixtures`, computed in Python in f64.
    #[test]
    fn vectors_of_a_second_implementation() {
        let text = include_str!("../../tests/fixtures/quality.json");
        let vectors: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let ids = |value: &serde_json::Value| -> Vec<Vec<u32>> {
            serde_json::from_value(value.clone()).expect("lists of ids")
        };
        let tokens = &vectors["tokens"];
        let known = Known {
            reference: Some(ids(&tokens["reference"])),
            ..Known::default()
        };
        let found = known.agreement(&ids(&tokens["candidate"]));
        assert_eq!(Some(found["token_agreement"]), tokens["agreement"].as_f64());
        assert_eq!(Some(found["exact_match"]), tokens["exact_match"].as_f64());
        let targets = ids(&vectors["perplexity"]["targets"]);
        for variant in ["first", "second"] {
            let expected = &vectors["perplexity"][variant];
            let logits: Vec<Vec<Vec<f32>>> =
                serde_json::from_value(expected["logits"].clone()).expect("logits");
            let logprobs: Vec<Vec<f64>> = logits
                .iter()
                .zip(&targets)
                .map(|(rows, targets)| {
                    let pairs = rows.iter().zip(targets);
                    pairs
                        .map(|(row, target)| logprob_of(row, *target))
                        .collect()
                })
                .collect();
            let found = Known::perplexity(&logprobs)["perplexity"];
            let wanted = expected["perplexity"].as_f64().expect("a number");
            assert!((found / wanted - 1.0).abs() < 1e-10, "{found}, {wanted}");
            for (logprobs, wanted) in logprobs
                .iter()
                .zip(expected["nll_of_each_document"].as_array().expect("a list"))
            {
                let mean = -logprobs.iter().sum::<f64>() / logprobs.len() as f64;
                assert!((mean - wanted.as_f64().expect("a number")).abs() < 1e-10);
            }
        }
    }

    /// A fair coin and a sure thing: the geometric mean of 2 and 1.
    #[test]
    fn perplexity_is_the_inverse_of_the_mean_probability() {
        let logits = vec![vec![0.0, 0.0], vec![0.0, 800.0], vec![9.0, 9.0]];
        let logprobs = logprobs(&logits, &[0, 1, 1]);
        assert_eq!(logprobs.len(), 2);
        let found = Known::perplexity(&[logprobs]);
        assert!((found["perplexity"] - 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(found["scored_tokens"], 2.0);
        assert!(Known::perplexity(&[]).is_empty());
        assert!(logprob_of(&[1.0], 3).is_nan());
    }
}
