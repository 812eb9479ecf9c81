//! Shape of a `LLaMA` model, and the sizes of this project.

use serde::{Deserialize, Serialize};

use super::positions::RopeScaling;
use crate::checkpoint::fields::{self, Field};

/// Shape of a `LLaMA` model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Tokens that the model knows.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward network.
    pub intermediate_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; fewer than query heads in grouped-query attention.
    pub num_key_value_heads: usize,
    /// Added to the mean square before the root.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// How the frequencies are stretched for longer contexts; absent, they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<RopeScaling>,
    /// Longest sequence.
    pub max_position_embeddings: usize,
    /// Whether the output layer reuses the embedding.
    pub tie_word_embeddings: bool,
}

impl Config {
    /// Names of the sizes that this worker runs.
    pub const NAMES: [&'static str; 5] = [
        "llama-tiny",
        "llama-7b",
        "llama-13b",
        "llama-70b",
        "llama-3-8b",
    ];

    /// The model of this name, where this project has one.
    pub fn named(model: &str) -> Option<Self> {
        match model {
            "llama-tiny" => Some(Self::tiny()),
            "llama-7b" => Some(Self::llama_2_7b()),
            "llama-13b" => Some(Self::llama_2_13b()),
            "llama-70b" => Some(Self::llama_2_70b()),
            "llama-3-8b" => Some(Self::llama_3_8b()),
            _ => None,
        }
    }

    /// Small enough for a CPU and a snapshot; every matrix product has an inner dimension of at
    /// most 512, so CPU bits do not depend on the size of its caches.
    pub const fn tiny() -> Self {
        Self {
            vocab_size: 512,
            hidden_size: 128,
            intermediate_size: 344,
            num_hidden_layers: 2,
            num_attention_heads: 4,
            num_key_value_heads: 4,
            ..Self::llama_2_7b()
        }
    }

    /// LLaMA-2-7B (Touvron et al. 2023, table 2 of `LLaMA`; context from Llama 2).
    pub const fn llama_2_7b() -> Self {
        Self {
            vocab_size: 32_000,
            hidden_size: 4096,
            intermediate_size: 11_008,
            num_hidden_layers: 32,
            num_attention_heads: 32,
            num_key_value_heads: 32,
            rms_norm_eps: 1e-5,
            rope_theta: 10_000.0,
            rope_scaling: None,
            max_position_embeddings: 4096,
            tie_word_embeddings: false,
        }
    }

    /// LLaMA-2-13B (Touvron et al. 2023, table 2 of `LLaMA`; inner width from the checkpoint).
    pub const fn llama_2_13b() -> Self {
        Self {
            hidden_size: 5120,
            intermediate_size: 13_824,
            num_hidden_layers: 40,
            num_attention_heads: 40,
            num_key_value_heads: 40,
            ..Self::llama_2_7b()
        }
    }

    /// LLaMA-2-70B (Touvron et al. 2023, Llama 2): eight query heads share a key head.
    pub const fn llama_2_70b() -> Self {
        Self {
            hidden_size: 8192,
            intermediate_size: 28_672,
            num_hidden_layers: 80,
            num_attention_heads: 64,
            num_key_value_heads: 8,
            ..Self::llama_2_7b()
        }
    }

    /// LLaMA-3-8B (Grattafiori et al. 2024, The Llama 3 herd of models, table 3).
    pub const fn llama_3_8b() -> Self {
        Self {
            vocab_size: 128_256,
            hidden_size: 4096,
            intermediate_size: 14_336,
            num_hidden_layers: 32,
            num_attention_heads: 32,
            num_key_value_heads: 8,
            rope_theta: 500_000.0,
            max_position_embeddings: 8192,
            ..Self::llama_2_7b()
        }
    }

    /// Width of one head.
    pub const fn head_dim(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    /// Width of keys and of values over all their heads.
    pub const fn kv_size(&self) -> usize {
        self.num_key_value_heads * self.head_dim()
    }

    /// Query heads that share one key and value head.
    pub const fn queries_per_key(&self) -> usize {
        self.num_attention_heads / self.num_key_value_heads
    }

    /// Every tensor of a checkpoint, by its Hugging Face name, with its shape.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (hidden, inner, kv) = (self.hidden_size, self.intermediate_size, self.kv_size());
        let mut tensors = vec![(
            "model.embed_tokens.weight".to_owned(),
            vec![self.vocab_size, hidden],
        )];
        for layer in 0..self.num_hidden_layers {
            let of_layer: [(&str, Vec<usize>); 9] = [
                ("input_layernorm", vec![hidden]),
                ("self_attn.q_proj", vec![hidden, hidden]),
                ("self_attn.k_proj", vec![kv, hidden]),
                ("self_attn.v_proj", vec![kv, hidden]),
                ("self_attn.o_proj", vec![hidden, hidden]),
                ("post_attention_layernorm", vec![hidden]),
                ("mlp.gate_proj", vec![inner, hidden]),
                ("mlp.up_proj", vec![inner, hidden]),
                ("mlp.down_proj", vec![hidden, inner]),
            ];
            tensors.extend(
                of_layer
                    .map(|(name, shape)| (format!("model.layers.{layer}.{name}.weight"), shape)),
            );
        }
        tensors.push(("model.norm.weight".to_owned(), vec![hidden]));
        if !self.tie_word_embeddings {
            tensors.push(("lm_head.weight".to_owned(), vec![self.vocab_size, hidden]));
        }
        tensors
    }

    /// Number of parameters.
    pub fn parameters(&self) -> u64 {
        self.tensors()
            .iter()
            .map(|(_, shape)| shape.iter().map(|dim| *dim as u64).product::<u64>())
            .sum()
    }

    /// What a `config.json` has to agree in.
    pub(super) const fn fields(&self) -> [Field; 6] {
        [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
        ]
    }

    /// The first field in which another shape differs, as `field is theirs, expected ours`.
    pub fn difference(&self, found: &Self) -> Option<String> {
        fields::difference(&self.fields(), &found.fields())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_published_parameter_counts() {
        assert_eq!(Config::llama_2_7b().parameters(), 6_738_415_616);
        assert_eq!(Config::llama_2_13b().parameters(), 13_015_864_320);
        assert_eq!(Config::llama_2_70b().parameters(), 68_976_648_192);
        assert_eq!(Config::llama_3_8b().parameters(), 8_030_261_248);
        assert!(Config::tiny().parameters() < 1_000_000);
        for name in Config::NAMES {
            assert!(Config::named(name).is_some(), "{name}");
            assert!(model::workload::MODELS.contains(&name), "{name}");
        }
        assert_eq!(Config::named("gpt2-small"), None);
    }
}
