//! How good the scores of a pass are, computed from these scores.

use std::collections::BTreeMap;

use super::inputs::Inputs;
use crate::Error;
use crate::family::Metric;
use crate::quality::{Expected, choices};
use crate::reading::Scores;

/// Metrics of the sentiment model beside those of every reader.
pub const METRICS: [Metric; 2] = [
    Metric {
        name: "mean_choice_logprob",
        meaning: "mean over the batch of ln p of the picked class",
    },
    Metric {
        name: "label_accuracy",
        meaning: "share of sequences whose class was picked, where it is known",
    },
];

/// The outputs of a pass: positive where the score is above zero.
pub fn scores(scores: &[f32]) -> Scores {
    Scores {
        choices: scores.iter().map(|score| u32::from(*score > 0.0)).collect(),
        logits: scores.iter().map(|score| vec![*score]).collect(),
    }
}

/// Quality metrics of the outputs of a pass, by name.
///
/// # Errors
/// The scores are of another number of sequences.
#[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^53")]
pub fn metrics(scores: &Scores, inputs: &Inputs) -> Result<BTreeMap<String, f64>, Error> {
    let batch = inputs.sequences().batch;
    if scores.choices.len() != batch {
        return Err(Error::Request(format!(
            "{} sequences were scored, the batch has {batch}",
            scores.choices.len()
        )));
    }
    // ln σ(|z|) = −ln(1 + e^−|z|).
    let logprob = |score: &f32| -f64::from(-score.abs()).exp().ln_1p();
    let logprobs: f64 = scores.logits.iter().flatten().map(logprob).sum();
    let mut metrics = BTreeMap::from([("mean_choice_logprob".into(), logprobs / batch as f64)]);
    if let Expected::Known { classes, reference } = inputs.expected() {
        let judged = choices(&scores.choices, classes.as_deref(), reference.as_deref());
        if let Some(right) = judged.get("right") {
            metrics.insert("label_accuracy".into(), right / batch as f64);
        }
        metrics.extend(judged);
    }
    Ok(metrics)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::task::Sequences;
    use crate::lstm::config::Config;

    /// Odds of 3 to 1 for, and of 1 to 1.
    #[test]
    fn metrics_are_those_of_the_scores() {
        let config = Config::named("lstm-sentiment").expect("a name of this worker");
        let sequences = Sequences {
            batch: 2,
            tokens: 1,
        };
        let inputs = Inputs::new(&config, sequences, vec![0, 1]).expect("fits");
        let found = scores(&[3f32.ln(), 0.0]);
        assert_eq!(found.choices, [1, 0]);
        let unknown = metrics(&found, &inputs).expect("fits");
        let expected = f64::midpoint(0.75f64.ln(), 0.5f64.ln());
        assert!((unknown["mean_choice_logprob"] - expected).abs() < 1e-7);
        assert_eq!(unknown.len(), 1);
        let expected = Expected::Known {
            classes: Some(vec![0, 0]),
            reference: Some(vec![1, 1]),
        };
        let inputs = inputs.with_expected(expected).expect("fits");
        let known = metrics(&found, &inputs).expect("fits");
        assert_eq!(known["label_accuracy"], 0.5);
        assert_eq!([known["right"], known["judged"]], [1.0, 2.0]);
        assert_eq!(known["reference_agreement"], 0.5);
        assert_eq!(known["right_only_here"], 1.0);
        assert!(metrics(&scores(&[1.0]), &inputs).is_err());
    }
}
