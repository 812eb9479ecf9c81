//! GGUF files of `LLaMA` models: metadata and tensors, as llama.cpp writes them.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::Mutex;

use candle_core::quantized::QTensor;
use candle_core::quantized::gguf_file::Content;
#[cfg(test)]
use candle_core::quantized::gguf_file::Value;
use candle_core::{Device, Result, bail};

use super::config::Config;
use super::quantised::{Blocks, tensors};
use crate::Error;
use crate::error::first_line;

/// A file, read and checked.
pub(super) struct GgufFile {
    config: Config,
    content: Content,
    bytes: Mutex<Cursor<Vec<u8>>>,
}

impl GgufFile {
    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be read, is damaged or cut short, or holds another kind of model.
    pub(super) fn open(path: &Path) -> std::result::Result<Self, Error> {
        let bytes = fs::read(path)
            .map_err(|error| Error::file(path, format!("cannot be read ({error})")))?;
        Self::read(bytes).map_err(|problem| Error::file(path, problem))
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn read(bytes: Vec<u8>) -> std::result::Result<Self, String> {
        let length = bytes.len() as u64;
        let mut cursor = Cursor::new(bytes);
        let content = Content::read(&mut cursor).map_err(|error| {
            format!(
                "is no complete GGUF file ({}); fetch it again",
                first_line(&error)
            )
        })?;
        let config = config(&content)?;
        for (name, shape) in tensors(&config) {
            let Some(info) = content.tensor_infos.get(&name) else {
                return Err(format!(
                    "has no tensor '{name}', which its metadata implies"
                ));
            };
            if info.shape.dims() != shape {
                return Err(format!(
                    "tensor '{name}' has the shape {:?}, expected {shape:?} from the metadata",
                    info.shape.dims()
                ));
            }
            let blocks = info.shape.elem_count() / info.ggml_dtype.block_size();
            let end = content.tensor_data_offset
                + info.offset
                + (blocks * info.ggml_dtype.type_size()) as u64;
            if end > length {
                return Err(format!(
                    "has {length} bytes, tensor '{name}' ends at byte {end}; it is cut short, \
                     fetch it again"
                ));
            }
        }
        Ok(Self {
            config,
            content,
            bytes: Mutex::new(cursor),
        })
    }

    /// Shape of the model.
    pub(super) const fn config(&self) -> &Config {
        &self.config
    }
}

impl Blocks for GgufFile {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<QTensor> {
        let mut bytes = self
            .bytes
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let tensor = self.content.tensor(&mut *bytes, name, &Device::Cpu)?;
        if tensor.shape().dims() != shape {
            bail!(
                "tensor '{name}' is {:?}, expected {shape:?}",
                tensor.shape()
            );
        }
        Ok(tensor)
    }

    fn contains(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }
}

const ARCHITECTURE: &str = "general.architecture";
const HIDDEN: &str = "llama.embedding_length";
const LAYERS: &str = "llama.block_count";
const INNER: &str = "llama.feed_forward_length";
const HEADS: &str = "llama.attention.head_count";
const KV_HEADS: &str = "llama.attention.head_count_kv";
const EPSILON: &str = "llama.attention.layer_norm_rms_epsilon";
#[cfg(test)]
const ROTARY: &str = "llama.rope.dimension_count";
const THETA: &str = "llama.rope.freq_base";
const CONTEXT: &str = "llama.context_length";

/// The metadata that describe a shape.
#[cfg(test)]
pub(super) fn metadata(config: &Config) -> Vec<(&'static str, Value)> {
    let count = |value: usize| Value::U32(u32::try_from(value).expect("a small model"));
    #[expect(clippy::cast_possible_truncation, reason = "GGUF keeps these in f32")]
    let number = |value: f64| Value::F32(value as f32);
    vec![
        (ARCHITECTURE, Value::String("llama".to_owned())),
        (HIDDEN, count(config.hidden_size)),
        (LAYERS, count(config.num_hidden_layers)),
        (INNER, count(config.intermediate_size)),
        (HEADS, count(config.num_attention_heads)),
        (KV_HEADS, count(config.num_key_value_heads)),
        (EPSILON, number(config.rms_norm_eps)),
        (ROTARY, count(config.head_dim())),
        (THETA, number(config.rope_theta)),
        (CONTEXT, count(config.max_position_embeddings)),
    ]
}

/// The shape that a file describes.
fn config(content: &Content) -> std::result::Result<Config, String> {
    let value = |key: &str| {
        content
            .metadata
            .get(key)
            .ok_or_else(|| format!("has no metadata '{key}'"))
    };
    let wrong = |key: &str, expected: &str| format!("metadata '{key}' is no {expected}");
    let count = |key: &str| {
        let value = value(key)?.to_u32().map_err(|_| wrong(key, "u32"))?;
        match value {
            0 => Err(format!("metadata '{key}' is 0, expected 1 or more")),
            value => Ok(value as usize),
        }
    };
    let number = |key: &str| value(key)?.to_f32().map_err(|_| wrong(key, "f32"));
    let architecture = value(ARCHITECTURE)?
        .to_string()
        .map_err(|_| wrong(ARCHITECTURE, "string"))?;
    if architecture != "llama" {
        return Err(format!(
            "metadata '{ARCHITECTURE}' is '{architecture}', expected 'llama'"
        ));
    }
    let vocab_size = content
        .tensor_infos
        .get("token_embd.weight")
        .and_then(|info| info.shape.dims().first().copied())
        .ok_or("has no tensor 'token_embd.weight'")?;
    let heads = count(HEADS)?;
    let config = Config {
        vocab_size,
        hidden_size: count(HIDDEN)?,
        intermediate_size: count(INNER)?,
        num_hidden_layers: count(LAYERS)?,
        num_attention_heads: heads,
        num_key_value_heads: if content.metadata.contains_key(KV_HEADS) {
            count(KV_HEADS)?
        } else {
            heads
        },
        // Written as f32: 1e-5 is meant, not its neighbour.
        rms_norm_eps: shortest(number(EPSILON)?),
        rope_theta: if content.metadata.contains_key(THETA) {
            shortest(number(THETA)?)
        } else {
            10_000.0
        },
        rope_scaling: None,
        max_position_embeddings: count(CONTEXT)?,
        tie_word_embeddings: !content.tensor_infos.contains_key("output.weight"),
    };
    config.check_divisibility(None)?;
    if content.tensor_infos.contains_key("rope_freqs.weight") {
        return Err(
            "has 'rope_freqs.weight': stretched positions are read from safetensors folders only"
                .into(),
        );
    }
    Ok(config)
}

/// The shortest decimal that rounds to this value.
fn shortest(value: f32) -> f64 {
    value
        .to_string()
        .parse()
        .unwrap_or_else(|_| f64::from(value))
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::gguf_file;
    use ops::quantised::Format;

    use super::*;
    use crate::llama::quantised::SeededBlocks;

    fn file(change: impl Fn(&mut Vec<(&'static str, Value)>), without: &str) -> Vec<u8> {
        let config = Config::tiny();
        let blocks = SeededBlocks {
            seed: 1,
            format: Format::Q80,
        };
        // 344 is no multiple of 32: widths that every block fits.
        let config = Config {
            intermediate_size: 352,
            ..config
        };
        let tensors: Vec<(String, QTensor)> = tensors(&config)
            .into_iter()
            .filter(|(name, _)| name != without)
            .map(|(name, shape)| {
                let tensor = blocks.tensor(&name, &shape).expect("seeded");
                (name, tensor)
            })
            .collect();
        let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(n, t)| (n.as_str(), t)).collect();
        let mut metadata = metadata(&config);
        change(&mut metadata);
        let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(k, v)| (*k, v)).collect();
        let mut bytes = Cursor::new(Vec::new());
        gguf_file::write(&mut bytes, &metadata, &tensors).expect("writes");
        bytes.into_inner()
    }

    fn refusal(bytes: Vec<u8>) -> String {
        GgufFile::read(bytes).err().expect("damaged")
    }

    #[test]
    fn damage_is_named() {
        let whole = file(|_| {}, "");
        GgufFile::read(whole.clone()).expect("whole");
        let half = whole[..whole.len() / 2].to_vec();
        assert!(refusal(half).contains("it is cut short"));
        assert!(refusal(whole[..100].to_vec()).contains("no complete GGUF file"));
        assert!(refusal(b"PK\x03\x04".to_vec()).contains("no complete GGUF file"));
        let missing = file(|_| {}, "blk.1.ffn_up.weight");
        assert!(refusal(missing).contains("no tensor 'blk.1.ffn_up.weight'"));
        let other = file(|m| m[0].1 = Value::String("gemma".into()), "");
        assert!(refusal(other).contains("is 'gemma', expected 'llama'"));
        let uncounted = file(|m| m.retain(|(key, _)| *key != LAYERS), "");
        assert!(refusal(uncounted).contains("no metadata 'llama.block_count'"));
        let zero = file(|m| m[4].1 = Value::U32(0), "");
        assert!(refusal(zero).contains("'llama.attention.head_count' is 0"));
        let wide = file(|m| m[1].1 = Value::U32(256), "");
        assert!(refusal(wide).contains("has the shape"));
    }
}
