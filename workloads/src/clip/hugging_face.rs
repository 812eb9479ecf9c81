//! The `config.json` of a Hugging Face CLIP: read, checked, and reduced to a [`Config`]. What it
//! leaves out is that of ViT-B/32, as in transformers.

use serde::Deserialize;

use super::config::Config;
use crate::tower::{Activation, Shape};

#[derive(Deserialize)]
struct HuggingFace {
    model_type: String,
    text_config: Part,
    vision_config: Part,
    projection_dim: Option<usize>,
}

/// One of the towers.
#[derive(Deserialize)]
struct Part {
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    layer_norm_eps: Option<f64>,
    hidden_act: Option<String>,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    image_size: Option<usize>,
    patch_size: Option<usize>,
}

impl Part {
    fn shape(&self, field: &str, usual: &Shape) -> Result<Shape, String> {
        let activation = match self.hidden_act.as_deref() {
            None | Some("quick_gelu") => Activation::QuickGelu,
            Some("gelu") => Activation::Gelu,
            Some(other) => {
                return Err(format!(
                    "'{field}.hidden_act' is '{other}', expected 'quick_gelu' or 'gelu'"
                ));
            }
        };
        let shape = Shape {
            width: self.hidden_size.unwrap_or(usual.width),
            inner: self.intermediate_size.unwrap_or(usual.inner),
            layers: self.num_hidden_layers.unwrap_or(usual.layers),
            heads: self.num_attention_heads.unwrap_or(usual.heads),
            epsilon: self.layer_norm_eps.unwrap_or(usual.epsilon),
            activation,
            causal: usual.causal,
        };
        if shape.heads == 0 || !shape.width.is_multiple_of(shape.heads) || shape.width == 0 {
            return Err(format!(
                "'{field}.hidden_size' is {}, expected a multiple of num_attention_heads ({})",
                shape.width, shape.heads
            ));
        }
        Ok(shape)
    }
}

impl Config {
    /// Reads the text of a Hugging Face `config.json`.
    ///
    /// # Panics
    /// Never.
    ///
    /// # Errors
    /// The field at fault, what was found, what this model supports.
    pub fn from_hugging_face(text: &str) -> Result<Self, String> {
        let raw: HuggingFace = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if raw.model_type != "clip" {
            return Err(format!(
                "'model_type' is '{}', expected 'clip'",
                raw.model_type
            ));
        }
        let usual = Self::named("clip-vit-b-32").expect("a name of this worker");
        let (text, vision) = (&raw.text_config, &raw.vision_config);
        let config = Self {
            vision: vision.shape("vision_config", &usual.vision)?,
            patch_px: vision.patch_size.unwrap_or(usual.patch_px),
            edge_px: vision.image_size.unwrap_or(usual.edge_px),
            text: text.shape("text_config", &usual.text)?,
            vocabulary: text.vocab_size.unwrap_or(usual.vocabulary),
            tokens: text.max_position_embeddings.unwrap_or(usual.tokens),
            projection: raw.projection_dim.unwrap_or(usual.projection),
        };
        let (edge, patch) = (config.edge_px, config.patch_px);
        if patch == 0 || edge == 0 || !edge.is_multiple_of(patch) {
            return Err(format!(
                "'vision_config.image_size' is {edge}, expected a multiple of patch_size ({patch})"
            ));
        }
        for (field, value) in [
            ("text_config.vocab_size", config.vocabulary),
            ("text_config.max_position_embeddings", config.tokens),
        ] {
            if value < 3 {
                return Err(format!("'{field}' is {value}, expected 3 or more"));
            }
        }
        Ok(config)
    }

    /// The first field in which another shape differs, as `field is theirs, expected ours`.
    pub fn difference(&self, found: &Self) -> Option<String> {
        let towers = [
            ("vision_config", &self.vision, &found.vision),
            ("text_config", &self.text, &found.text),
        ];
        let of_tower = |(field, ours, theirs): (&str, &Shape, &Shape)| {
            [
                ("hidden_size", ours.width, theirs.width),
                ("intermediate_size", ours.inner, theirs.inner),
                ("num_hidden_layers", ours.layers, theirs.layers),
                ("num_attention_heads", ours.heads, theirs.heads),
            ]
            .map(|(name, ours, theirs)| (format!("{field}.{name}"), ours, theirs))
        };
        let others = [
            ("vision_config.patch_size", self.patch_px, found.patch_px),
            ("vision_config.image_size", self.edge_px, found.edge_px),
            ("text_config.vocab_size", self.vocabulary, found.vocabulary),
            (
                "text_config.max_position_embeddings",
                self.tokens,
                found.tokens,
            ),
            ("projection_dim", self.projection, found.projection),
        ]
        .map(|(name, ours, theirs)| (name.to_owned(), ours, theirs));
        towers
            .into_iter()
            .flat_map(of_tower)
            .chain(others)
            .find(|(_, ours, theirs)| ours != theirs)
            .map(|(field, ours, theirs)| format!("'{field}' is {theirs}, expected {ours}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_and_what_it_leaves_out_is_that_of_the_base() {
        let text = r#"{"model_type": "clip", "text_config": {}, "vision_config": {}}"#;
        let read = Config::from_hugging_face(text).expect("supported");
        let base = Config::named("clip-vit-b-32").expect("released");
        assert_eq!(read, base);
        let large = Config::named("clip-vit-l-14").expect("released");
        assert_eq!(
            large.difference(&read).as_deref(),
            Some("'vision_config.hidden_size' is 768, expected 1024")
        );
    }

    #[test]
    fn unsupported_fields_are_named() {
        for (text, expected) in [
            (
                r#"{"model_type": "siglip", "text_config": {}, "vision_config": {}}"#,
                "'model_type' is 'siglip'",
            ),
            (
                r#"{"model_type": "clip", "text_config": {"hidden_act": "relu"}, "vision_config": {}}"#,
                "'text_config.hidden_act' is 'relu'",
            ),
            (
                r#"{"model_type": "clip", "text_config": {}, "vision_config": {"patch_size": 30}}"#,
                "'vision_config.image_size' is 224",
            ),
            (
                r#"{"model_type": "clip", "text_config": {"vocab_size": 1}, "vision_config": {}}"#,
                "'text_config.vocab_size' is 1",
            ),
        ] {
            let message = Config::from_hugging_face(text).expect_err(expected);
            assert!(message.contains(expected), "{message}");
        }
    }
}
