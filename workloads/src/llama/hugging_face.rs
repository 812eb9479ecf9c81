//! The `config.json` of a Hugging Face model: read, checked, and reduced to a [`Config`].

use serde::Deserialize;

use super::config::Config;
use super::positions::RopeScaling;
use crate::checkpoint::fields;

impl Config {
    /// Reads the text of a Hugging Face `config.json`.
    ///
    /// # Errors
    /// The field at fault, what was found, what this decoder supports.
    pub fn from_hugging_face(text: &str) -> Result<Self, String> {
        let raw: HuggingFace = serde_json::from_str(text).map_err(|error| error.to_string())?;
        raw.check()?;
        let rope = raw.rope_parameters.clone().unwrap_or_default();
        let rope_scaling = raw.scaling()?;
        let config = Self {
            vocab_size: raw.vocab_size,
            hidden_size: raw.hidden_size,
            intermediate_size: raw.intermediate_size,
            num_hidden_layers: raw.num_hidden_layers,
            num_attention_heads: raw.num_attention_heads,
            num_key_value_heads: raw.num_key_value_heads.unwrap_or(raw.num_attention_heads),
            rms_norm_eps: raw.rms_norm_eps,
            rope_theta: rope.rope_theta.or(raw.rope_theta).unwrap_or(10_000.0),
            rope_scaling,
            max_position_embeddings: raw.max_position_embeddings,
            tie_word_embeddings: raw.tie_word_embeddings,
        };
        config.check_divisibility(raw.head_dim)?;
        Ok(config)
    }

    pub(super) fn check_divisibility(&self, head_dim: Option<usize>) -> Result<(), String> {
        fields::check_positive(&self.fields())?;
        let (hidden, heads, kv) = (
            self.hidden_size,
            self.num_attention_heads,
            self.num_key_value_heads,
        );
        if !hidden.is_multiple_of(2 * heads) {
            return Err(format!(
                "'hidden_size' is {hidden}, expected an even multiple of num_attention_heads ({heads})"
            ));
        }
        if !heads.is_multiple_of(kv) {
            return Err(format!(
                "'num_key_value_heads' is {kv}, expected a divisor of num_attention_heads ({heads})"
            ));
        }
        match head_dim {
            Some(found) if found != self.head_dim() => Err(format!(
                "'head_dim' is {found}, this decoder supports hidden_size / num_attention_heads = {}",
                self.head_dim()
            )),
            _ => Ok(()),
        }
    }
}

/// The fields of `config.json` that matter here.
#[derive(Deserialize)]
struct HuggingFace {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rms_norm_eps: f64,
    max_position_embeddings: usize,
    rope_theta: Option<f64>,
    /// Written by transformers 5 in place of `rope_theta` and `rope_scaling`.
    rope_parameters: Option<Rope>,
    rope_scaling: Option<Rope>,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    hidden_act: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
struct Rope {
    rope_theta: Option<f64>,
    /// `type` in files of before 2024.
    #[serde(alias = "type")]
    rope_type: Option<String>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<f64>,
}

impl Rope {
    /// Reads the stretching of the field of this name.
    fn scaling(&self, field: &str) -> Result<Option<RopeScaling>, String> {
        let constant = |name: &str, value: Option<f64>| match value {
            Some(value) if value.is_finite() && value > 0.0 => Ok(value),
            Some(value) => Err(format!("'{field}.{name}' is {value}, expected more than 0")),
            None => Err(format!("'{field}.{name}' is missing, 'llama3' needs it")),
        };
        match self.rope_type.as_deref() {
            None | Some("default") => Ok(None),
            Some("llama3") => Ok(Some(RopeScaling {
                factor: constant("factor", self.factor)?,
                low_freq_factor: constant("low_freq_factor", self.low_freq_factor)?,
                high_freq_factor: constant("high_freq_factor", self.high_freq_factor)?,
                original_max_position_embeddings: constant(
                    "original_max_position_embeddings",
                    self.original_max_position_embeddings,
                )?,
            })),
            Some(other) => Err(format!(
                "'{field}.rope_type' is '{other}', expected 'default' or 'llama3'"
            )),
        }
    }
}

impl HuggingFace {
    fn scaling(&self) -> Result<Option<RopeScaling>, String> {
        match (&self.rope_parameters, &self.rope_scaling) {
            (Some(rope), _) => rope.scaling("rope_parameters"),
            (None, Some(rope)) => rope.scaling("rope_scaling"),
            (None, None) => Ok(None),
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.model_type != "llama" {
            return Err(format!(
                "'model_type' is '{}', expected 'llama'",
                self.model_type
            ));
        }
        for (field, set) in [
            ("attention_bias", self.attention_bias),
            ("mlp_bias", self.mlp_bias),
        ] {
            if set {
                return Err(format!("'{field}' is true, this decoder has no biases"));
            }
        }
        match self.hidden_act.as_deref() {
            None | Some("silu") => Ok(()),
            Some(other) => Err(format!("'hidden_act' is '{other}', expected 'silu'")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_of_config_json_are_read() {
        let shape = r#""model_type":"llama","vocab_size":512,"hidden_size":128,
            "intermediate_size":344,"num_hidden_layers":2,"num_attention_heads":4,
            "rms_norm_eps":1e-5,"max_position_embeddings":4096,"torch_dtype":"float32""#;
        let old = format!(r#"{{{shape},"rope_theta":10000.0,"rope_scaling":null}}"#);
        let new = format!(
            r#"{{{shape},"rope_parameters":{{"rope_theta":10000.0,"rope_type":"default"}}}}"#
        );
        assert_eq!(Config::from_hugging_face(&old), Ok(Config::tiny()));
        assert_eq!(Config::from_hugging_face(&new), Ok(Config::tiny()));
    }

    #[test]
    fn the_stretching_of_llama_3_is_read_from_both_places() {
        let constants = serde_json::json!({
            "rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0,
            "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192
        });
        for field in ["rope_scaling", "rope_parameters"] {
            let mut raw = serde_json::json!({
                "model_type": "llama", "vocab_size": 512, "hidden_size": 128,
                "intermediate_size": 344, "num_hidden_layers": 2, "num_attention_heads": 4,
                "rms_norm_eps": 1e-5, "max_position_embeddings": 4096
            });
            raw[field] = constants.clone();
            let config = Config::from_hugging_face(&raw.to_string()).expect(field);
            let scaling = config.rope_scaling.expect(field);
            assert_eq!(scaling.factor, 8.0);
            assert_eq!(scaling.original_max_position_embeddings, 8192.0);
        }
    }

    #[test]
    fn unsupported_fields_are_named() {
        let good = serde_json::json!({
            "model_type": "llama", "vocab_size": 512, "hidden_size": 128, "intermediate_size": 344,
            "num_hidden_layers": 2, "num_attention_heads": 4, "rms_norm_eps": 1e-5,
            "max_position_embeddings": 4096
        });
        for (field, value) in [
            ("model_type", serde_json::json!("gpt2")),
            ("rope_scaling", serde_json::json!({"rope_type": "llama3"})),
            (
                "rope_scaling",
                serde_json::json!({"type": "linear", "factor": 2.0}),
            ),
            ("rope_type", serde_json::json!(null)),
            ("attention_bias", serde_json::json!(true)),
            ("hidden_act", serde_json::json!("gelu")),
            ("num_key_value_heads", serde_json::json!(3)),
            ("num_attention_heads", serde_json::json!(0)),
            ("hidden_size", serde_json::json!(130)),
            ("head_dim", serde_json::json!(64)),
            ("vocab_size", serde_json::json!(null)),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            if field == "rope_type" {
                bad["rope_parameters"] = serde_json::json!({"rope_type": "yarn"});
            }
            let message = Config::from_hugging_face(&bad.to_string()).expect_err(field);
            let wanted = if field == "vocab_size" {
                "usize"
            } else {
                field
            };
            assert!(message.contains(wanted), "{field}: {message}");
        }
        let missing = Config::from_hugging_face("{}").expect_err("empty");
        assert!(missing.contains("model_type"), "{missing}");
    }
}
