//! Shape of a Whisper model, and the sizes that are released or ours.

use ops::Gelu;

/// Samples between two frames of the features: 10 ms at 16 kHz.
pub const HOP: usize = 160;

/// Frames of the features for each position of the encoder.
pub const STRIDE: usize = 2;

/// Frames that a convolution sees.
pub const WINDOW: usize = 3;

/// Added to the variance before the root, in every layer norm.
pub const EPSILON: f32 = 1e-5;

/// Tokens that every transcript begins with: start, language, task, no time stamps.
pub const PROMPT_TOKENS: usize = 4;

/// Shape of an encoder of sound and a decoder of text, layer norms before their parts, and
/// feed-forward networks four times as wide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Tokens that the decoder knows.
    pub vocab_size: usize,
    /// Mel bands of a frame.
    pub mel_bins: usize,
    /// Positions of the encoder, each two frames.
    pub source_positions: usize,
    /// Learned positions of the decoder.
    pub target_positions: usize,
    /// Width of the residual streams.
    pub hidden_size: usize,
    /// Width inside the feed-forward networks.
    pub inner_size: usize,
    /// Blocks of the encoder.
    pub encoder_layers: usize,
    /// Blocks of the decoder.
    pub decoder_layers: usize,
    /// Heads of each attention.
    pub heads: usize,
    /// Formula of the activations.
    pub gelu: Gelu,
}

impl Config {
    /// Names of the models that this worker runs, the smallest first.
    pub const NAMES: [&'static str; 6] = [
        "whisper-micro",
        "whisper-tiny",
        "whisper-base",
        "whisper-small",
        "whisper-medium",
        "whisper-large-v3",
    ];

    /// The model of this name, where it is a Whisper.
    pub fn named(model: &str) -> Option<Self> {
        Some(match model {
            "whisper-micro" => Self::MICRO,
            // Radford et al. 2022, table 1; vocabularies and mel bands from the released
            // checkpoints.
            "whisper-tiny" => Self::of(4, 384, 6),
            "whisper-base" => Self::of(6, 512, 8),
            "whisper-small" => Self::of(12, 768, 12),
            "whisper-medium" => Self::of(24, 1024, 16),
            "whisper-large-v3" => Self {
                vocab_size: 51_866,
                mel_bins: 128,
                ..Self::of(32, 1280, 20)
            },
            _ => return None,
        })
    }

    /// Three seconds of sound and 128 tokens: small enough to train on two cores and to test. Heads
    /// are as wide as those of the released sizes, so the same kernels run.
    pub const MICRO: Self = Self {
        vocab_size: 128,
        source_positions: 150,
        target_positions: 64,
        ..Self::of(2, 128, 2)
    };

    const fn of(layers: usize, hidden_size: usize, heads: usize) -> Self {
        Self {
            vocab_size: 51_865,
            mel_bins: 80,
            source_positions: 1500,
            target_positions: 448,
            hidden_size,
            inner_size: 4 * hidden_size,
            encoder_layers: layers,
            decoder_layers: layers,
            heads,
            gelu: Gelu::Erf,
        }
    }

    /// Frames of the features of a window of sound.
    pub const fn frames(&self) -> usize {
        STRIDE * self.source_positions
    }

    /// Samples of a window of sound, at 16 kHz.
    pub const fn samples(&self) -> usize {
        self.frames() * HOP
    }

    /// Width of one head.
    pub const fn head_dim(&self) -> usize {
        self.hidden_size / self.heads
    }

    /// What scores are multiplied with: 1/√(width of a head).
    #[expect(
        clippy::cast_precision_loss,
        reason = "a head is far narrower than 2^23"
    )]
    pub fn scale(&self) -> f32 {
        1.0 / (self.head_dim() as f32).sqrt()
    }

    /// What every transcript begins with: start of transcript, English, transcribe, no time stamps.
    /// Ids from the vocabularies of the released multilingual checkpoints, of which the third large
    /// one knows a language more.
    pub const fn prompt(&self) -> [u32; PROMPT_TOKENS] {
        match self.vocab_size {
            51_865 => [50_258, 50_259, 50_359, 50_363],
            51_866 => [50_258, 50_259, 50_360, 50_364],
            _ => [1, 2, 3, 4],
        }
    }

    /// Every tensor of a checkpoint that is needed, by its Hugging Face name, with its shape. The
    /// positions of the encoder are sinusoids, which are computed.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (hidden, bins) = (self.hidden_size, self.mel_bins);
        let mut list = List(Vec::new());
        list.affine("encoder.conv1", &[hidden, bins, WINDOW]);
        list.affine("encoder.conv2", &[hidden, hidden, WINDOW]);
        for layer in 0..self.encoder_layers {
            list.block(self, &format!("encoder.layers.{layer}"), &["self_attn"]);
        }
        list.norm("encoder.layer_norm", hidden);
        list.push("decoder.embed_tokens.weight", &[self.vocab_size, hidden]);
        list.push(
            "decoder.embed_positions.weight",
            &[self.target_positions, hidden],
        );
        for layer in 0..self.decoder_layers {
            let attentions = ["self_attn", "encoder_attn"];
            list.block(self, &format!("decoder.layers.{layer}"), &attentions);
        }
        list.norm("decoder.layer_norm", hidden);
        list.0
    }

    /// Number of parameters, without the sinusoids.
    pub fn parameters(&self) -> u64 {
        crate::checkpoint::parameters(&self.tensors())
    }
}

/// A list of tensors that grows.
struct List(Vec<(String, Vec<usize>)>);

impl List {
    fn push(&mut self, name: &str, shape: &[usize]) {
        self.0.push((format!("model.{name}"), shape.to_vec()));
    }

    fn affine(&mut self, name: &str, weight: &[usize]) {
        self.push(&format!("{name}.weight"), weight);
        self.push(&format!("{name}.bias"), &weight[..1]);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.affine(name, &[width]);
    }

    /// A block; keys have no bias.
    fn block(&mut self, config: &Config, name: &str, attentions: &[&str]) {
        let (hidden, inner) = (config.hidden_size, config.inner_size);
        for attention in attentions {
            let of = format!("{name}.{attention}");
            self.norm(&format!("{of}_layer_norm"), hidden);
            for matrix in ["q_proj", "v_proj", "out_proj"] {
                self.affine(&format!("{of}.{matrix}"), &[hidden, hidden]);
            }
            self.push(&format!("{of}.k_proj.weight"), &[hidden, hidden]);
        }
        self.norm(&format!("{name}.final_layer_norm"), hidden);
        self.affine(&format!("{name}.fc1"), &[inner, hidden]);
        self.affine(&format!("{name}.fc2"), &[hidden, inner]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts of the released checkpoints, which hold the sinusoids too.
    #[test]
    fn sizes_have_the_released_parameter_counts() {
        for (model, released) in [
            ("whisper-tiny", 37_760_640),
            ("whisper-base", 72_593_920),
            ("whisper-small", 241_734_912),
            ("whisper-medium", 763_857_920),
            ("whisper-large-v3", 1_543_490_560),
        ] {
            let config = Config::named(model).expect("a name of this worker");
            let sinusoids = config.source_positions * config.hidden_size;
            assert_eq!(config.parameters() + sinusoids as u64, released, "{model}");
        }
        assert_eq!(Config::named("whisper"), None);
    }

    #[test]
    fn windows_of_the_released_sizes_are_half_a_minute() {
        for model in Config::NAMES {
            let config = Config::named(model).expect("a name of this worker");
            let seconds = if model == "whisper-micro" { 3 } else { 30 };
            assert_eq!(config.samples(), 16_000 * seconds, "{model}");
            assert_eq!(config.head_dim(), 64, "{model}");
        }
    }

    /// The limit of a committed file, in bf16.
    #[test]
    fn micro_weights_stay_below_two_mebibytes() {
        assert!(Config::MICRO.parameters() * 2 < 2 << 20);
    }
}
