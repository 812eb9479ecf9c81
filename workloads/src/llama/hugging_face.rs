//! The `config.json` of a Hugging Face model: read, checked, and reduced to a [`Config`].

use serde::Deserialize;

use super::config::Config;

impl Config {
    /// Reads the text of a Hugging Face `config.json`.
    ///
    /// # Errors
    /// The field at fault, what was found, what this decoder supports.
    pub fn from_hugging_face(text: &str) -> Result<Self, String> {
        let raw: HuggingFace = serde_json::from_str(text).map_err(|error| error.to_string())?;
        raw.check()?;
        let rope = raw.rope_parameters.unwrap_or_default();
        let config = Self {
            vocab_size: raw.vocab_size,
            hidden_size: raw.hidden_size,
            intermediate_size: raw.intermediate_size,
            num_hidden_layers: raw.num_hidden_layers,
            num_attention_heads: raw.num_attention_heads,
            num_key_value_heads: raw.num_key_value_heads.unwrap_or(raw.num_attention_heads),
            rms_norm_eps: raw.rms_norm_eps,
            rope_theta: rope.rope_theta.or(raw.rope_theta).unwrap_or(10_000.0),
            max_position_embeddings: raw.max_position_embeddings,
            tie_word_embeddings: raw.tie_word_embeddings,
        };
        config.check_divisibility(raw.head_dim)?;
        Ok(config)
    }

    fn check_divisibility(&self, head_dim: Option<usize>) -> Result<(), String> {
        for (field, value) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
        ] {
            if value == 0 {
                return Err(format!("'{field}' is 0, expected 1 or more"));
            }
        }
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
    rope_scaling: Option<serde_json::Value>,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    hidden_act: Option<String>,
}

#[derive(Default, Deserialize)]
struct Rope {
    rope_theta: Option<f64>,
    rope_type: Option<String>,
}

impl HuggingFace {
    fn check(&self) -> Result<(), String> {
        if self.model_type != "llama" {
            return Err(format!(
                "'model_type' is '{}', expected 'llama'",
                self.model_type
            ));
        }
        if self.rope_scaling.is_some() {
            return Err(
                "'rope_scaling' is set, this decoder supports unscaled positions only".into(),
            );
        }
        if let Some(kind) = self
            .rope_parameters
            .as_ref()
            .and_then(|rope| rope.rope_type.as_deref())
            && kind != "default"
        {
            return Err(format!(
                "'rope_parameters.rope_type' is '{kind}', expected 'default'"
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
    fn unsupported_fields_are_named() {
        let good = serde_json::json!({
            "model_type": "llama", "vocab_size": 512, "hidden_size": 128, "intermediate_size": 344,
            "num_hidden_layers": 2, "num_attention_heads": 4, "rms_norm_eps": 1e-5,
            "max_position_embeddings": 4096
        });
        for (field, value) in [
            ("model_type", serde_json::json!("gpt2")),
            ("rope_scaling", serde_json::json!({"rope_type": "llama3"})),
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
