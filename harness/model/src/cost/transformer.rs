//! The block that all transformers repeat: attention to the own sequence and a feed-forward
//! network, each after a norm with residual.

use super::tally::{Attention, GELU_OPERATIONS, Norm, ROTARY_OPERATIONS, SILU_OPERATIONS, Tally};

/// Which of the projections have a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Biases {
    /// None.
    Without,
    /// All of them.
    All,
    /// All but that of the keys.
    AllButKeys,
}

/// Shape of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Width of the residual stream.
    pub width: u64,
    /// Width inside the feed-forward network.
    pub inner: u64,
    /// Query heads.
    pub heads: u64,
    /// Key and value heads.
    pub kv_heads: u64,
    /// Which norm.
    pub norm: Norm,
    /// Which projections have a bias.
    pub biases: Biases,
    /// Whether the feed-forward network is SiLU-gated (three matrices); otherwise GELU (two).
    pub gated: bool,
}

/// What a block attends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// All positions see all.
    Both,
    /// Each sees itself and those before.
    Causal,
    /// As causal, and keys and values are written to the cache.
    Prefill,
    /// One new position sees itself and so many cached ones.
    Decode {
        /// Positions in the cache.
        context: u64,
    },
}

impl Sight {
    /// Keys, and pairs of a query with a key that it sees.
    const fn keys_and_pairs(self, positions: u64) -> (u64, u64) {
        match self {
            Self::Both => (positions, positions * positions),
            Self::Causal | Self::Prefill => (positions, positions * (positions + 1) / 2),
            Self::Decode { context } => (context + 1, context + 1),
        }
    }
}

impl Block {
    /// A block of an encoder: as many key heads as query heads, biases, layer norms, GELU.
    pub(super) const fn encoder(width: u64, inner: u64, heads: u64) -> Self {
        Self {
            width,
            inner,
            heads,
            kv_heads: heads,
            norm: Norm::Layer,
            biases: Biases::All,
            gated: false,
        }
    }

    /// Width of keys, and of values, over all their heads.
    pub const fn kv_width(&self) -> u64 {
        self.width / self.heads * self.kv_heads
    }

    /// A pass of `positions` positions of each of `batch` sequences.
    ///
    /// Launches: norm, projections, (rotation and cache, where there is one), attention (and
    /// its combination over split keys in decode), output, norm, one or two of the feed-forward
    /// network, (gating), output: 7 for an encoder; 9 for the prefill of a gated decoder and 10
    /// for its decode.
    pub(super) fn pass(&self, tally: &mut Tally, batch: u64, positions: u64, sight: Sight) {
        let rows = batch * positions;
        self.attend(tally, batch, positions, sight);
        tally.norm(rows, self.width, self.norm);
        let biased = u64::from(self.biases != Biases::Without);
        if self.gated {
            tally.linear(rows, self.width, 2 * self.inner, 2 * self.inner * biased);
            tally.elementwise(rows * self.inner, SILU_OPERATIONS + 1.0, 3.0);
        } else {
            tally.linear(rows, self.width, self.inner, self.inner * biased);
            tally.fused(rows * self.inner, GELU_OPERATIONS);
        }
        tally.linear(rows, self.inner, self.width, self.width * biased);
    }

    /// The attention to the own sequence, from its norm to its output.
    pub(super) fn attend(&self, tally: &mut Tally, batch: u64, positions: u64, sight: Sight) {
        let rows = batch * positions;
        let kv = self.kv_width();
        let projected = self.width + 2 * kv;
        let biases = match self.biases {
            Biases::Without => 0,
            Biases::All => projected,
            Biases::AllButKeys => projected - kv,
        };
        tally.norm(rows, self.width, self.norm);
        tally.linear(rows, self.width, projected, biases);
        let (keys, pairs) = sight.keys_and_pairs(positions);
        match sight {
            Sight::Both | Sight::Causal => {}
            Sight::Prefill | Sight::Decode { .. } => {
                // Only RMS-normed decoders rotate; the others copy.
                let rotated = if self.norm == Norm::Rms {
                    ROTARY_OPERATIONS
                } else {
                    0.0
                };
                tally.elementwise(rows * (self.width + kv), rotated, 2.0);
                // The own position is written, all before it are read.
                tally.kv_cache(batch * keys * 2 * kv);
            }
        }
        let attention = Attention {
            batch,
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_width: self.width / self.heads,
            queries: positions,
            keys,
            pairs,
        };
        let kernels = if matches!(sight, Sight::Decode { .. }) {
            2.0
        } else {
            1.0
        };
        tally.attention(attention, kernels);
        let biased = u64::from(self.biases != Biases::Without);
        tally.linear(rows, self.width, self.width, self.width * biased);
    }

    /// Attention to `keys` positions of another sequence, whose keys and values (of width
    /// [`Block::width`]) are cached. Launches: norm, query, split attention and its combination,
    /// output.
    pub(super) fn attend_across(&self, tally: &mut Tally, batch: u64, positions: u64, keys: u64) {
        let rows = batch * positions;
        tally.norm(rows, self.width, self.norm);
        tally.linear(rows, self.width, self.width, self.width);
        tally.kv_cache(batch * keys * 2 * self.width);
        tally.attention(
            Attention {
                batch,
                heads: self.heads,
                kv_heads: self.heads,
                head_width: self.width / self.heads,
                queries: positions,
                keys,
                pairs: positions * keys,
            },
            2.0,
        );
        tally.linear(rows, self.width, self.width, self.width);
    }
}
