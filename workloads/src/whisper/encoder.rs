//! The encoder of fused operations.
//!
//! Convolutions are products with gathered windows of frames; frames lie one after another with
//! their channels side by side, as the blocks want them. A block launches seven kernels: the fused
//! product for queries, keys and values; attention; its output; sum and norm; two of the
//! feed-forward network, the first with GELU; sum and norm, for the next block.

use candle_core::{DType, Device, Result, Tensor};
use ops::linear::Linear;
use ops::{Start, embedding};

use super::config::Config;
use super::network::{
    Attention, Block, add_and_normalise, linear, next_norms, normalise, of_windows,
};
use super::scratch::EncoderScratch;
use super::weights::EncoderWeights;
use crate::checkpoint::NormWeights;
use crate::fused::Fused;

/// The encoder with its weights on a device.
pub struct Encoder {
    attention: Attention,
    first: Linear,
    second: Linear,
    /// `[positions, hidden]`.
    positions: Tensor,
    blocks: Vec<Block>,
    last_norm: NormWeights,
}

impl Encoder {
    /// The encoder of these tensors.
    ///
    /// # Errors
    /// Tensors do not fit together, or the device is out of memory.
    pub fn new(config: &Config, weights: EncoderWeights, fused: Fused) -> Result<Self> {
        let like = &weights.second.weight;
        let convolution = |weights| -> Result<Linear> {
            Ok(linear(of_windows(weights)?, fused)?.with_activation(config.gelu))
        };
        Ok(Self {
            attention: Attention::new(config, fused),
            first: convolution(&weights.first)?,
            second: convolution(&weights.second)?,
            positions: sinusoids(config)?
                .to_dtype(like.dtype())?
                .to_device(like.device())?,
            blocks: weights
                .blocks
                .into_iter()
                .map(|block| Block::new(config, block, fused))
                .collect::<Result<_>>()?,
            last_norm: weights.last_norm,
        })
    }

    /// Reads features (see [`rows`]) and leaves what the decoder looks at in the scratch.
    ///
    /// # Errors
    /// Features and scratch do not fit, or the device failed.
    pub fn forward(&self, features: &Tensor, scratch: &EncoderScratch) -> Result<()> {
        let streams = &scratch.streams;
        embedding::lookup(features, &scratch.first_windows, &scratch.first_gathered)?;
        self.first
            .forward(&scratch.first_gathered, &scratch.frames)?;
        let (frames, gathered) = (&scratch.padded_frames, &scratch.second_gathered);
        embedding::lookup(frames, &scratch.second_windows, gathered)?;
        self.second.forward(gathered, &streams.delta)?;
        embedding::lookup_with_positions(
            &streams.delta,
            &self.positions,
            &scratch.places,
            Start::At(0),
            &streams.residual,
        )?;
        let norms = self.blocks.iter().map(|block| &block.attention_norm);
        let first = norms.clone().next().unwrap_or(&self.last_norm);
        normalise(first, streams)?;
        let Attention { kind, heads, scale } = self.attention;
        for (block, next) in self.blocks.iter().zip(next_norms(norms, &self.last_norm)) {
            block.qkv.forward(&streams.normed, &scratch.qkv)?;
            (kind.encoder())(&scratch.qkv, None, heads, scale, &streams.attended)?;
            block.output.forward(&streams.attended, &streams.delta)?;
            add_and_normalise(&block.feed_forward_norm, streams)?;
            block.feed_forward(streams)?;
            add_and_normalise(next, streams)?;
        }
        Ok(())
    }
}

/// Features `[batch, bins, frames]` as rows of frames behind a row of zeros,
/// `[1 + batch · frames, bins]`, on a device.
///
/// # Errors
/// The device is out of memory.
pub fn rows(features: &Tensor, dtype: DType, device: &Device) -> Result<Tensor> {
    let frames = features.transpose(1, 2)?.contiguous()?.flatten_to(1)?;
    frames
        .pad_with_zeros(0, 1, 0)?
        .contiguous()?
        .to_dtype(dtype)?
        .to_device(device)
}

/// Positions of the encoder (Vaswani et al. 2017, section 3.5, sines before cosines), in f32 as
/// released checkpoints hold them.
#[expect(
    clippy::cast_precision_loss,
    reason = "positions and channels are far below 2^23"
)]
pub(super) fn sinusoids(config: &Config) -> Result<Tensor> {
    let (positions, half) = (config.source_positions, config.hidden_size / 2);
    let step = 10_000f32.ln() / (half.max(2) - 1) as f32;
    let mut values = Vec::with_capacity(positions * 2 * half);
    for position in 0..positions {
        let angles = (0..half).map(|channel| position as f32 * (-step * channel as f32).exp());
        values.extend(angles.clone().map(f32::sin));
        values.extend(angles.map(f32::cos));
    }
    Tensor::from_vec(values, (positions, 2 * half), &Device::Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_turn_from_fast_to_slow() {
        let config = Config {
            source_positions: 3,
            hidden_size: 4,
            ..Config::MICRO
        };
        let table = sinusoids(&config).and_then(|table| table.to_vec2::<f32>());
        let table = table.expect("on the CPU");
        assert_eq!(table[0], [0.0, 0.0, 1.0, 1.0]);
        for (found, expected) in table[2].iter().zip([2f32.sin(), 2e-4, 2f32.cos(), 1.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn frames_become_rows_behind_zeros() {
        let features = Tensor::arange(0f32, 8.0, &Device::Cpu).and_then(|t| t.reshape((2, 2, 2)));
        let rows = rows(&features.expect("made"), DType::F32, &Device::Cpu);
        let rows = rows.and_then(|rows| rows.to_vec2::<f32>()).expect("made");
        assert_eq!(rows, [[0., 0.], [0., 2.], [1., 3.], [4., 6.], [5., 7.]]);
    }
}
