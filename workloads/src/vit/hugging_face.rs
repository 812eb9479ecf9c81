//! The `config.json` of a Hugging Face vision transformer: read, checked, and reduced to a
//! [`Config`].

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::config::Config;
use crate::tower::{Activation, Shape};

/// The fields of `config.json` that matter here.
#[derive(Deserialize)]
struct HuggingFace {
    model_type: String,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    layer_norm_eps: f64,
    image_size: usize,
    patch_size: usize,
    #[serde(default = "three")]
    num_channels: usize,
    #[serde(default = "yes")]
    qkv_bias: bool,
    hidden_act: Option<String>,
    id2label: Option<BTreeMap<String, Value>>,
}

const fn three() -> usize {
    3
}

const fn yes() -> bool {
    true
}

impl Config {
    /// Reads the text of a Hugging Face `config.json`.
    ///
    /// # Errors
    /// The field at fault, what was found, what this model supports.
    pub fn from_hugging_face(text: &str) -> Result<Self, String> {
        let raw: HuggingFace = serde_json::from_str(text).map_err(|error| error.to_string())?;
        raw.check()?;
        Ok(Self {
            tower: Shape {
                width: raw.hidden_size,
                inner: raw.intermediate_size,
                layers: raw.num_hidden_layers,
                heads: raw.num_attention_heads,
                epsilon: raw.layer_norm_eps,
                activation: Activation::Gelu,
                causal: false,
            },
            patch_px: raw.patch_size,
            native_px: raw.image_size,
            // Where nothing is said, transformers has two.
            classes: raw.id2label.map_or(2, |labels| labels.len()),
        })
    }

    /// The first field in which another shape differs, as `field is theirs, expected ours`; the
    /// edge that positions were learned for and the number of classes are the folder's own.
    pub fn difference(&self, found: &Self) -> Option<String> {
        let (ours, theirs) = (&self.tower, &found.tower);
        let fields = [
            ("hidden_size", ours.width, theirs.width),
            ("intermediate_size", ours.inner, theirs.inner),
            ("num_hidden_layers", ours.layers, theirs.layers),
            ("num_attention_heads", ours.heads, theirs.heads),
            ("patch_size", self.patch_px, found.patch_px),
        ];
        fields
            .into_iter()
            .find(|(_, ours, theirs)| ours != theirs)
            .map(|(field, ours, theirs)| format!("'{field}' is {theirs}, expected {ours}"))
    }
}

impl HuggingFace {
    fn check(&self) -> Result<(), String> {
        if self.model_type != "vit" {
            return Err(format!(
                "'model_type' is '{}', expected 'vit'",
                self.model_type
            ));
        }
        for (field, value) in [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("patch_size", self.patch_size),
            ("image_size", self.image_size),
        ] {
            if value == 0 {
                return Err(format!("'{field}' is 0, expected 1 or more"));
            }
        }
        for (field, value, divisor, of) in [
            (
                "hidden_size",
                self.hidden_size,
                self.num_attention_heads,
                "num_attention_heads",
            ),
            ("image_size", self.image_size, self.patch_size, "patch_size"),
        ] {
            if !value.is_multiple_of(divisor) {
                return Err(format!(
                    "'{field}' is {value}, expected a multiple of {of} ({divisor})"
                ));
            }
        }
        if self.num_channels != 3 {
            let found = self.num_channels;
            return Err(format!("'num_channels' is {found}, expected 3"));
        }
        if !self.qkv_bias {
            return Err("'qkv_bias' is false, this model supports true".to_owned());
        }
        match &self.hidden_act {
            Some(found) if found != "gelu" => {
                Err(format!("'hidden_act' is '{found}', expected 'gelu'"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json() -> Value {
        serde_json::json!({
            "model_type": "vit", "hidden_size": 64, "intermediate_size": 256,
            "num_hidden_layers": 2, "num_attention_heads": 4, "layer_norm_eps": 1e-12,
            "image_size": 32, "patch_size": 8, "hidden_act": "gelu",
            "id2label": {"0": "a", "1": "b"}
        })
    }

    #[test]
    fn a_configuration_is_read() {
        let read = Config::from_hugging_face(&json().to_string()).expect("supported");
        let micro = Config::named("vit-micro").expect("ours");
        assert_eq!(
            read,
            Config {
                classes: 2,
                ..micro
            }
        );
        assert_eq!(micro.difference(&read), None);
        let large = Config::named("vit-large").expect("released");
        assert_eq!(
            large.difference(&read).as_deref(),
            Some("'hidden_size' is 64, expected 1024")
        );
    }

    #[test]
    fn unsupported_fields_are_named() {
        for (field, value) in [
            ("model_type", serde_json::json!("deit")),
            ("hidden_size", serde_json::json!(0)),
            ("num_attention_heads", serde_json::json!(3)),
            ("image_size", serde_json::json!(30)),
            ("num_channels", serde_json::json!(1)),
            ("qkv_bias", serde_json::json!(false)),
            ("hidden_act", serde_json::json!("relu")),
        ] {
            let mut bad = json();
            bad[field] = value;
            let message = Config::from_hugging_face(&bad.to_string()).expect_err(field);
            assert!(
                message.contains(field) || field == "num_attention_heads",
                "{field}: {message}"
            );
        }
    }
}
