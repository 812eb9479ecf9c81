//! Decoders whose matrices are blocks of few bits, from a GGUF file or from a seed.
//!
//! GGUF files of LLaMA store the rows of queries and keys so that the two values that rotate
//! together lie side by side, where Hugging Face has them half a head apart. Rows are put back into
//! that order here, so that one kernel serves both.

use std::borrow::Cow;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor};
use ops::gemv::Projection;
use ops::quantised::{Format, projection, seeded};
use sha2::{Digest, Sha256};

use super::block::{Block, norm_of};
use super::config::Config;
use super::network::Network;

/// Tensors by the names of llama.cpp, on the CPU.
pub trait Blocks {
    /// The tensor of this name, which has this shape.
    ///
    /// # Errors
    /// There is none, or it has another shape.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<QTensor>;

    /// Whether there is a tensor of this name.
    fn contains(&self, name: &str) -> bool;
}

/// Every tensor of a decoder, by its llama.cpp name, with its shape.
pub fn tensors(config: &Config) -> Vec<(String, Vec<usize>)> {
    let (hidden, inner, kv) = (
        config.hidden_size,
        config.intermediate_size,
        config.kv_size(),
    );
    let mut tensors = vec![(EMBEDDING.to_owned(), vec![config.vocab_size, hidden])];
    for layer in 0..config.num_hidden_layers {
        let of_layer: [(&str, Vec<usize>); 9] = [
            ("attn_norm", vec![hidden]),
            ("attn_q", vec![hidden, hidden]),
            ("attn_k", vec![kv, hidden]),
            ("attn_v", vec![kv, hidden]),
            ("attn_output", vec![hidden, hidden]),
            ("ffn_norm", vec![hidden]),
            ("ffn_gate", vec![inner, hidden]),
            ("ffn_up", vec![inner, hidden]),
            ("ffn_down", vec![hidden, inner]),
        ];
        tensors.extend(of_layer.map(|(name, shape)| (format!("blk.{layer}.{name}.weight"), shape)));
    }
    tensors.push((NORM.to_owned(), vec![hidden]));
    if !config.tie_word_embeddings {
        tensors.push((HEAD.to_owned(), vec![config.vocab_size, hidden]));
    }
    tensors
}

/// Whether a tensor of this name is a matrix of a product; of the embedding a row is looked up,
/// unless it is the head as well.
pub(super) fn is_multiplied(config: &Config, name: &str, shape: &[usize]) -> bool {
    shape.len() == 2 && (name != EMBEDDING || config.tie_word_embeddings)
}

const EMBEDDING: &str = "token_embd.weight";
const NORM: &str = "output_norm.weight";
const HEAD: &str = "output.weight";

impl Network {
    /// Takes quantised weights; norms and the embedding, of which a row is read per token, are
    /// widened to `dtype`, the format of activations.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn quantised(
        config: &Config,
        blocks: &dyn Blocks,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let widened = |name: &str, shape: &[usize]| -> Result<Tensor> {
            let tensor = blocks.tensor(name, shape)?.dequantize(&Device::Cpu)?;
            tensor.to_dtype(dtype)?.to_device(device)
        };
        let table = [config.vocab_size, config.hidden_size];
        let head = if config.tie_word_embeddings || !blocks.contains(HEAD) {
            EMBEDDING
        } else {
            HEAD
        };
        Ok(Self {
            config: config.clone(),
            embedding: widened(EMBEDDING, &table)?,
            blocks: (0..config.num_hidden_layers)
                .map(|layer| block(config, blocks, layer, dtype, device))
                .collect::<Result<_>>()?,
            norm: norm_of(config, widened(NORM, &[config.hidden_size])?),
            head: projection(&[(head, &blocks.tensor(head, &table)?)], dtype, device)?,
        })
    }
}

fn block(
    config: &Config,
    blocks: &dyn Blocks,
    layer: usize,
    dtype: DType,
    device: &Device,
) -> Result<Block> {
    let (hidden, inner, kv) = (
        config.hidden_size,
        config.intermediate_size,
        config.kv_size(),
    );
    let named = |part: &str| format!("blk.{layer}.{part}.weight");
    let tensor = |part: &str, shape: &[usize]| blocks.tensor(&named(part), shape);
    let norm = |part: &str| -> Result<_> {
        let weight = tensor(part, &[hidden])?.dequantize(&Device::Cpu)?;
        Ok(norm_of(config, weight.to_dtype(dtype)?.to_device(device)?))
    };
    let stacked = |parts: &[(&str, QTensor)]| -> Result<Box<dyn Projection>> {
        let names: Vec<String> = parts.iter().map(|(part, _)| named(part)).collect();
        let parts: Vec<(&str, &QTensor)> = names
            .iter()
            .zip(parts)
            .map(|(name, (_, tensor))| (name.as_str(), tensor))
            .collect();
        projection(&parts, dtype, device)
    };
    let single = |part: &str, shape: &[usize]| stacked(&[(part, tensor(part, shape)?)]);
    let head = config.head_dim();
    Ok(Block {
        attention_norm: norm("attn_norm")?,
        qkv: stacked(&[
            (
                "attn_q",
                half_apart(&tensor("attn_q", &[hidden, hidden])?, head)?,
            ),
            (
                "attn_k",
                half_apart(&tensor("attn_k", &[kv, hidden])?, head)?,
            ),
            ("attn_v", tensor("attn_v", &[kv, hidden])?),
        ])?,
        output: single("attn_output", &[hidden, hidden])?,
        feed_forward_norm: norm("ffn_norm")?,
        gate_up: stacked(&[
            ("ffn_gate", tensor("ffn_gate", &[inner, hidden])?),
            ("ffn_up", tensor("ffn_up", &[inner, hidden])?),
        ])?,
        down: single("ffn_down", &[hidden, inner])?,
    })
}

/// Moves rows that rotate together from side by side to half a head apart: of each head, row
/// `2i + j` becomes row `j · head/2 + i`.
fn half_apart(tensor: &QTensor, head: usize) -> Result<QTensor> {
    let (rows, _) = tensor.shape().dims2()?;
    let data = tensor.data()?;
    let row_bytes = data.len() / rows;
    let mut moved = Vec::with_capacity(data.len());
    for first in (0..rows).step_by(head) {
        for half in 0..2 {
            for pair in 0..head / 2 {
                let row = first + 2 * pair + half;
                moved.extend_from_slice(&data[row * row_bytes..(row + 1) * row_bytes]);
            }
        }
    }
    let storage = QStorage::from_data(Cow::Owned(moved), &Device::Cpu, tensor.dtype())?;
    QTensor::new(storage, tensor.shape().clone())
}

/// Blocks drawn from a seed and the name of the tensor.
#[derive(Clone, Copy, Debug)]
pub struct SeededBlocks {
    /// The seed.
    pub seed: u64,
    /// Format of the matrices.
    pub format: Format,
}

impl Blocks for SeededBlocks {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<QTensor> {
        if let [outputs, inputs] = *shape {
            // The embedding is widened whatever its format, so it need not suit a kernel.
            return seeded::tensor(self.format, self.of(name), outputs, inputs);
        }
        let ones = Tensor::ones(shape, DType::F32, &Device::Cpu)?;
        QTensor::quantize(&ones, GgmlDType::F32)
    }

    fn contains(&self, _name: &str) -> bool {
        true
    }
}

impl SeededBlocks {
    /// The seed of one tensor.
    fn of(&self, name: &str) -> u64 {
        let hash = Sha256::new()
            .chain_update(b"joulebench blocks 1\0")
            .chain_update(self.seed.to_le_bytes())
            .chain_update(name.as_bytes())
            .finalize();
        let head: [u8; 8] = hash[..8].try_into().expect("a SHA-256 has 32 bytes");
        u64::from_le_bytes(head)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use candle_core::quantized::gguf_file;
    use candle_transformers::models::quantized_llama::ModelWeights;

    use super::*;
    use crate::fused::Fused;
    use crate::job::task::Extent;
    use crate::llama::generate::{Generator, seeded_prompt};
    use crate::llama::gguf::{GgufFile, metadata};
    use crate::llama::wanted::Wanted;

    /// Widths in which every format has whole blocks.
    fn config() -> Config {
        Config {
            hidden_size: 256,
            intermediate_size: 512,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            ..Config::tiny()
        }
    }

    const EXTENT: Extent = Extent {
        batch: 2,
        prompt_tokens: 21,
        decode_tokens: 16,
    };

    /// A whole model in a GGUF file.
    fn file(config: &Config, blocks: SeededBlocks) -> Vec<u8> {
        let tensors: Vec<(String, QTensor)> = tensors(config)
            .into_iter()
            .map(|(name, shape)| {
                let tensor = blocks.tensor(&name, &shape).expect("seeded");
                (name, tensor)
            })
            .collect();
        let tensors: Vec<(&str, &QTensor)> = tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
            .collect();
        let metadata = metadata(config);
        let metadata: Vec<(&str, &gguf_file::Value)> =
            metadata.iter().map(|(key, value)| (*key, value)).collect();
        let mut bytes = Cursor::new(Vec::new());
        gguf_file::write(&mut bytes, &metadata, &tensors).expect("writes");
        bytes.into_inner()
    }

    fn generated(network: Network) -> (Vec<Vec<u32>>, Vec<Vec<f32>>) {
        let prompt = seeded_prompt(3, network.config().vocab_size, EXTENT);
        let generator = Generator::new(network, EXTENT, prompt, Fused::default()).expect("fits");
        generator
            .prefill()
            .and_then(|()| generator.decode())
            .expect("runs");
        let tokens = generator.tokens().expect("on the CPU");
        (tokens, generator.last_logits().expect("on the CPU"))
    }

    /// The seed, the file that holds the same blocks, and the stock module that reads that file.
    #[test]
    fn seed_file_and_stock_module_agree() {
        let config = config();
        for format in Format::ALL {
            let blocks = SeededBlocks { seed: 5, format };
            let bytes = file(&config, blocks);
            let (tokens, logits) = generated(
                Network::quantised(&config, &blocks, DType::F32, &Device::Cpu).expect("seeded"),
            );

            let wanted = Wanted {
                model: "a small one",
                config: &config,
                format,
            };
            let read = GgufFile::read(bytes.clone(), &wanted).expect("a whole file");
            assert_eq!(read.config(), &config);
            let from_file =
                Network::quantised(&config, &read, DType::F32, &Device::Cpu).expect("complete");
            assert_eq!(generated(from_file).0, tokens, "{format:?}");

            let mut cursor = Cursor::new(bytes);
            let content = gguf_file::Content::read(&mut cursor).expect("a whole file");
            let mut stock =
                ModelWeights::from_gguf(content, &mut cursor, &Device::Cpu).expect("complete");
            let prompt = seeded_prompt(3, config.vocab_size, EXTENT);
            // The stock module reads one prompt at a time.
            for (prompt, tokens) in prompt.chunks(EXTENT.prompt_tokens).zip(&tokens) {
                stock.clear_kv_cache();
                let mut input = Tensor::new(prompt, &Device::Cpu)
                    .and_then(|prompt| prompt.unsqueeze(0))
                    .expect("fits");
                let mut position = 0;
                let mut agreed = 0;
                for token in tokens {
                    let found = stock.forward(&input, position).expect("runs");
                    position += input.dim(1).expect("a matrix");
                    let picked = found.argmax(1).and_then(|p| p.to_vec1::<u32>());
                    agreed += usize::from(picked.expect("on the CPU") == [*token]);
                    // Both go on with our token.
                    input = Tensor::new(&[[*token]], &Device::Cpu).expect("fits");
                }
                // The stock module rounds activations to 8 bits, so close calls may differ.
                assert!(10 * agreed >= 9 * tokens.len(), "{format:?}: {agreed}");
            }
            assert!(logits.iter().flatten().all(|logit| logit.is_finite()));
        }
    }

    #[test]
    fn rows_move_half_a_head_apart() {
        let rows: Vec<f32> = (0..8).map(|row| row as f32).collect();
        let tensor = Tensor::from_vec(rows, (8, 1), &Device::Cpu).expect("fits");
        let tensor = QTensor::quantize(&tensor, GgmlDType::F32).expect("floats");
        let moved = half_apart(&tensor, 4).expect("two heads");
        let moved = moved.dequantize(&Device::Cpu).expect("floats");
        let moved: Vec<f32> = moved
            .flatten_all()
            .and_then(|m| m.to_vec1())
            .expect("floats");
        assert_eq!(moved, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    }
}
