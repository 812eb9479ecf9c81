//! How good the outputs of a pass are, computed from these outputs.

use std::collections::BTreeMap;

use super::config::Task;
use super::encode::Outputs;
use super::inputs::Inputs;

/// What is known of the right answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: random text has no class.
    #[default]
    Unknown,
    /// The class of each sequence.
    Classes(Vec<u32>),
}

/// Quality metrics of the outputs of a pass, by name:
/// - classification: `mean_choice_logprob`, ln p of the picked class, and `label_accuracy` where
///   classes are known;
/// - masked LM: `masked_accuracy`, the share of hidden tokens that were guessed, and
///   `masked_pseudo_perplexity`, exp of the mean −ln p of the hidden tokens.
pub fn metrics(
    task: Task,
    outputs: &Outputs,
    inputs: &Inputs,
    expected: &Expected,
) -> BTreeMap<String, f64> {
    let mut metrics = BTreeMap::new();
    let mut put = |name: &str, value: f64| {
        metrics.insert(name.to_owned(), value);
    };
    match task {
        Task::Classification => {
            put(
                "mean_choice_logprob",
                mean_logprob(&outputs.logits, &outputs.choices),
            );
            if let Expected::Classes(classes) = expected {
                put("label_accuracy", agreement(&outputs.choices, classes));
            }
        }
        Task::MaskedLm => {
            let hidden: Vec<u32> = inputs.guesses().iter().map(|guess| guess.token).collect();
            put("masked_accuracy", agreement(&outputs.choices, &hidden));
            put(
                "masked_pseudo_perplexity",
                (-mean_logprob(&outputs.logits, &hidden)).exp(),
            );
        }
    }
    metrics
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
    let row = |(row, element): (&Vec<f32>, &u32)| {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = row
            .iter()
            .map(|value| f64::from(value - largest).exp())
            .sum();
        let value = row.get(*element as usize).copied().unwrap_or(f32::NAN);
        f64::from(value - largest) - sum.ln()
    };
    logits.iter().zip(of).map(row).sum::<f64>() / logits.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::inputs::Guess;
    use super::*;

    fn outputs() -> Outputs {
        Outputs {
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
        let class = Task::Classification;
        let unknown = metrics(class, &outputs(), &inputs, &Expected::Unknown);
        close(
            unknown["mean_choice_logprob"],
            f64::midpoint(0.5f64.ln(), 0.75f64.ln()),
        );
        assert!(!unknown.contains_key("label_accuracy"));
        let known = Expected::Classes(vec![0, 0]);
        let known = metrics(class, &outputs(), &inputs, &known);
        close(known["label_accuracy"], 0.5);
    }

    #[test]
    fn the_pseudo_perplexity_is_that_of_the_hidden_tokens() {
        let guesses = vec![Guess { row: 1, token: 1 }, Guess { row: 4, token: 0 }];
        let inputs = Inputs::new(2, vec![5; 6])
            .expect("two of three")
            .with_guesses(guesses);
        let found = metrics(Task::MaskedLm, &outputs(), &inputs, &Expected::Unknown);
        // √(2 · 4).
        close(found["masked_pseudo_perplexity"], 8f64.sqrt());
        close(found["masked_accuracy"], 0.0);
    }
}
