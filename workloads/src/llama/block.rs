//! One decoder block: attention and a gated feed-forward network, each behind a norm.

use candle_core::{Result, Tensor};
use candle_nn::init::DEFAULT_KAIMING_NORMAL;
use candle_nn::{Init, VarBuilder};
use ops::Start;
use ops::attention::{self, DecodeScratch};
use ops::gemv::{Projection, RmsNorm, Scratch};
use ops::linear::{Linear, Math};
use ops::rope::{Tables, split_rotate_store};

use super::config::Config;
use super::scratch::Rows;

/// Keys and values of one layer, `[batch, kv heads, capacity, head]`.
#[derive(Clone, Debug)]
pub struct LayerCache {
    /// Rotated keys.
    pub keys: Tensor,
    /// Values.
    pub values: Tensor,
}

impl LayerCache {
    /// The part of the cache that belongs to these sequences.
    ///
    /// # Errors
    /// There are fewer sequences.
    pub fn sequences(&self, first: usize, count: usize) -> Result<Self> {
        Ok(Self {
            keys: self.keys.narrow(0, first, count)?,
            values: self.values.narrow(0, first, count)?,
        })
    }
}

/// Which places of the sequences a pass covers.
#[derive(Clone, Copy)]
pub enum Span<'a> {
    /// The prompt, from the first place on.
    Prompt,
    /// One place, which the device knows.
    Step {
        /// Where it is: `u32 [1]`.
        position: &'a Tensor,
        /// Room for parts of the attention.
        scratch: &'a DecodeScratch,
    },
}

/// How attention is computed over the heads of a model.
#[derive(Clone, Debug)]
pub struct Attention {
    /// Angles of the positions.
    pub tables: Tables,
    /// Factor of the scores: 1/√head.
    pub scale: f32,
    /// One kernel, or products and a softmax.
    pub kind: attention::Kind,
}

/// Root-mean-square norm of a row.
#[derive(Clone, Debug)]
pub struct Norm {
    /// Factor of each column.
    pub weight: Tensor,
    /// Added to the mean square before the root.
    pub epsilon: f32,
}

impl Norm {
    /// As the operations want it.
    pub const fn as_operand(&self) -> RmsNorm<'_> {
        RmsNorm {
            weight: &self.weight,
            epsilon: self.epsilon,
        }
    }
}

/// One decoder block; its matrices may be dense or quantised.
pub struct Block {
    /// Before attention.
    pub attention_norm: Norm,
    /// Queries, keys and values below one another.
    pub qkv: Box<dyn Projection>,
    /// What attention found, back into the stream.
    pub output: Box<dyn Projection>,
    /// Before the feed-forward network.
    pub feed_forward_norm: Norm,
    /// Gates and what they let through, below one another.
    pub gate_up: Box<dyn Projection>,
    /// Back into the stream.
    pub down: Box<dyn Projection>,
}

impl Block {
    /// Takes dense weights from below `model.layers.N`.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn dense(config: &Config, math: Math, weights: &VarBuilder<'_>) -> Result<Self> {
        let (hidden, kv, inner) = (
            config.hidden_size,
            config.kv_size(),
            config.intermediate_size,
        );
        let attention = weights.pp("self_attn");
        let mlp = weights.pp("mlp");
        let stacked = |parts: &[(&VarBuilder<'_>, &str, usize)]| -> Result<_> {
            let parts = parts
                .iter()
                .map(|(room, name, rows)| matrix((*rows, hidden), &room.pp(name)))
                .collect::<Result<Vec<_>>>()?;
            dense(Tensor::cat(&parts, 0)?, math)
        };
        Ok(Self {
            attention_norm: norm(config, &weights.pp("input_layernorm"))?,
            qkv: stacked(&[
                (&attention, "q_proj", hidden),
                (&attention, "k_proj", kv),
                (&attention, "v_proj", kv),
            ])?,
            output: dense(matrix((hidden, hidden), &attention.pp("o_proj"))?, math)?,
            feed_forward_norm: norm(config, &weights.pp("post_attention_layernorm"))?,
            gate_up: stacked(&[(&mlp, "gate_proj", inner), (&mlp, "up_proj", inner)])?,
            down: dense(matrix((hidden, inner), &mlp.pp("down_proj"))?, math)?,
        })
    }

    /// Adds what the block computes to the residual stream in `rows`, and leaves keys and values
    /// of its places in the cache.
    ///
    /// # Errors
    /// The cache is too short, or the device failed.
    pub fn forward(
        &self,
        rows: &Rows,
        room: &Scratch,
        span: Span<'_>,
        attention: &Attention,
        cache: &LayerCache,
    ) -> Result<()> {
        let LayerCache { keys, values } = cache;
        let norm = self.attention_norm.as_operand();
        self.qkv
            .forward_normed(&rows.residual, norm, room, &rows.qkv)?;
        let (tables, scale) = (Some(&attention.tables), attention.scale);
        let (qkv, query, out) = (&rows.qkv, &rows.query, &rows.attended);
        match span {
            Span::Prompt => {
                split_rotate_store(qkv, tables, Start::At(0), query, keys, values)?;
                let attend = attention.kind.prefill();
                attend(query, keys, values, 0, true, scale, out)?;
            }
            Span::Step { position, scratch } => {
                let step = attention::Step {
                    qkv,
                    tables,
                    position: Start::Device(position),
                    query,
                    keys,
                    values,
                    scale,
                    scratch,
                    out,
                };
                step.attend(attention.kind)?;
            }
        }
        self.output
            .forward_residual(&rows.attended, room, &rows.residual)?;
        let norm = self.feed_forward_norm.as_operand();
        self.gate_up
            .gated_normed(&rows.residual, norm, room, &rows.inner)?;
        self.down
            .forward_residual(&rows.inner, room, &rows.residual)
    }
}

/// The weights of a matrix `[out, in]`.
pub(super) fn matrix(shape: (usize, usize), weights: &VarBuilder<'_>) -> Result<Tensor> {
    weights.get_with_hints(shape, "weight", DEFAULT_KAIMING_NORMAL)
}

/// A dense matrix.
pub(super) fn dense(weight: Tensor, math: Math) -> Result<Box<dyn Projection>> {
    Ok(Box::new(Linear::new(weight, None)?.with_math(math)))
}

/// A norm that takes `weight` from here.
pub(super) fn norm(config: &Config, weights: &VarBuilder<'_>) -> Result<Norm> {
    let weight = weights.get_with_hints(config.hidden_size, "weight", Init::Const(1.0))?;
    Ok(norm_of(config, weight))
}

/// A norm with these factors.
#[expect(clippy::cast_possible_truncation, reason = "the kernel takes an f32")]
pub(super) const fn norm_of(config: &Config, weight: Tensor) -> Norm {
    Norm {
        weight,
        epsilon: config.rms_norm_eps as f32,
    }
}
