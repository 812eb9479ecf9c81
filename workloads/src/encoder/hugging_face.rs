//! The `config.json` of a Hugging Face encoder: read, checked, and reduced to a [`Config`].

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::config::{Config, Family, SpecialTokens};
use crate::checkpoint::Spelling;
use crate::checkpoint::fields::{self, Field};

impl Config {
    /// Reads the text of a Hugging Face `config.json`.
    ///
    /// # Errors
    /// The field at fault, what was found, what this encoder supports.
    pub fn from_hugging_face(text: &str) -> Result<Self, String> {
        let raw: HuggingFace = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let family = raw.family()?;
        raw.check(family)?;
        let config = Self {
            family,
            vocab_size: raw.vocab_size,
            positions: raw.max_position_embeddings,
            segments: raw.type_vocab_size,
            hidden_size: raw.hidden_size,
            inner_size: raw.intermediate_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            layer_norm_epsilon: raw.layer_norm_eps,
            classes: raw.id2label.map_or(2, |labels| labels.len()),
            special: SpecialTokens::of(family, raw.vocab_size),
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        for (field, value, least) in [
            // The special tokens, and a word.
            ("vocab_size", self.vocab_size, 6),
            (
                "max_position_embeddings",
                self.positions,
                self.family.first_position() + 1,
            ),
            ("type_vocab_size", self.segments, 1),
            ("hidden_size", self.hidden_size, 1),
            ("intermediate_size", self.inner_size, 1),
            ("num_hidden_layers", self.layers, 1),
            ("num_attention_heads", self.heads, 1),
            ("id2label", self.classes, 1),
        ] {
            if value < least {
                return Err(format!("'{field}' is {value}, expected {least} or more"));
            }
        }
        fields::check_heads(
            ("hidden_size", self.hidden_size),
            ("num_attention_heads", self.heads),
        )
    }

    const fn fields(&self) -> [Field; 7] {
        [
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.positions),
            ("type_vocab_size", self.segments),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.inner_size),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.heads),
        ]
    }

    /// The first field in which another shape differs, as `field is theirs, expected ours`; the
    /// number of classes is the folder's own.
    pub fn difference(&self, found: &Self) -> Option<String> {
        if self.family != found.family {
            return Some(format!(
                "'model_type' is '{}', expected '{}'",
                found.family.prefix(),
                self.family.prefix()
            ));
        }
        fields::difference(&self.fields(), &found.fields())
    }
}

impl Family {
    /// How released files spell the tensors: models without a head leave the prefix out, and
    /// checkpoints that came from TensorFlow have its names for the parts of a norm.
    pub const fn spelling(self) -> Spelling {
        Spelling {
            optional_prefix: match self {
                Self::Bert => "bert.",
                Self::Roberta => "roberta.",
            },
            old_endings: &[
                ("LayerNorm.weight", "LayerNorm.gamma"),
                ("LayerNorm.bias", "LayerNorm.beta"),
            ],
        }
    }
}

/// The fields of `config.json` that matter here.
#[derive(Deserialize)]
struct HuggingFace {
    model_type: String,
    vocab_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    layer_norm_eps: f64,
    hidden_act: Option<String>,
    position_embedding_type: Option<String>,
    pad_token_id: Option<u32>,
    id2label: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    is_decoder: bool,
    #[serde(default)]
    add_cross_attention: bool,
    #[serde(default = "yes")]
    tie_word_embeddings: bool,
}

const fn yes() -> bool {
    true
}

impl HuggingFace {
    fn family(&self) -> Result<Family, String> {
        [Family::Bert, Family::Roberta]
            .into_iter()
            .find(|family| family.prefix() == self.model_type)
            .ok_or_else(|| {
                format!(
                    "'model_type' is '{}', expected 'bert' or 'roberta'",
                    self.model_type
                )
            })
    }

    fn check(&self, family: Family) -> Result<(), String> {
        for (field, found, expected) in [
            ("is_decoder", self.is_decoder, false),
            ("add_cross_attention", self.add_cross_attention, false),
            ("tie_word_embeddings", self.tie_word_embeddings, true),
        ] {
            if found != expected {
                return Err(format!(
                    "'{field}' is {found}, this encoder supports {expected}"
                ));
            }
        }
        for (field, found, expected) in [
            ("hidden_act", &self.hidden_act, "gelu"),
            (
                "position_embedding_type",
                &self.position_embedding_type,
                "absolute",
            ),
        ] {
            if let Some(found) = found
                && found != expected
            {
                return Err(format!("'{field}' is '{found}', expected '{expected}'"));
            }
        }
        let pad = SpecialTokens::of(family, self.vocab_size.max(1)).pad;
        match self.pad_token_id {
            Some(found) if found != pad => Err(format!(
                "'pad_token_id' is {found}, expected {pad} for '{}'",
                self.model_type
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json() -> Value {
        serde_json::json!({
            "model_type": "bert", "vocab_size": 128, "max_position_embeddings": 128,
            "type_vocab_size": 2, "hidden_size": 128, "intermediate_size": 512,
            "num_hidden_layers": 2, "num_attention_heads": 2, "layer_norm_eps": 1e-12,
            "hidden_act": "gelu", "pad_token_id": 0, "initializer_range": 0.02
        })
    }

    #[test]
    fn both_families_are_read() {
        let mut json = json();
        let read = |json: &Value| Config::from_hugging_face(&json.to_string());
        assert_eq!(read(&json), Ok(Config::tiny(Family::Bert)));
        json["id2label"] = serde_json::json!({"0": "a", "1": "b", "2": "c"});
        assert_eq!(read(&json).map(|config| config.classes), Ok(3));
        json["model_type"] = "roberta".into();
        json["max_position_embeddings"] = 130.into();
        json["type_vocab_size"] = 1.into();
        json["layer_norm_eps"] = 1e-5.into();
        json["pad_token_id"] = 1.into();
        json["id2label"] = Value::Null;
        assert_eq!(read(&json), Ok(Config::tiny(Family::Roberta)));
    }

    #[test]
    fn unsupported_fields_are_named() {
        for (field, value) in [
            ("model_type", serde_json::json!("xlm-roberta")),
            ("vocab_size", serde_json::json!(0)),
            ("num_attention_heads", serde_json::json!(3)),
            ("num_hidden_layers", serde_json::json!(0)),
            ("hidden_act", serde_json::json!("relu")),
            ("position_embedding_type", serde_json::json!("relative_key")),
            ("pad_token_id", serde_json::json!(7)),
            ("is_decoder", serde_json::json!(true)),
            ("tie_word_embeddings", serde_json::json!(false)),
            ("id2label", serde_json::json!({})),
        ] {
            let mut bad = json();
            bad[field] = value;
            let message = Config::from_hugging_face(&bad.to_string()).expect_err(field);
            assert!(message.contains(field), "{field}: {message}");
        }
    }

    #[test]
    fn a_difference_names_the_field_and_classes_are_none() {
        let tiny = Config::tiny(Family::Bert);
        let classes = Config {
            classes: 9,
            ..tiny.clone()
        };
        assert_eq!(tiny.difference(&classes), None);
        let deeper = Config {
            layers: 3,
            ..tiny.clone()
        };
        assert_eq!(
            tiny.difference(&deeper).as_deref(),
            Some("'num_hidden_layers' is 3, expected 2")
        );
        let other = tiny.difference(&Config::tiny(Family::Roberta));
        assert!(other.is_some_and(|text| text.contains("'roberta'")));
    }
}
