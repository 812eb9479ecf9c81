//! Captions as tokens.

use super::config::Config;
use crate::generation::seeded_tokens;

/// A batch of captions, each as long as the model has positions: a beginning, words, an end, and
/// the end again up to the last place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captions {
    tokens: Vec<u32>,
    length: usize,
}

impl Captions {
    /// Tokens of whole captions, one after the other.
    pub const fn new(tokens: Vec<u32>, length: usize) -> Self {
        Self { tokens, length }
    }

    /// Words that nobody wrote, which fill every place.
    ///
    /// # Panics
    /// Never for vocabularies below 2^32.
    pub fn seeded(config: &Config, seed: u64, batch: usize) -> Self {
        let end = u32::try_from(config.vocabulary - 1).expect("a vocabulary has 32 bits");
        let length = config.tokens;
        let mut tokens = seeded_tokens(seed, config.vocabulary - 2, batch * length);
        for caption in tokens.chunks_exact_mut(length) {
            caption[0] = end - 1;
            caption[length - 1] = end;
        }
        Self { tokens, length }
    }

    /// All tokens.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Captions.
    pub const fn batch(&self) -> usize {
        self.tokens.len() / self.length
    }

    /// Places of each.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// The row of each caption's end: the first place with its largest token.
    ///
    /// # Panics
    /// Never for batches of fewer than 2^32 tokens.
    pub fn ends(&self) -> Vec<u32> {
        let end = |(caption, tokens): (usize, &[u32])| {
            let mut best = 0;
            for (place, token) in tokens.iter().enumerate() {
                if *token > tokens[best] {
                    best = place;
                }
            }
            u32::try_from(caption * self.length + best).expect("a batch has 32 bits")
        };
        let captions = self.tokens.chunks_exact(self.length);
        captions.enumerate().map(end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caption_begins_and_ends_and_is_read_at_its_first_end() {
        let config = Config::named("clip-micro").expect("ours");
        let captions = Captions::seeded(&config, 3, 2);
        assert_eq!(captions.batch(), 2);
        assert_eq!(captions.tokens()[0], 126);
        assert_eq!(captions.ends(), [15, 31]);
        let short = Captions::new(vec![5, 1, 9, 9, 5, 9, 2, 9], 4);
        assert_eq!(short.ends(), [2, 5]);
    }
}
