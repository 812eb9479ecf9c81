//! Shape of a tower, and what its tensors are called.

use candle_core::Result;
use candle_nn::VarBuilder;

use crate::checkpoint::{Affine, NormWeights};

/// Between the two products of the feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x · Φ(x)`.
    Gelu,
    /// `x · σ(1.702 x)`, as `OpenAI` trained CLIP.
    QuickGelu,
}

/// Shape of a tower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Width of the stream.
    pub width: usize,
    /// Width inside the feed-forward network.
    pub inner: usize,
    /// Blocks.
    pub layers: usize,
    /// Heads.
    pub heads: usize,
    /// Added to the variance before the root.
    pub epsilon: f64,
    /// Between the two products of the feed-forward network.
    pub activation: Activation,
    /// Whether a position sees itself and those before alone.
    pub causal: bool,
}

impl Shape {
    /// What norms add to the variance, as kernels take it.
    #[expect(clippy::cast_possible_truncation, reason = "kernels take an f32")]
    pub const fn epsilon(&self) -> f32 {
        self.epsilon as f32
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a head is far narrower than 2^23"
    )]
    pub(super) fn scale(&self) -> f32 {
        1.0 / ((self.width / self.heads) as f32).sqrt()
    }

    /// Every tensor of the blocks by its name.
    pub fn tensors(&self, names: &Names) -> Vec<(String, Vec<usize>)> {
        let (width, inner) = (self.width, self.inner);
        let mut tensors = Vec::new();
        for layer in 0..self.layers {
            let mut put = |name: &str, weight: Vec<usize>| {
                let outputs = weight[0];
                let prefix = format!("{}.{layer}.{name}", names.layers);
                tensors.push((format!("{prefix}.weight"), weight));
                tensors.push((format!("{prefix}.bias"), vec![outputs]));
            };
            put(names.first_norm, vec![width]);
            for part in names.query_key_value {
                put(part, vec![width, width]);
            }
            put(names.output, vec![width, width]);
            put(names.second_norm, vec![width]);
            put(names.up, vec![inner, width]);
            put(names.down, vec![width, inner]);
        }
        tensors
    }

    /// Multiply-adds of the blocks for a sequence of so many positions, of which a causal tower
    /// computes the lower half of the pairs.
    pub fn multiply_adds(&self, positions: u64) -> u64 {
        let (width, inner) = (self.width as u64, self.inner as u64);
        let pairs = if self.causal {
            positions * (positions + 1) / 2
        } else {
            positions * positions
        };
        let block = positions * (4 * width * width + 2 * width * inner) + 2 * pairs * width;
        self.layers as u64 * block
    }
}

/// What a checkpoint calls the tensors of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// Before the number of a block.
    pub layers: &'static str,
    /// Norm before attention.
    pub first_norm: &'static str,
    /// Queries, keys and values.
    pub query_key_value: [&'static str; 3],
    /// Output of attention.
    pub output: &'static str,
    /// Norm before the feed-forward network.
    pub second_norm: &'static str,
    /// Into the feed-forward network.
    pub up: &'static str,
    /// Out of it.
    pub down: &'static str,
}

/// Tensors of one block.
pub(super) struct BlockWeights {
    pub(super) first_norm: NormWeights,
    /// Queries, keys and values side by side.
    pub(super) qkv: Affine,
    pub(super) output: Affine,
    pub(super) second_norm: NormWeights,
    pub(super) up: Affine,
    pub(super) down: Affine,
}

impl BlockWeights {
    pub(super) fn load(
        shape: &Shape,
        names: &Names,
        layer: usize,
        weights: &VarBuilder<'_>,
    ) -> Result<Self> {
        let own = weights.pp(names.layers).pp(layer);
        let (width, inner) = (shape.width, shape.inner);
        let affine = |input, output, name: &str| Affine::load(input, output, &own.pp(name));
        let norm = |name: &str| NormWeights::load(width, &own.pp(name));
        let [query, key, value] = names.query_key_value;
        Ok(Self {
            first_norm: norm(names.first_norm)?,
            qkv: Affine::side_by_side(&[
                &affine(width, width, query)?,
                &affine(width, width, key)?,
                &affine(width, width, value)?,
            ])?,
            output: affine(width, width, names.output)?,
            second_norm: norm(names.second_norm)?,
            up: affine(width, inner, names.up)?,
            down: affine(inner, width, names.down)?,
        })
    }
}
