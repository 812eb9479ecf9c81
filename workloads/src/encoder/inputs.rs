//! What an encoder reads: sequences, their padding and segments, and what is to be guessed.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::config::{Config, Family};
use crate::Error;
use crate::job::word::Head;

/// A batch of sequences on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    batch: usize,
    length: usize,
    /// Token ids, sequence after sequence.
    tokens: Vec<u32>,
    /// Segment of each token.
    segments: Vec<u32>,
    /// Tokens of each sequence that are no padding.
    lengths: Vec<u32>,
    /// Tokens that are hidden, in the order of their rows.
    guesses: Vec<Guess>,
}

/// A token that the model has to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guess {
    /// Its row among those of all sequences.
    pub row: u32,
    /// What was there.
    pub token: u32,
}

/// Share of tokens that are hidden (Devlin et al. 2019, section 3.1): one in so many.
const ONE_HIDDEN_OF: (usize, usize) = (3, 20);

impl Inputs {
    /// Sequences of one segment without padding.
    ///
    /// # Errors
    /// There is no sequence, or the tokens are no whole number of sequences.
    pub fn new(batch: usize, tokens: Vec<u32>) -> Result<Self, Error> {
        if batch == 0 || tokens.is_empty() || !tokens.len().is_multiple_of(batch) {
            return Err(Error::Request(format!(
                "{} tokens are no whole number of tokens in each of {batch} sequences",
                tokens.len()
            )));
        }
        let length = tokens.len() / batch;
        Ok(Self {
            batch,
            length,
            segments: vec![0; tokens.len()],
            lengths: vec![u32::try_from(length).map_err(too_long)?; batch],
            guesses: Vec::new(),
            tokens,
        })
    }

    /// With the segment of each token.
    #[must_use]
    pub fn with_segments(self, segments: Vec<u32>) -> Self {
        Self { segments, ..self }
    }

    /// With the number of tokens of each sequence that are no padding.
    #[must_use]
    pub fn with_lengths(self, lengths: Vec<u32>) -> Self {
        Self { lengths, ..self }
    }

    /// With tokens to be guessed, whether or not they are hidden already.
    #[must_use]
    pub fn with_guesses(self, guesses: Vec<Guess>) -> Self {
        Self { guesses, ..self }
    }

    /// Random words between the tokens that begin and end a sequence, every sequence of the full
    /// `length`; for [`Head::MaskedLm`] 15 % of them, and at least one, are hidden.
    ///
    /// # Errors
    /// `length` has no room for a word, or is beyond the positions of the model.
    pub fn seeded(
        config: &Config,
        head: Head,
        seed: u64,
        [batch, length]: [usize; 2],
    ) -> Result<Self, Error> {
        if !(3..=config.most_tokens()).contains(&length) {
            return Err(Error::Request(format!(
                "axis 'prompt_tokens' has the value '{length}', expected 3 to {} for this encoder",
                config.most_tokens()
            )));
        }
        let special = config.special;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut tokens = Vec::with_capacity(batch * length);
        for _ in 0..batch {
            tokens.push(special.first);
            let words = u64::from(special.words_until - special.words_from);
            for _ in 2..length {
                // The bias of the remainder is below 2^-32 for any vocabulary.
                let word = u32::try_from(rng.next_u64() % words).expect("fewer than 2^32 words");
                tokens.push(special.words_from + word);
            }
            tokens.push(special.last);
        }
        let inputs = Self::new(batch, tokens)?;
        Ok(match head {
            Head::Classification => inputs,
            Head::MaskedLm => inputs.hide(special.mask, &mut rng),
        })
    }

    /// Texts between the tokens that begin and end a sequence, with padding behind the shorter
    /// ones; for [`Head::MaskedLm`] 15 % of the words of each, and at least one, are hidden.
    ///
    /// # Errors
    /// A text is empty or does not fit `length`, or there is none.
    pub fn texts(
        config: &Config,
        head: Head,
        texts: &[&[u32]],
        length: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, Error> {
        let special = config.special;
        let mut tokens = Vec::with_capacity(texts.len() * length);
        let mut lengths = Vec::with_capacity(texts.len());
        for text in texts {
            let known = text.len() + 2;
            if text.is_empty() || known > length {
                return Err(Error::Request(format!(
                    "a text has {} tokens, expected 1 to {}",
                    text.len(),
                    length.saturating_sub(2)
                )));
            }
            tokens.push(special.first);
            tokens.extend_from_slice(text);
            tokens.push(special.last);
            tokens.extend(std::iter::repeat_n(special.pad, length - known));
            lengths.push(u32::try_from(known).map_err(too_long)?);
        }
        let inputs = Self::new(texts.len(), tokens)?.with_lengths(lengths);
        Ok(match head {
            Head::Classification => inputs,
            Head::MaskedLm => inputs.hide(special.mask, rng),
        })
    }

    /// Words that are hidden in a sequence of `length` tokens for [`Head::MaskedLm`].
    pub fn hidden(length: usize) -> usize {
        (length.saturating_sub(2) * ONE_HIDDEN_OF.0 / ONE_HIDDEN_OF.1).max(1)
    }

    /// Hides some words of each sequence, neither its first nor its last token.
    fn hide(mut self, mask: u32, rng: &mut ChaCha8Rng) -> Self {
        for sequence in 0..self.batch {
            let known = self.lengths[sequence] as usize;
            let (words, hidden) = (known - 2, Self::hidden(known));
            let mut places: Vec<usize> = (1..=words).collect();
            // The first steps of Fisher and Yates' shuffle.
            for step in 0..hidden {
                let left = u64::try_from(words - step).expect("a length fits 64 bits");
                let other = usize::try_from(rng.next_u64() % left).expect("less than a length");
                places.swap(step, step + other);
            }
            places.truncate(hidden);
            places.sort_unstable();
            for place in places {
                let row = sequence * self.length + place;
                self.guesses.push(Guess {
                    row: u32::try_from(row).expect("rows are far fewer than 2^32"),
                    token: std::mem::replace(&mut self.tokens[row], mask),
                });
            }
        }
        self
    }

    /// Sequences.
    pub const fn batch(&self) -> usize {
        self.batch
    }

    /// Tokens of each sequence, padding included.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Token ids, sequence after sequence.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Segment of each token.
    pub fn segments(&self) -> &[u32] {
        &self.segments
    }

    /// Tokens of each sequence that are no padding.
    pub fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// Tokens to be guessed.
    pub fn guesses(&self) -> &[Guess] {
        &self.guesses
    }

    /// Whether a sequence is shorter than the batch is wide.
    pub fn is_padded(&self) -> bool {
        self.lengths
            .iter()
            .any(|length| *length as usize != self.length)
    }

    /// Position of each token. `RoBERTa` counts the tokens that are not the padding token, and
    /// gives padding the position before the first.
    pub fn positions(&self, config: &Config) -> Vec<u32> {
        let mut positions = Vec::with_capacity(self.tokens.len());
        for sequence in self.tokens.chunks(self.length) {
            match config.family {
                Family::Bert => positions.extend((0..).zip(sequence).map(|(place, _)| place)),
                Family::Roberta => {
                    let pad = config.special.pad;
                    let mut last = pad;
                    positions.extend(sequence.iter().map(|token| {
                        if *token == pad {
                            pad
                        } else {
                            last += 1;
                            last
                        }
                    }));
                }
            }
        }
        positions
    }

    /// Rows that the head of a head reads: the first of each sequence, or those to be guessed.
    pub fn selected(&self, head: Head) -> Vec<u32> {
        match head {
            Head::Classification => (0..self.batch * self.length)
                .step_by(self.length)
                .map(|row| u32::try_from(row).expect("rows are far fewer than 2^32"))
                .collect(),
            Head::MaskedLm => self.guesses.iter().map(|guess| guess.row).collect(),
        }
    }

    /// Refuses what the model cannot read: on a GPU an id beyond a table would be not-a-number.
    ///
    /// # Errors
    /// What is wrong, and what was expected.
    pub fn check(&self, config: &Config, head: Head) -> Result<(), Error> {
        let refuse = |problem: String| Err(Error::Request(problem));
        if self.length > config.most_tokens() {
            return refuse(format!(
                "sequences have {} tokens, expected at most {}",
                self.length,
                config.most_tokens()
            ));
        }
        let rows = self.tokens.len();
        if self.segments.len() != rows || self.lengths.len() != self.batch {
            return refuse(format!(
                "{rows} tokens in {} sequences have {} segments and {} lengths",
                self.batch,
                self.segments.len(),
                self.lengths.len()
            ));
        }
        let beyond = |values: &[u32], end: usize| {
            values.iter().copied().find(|value| *value as usize >= end)
        };
        if let Some(token) = beyond(&self.tokens, config.vocab_size) {
            return refuse(format!(
                "token {token} is beyond the vocabulary of {}",
                config.vocab_size
            ));
        }
        if let Some(segment) = beyond(&self.segments, config.segments) {
            return refuse(format!(
                "segment {segment} is beyond the {} of the model",
                config.segments
            ));
        }
        if let Some(length) = self
            .lengths
            .iter()
            .find(|length| !(1..=self.length).contains(&(**length as usize)))
        {
            return refuse(format!(
                "a sequence has {length} tokens, expected 1 to {}",
                self.length
            ));
        }
        let selected = self.selected(head);
        if selected.is_empty() || beyond(&selected, rows).is_some() {
            return refuse(format!(
                "{} tokens are to be guessed, expected 1 or more of the {rows} rows",
                selected.len()
            ));
        }
        Ok(())
    }
}

fn too_long(_: std::num::TryFromIntError) -> Error {
    Error::Request("a sequence has 2^32 tokens or more".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_text_has_the_form_of_text() {
        for family in [Family::Bert, Family::Roberta] {
            let config = Config::tiny(family);
            let special = config.special;
            let seeded = |head, seed| Inputs::seeded(&config, head, seed, [3, 42]).expect("fits");
            let inputs = seeded(Head::Classification, 1);
            for sequence in inputs.tokens().chunks(42) {
                assert_eq!((sequence[0], sequence[41]), (special.first, special.last));
                let words = special.words_from..special.words_until;
                assert!(sequence[1..41].iter().all(|token| words.contains(token)));
            }
            assert_eq!(inputs, seeded(Head::Classification, 1));
            assert_ne!(inputs, seeded(Head::Classification, 2));
            inputs.check(&config, Head::Classification).expect("reads");
            assert!(!inputs.is_padded());
            assert_eq!(inputs.selected(Head::Classification), [0, 42, 84]);
        }
    }

    #[test]
    fn a_masked_text_is_the_text_with_15_percent_hidden() {
        let config = Config::tiny(Family::Bert);
        let seeded = |head| Inputs::seeded(&config, head, 1, [3, 42]).expect("fits");
        let (text, masked) = (seeded(Head::Classification), seeded(Head::MaskedLm));
        // 15 % of 40 words, in each of three sequences.
        assert_eq!(masked.guesses().len(), 18);
        assert!(masked.guesses().is_sorted_by(|a, b| a.row < b.row));
        let mut restored = masked.tokens().to_vec();
        for Guess { row, token } in masked.guesses() {
            assert_eq!(restored[*row as usize], config.special.mask);
            restored[*row as usize] = *token;
        }
        assert_eq!(restored, text.tokens());
        masked.check(&config, Head::MaskedLm).expect("reads");
    }

    #[test]
    fn positions_of_roberta_skip_padding() {
        let tokens = vec![0, 9, 1, 9, 2, 1];
        let inputs = Inputs::new(2, tokens).expect("two of three");
        let roberta = Config::tiny(Family::Roberta);
        assert_eq!(inputs.positions(&roberta), [2, 3, 1, 2, 3, 1]);
        let bert = Config::tiny(Family::Bert);
        assert_eq!(inputs.positions(&bert), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let config = Config::tiny(Family::Bert);
        let inputs = || Inputs::new(2, vec![5; 8]).expect("two of four");
        let refusal = |inputs: Inputs, head| {
            inputs
                .check(&config, head)
                .expect_err("cannot be read")
                .to_string()
        };
        let class = Head::Classification;
        for (message, expected) in [
            (
                refusal(Inputs::new(1, vec![128]).expect("one"), class),
                "token 128 is beyond the vocabulary of 128",
            ),
            (
                refusal(Inputs::new(1, vec![5; 129]).expect("one"), class),
                "129 tokens, expected at most 128",
            ),
            (
                refusal(inputs().with_segments(vec![2; 8]), class),
                "segment 2 is beyond the 2",
            ),
            (
                refusal(inputs().with_lengths(vec![4, 0]), class),
                "has 0 tokens, expected 1 to 4",
            ),
            (
                refusal(inputs().with_lengths(vec![4]), class),
                "8 segments and 1 lengths",
            ),
            (
                refusal(inputs(), Head::MaskedLm),
                "0 tokens are to be guessed",
            ),
        ] {
            assert!(message.contains(expected), "'{message}' lacks '{expected}'");
        }
        assert!(Inputs::new(3, vec![1; 8]).is_err());
        let long = Inputs::seeded(&config, class, 1, [1, 200]).expect_err("too long");
        assert!(long.to_string().contains("expected 3 to 128"));
    }
}
