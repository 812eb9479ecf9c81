//! The `config.json` of a Hugging Face GPT: read, checked, and reduced to a [`Config`].

use serde::Deserialize;

use super::config::{Config, Family};
use crate::checkpoint::Spelling;
use crate::checkpoint::fields::{self, Field};

impl Config {
    /// How released files spell the tensors: some leave the prefix out.
    pub const SPELLING: Spelling = Spelling {
        optional_prefix: "transformer.",
        old_endings: &[],
    };

    /// Reads the text of a Hugging Face `config.json`.
    ///
    /// # Errors
    /// The field at fault, what was found, what this decoder supports.
    pub fn from_hugging_face(text: &str) -> Result<Self, String> {
        let raw: HuggingFace = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let family = raw.family()?;
        let config = Self {
            family,
            vocab_size: raw.vocab_size,
            positions: raw.n_positions,
            hidden_size: raw.n_embd,
            inner_size: raw.n_inner.unwrap_or(4 * raw.n_embd),
            layers: raw.n_layer,
            heads: raw.n_head,
            layer_norm_epsilon: raw.layer_norm_epsilon,
        };
        raw.check(family)?;
        fields::check_positive(&config.fields())?;
        fields::check_heads(("n_embd", config.hidden_size), ("n_head", config.heads))?;
        Ok(config)
    }

    const fn fields(&self) -> [Field; 6] {
        [
            ("vocab_size", self.vocab_size),
            ("n_positions", self.positions),
            ("n_embd", self.hidden_size),
            ("n_inner", self.inner_size),
            ("n_layer", self.layers),
            ("n_head", self.heads),
        ]
    }

    /// The first field in which another shape differs, as `field is theirs, expected ours`.
    pub fn difference(&self, found: &Self) -> Option<String> {
        if self.family != found.family {
            return Some(format!(
                "'model_type' is '{}', expected '{}'",
                found.family.model_type(),
                self.family.model_type()
            ));
        }
        fields::difference(&self.fields(), &found.fields())
    }
}

impl Family {
    /// The word of `config.json`.
    const fn model_type(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt2",
            Self::StarCoder => "gpt_bigcode",
        }
    }
}

/// The fields of `config.json` that matter here.
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "config.json has them")]
struct HuggingFace {
    model_type: String,
    vocab_size: usize,
    n_positions: usize,
    n_embd: usize,
    n_inner: Option<usize>,
    n_layer: usize,
    n_head: usize,
    #[serde(default = "one_in_a_hundred_thousand")]
    layer_norm_epsilon: f64,
    activation_function: Option<String>,
    #[serde(default = "yes")]
    scale_attn_weights: bool,
    #[serde(default)]
    scale_attn_by_inverse_layer_idx: bool,
    #[serde(default)]
    add_cross_attention: bool,
    #[serde(default = "yes")]
    tie_word_embeddings: bool,
    #[serde(default = "yes")]
    multi_query: bool,
}

const fn one_in_a_hundred_thousand() -> f64 {
    1e-5
}

const fn yes() -> bool {
    true
}

impl HuggingFace {
    fn family(&self) -> Result<Family, String> {
        [Family::Gpt2, Family::StarCoder]
            .into_iter()
            .find(|family| family.model_type() == self.model_type)
            .ok_or_else(|| {
                format!(
                    "'model_type' is '{}', expected 'gpt2' or 'gpt_bigcode'",
                    self.model_type
                )
            })
    }

    fn check(&self, family: Family) -> Result<(), String> {
        for (field, found, expected) in [
            ("scale_attn_weights", self.scale_attn_weights, true),
            (
                "scale_attn_by_inverse_layer_idx",
                self.scale_attn_by_inverse_layer_idx,
                false,
            ),
            ("add_cross_attention", self.add_cross_attention, false),
            ("tie_word_embeddings", self.tie_word_embeddings, true),
        ] {
            if found != expected {
                return Err(format!(
                    "'{field}' is {found}, this decoder supports {expected}"
                ));
            }
        }
        if family == Family::StarCoder && !self.multi_query {
            return Err("'multi_query' is false, this decoder supports one key head".into());
        }
        // Three names of one function: 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
        match self.activation_function.as_deref() {
            None | Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_fast") => Ok(()),
            Some(other) => Err(format!(
                "'activation_function' is '{other}', expected gelu_new or gelu_pytorch_tanh"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json() -> serde_json::Value {
        serde_json::json!({
            "model_type": "gpt2", "vocab_size": 128, "n_positions": 128, "n_embd": 128,
            "n_layer": 2, "n_head": 2, "n_inner": null, "activation_function": "gelu_new",
            "n_ctx": 128, "resid_pdrop": 0.1
        })
    }

    #[test]
    fn both_families_are_read() {
        let mut json = json();
        assert_eq!(
            Config::from_hugging_face(&json.to_string()),
            Ok(Config::tiny(Family::Gpt2))
        );
        json["model_type"] = "gpt_bigcode".into();
        json["activation_function"] = "gelu_pytorch_tanh".into();
        assert_eq!(
            Config::from_hugging_face(&json.to_string()),
            Ok(Config::tiny(Family::StarCoder))
        );
    }

    #[test]
    fn unsupported_fields_are_named() {
        for (field, value) in [
            ("model_type", serde_json::json!("llama")),
            ("n_head", serde_json::json!(3)),
            ("n_layer", serde_json::json!(0)),
            ("n_inner", serde_json::json!(0)),
            ("activation_function", serde_json::json!("relu")),
            ("scale_attn_weights", serde_json::json!(false)),
            ("scale_attn_by_inverse_layer_idx", serde_json::json!(true)),
            ("add_cross_attention", serde_json::json!(true)),
            ("tie_word_embeddings", serde_json::json!(false)),
        ] {
            let mut bad = json();
            bad[field] = value;
            let message = Config::from_hugging_face(&bad.to_string()).expect_err(field);
            assert!(message.contains(field), "{field}: {message}");
        }
        let mut many_keys = json();
        many_keys["model_type"] = "gpt_bigcode".into();
        many_keys["multi_query"] = false.into();
        let message = Config::from_hugging_face(&many_keys.to_string()).expect_err("multi-head");
        assert!(message.contains("multi_query"), "{message}");
    }

    #[test]
    fn a_difference_names_the_field() {
        let tiny = Config::tiny(Family::Gpt2);
        assert_eq!(tiny.difference(&tiny), None);
        let wider = Config {
            hidden_size: 256,
            ..tiny.clone()
        };
        assert_eq!(
            tiny.difference(&wider).as_deref(),
            Some("'n_embd' is 256, expected 128")
        );
        let message = tiny.difference(&Config::tiny(Family::StarCoder));
        assert!(message.is_some_and(|text| text.contains("gpt_bigcode")));
    }
}
