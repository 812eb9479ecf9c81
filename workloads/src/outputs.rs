//! What is made of a model's outputs: digests, plausibility, likelihood.

use model::run::hex;
use sha2::{Digest, Sha256};

use crate::Error;

/// Logits of a language model have a standard deviation near one, trained or not.
const LOGIT_STD_RANGE: (f64, f64) = (0.05, 50.0);

/// SHA-256 (hex) of token ids as little-endian 32-bit words, sequence after sequence.
pub fn digest(tokens: &[Vec<u32>]) -> String {
    let mut hash = Sha256::new();
    for token in tokens.iter().flatten() {
        hash.update(token.to_le_bytes());
    }
    hex(&hash.finalize())
}

/// SHA-256 (hex) of choices as little-endian 32-bit words, and then of scores as little-endian
/// single-precision numbers, row after row.
pub fn digest_of_scores(choices: &[u32], scores: &[Vec<f32>]) -> String {
    let mut hash = Sha256::new();
    for choice in choices {
        hash.update(choice.to_le_bytes());
    }
    for score in scores.iter().flatten() {
        hash.update(score.to_le_bytes());
    }
    hex(&hash.finalize())
}

/// SHA-256 (hex) of values as little-endian single-precision numbers, array after array.
pub fn digest_of_values<'a>(arrays: impl Iterator<Item = &'a [f32]>) -> String {
    let mut hash = Sha256::new();
    for value in arrays.flatten() {
        hash.update(value.to_le_bytes());
    }
    hex(&hash.finalize())
}

/// Refuses logits over a vocabulary that no working model has.
///
/// # Errors
/// One is not finite, or their standard deviation is beyond reason.
#[expect(
    clippy::cast_precision_loss,
    reason = "a count of logits is far below 2^53"
)]
pub fn check_logits(logits: &[Vec<f32>]) -> Result<(), Error> {
    let (low, high) = LOGIT_STD_RANGE;
    let degenerate = |found: String| Error::Degenerate { found, low, high };
    let values: Vec<f64> = logits
        .iter()
        .flatten()
        .map(|value| f64::from(*value))
        .collect();
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(degenerate(format!("{value} somewhere")));
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let std = (values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / count)
        .sqrt();
    // Written so that the NaN of an empty list is refused too.
    if !(low..=high).contains(&std) {
        return Err(degenerate(format!("of standard deviation {std:.3e}")));
    }
    Ok(())
}

/// Refuses scores that are not finite, or all the same: few classes have no spread to speak of.
///
/// # Errors
/// What is wrong with the scores.
pub fn check_finite(scores: &[Vec<f32>]) -> Result<(), Error> {
    let refuse = |found: String| Err(Error::Scores { found });
    let mut values = scores.iter().flatten();
    let Some(first) = values.clone().next() else {
        return refuse("missing".into());
    };
    if let Some(value) = values.clone().find(|value| !value.is_finite()) {
        return refuse(format!("{value} somewhere"));
    }
    // One sequence with one score has nothing to differ from.
    let count = values.clone().count();
    if count > 1 && values.all(|value| value.to_bits() == first.to_bits()) {
        return refuse(format!("{first} everywhere"));
    }
    Ok(())
}

/// Mean over the sequences of ln p of the most likely token.
#[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^53")]
pub fn mean_greedy_logprob(logits: &[Vec<f32>]) -> f64 {
    let of_row = |row: &Vec<f32>| {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        -row.iter()
            .map(|value| f64::from(value - largest).exp())
            .sum::<f64>()
            .ln()
    };
    logits.iter().map(of_row).sum::<f64>() / logits.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degenerate_logits_are_refused() {
        check_logits(&[vec![1.0, -1.0, 0.5]]).expect("sane");
        for bad in [
            vec![0.0; 9],
            vec![f32::NAN, 1.0],
            vec![1.0, f32::INFINITY],
            vec![1e4, -1e4],
            vec![],
        ] {
            let message = check_logits(std::slice::from_ref(&bad))
                .expect_err("degenerate")
                .to_string();
            assert!(
                message.contains("logits of the first prefill"),
                "{bad:?}: {message}"
            );
        }
    }

    #[test]
    fn scores_have_to_be_finite_and_to_differ() {
        check_finite(&[vec![0.5], vec![0.25]]).expect("sane");
        check_finite(&[vec![0.5]]).expect("nothing to differ from");
        for bad in [vec![], vec![0.5, f32::NAN], vec![0.5, 0.5]] {
            let message = check_finite(std::slice::from_ref(&bad))
                .expect_err("degenerate")
                .to_string();
            assert!(
                message.contains("scores of the first pass are"),
                "{message}"
            );
        }
    }

    #[test]
    fn the_logprob_of_a_fair_coin_is_minus_ln_2() {
        let logprob = mean_greedy_logprob(&[vec![3.0, 3.0], vec![0.0, 0.0]]);
        assert!(
            (logprob + std::f64::consts::LN_2).abs() < 1e-12,
            "{logprob}"
        );
    }

    #[test]
    fn a_digest_is_that_of_the_bytes() {
        // `printf '\1\0\0\0\2\0\0\0' | sha256sum`
        let expected = "34fb5c825de7ca4aea6e712f19d439c1da0c92c37b423936c5f618545ca4fa1f";
        assert_eq!(digest(&[vec![1], vec![2]]), expected);
        assert_eq!(digest(&[vec![1, 2]]), expected);
        assert_ne!(digest_of_scores(&[1, 2], &[vec![0.0]]), expected);
    }
}
