//! What the sentiment model reads: sequences of word ids and, where it is known, what they say.

use candle_core::{Device, Result as CandleResult, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::config::Config;
use crate::Error;
use crate::job::task::Sequences;
use crate::quality::Expected;

/// Id of what stands before a short text.
const PADDING: u32 = 0;

/// Praise and blame.
pub const CLASSES: usize = 2;

/// A batch of sequences on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    sequences: Sequences,
    /// Word ids, sequence after sequence.
    words: Vec<u32>,
    /// What is known of the sequences: class 1 is praise, 0 is blame.
    expected: Expected,
}

impl Inputs {
    /// Sequences of these words.
    ///
    /// # Errors
    /// There is no word, another number of them, or one that the model does not know.
    pub fn new(config: &Config, sequences: Sequences, words: Vec<u32>) -> Result<Self, Error> {
        let wanted = sequences.batch * sequences.tokens;
        if wanted == 0 || words.len() != wanted {
            return Err(Error::Request(format!(
                "{} words were given, expected {} in each of {} sequences",
                words.len(),
                sequences.tokens,
                sequences.batch
            )));
        }
        if let Some(word) = words
            .iter()
            .find(|word| **word as usize >= config.vocab_size)
        {
            return Err(Error::Request(format!(
                "word {word} is unknown to the model, expected 0 to {}",
                config.vocab_size - 1
            )));
        }
        Ok(Self {
            sequences,
            words,
            expected: Expected::Unknown,
        })
    }

    /// Texts, with padding before the shorter ones, as the last state is what is read; of longer
    /// ones the end.
    ///
    /// # Errors
    /// As [`Inputs::new`].
    pub fn texts(config: &Config, texts: &[&[u32]], length: usize) -> Result<Self, Error> {
        let mut words = Vec::with_capacity(texts.len() * length);
        for text in texts {
            let kept = &text[text.len().saturating_sub(length)..];
            words.extend(std::iter::repeat_n(PADDING, length - kept.len()));
            words.extend_from_slice(kept);
        }
        let sequences = Sequences {
            batch: texts.len(),
            tokens: length,
        };
        Self::new(config, sequences, words)
    }

    /// With what is known of the sequences.
    ///
    /// # Errors
    /// Classes are of another number of sequences, or are others than 0 and 1.
    pub fn with_expected(self, expected: Expected) -> Result<Self, Error> {
        if let Expected::Known {
            classes: Some(classes),
            ..
        } = &expected
            && (classes.len() != self.sequences.batch
                || classes.iter().any(|class| *class as usize >= CLASSES))
        {
            return Err(Error::Request(format!(
                "{} classes were given, expected 0 or 1 for each of {} sequences",
                classes.len(),
                self.sequences.batch
            )));
        }
        Ok(Self { expected, ..self })
    }

    /// Random words.
    ///
    /// # Errors
    /// There are no sequences or no words in them.
    pub fn seeded(config: &Config, seed: u64, sequences: Sequences) -> Result<Self, Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let known = config.vocab_size as u64;
        let words = (0..sequences.batch * sequences.tokens)
            // The bias of the remainder is below 2^-32 for any vocabulary.
            .map(|_| u32::try_from(rng.next_u64() % known).expect("ids are 32-bit"))
            .collect();
        Self::new(config, sequences, words)
    }

    /// How many, and how long.
    pub const fn sequences(&self) -> Sequences {
        self.sequences
    }

    /// What is known of the sequences.
    pub const fn expected(&self) -> &Expected {
        &self.expected
    }

    /// Word ids, `[batch, words]`.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn on_device(&self, device: &Device) -> CandleResult<Tensor> {
        let Sequences { batch, tokens } = self.sequences;
        Tensor::from_slice(&self.words, (batch, tokens), device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEQUENCES: Sequences = Sequences {
        batch: 2,
        tokens: 3,
    };

    #[test]
    fn what_the_model_cannot_read_is_refused() {
        let config = Config::named("lstm-sentiment").expect("a name of this worker");
        let new = |words: &[u32]| Inputs::new(&config, SEQUENCES, words.to_vec());
        for (words, part) in [
            (
                &[1, 2, 3, 4, 5][..],
                "5 words were given, expected 3 in each of 2",
            ),
            (&[1, 2, 3, 4, 5, 5000], "word 5000 is unknown"),
        ] {
            let message = new(words).expect_err("unfit").to_string();
            assert!(message.contains(part), "{message}");
        }
        let inputs = new(&[1, 2, 3, 4, 5, 4999]).expect("fits");
        for classes in [vec![0], vec![0, 2]] {
            let expected = Expected::Known {
                classes: Some(classes),
                reference: None,
            };
            let message = inputs.clone().with_expected(expected).expect_err("unfit");
            assert!(message.to_string().contains("expected 0 or 1"), "{message}");
        }
    }

    #[test]
    fn texts_end_at_the_last_word() {
        let config = Config::named("lstm-sentiment").expect("a name of this worker");
        let found = Inputs::texts(&config, &[&[7], &[1, 2, 3, 4]], 3).expect("fits");
        let expected = Inputs::new(&config, SEQUENCES, vec![0, 0, 7, 2, 3, 4]).expect("fits");
        assert_eq!(found, expected);
    }

    #[test]
    fn seeded_words_repeat_and_differ() {
        let config = Config::named("lstm-sentiment").expect("a name of this worker");
        let of = |seed| Inputs::seeded(&config, seed, SEQUENCES).expect("fits");
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
