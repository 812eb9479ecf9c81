//! The stock module of candle-transformers, as the variant `reference`: the same weights, the same
//! tokens, nothing of ours in between.

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::llama::{
    Cache, Config as StockConfig, Llama, Llama3RopeConfig, Llama3RopeType,
};

use super::config::Config;
use super::generate::Extent;
use crate::quality::score_by_steps;

/// The stock decoder with a prompt.
pub struct Reference {
    model: Llama,
    config: StockConfig,
    extent: Extent,
    /// `[batch, prompt_tokens]`.
    prompt: Tensor,
    dtype: DType,
    device: Device,
    /// Its cache grows with each token, so that it begins anew with each prefill.
    cache: Cache,
    /// One `[batch]` tensor of token ids for the prefill and each step.
    tokens: Vec<Tensor>,
    /// Logits (`[batch, vocabulary]`) that the last token was picked from.
    logits: Tensor,
}

impl Reference {
    /// The stock decoder with weights by their Hugging Face names, for `prompt`, the token ids of
    /// all sequences one after another.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn new(
        config: &Config,
        weights: VarBuilder<'_>,
        extent: Extent,
        prompt: Vec<u32>,
    ) -> Result<Self> {
        let (dtype, device) = (weights.dtype(), weights.device().clone());
        let config = stock(config);
        let shape = (extent.batch, extent.prompt_tokens);
        Ok(Self {
            model: Llama::load(weights, &config)?,
            cache: Cache::new(true, dtype, &config, &device)?,
            prompt: Tensor::from_vec(prompt, shape, &device)?,
            logits: Tensor::zeros((extent.batch, config.vocab_size), DType::F32, &device)?,
            tokens: Vec::new(),
            config,
            extent,
            dtype,
            device,
        })
    }

    /// Where it computes.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Sequences and their lengths.
    pub const fn extent(&self) -> Extent {
        self.extent
    }

    /// Reads the prompts and picks the first tokens.
    ///
    /// # Errors
    /// The device failed.
    pub fn prefill(&mut self) -> Result<()> {
        self.cache = Cache::new(true, self.dtype, &self.config, &self.device)?;
        self.tokens.clear();
        let prompt = self.prompt.clone();
        self.pick(&prompt, 0)
    }

    /// Takes all steps that follow the prefill.
    ///
    /// # Errors
    /// The device failed.
    pub fn decode(&mut self) -> Result<()> {
        for step in 0..self.extent.decode_tokens {
            let Some(last) = self.tokens.last() else {
                candle_core::bail!("a decode step needs a prefill before it");
            };
            let last = last.unsqueeze(1)?;
            self.pick(&last, self.extent.prompt_tokens + step)?;
        }
        Ok(())
    }

    fn pick(&mut self, tokens: &Tensor, position: usize) -> Result<()> {
        self.logits = self.model.forward(tokens, position, &mut self.cache)?;
        self.tokens.push(self.logits.argmax(D::Minus1)?);
        Ok(())
    }

    /// ln p of each token of each prompt but the first, token by token.
    ///
    /// # Errors
    /// The device failed.
    pub fn score_prompts(&self) -> Result<Vec<Vec<f64>>> {
        let mut cache = Cache::new(true, self.dtype, &self.config, &self.device)?;
        score_by_steps(&self.prompt, |place, column| {
            self.model.forward(column, place, &mut cache)
        })
    }

    /// Token ids of each sequence: the one from the prefill, then one for each step.
    ///
    /// # Errors
    /// The device failed.
    pub fn tokens(&self) -> Result<Vec<Vec<u32>>> {
        Tensor::stack(&self.tokens, 1)?.to_vec2()
    }

    /// Logits that the last token of each sequence was picked from, as f32 on the host.
    ///
    /// # Errors
    /// The device failed.
    pub fn last_logits(&self) -> Result<Vec<Vec<f32>>> {
        self.logits.to_dtype(DType::F32)?.to_vec2()
    }
}

/// The shape in the words of candle-transformers.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the stock module keeps the constants of positions in f32 and contexts in usize"
)]
fn stock(config: &Config) -> StockConfig {
    StockConfig {
        hidden_size: config.hidden_size,
        intermediate_size: config.intermediate_size,
        vocab_size: config.vocab_size,
        num_hidden_layers: config.num_hidden_layers,
        num_attention_heads: config.num_attention_heads,
        num_key_value_heads: config.num_key_value_heads,
        use_flash_attn: false,
        rms_norm_eps: config.rms_norm_eps,
        rope_theta: config.rope_theta as f32,
        bos_token_id: None,
        eos_token_id: None,
        rope_scaling: config.rope_scaling.map(|scaling| Llama3RopeConfig {
            factor: scaling.factor as f32,
            low_freq_factor: scaling.low_freq_factor as f32,
            high_freq_factor: scaling.high_freq_factor as f32,
            original_max_position_embeddings: scaling.original_max_position_embeddings as usize,
            rope_type: Llama3RopeType::Llama3,
        }),
        max_position_embeddings: config.max_position_embeddings,
        tie_word_embeddings: config.tie_word_embeddings,
    }
}

#[cfg(test)]
mod tests {
    use ops::linear::Math;

    use super::*;
    use crate::fused::Fused;
    use crate::llama::generate::{Generator, seeded_prompt};
    use crate::llama::network::Network;
    use crate::llama::positions::RopeScaling;
    use crate::seeded::SeededWeights;

    /// The fast path and the stock module pick the same 64 tokens from the same logits.
    #[test]
    fn fast_and_reference_agree() {
        let plain = Config::tiny();
        let grouped = Config {
            num_key_value_heads: 2,
            rope_theta: 500_000.0,
            rope_scaling: Some(RopeScaling {
                factor: 8.0,
                low_freq_factor: 1.0,
                high_freq_factor: 4.0,
                original_max_position_embeddings: 64.0,
            }),
            ..Config::tiny()
        };
        let tied = Config {
            tie_word_embeddings: true,
            ..Config::tiny()
        };
        let extent = Extent {
            batch: 2,
            prompt_tokens: 33,
            decode_tokens: 64,
        };
        for config in [plain, grouped, tied] {
            let weights = || {
                let seeded = SeededWeights::new(7, config.parameters());
                VarBuilder::from_backend(Box::new(seeded), DType::F32, Device::Cpu)
            };
            let prompt = seeded_prompt(8, config.vocab_size, extent);
            let network = Network::dense(&config, Math::Default, &weights()).expect("seeded");
            let fast =
                Generator::new(network, extent, prompt.clone(), Fused::default()).expect("fits");
            fast.prefill().and_then(|()| fast.decode()).expect("runs");
            let mut stock = Reference::new(&config, weights(), extent, prompt).expect("seeded");
            stock.prefill().and_then(|()| stock.decode()).expect("runs");
            assert_eq!(
                fast.tokens().expect("on the CPU"),
                stock.tokens().expect("on the CPU")
            );
            let fast = fast.last_logits().expect("on the CPU");
            let stock = stock.last_logits().expect("on the CPU");
            let scale = stock.iter().flatten().fold(0f32, |m, v| m.max(v.abs()));
            for (fast, stock) in fast.iter().flatten().zip(stock.iter().flatten()) {
                assert!(
                    (fast - stock).abs() <= 1e-4 * scale,
                    "{fast} and {stock} of {scale}"
                );
            }
        }
    }
}
