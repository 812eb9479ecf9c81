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
use super::wanted::Wanted;
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
    /// It cannot be read, is damaged or cut short, or holds another model or format.
    pub(super) fn open(path: &Path, wanted: &Wanted<'_>) -> std::result::Result<Self, Error> {
        let bytes = fs::read(path)
            .map_err(|error| Error::file(path, format!("cannot be read ({error})")))?;
        Self::read(bytes, wanted).map_err(|problem| Error::file(path, problem))
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn read(bytes: Vec<u8>, wanted: &Wanted<'_>) -> std::result::Result<Self, String> {
        let length = bytes.len() as u64;
        let mut cursor = Cursor::new(bytes);
        let content = Content::read(&mut cursor).map_err(|error| {
            format!(
                "is no complete GGUF file ({}); fetch it again",
                first_line(&error)
            )
        })?;
        let config = config(&content)?;
        wanted.check(&config, &content)?;
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
            let bytes = (blocks * info.ggml_dtype.type_size()) as u64;
            let end = content
                .tensor_data_offset
                .saturating_add(info.offset)
                .saturating_add(bytes);
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
    use super::*;
    use crate::llama::quantised::SeededBlocks;
    use candle_core::quantized::{GgmlDType, gguf_file};
    use ops::quantised::Format;

    fn file(change: impl Fn(&mut Vec<(&'static str, Value)>), without: &str) -> Vec<u8> {
        file_of(change, without, |_| GgmlDType::Q8_0)
    }

    /// A file whose matrices have the formats that are given for their names.
    fn file_of(
        change: impl Fn(&mut Vec<(&'static str, Value)>),
        without: &str,
        format: impl Fn(&str) -> GgmlDType,
    ) -> Vec<u8> {
        let config = named();
        let blocks = SeededBlocks {
            seed: 1,
            format: Format::Q80,
        };
        let tensors: Vec<(String, QTensor)> = tensors(&config)
            .into_iter()
            .filter(|(name, _)| name != without)
            .map(|(name, shape)| {
                let tensor = blocks.tensor(&name, &shape).expect("seeded");
                if shape.len() == 1 {
                    return (name, tensor);
                }
                let values = tensor.dequantize(&Device::Cpu).expect("numbers");
                let tensor = QTensor::quantize(&values, format(&name)).expect("whole blocks");
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

    /// 344 is no multiple of 32: a width that every block fits.
    fn named() -> Config {
        Config {
            intermediate_size: 352,
            ..Config::tiny()
        }
    }

    fn read(bytes: Vec<u8>, format: Format) -> std::result::Result<GgufFile, String> {
        let wanted = Wanted {
            model: "llama-tiny",
            config: &named(),
            format,
        };
        GgufFile::read(bytes, &wanted)
    }

    fn refusal(bytes: Vec<u8>) -> String {
        read(bytes, Format::Q80).err().expect("damaged")
    }

    #[test]
    fn damage_is_named() {
        let whole = file(|_| {}, "");
        read(whole.clone(), Format::Q80).expect("whole");
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
        let expected = "'hidden_size' is 256, expected 128 for the model 'llama-tiny'";
        assert!(refusal(wide.clone()).contains(expected));
        let wanted = Wanted {
            model: "a wide one",
            config: &Config {
                hidden_size: 256,
                ..named()
            },
            format: Format::Q80,
        };
        let message = GgufFile::read(wide, &wanted).err().expect("narrow tensors");
        assert!(message.contains("has the shape"), "{message}");
        // As many tensors as nobody has room to list.
        let deep = file(|m| m[2].1 = Value::U32(4_000_000_000), "");
        let expected = "'num_hidden_layers' is 4000000000, expected 2 for the model 'llama-tiny'";
        let message = refusal(deep);
        assert!(message.contains(expected), "{message}");
    }

    /// A result is never filed under the name of another format; a mixture is called by the format
    /// of most of its weights.
    #[test]
    fn most_weights_have_the_format_that_is_asked_for() {
        let file = |format: fn(&str) -> GgmlDType| file_of(|_| {}, "", format);
        let plain = file(|_| GgmlDType::Q4_0);
        read(plain.clone(), Format::Q40).expect("is what it is");
        let message = read(plain, Format::Q80).err().expect("another format");
        assert_eq!(
            message,
            "holds mostly Q4_0 (100 % of the weights that are multiplied), axis 'quantisation' \
             asks for Q8_0 (0 %); set the axis to the format of the file, or name another file"
        );
        // Some matrices in more bits, as llama.cpp mixes them.
        let mixed = file(|name| match name {
            _ if name.contains("attn_v") || name == "output.weight" => GgmlDType::Q8_0,
            _ => GgmlDType::Q4_0,
        });
        read(mixed.clone(), Format::Q40).expect("mostly");
        assert!(read(mixed, Format::Q80).is_err());
        // The embedding is looked up: its format is not that of the products.
        let table = file(|name| match name {
            "token_embd.weight" => GgmlDType::F32,
            _ => GgmlDType::Q8_0,
        });
        read(table, Format::Q80).expect("products of 8 bits");
        let floats = file(|_| GgmlDType::F16);
        let message = read(floats, Format::Q80).err().expect("not quantised");
        assert!(message.contains("holds mostly F16 (100 %"), "{message}");
    }
}
