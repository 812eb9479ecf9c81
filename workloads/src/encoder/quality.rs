//! How good the outputs of a pass are, computed from these scores.

use std::collections::BTreeMap;

use super::inputs::Inputs;
use crate::Error;
use crate::family::Metric;
use crate::job::word::Head;
use crate::quality::{Expected, choices, logprob_of};
use crate::reading::Scores;

/// Metrics of encoders beside those of every reader and of choices.
pub const METRICS: [Metric; 4] = [
    Metric {
        name: "mean_choice_logprob",
        meaning: "head classification: mean over the batch of ln p of the picked class",
    },
    Metric {
        name: "label_accuracy",
        meaning: "head classification: share of sequences whose class was picked, where it is known",
    },
    Metric {
        name: "masked_accuracy",
        meaning: "head masked_lm: share of hidden tokens that were guessed",
    },
    Metric {
        name: "masked_pseudo_perplexity",
        meaning: "head masked_lm: exp of the mean of -ln p of the hidden tokens",
    },
];

/// Quality metrics of the outputs of a pass, by name: those of [`METRICS`] that the head has.
///
/// # Errors
/// What is known is of another number of sequences.
pub fn metrics(
    head: Head,
    scores: &Scores,
    inputs: &Inputs,
    expected: &Expected,
) -> Result<BTreeMap<String, f64>, Error> {
    let (classes, reference) = match expected {
        Expected::Unknown => (None, None),
        Expected::Known { classes, reference } => (classes.as_deref(), reference.as_deref()),
    };
    let mut metrics = BTreeMap::new();
    let mut put = |name: &str, value: f64| {
        metrics.insert(name.to_owned(), value);
    };
    match head {
        Head::Classification => {
            put(
                "mean_choice_logprob",
                mean_logprob(&scores.logits, &scores.choices),
            );
            if let Some(classes) = classes {
                if classes.len() != inputs.batch() {
                    return Err(Error::Request(format!(
                        "classes of {} sequences are known, the batch has {}",
                        classes.len(),
                        inputs.batch()
                    )));
                }
                put("label_accuracy", agreement(&scores.choices, classes));
            }
            metrics.extend(choices(&scores.choices, classes, reference));
        }
        Head::MaskedLm => {
            let hidden: Vec<u32> = inputs.guesses().iter().map(|guess| guess.token).collect();
            put("masked_accuracy", agreement(&scores.choices, &hidden));
            put(
                "masked_pseudo_perplexity",
                (-mean_logprob(&scores.logits, &hidden)).exp(),
            );
            metrics.extend(choices(&scores.choices, Some(&hidden), reference));
        }
    }
    Ok(metrics)
}

/// Share of equal elements; of lists that differ in length, the rest counts as unequal.
#[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^53")]
fn agreement(found: &[u32], expected: &[u32]) -> f64 {
    let equal = found.iter().zip(expected).filter(|(a, b)| a == b).count();
    equal as f64 / found.len().max(expected.len()).max(1) as f64
}

/// Mean over the rows of ln p of one of their elements.
#[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^53")]
fn mean_logprob(logits: &[Vec<f32>], of: &[u32]) -> f64 {
    let row = |(row, element): (&Vec<f32>, &u32)| logprob_of(row, *element);
    logits.iter().zip(of).map(row).sum::<f64>() / logits.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::inputs::Guess;
    use super::*;

    fn scores() -> Scores {
        Scores {
            choices: vec![0, 1],
            // p = (1/2, 1/2) and (1/4, 3/4).
            logits: vec![vec![5.0, 5.0], vec![0.0, 3f32.ln()]],
        }
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
    }

    #[test]
    fn classes_are_compared_where_they_are_known() {
        let inputs = Inputs::new(2, vec![5; 6]).expect("two of three");
        let class = Head::Classification;
        let unknown = metrics(class, &scores(), &inputs, &Expected::Unknown).expect("fits");
        close(
            unknown["mean_choice_logprob"],
            f64::midpoint(0.5f64.ln(), 0.75f64.ln()),
        );
        assert!(!unknown.contains_key("label_accuracy"));
        let classes = |classes| Expected::Known {
            classes: Some(classes),
            reference: Some(vec![0, 0]),
        };
        let known = classes(vec![0, 0]);
        let known = metrics(class, &scores(), &inputs, &known).expect("fits");
        close(known["label_accuracy"], 0.5);
        close(known["reference_agreement"], 0.5);
        close(known["right_only_reference"], 1.0);
        let other = classes(vec![0]);
        let message = metrics(class, &scores(), &inputs, &other)
            .expect_err("one class for two sequences")
            .to_string();
        assert!(message.contains("classes of 1 sequences"), "{message}");
    }

    #[test]
    fn the_pseudo_perplexity_is_that_of_the_hidden_tokens() {
        let guesses = vec![Guess { row: 1, token: 1 }, Guess { row: 4, token: 0 }];
        let inputs = Inputs::new(2, vec![5; 6])
            .expect("two of three")
            .with_guesses(guesses);
        let found = metrics(Head::MaskedLm, &scores(), &inputs, &Expected::Unknown).expect("fits");
        // √(2 · 4).
        close(found["masked_pseudo_perplexity"], 8f64.sqrt());
        close(found["masked_accuracy"], 0.0);
    }
}
