//! The `config.json` of a Hugging Face Whisper: read, checked, and reduced to a [`Config`].

use ops::Gelu;
use serde::Deserialize;

use super::config::Config;
use crate::checkpoint::Spelling;
use crate::checkpoint::fields::{self, Field};

impl Config {
    /// How released files spell the tensors.
    pub const SPELLING: Spelling = Spelling {
        optional_prefix: "model.",
        old_endings: &[],
    };

    /// Reads the text of a Hugging Face `config.json`.
    ///
    /// # Errors
    /// The field at fault, what was found, what this model supports.
    pub fn from_hugging_face(text: &str) -> Result<Self, String> {
        let raw: HuggingFace = serde_json::from_str(text).map_err(|error| error.to_string())?;
        raw.check()?;
        let config = Self {
            vocab_size: raw.vocab_size,
            mel_bins: raw.num_mel_bins,
            source_positions: raw.max_source_positions,
            target_positions: raw.max_target_positions,
            hidden_size: raw.d_model,
            inner_size: raw.encoder_ffn_dim,
            encoder_layers: raw.encoder_layers,
            decoder_layers: raw.decoder_layers,
            heads: raw.encoder_attention_heads,
            gelu: Gelu::Erf,
        };
        fields::check_positive(&config.fields())?;
        fields::check_heads(
            ("d_model", config.hidden_size),
            ("encoder_attention_heads", config.heads),
        )?;
        Ok(config)
    }

    const fn fields(&self) -> [Field; 9] {
        [
            ("vocab_size", self.vocab_size),
            ("num_mel_bins", self.mel_bins),
            ("max_source_positions", self.source_positions),
            ("max_target_positions", self.target_positions),
            ("d_model", self.hidden_size),
            ("encoder_ffn_dim", self.inner_size),
            ("encoder_layers", self.encoder_layers),
            ("decoder_layers", self.decoder_layers),
            ("encoder_attention_heads", self.heads),
        ]
    }

    /// The first field in which another shape differs, as `field is theirs, expected ours`.
    pub fn difference(&self, found: &Self) -> Option<String> {
        fields::difference(&self.fields(), &found.fields())
    }
}

/// The fields of `config.json` that matter here.
#[derive(Deserialize)]
struct HuggingFace {
    model_type: String,
    vocab_size: usize,
    num_mel_bins: usize,
    max_source_positions: usize,
    max_target_positions: usize,
    d_model: usize,
    encoder_layers: usize,
    decoder_layers: usize,
    encoder_attention_heads: usize,
    decoder_attention_heads: usize,
    encoder_ffn_dim: usize,
    decoder_ffn_dim: usize,
    activation_function: Option<String>,
    #[serde(default)]
    scale_embedding: bool,
}

impl HuggingFace {
    fn check(&self) -> Result<(), String> {
        if self.model_type != "whisper" {
            return Err(format!(
                "'model_type' is '{}', expected 'whisper'",
                self.model_type
            ));
        }
        for (field, decoder, encoder) in [
            (
                "decoder_attention_heads",
                self.decoder_attention_heads,
                self.encoder_attention_heads,
            ),
            (
                "decoder_ffn_dim",
                self.decoder_ffn_dim,
                self.encoder_ffn_dim,
            ),
        ] {
            if decoder != encoder {
                return Err(format!(
                    "'{field}' is {decoder}, expected {encoder} as in the encoder"
                ));
            }
        }
        if self.scale_embedding {
            return Err("'scale_embedding' is true, this decoder supports false".into());
        }
        match self.activation_function.as_deref() {
            None | Some("gelu") => Ok(()),
            Some(other) => Err(format!("'activation_function' is '{other}', expected gelu")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json() -> serde_json::Value {
        serde_json::json!({
            "model_type": "whisper", "vocab_size": 128, "num_mel_bins": 80, "d_model": 128,
            "max_source_positions": 150, "max_target_positions": 64, "encoder_layers": 2,
            "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
            "encoder_ffn_dim": 512, "decoder_ffn_dim": 512, "activation_function": "gelu",
            "dropout": 0.1
        })
    }

    #[test]
    fn a_configuration_is_read() {
        let found = Config::from_hugging_face(&json().to_string());
        assert_eq!(found, Ok(Config::MICRO));
    }

    #[test]
    fn unsupported_fields_are_named() {
        for (field, value) in [
            ("model_type", serde_json::json!("bart")),
            ("decoder_attention_heads", serde_json::json!(4)),
            ("decoder_ffn_dim", serde_json::json!(256)),
            ("d_model", serde_json::json!(129)),
            ("encoder_layers", serde_json::json!(0)),
            ("activation_function", serde_json::json!("relu")),
            ("scale_embedding", serde_json::json!(true)),
        ] {
            let mut bad = json();
            bad[field] = value;
            let message = Config::from_hugging_face(&bad.to_string()).expect_err(field);
            assert!(message.contains(field), "{field}: {message}");
        }
    }

    #[test]
    fn a_difference_names_the_field() {
        let micro = Config::MICRO;
        assert_eq!(micro.difference(&micro), None);
        let longer = Config {
            source_positions: 1500,
            ..micro.clone()
        };
        assert_eq!(
            micro.difference(&longer).as_deref(),
            Some("'max_source_positions' is 1500, expected 150")
        );
    }
}
