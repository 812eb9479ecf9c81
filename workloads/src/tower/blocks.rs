//! The blocks, of fused operations on memory that is there already.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use ops::attention::{self, Kind};
use ops::linear::{Linear, Math};
use ops::{Gelu, activation, norm};

use super::scratch::Scratch;
use super::shape::{Activation, BlockWeights, Names, Shape};
use crate::checkpoint::{Affine, NormWeights};
use crate::fused::Fused;

/// Blocks with their weights on a device.
pub struct Tower {
    shape: Shape,
    attention: Kind,
    blocks: Vec<Block>,
}

struct Block {
    first_norm: NormWeights,
    qkv: Linear,
    output: Linear,
    second_norm: NormWeights,
    up: Linear,
    down: Linear,
}

impl Tower {
    /// Takes the tensors of the blocks by their names.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub fn load(
        shape: Shape,
        names: &Names,
        weights: &VarBuilder<'_>,
        fused: Fused,
    ) -> Result<Self> {
        let block = |layer| {
            let weights = BlockWeights::load(&shape, names, layer, weights)?;
            Block::new(weights, shape.activation, fused.math)
        };
        Ok(Self {
            blocks: (0..shape.layers).map(block).collect::<Result<_>>()?,
            attention: fused.attention,
            shape,
        })
    }

    /// Passes the stream of the scratch through all blocks but for the last sum: the states are
    /// stream plus delta. `positions` are added to the stream before, where there are any, like it
    /// `[batch · length, width]`. With fused attention all of it can be recorded.
    ///
    /// # Errors
    /// The scratch is for another tower, or the device failed.
    pub fn pass(&self, positions: Option<&Tensor>, scratch: &Scratch) -> Result<()> {
        let Scratch {
            stream,
            delta,
            normed,
            ..
        } = scratch;
        let epsilon = self.shape.epsilon();
        // What is still to be added to the stream before the next norm.
        let mut pending = positions;
        for block in &self.blocks {
            let NormWeights { weight, bias } = &block.first_norm;
            match pending {
                None => norm::layer_norm(stream, weight, bias, epsilon, normed)?,
                Some(pending) => {
                    norm::add_layer_norm(stream, pending, weight, bias, epsilon, normed)?;
                }
            }
            self.block(block, scratch)?;
            pending = Some(delta);
        }
        Ok(())
    }

    fn block(&self, block: &Block, scratch: &Scratch) -> Result<()> {
        let Scratch {
            stream,
            delta,
            normed,
            attended,
            qkv,
            inner,
        } = scratch;
        block.qkv.forward(normed, qkv)?;
        self.attend(qkv, attended)?;
        block.output.forward(attended, delta)?;
        let NormWeights { weight, bias } = &block.second_norm;
        norm::add_layer_norm(stream, delta, weight, bias, self.shape.epsilon(), normed)?;
        block.up.forward(normed, inner)?;
        if self.shape.activation == Activation::QuickGelu {
            activation::quick_gelu(inner, inner)?;
        }
        block.down.forward(inner, delta)
    }

    fn attend(&self, qkv: &Tensor, out: &Tensor) -> Result<()> {
        let (heads, scale) = (self.shape.heads, self.shape.scale());
        if !self.shape.causal {
            let attend = self.attention.encoder();
            return attend(qkv, None, heads, scale, out);
        }
        if self.attention == Kind::Fused {
            return attention::encoder_causal(qkv, heads, scale, out);
        }
        let (batch, length, columns) = qkv.dims3()?;
        let parts = qkv.reshape((batch, length, 3, heads, columns / (3 * heads)))?;
        let part = |index: usize| {
            let part = parts.narrow(2, index, 1)?.squeeze(2)?;
            part.transpose(1, 2)?.contiguous()
        };
        let attend = self.attention.prefill();
        attend(&part(0)?, &part(1)?, &part(2)?, 0, true, scale, out)
    }
}

impl Block {
    fn new(weights: BlockWeights, activation: Activation, math: Math) -> Result<Self> {
        let up = linear(weights.up, math)?;
        Ok(Self {
            first_norm: weights.first_norm,
            qkv: linear(weights.qkv, math)?,
            output: linear(weights.output, math)?,
            second_norm: weights.second_norm,
            up: match activation {
                Activation::Gelu => up.with_activation(Gelu::Erf),
                Activation::QuickGelu => up,
            },
            down: linear(weights.down, math)?,
        })
    }
}

fn linear(Affine { weight, bias }: Affine, math: Math) -> Result<Linear> {
    Ok(Linear::new(weight, Some(bias))?.with_math(math))
}
