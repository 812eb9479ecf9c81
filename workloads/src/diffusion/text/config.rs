//! Shape of a text encoder.

use super::TextWeights;
use crate::diffusion::listing;

/// Every caption is padded to this.
pub const TOKENS: usize = 77;

/// Which rows the denoiser sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Those of the last block, behind the last norm.
    Last,
    /// Those before the last block, as they are.
    BeforeLast,
}

/// Activation of the feed-forward networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x · σ(1.702 x)`: CLIP of `OpenAI`.
    QuickGelu,
    /// `x · Φ(x)`: `OpenCLIP`.
    Gelu,
}

/// Shape of a text encoder: layer norms before their parts, each token sees those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextConfig {
    /// Tokens that it knows; the last two are the begin and the end of a caption.
    pub vocabulary: usize,
    /// Width of the stream.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Heads of each attention.
    pub heads: usize,
    /// Activation of the feed-forward networks, which are four times as wide.
    pub activation: Activation,
    /// Which rows the denoiser sees.
    pub output: Output,
    /// Whether the row of the caption's end is projected, as the caption as a whole.
    pub pooled: bool,
    /// What fills captions up; `None`: their end.
    pub pad: Option<u32>,
}

impl TextConfig {
    /// The text half of CLIP ViT-L/14, in Stable Diffusion 1.
    pub const CLIP_L: Self = Self {
        vocabulary: 49_408,
        width: 768,
        layers: 12,
        heads: 12,
        activation: Activation::QuickGelu,
        output: Output::Last,
        pooled: false,
        pad: None,
    };
    /// The same, in SDXL.
    pub const CLIP_L_XL: Self = Self {
        output: Output::BeforeLast,
        ..Self::CLIP_L
    };
    /// That of `OpenCLIP` ViT-H/14, released without its last block.
    pub const OPEN_CLIP_H: Self = Self {
        width: 1024,
        layers: 23,
        heads: 16,
        activation: Activation::Gelu,
        pad: Some(0),
        ..Self::CLIP_L
    };
    /// That of `OpenCLIP` ViT-bigG/14.
    pub const OPEN_CLIP_BIG_G: Self = Self {
        width: 1280,
        layers: 32,
        heads: 20,
        output: Output::BeforeLast,
        pooled: true,
        ..Self::OPEN_CLIP_H
    };
    /// Small enough for processors and tests.
    pub const TINY: Self = Self {
        vocabulary: 512,
        width: 64,
        layers: 2,
        heads: 2,
        ..Self::CLIP_L
    };

    /// Width inside the feed-forward networks.
    pub const fn inner(&self) -> usize {
        4 * self.width
    }

    /// Every tensor of a checkpoint, with its shape.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        listing::tensors(|weights| TextWeights::load(self, weights))
    }

    /// What begins a caption.
    pub fn begin(&self) -> u32 {
        self.end() - 1
    }

    /// What ends it.
    pub fn end(&self) -> u32 {
        u32::try_from(self.vocabulary - 1).expect("token ids have 32 bits")
    }

    /// A caption of these words, begun, ended and filled up; as many words as there is room for.
    pub fn caption(&self, words: &[u32]) -> Vec<u32> {
        let words = &words[..words.len().min(TOKENS - 2)];
        let mut tokens = vec![self.begin()];
        tokens.extend(words);
        tokens.push(self.end());
        tokens.resize(TOKENS, self.pad.unwrap_or(self.end()));
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::parameters;

    /// Parameters of the released checkpoints.
    #[test]
    fn sizes_have_the_published_parameter_counts() {
        for (config, published) in [
            (TextConfig::CLIP_L, 123_060_480),
            (TextConfig::OPEN_CLIP_H, 340_387_840),
            (TextConfig::OPEN_CLIP_BIG_G, 694_659_840),
        ] {
            assert_eq!(parameters(&config.tensors()), published);
        }
    }

    #[test]
    fn captions_begin_end_and_are_filled_up() {
        let caption = TextConfig::CLIP_L.caption(&[5, 6]);
        assert_eq!(caption.len(), TOKENS);
        assert_eq!(caption[..5], [49_406, 5, 6, 49_407, 49_407]);
        let caption = TextConfig::OPEN_CLIP_H.caption(&[7; 100]);
        assert_eq!((caption[75], caption[76]), (7, 49_407));
        assert_eq!(TextConfig::OPEN_CLIP_H.caption(&[])[1..3], [49_407, 0]);
    }
}
