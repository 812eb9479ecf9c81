//! Shape of a GPT, and the sizes that are released or ours.

use serde::Serialize;

/// Which released family a model belongs to: they differ in the heads of their keys, and in how
/// their checkpoints lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// GPT-2: a key head for each query head; checkpoints hold matrices as `[in, out]`.
    Gpt2,
    /// `StarCoder` (`gpt_bigcode`): one key head for all queries; matrices as `[out, in]`.
    StarCoder,
}

/// Shape of a decoder with learned positions, layer norms before its halves, and a GELU
/// feed-forward network four times as wide.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Family of the checkpoint.
    pub family: Family,
    /// Tokens that the model knows.
    pub vocab_size: usize,
    /// Learned positions: the longest sequence.
    pub positions: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward network.
    pub inner_size: usize,
    /// Blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Added to the variance before the root.
    pub layer_norm_epsilon: f64,
}

impl Config {
    /// Names of the sizes of GPT-2 that this worker runs, the smallest first.
    pub const GPT2: [&'static str; 5] = [
        "gpt2-tiny",
        "gpt2-small",
        "gpt2-medium",
        "gpt2-large",
        "gpt2-xl",
    ];

    /// Those of `StarCoder`.
    pub const STARCODER: [&'static str; 3] = ["starcoder-tiny", "starcoder-1b", "starcoder-3b"];

    /// The model of this name, where it is one of these families.
    pub fn named(model: &str) -> Option<Self> {
        Some(match model {
            "gpt2-tiny" => Self::tiny(Family::Gpt2),
            // Radford et al. 2019, table 2; heads from the released checkpoints.
            "gpt2-small" => Self::gpt2(12, 768, 12),
            "gpt2-medium" => Self::gpt2(24, 1024, 16),
            "gpt2-large" => Self::gpt2(36, 1280, 20),
            "gpt2-xl" => Self::gpt2(48, 1600, 25),
            "starcoder-tiny" => Self::tiny(Family::StarCoder),
            // Li et al. 2023, StarCoder; shapes from the released starcoderbase checkpoints.
            "starcoder-1b" => Self::starcoder(24, 2048, 16),
            "starcoder-3b" => Self::starcoder(36, 2816, 22),
            _ => return None,
        })
    }

    /// Characters rather than words: small enough to train on two cores and to store in 2 MiB.
    /// Heads are as wide as those of GPT-2, so the same kernels run.
    pub const fn tiny(family: Family) -> Self {
        Self {
            family,
            vocab_size: 128,
            positions: 128,
            hidden_size: 128,
            inner_size: 512,
            layers: 2,
            heads: 2,
            layer_norm_epsilon: 1e-5,
        }
    }

    const fn gpt2(layers: usize, hidden_size: usize, heads: usize) -> Self {
        Self {
            family: Family::Gpt2,
            vocab_size: 50_257,
            positions: 1024,
            hidden_size,
            inner_size: 4 * hidden_size,
            layers,
            heads,
            layer_norm_epsilon: 1e-5,
        }
    }

    const fn starcoder(layers: usize, hidden_size: usize, heads: usize) -> Self {
        Self {
            family: Family::StarCoder,
            vocab_size: 49_152,
            positions: 8192,
            ..Self::gpt2(layers, hidden_size, heads)
        }
    }

    /// Key and value heads.
    pub const fn kv_heads(&self) -> usize {
        match self.family {
            Family::Gpt2 => self.heads,
            Family::StarCoder => 1,
        }
    }

    /// Width of one head.
    pub const fn head_dim(&self) -> usize {
        self.hidden_size / self.heads
    }

    /// Width of queries, keys and values side by side.
    pub const fn qkv_size(&self) -> usize {
        self.hidden_size + 2 * self.kv_heads() * self.head_dim()
    }

    /// Every tensor of a checkpoint, by its Hugging Face name, with the shape that it has there.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (hidden, inner, qkv) = (self.hidden_size, self.inner_size, self.qkv_size());
        let matrix = |input, output| match self.family {
            Family::Gpt2 => vec![input, output],
            Family::StarCoder => vec![output, input],
        };
        let mut tensors = vec![
            (
                "transformer.wte.weight".to_owned(),
                vec![self.vocab_size, hidden],
            ),
            (
                "transformer.wpe.weight".to_owned(),
                vec![self.positions, hidden],
            ),
        ];
        for layer in 0..self.layers {
            let of_layer = [
                ("ln_1", vec![hidden], hidden),
                ("attn.c_attn", matrix(hidden, qkv), qkv),
                ("attn.c_proj", matrix(hidden, hidden), hidden),
                ("ln_2", vec![hidden], hidden),
                ("mlp.c_fc", matrix(hidden, inner), inner),
                ("mlp.c_proj", matrix(inner, hidden), hidden),
            ];
            for (name, weight, bias) in of_layer {
                let name = format!("transformer.h.{layer}.{name}");
                tensors.push((format!("{name}.weight"), weight));
                tensors.push((format!("{name}.bias"), vec![bias]));
            }
        }
        for part in ["weight", "bias"] {
            tensors.push((format!("transformer.ln_f.{part}"), vec![hidden]));
        }
        tensors
    }

    /// Number of parameters.
    pub fn parameters(&self) -> u64 {
        crate::checkpoint::parameters(&self.tensors())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_published_parameter_counts() {
        for (model, published) in [
            ("gpt2-small", 124_439_808),
            ("gpt2-medium", 354_823_168),
            ("gpt2-large", 774_030_080),
            ("gpt2-xl", 1_557_611_200),
            ("starcoder-1b", 1_137_207_296),
            ("starcoder-3b", 3_043_311_104),
        ] {
            let config = Config::named(model).expect("a name of this worker");
            assert_eq!(config.parameters(), published, "{model}");
        }
        for (names, family) in [
            (&Config::GPT2[..], Family::Gpt2),
            (&Config::STARCODER[..], Family::StarCoder),
        ] {
            for name in names {
                let config = Config::named(name).expect("a name of this worker");
                assert_eq!(config.family, family, "{name}");
            }
        }
        assert_eq!(Config::named("gpt2"), None);
    }

    /// The limit of a committed file, in f32.
    #[test]
    fn tiny_weights_stay_below_two_mebibytes() {
        for family in [Family::Gpt2, Family::StarCoder] {
            assert!(Config::tiny(family).parameters() * 4 < 2 << 20);
        }
    }
}
