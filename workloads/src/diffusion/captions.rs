//! Captions that nobody wrote, and the empty one.

use super::text::TextConfig;
use crate::generation::seeded_tokens;

/// Words of a seeded caption: as many as people write.
const WORDS: usize = 20;

/// Captions of a batch in the ids of an encoder, one for each picture, from a seed: where pictures
/// are guided first the empty caption of each. The words are the same for all encoders, whose
/// vocabularies are.
pub fn seeded(config: &TextConfig, seed: u64, batch: usize, guided: bool) -> Vec<Vec<u32>> {
    let words = seeded_tokens(seed, config.vocabulary - 2, batch * WORDS);
    let captions = words.chunks_exact(WORDS).map(|words| config.caption(words));
    let empty = if guided { batch } else { 0 };
    let empty = std::iter::repeat_n(config.caption(&[]), empty);
    empty.chain(captions).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::text::config::TOKENS;

    #[test]
    fn captions_depend_on_their_seed_and_differ() {
        let config = TextConfig::TINY;
        let captions = seeded(&config, 3, 2, true);
        assert_eq!(captions.len(), 4);
        assert_eq!(captions[0], captions[1]);
        assert_eq!(captions[0][1], config.end());
        assert_ne!(captions[2], captions[3]);
        assert_eq!(seeded(&config, 3, 1, false), captions[2..3]);
        for caption in captions {
            assert_eq!(caption.len(), TOKENS);
            assert_eq!(caption[0], config.begin());
        }
    }
}
