//! How the work of attention is divided among the blocks of a GPU: numbers only.
//!
//! The numbers are those of an H100 or H200 and do not depend on the device, so that the same
//! shapes give the same bits on each GPU that the kernels are built for.

use candle_core::{DType, Result, bail};

/// Sizes of a head that kernels for many queries exist for; 40 and 160 are those of Stable Diffusion
/// 1.5, [`WIDE`] that of its autoencoder.
pub(super) const HEAD_SIZES: [usize; 8] = [16, 32, 40, 64, 80, 128, 160, WIDE];

/// Sizes of a head that kernels for one query exist for.
pub(super) const STEP_HEAD_SIZES: [usize; 5] = [16, 32, 64, 80, 128];

/// The size of a head that has kernels of its own: `attention_wide.cu`.
pub(super) const WIDE: usize = 512;

/// Multiprocessors of an H100 or H200.
const MULTIPROCESSORS: usize = 132;

/// Keys and values that are in use together: half of the L2 cache of 50 MiB.
const CACHED_BYTES: usize = 24 << 20;

/// Causal blocks differ in length, and each group of heads begins with its longest. With fewer
/// blocks than these, the last group would end late, by more than its hits in the cache are worth:
/// without hits, 300 TFLOP/s need 2.3 TB/s at a head of 128, half of what the memory gives.
const MANY_BLOCKS: usize = 16 * DECODE_BLOCKS;

/// Keys that a block of the prefill kernel takes per step, and keeps two of.
const STEP_KEYS: usize = 64;

/// Blocks of the decode kernel that run at once: two per multiprocessor.
const DECODE_BLOCKS: usize = 2 * MULTIPROCESSORS;

/// Most blocks among which the keys of one head are divided; `most_splits` in
/// `attention_combine.cuh`. More would make the last one, which adds up the parts, the slow one.
const MOST_SPLITS: usize = 32;

/// Keys that keep the four warps of a decode block busy: 16 each.
const BLOCK_KEYS: usize = 64;

/// Refuses sizes of a head that no kernel exists for.
pub(super) fn head_size(op: &str, d: usize, sizes: &[usize]) -> Result<()> {
    if sizes.contains(&d) {
        Ok(())
    } else {
        bail!(
            "{op}: no kernel for heads of {d}, expected one of {sizes:?}; attention 'naive' \
             takes any"
        )
    }
}

/// Bytes between the rows of a tile of 16-bit numbers; `Tile::row_bytes` in `attention_tile.cuh`.
const fn row_bytes(d: usize) -> usize {
    match d {
        0..=64 => 128,
        65..=128 => 256,
        _ => (2 * d.next_multiple_of(16)).next_multiple_of(128),
    }
}

/// What is to be done by a prefill.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrefillWork {
    pub(super) batch: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) length: usize,
    pub(super) places: usize,
    pub(super) d: usize,
    pub(super) causal: bool,
}

/// How the 16-bit prefill kernel is launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PrefillPlan {
    /// Queries of a block: 128, or 64.
    pub(super) rows: usize,
    pub(super) blocks: usize,
    /// Heads whose blocks are started together.
    pub(super) heads_at_once: usize,
    pub(super) shared_bytes: usize,
}

impl PrefillPlan {
    /// Blocks of 128 rows read shared memory half as often; blocks of 64 rows are for work that
    /// would leave multiprocessors idle, the more so where blocks differ in length.
    pub(super) fn new(work: &PrefillWork) -> Self {
        let sequence_heads = work.batch * work.heads;
        let enough = if work.causal { 3 } else { 2 } * MULTIPROCESSORS;
        let suits_large = matches!(work.d, 40 | 64..=128);
        let large = suits_large && sequence_heads * work.length.div_ceil(128) >= enough;
        let rows = if large { 128 } else { 64 };
        let blocks = sequence_heads * work.length.div_ceil(rows);
        let head_bytes = 2 * work.places * work.d * 2;
        let cached_heads = (CACHED_BYTES / head_bytes.max(1)).max(1) * (work.heads / work.kv_heads);
        let even = !work.causal || blocks >= MANY_BLOCKS;
        Self {
            rows,
            blocks,
            heads_at_once: if even {
                cached_heads.min(sequence_heads)
            } else {
                sequence_heads
            },
            shared_bytes: (rows + 4 * STEP_KEYS) * row_bytes(work.d),
        }
    }
}

/// Rows of a block of the f32 kernel and of that for [`WIDE`] heads.
pub(super) const ROWS: usize = 64;

/// Shared memory of the f32 prefill kernel: queries, keys, values and weights; where that is too
/// much, keys and values come in pieces of 64 columns.
pub(super) const fn prefill_f32_shared_bytes(d: usize) -> usize {
    let floats = match d {
        WIDE => ROWS * (d + 4) + 2 * ROWS * 68,
        _ => 3 * ROWS * (d + 4) + ROWS * 68,
    };
    floats * size_of::<f32>()
}

/// Shared memory of the 16-bit kernel for [`WIDE`] heads: queries, keys and values; weights of 64
/// keys; and four numbers of each row.
pub(super) const fn wide_shared_bytes() -> usize {
    3 * ROWS * row_bytes(WIDE) + ROWS * row_bytes(64) + 4 * ROWS * size_of::<f32>()
}

/// Query heads that one block of the decode kernel takes.
pub(super) const fn decode_rows(dtype: DType) -> usize {
    match dtype {
        DType::F32 => 4,
        _ => 16,
    }
}

/// How the decode kernel is launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DecodePlan {
    /// Blocks among which the keys of a head are divided.
    pub(super) splits: usize,
    /// Groups of query heads that share a key head.
    pub(super) tiles: usize,
    /// Rings of two units, so that the next kernel has room beside two blocks of this one.
    pub(super) short: bool,
    pub(super) shared_bytes: usize,
}

impl DecodePlan {
    /// As many splits as fill the device once.
    pub(super) fn new(
        groups: usize,
        sharing: usize,
        capacity: usize,
        d: usize,
        dtype: DType,
    ) -> Self {
        let rows = decode_rows(dtype);
        let tiles = sharing.div_ceil(rows);
        let splits = (DECODE_BLOCKS / (groups * tiles).max(1))
            .clamp(1, MOST_SPLITS.min(capacity.div_ceil(BLOCK_KEYS)).max(1));
        // The parts of four warps; or those of all blocks, whose peaks and sums are added up.
        let parts = 4 * rows * (2 + d + 8) * size_of::<f32>();
        let blocks = (1 + 2 * MOST_SPLITS * rows) * size_of::<f32>();
        // Few heads: time is latency, and each warp has a unit or two at usual lengths. Many heads:
        // time is bandwidth, and rings are as long as two blocks allow.
        let short = dtype != DType::F32 && splits > 1;
        let stages = match d {
            _ if short => 2,
            0..=64 => 4,
            _ => 3,
        };
        let rings = match dtype {
            DType::F32 => 0,
            _ => 4 * stages * 2 * 16 * row_bytes(d),
        };
        Self {
            splits,
            tiles,
            short,
            shared_bytes: parts.max(blocks).max(rings),
        }
    }

    /// Blocks that leave a part, at most, whatever the heads share: where a head is not divided
    /// there is none.
    pub(super) fn most_parts(batch: usize, heads: usize, capacity: usize) -> usize {
        (batch * heads * capacity.div_ceil(BLOCK_KEYS)).min(DECODE_BLOCKS)
    }

    /// Floats of a part: 16 rows of outputs, peak and sum.
    pub(super) const fn part_floats(d: usize) -> usize {
        16 * (d + 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(batch: usize, heads: usize, length: usize, d: usize, causal: bool) -> PrefillWork {
        PrefillWork {
            batch,
            heads,
            kv_heads: heads,
            length,
            places: length,
            d,
            causal,
        }
    }

    #[test]
    fn short_work_gets_small_blocks_and_long_work_stays_in_the_cache() {
        let llama = PrefillPlan::new(&work(1, 32, 2048, 128, true));
        assert_eq!((llama.rows, llama.blocks), (128, 512));
        assert_eq!(
            llama.heads_at_once, 32,
            "too few blocks to wait for a second group"
        );
        let many = PrefillPlan::new(&work(16, 32, 2048, 128, true));
        assert_eq!(many.heads_at_once, 24, "1 MiB of keys and values per head");
        assert_eq!(llama.shared_bytes, 96 << 10, "two blocks in 228 KiB");
        let bert = PrefillPlan::new(&work(1, 16, 128, 64, false));
        assert_eq!((bert.rows, bert.blocks), (64, 32));
        assert_eq!(bert.heads_at_once, 16);
    }

    #[test]
    fn every_head_fits_shared_memory_and_narrow_ones_share_a_multiprocessor() {
        // What a block may have, and a multiprocessor has, less 1 KiB for each block.
        const BLOCK_BYTES: usize = 227 << 10;
        for d in HEAD_SIZES {
            assert!(prefill_f32_shared_bytes(d) <= BLOCK_BYTES, "f32 {d}");
            if d != WIDE {
                let plan = PrefillPlan::new(&work(2, 8, 4096, d, false));
                let blocks = (228 << 10) / (plan.shared_bytes + 1024);
                assert!(blocks >= if d == 160 { 1 } else { 2 }, "{d}: {plan:?}");
            }
        }
        assert!(wide_shared_bytes() <= BLOCK_BYTES);
        let diffusion = PrefillPlan::new(&work(2, 8, 4096, 40, false));
        assert_eq!(
            (diffusion.rows, diffusion.blocks, diffusion.shared_bytes),
            (128, 512, 48 << 10)
        );
        let middle = PrefillPlan::new(&work(2, 8, 64, 160, false));
        assert_eq!(
            (middle.rows, middle.blocks, middle.shared_bytes),
            (64, 16, 120 << 10)
        );
    }

    #[test]
    fn parts_of_a_decode_always_fit_their_scratch() {
        for batch in [1, 2, 3, 8, 32, 200] {
            for heads in [1, 4, 22, 32, 48, 64] {
                for sharing in (1..=heads).filter(|sharing| heads % sharing == 0) {
                    for capacity in [1, 63, 64, 65, 512, 4096] {
                        for dtype in [DType::F32, DType::BF16] {
                            let groups = batch * heads / sharing;
                            let plan = DecodePlan::new(groups, sharing, capacity, 128, dtype);
                            let parts = groups * plan.tiles * plan.splits;
                            assert!(
                                plan.splits == 1
                                    || parts <= DecodePlan::most_parts(batch, heads, capacity),
                                "batch {batch}, {heads} heads by {sharing}, {capacity} places"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_device_is_filled_once() {
        let llama = DecodePlan::new(32, 1, 4096, 128, DType::BF16);
        assert_eq!((llama.splits, llama.tiles), (8, 1));
        assert_eq!(llama.shared_bytes, 64 << 10);
        let starcoder = DecodePlan::new(1, 22, 8192, 128, DType::BF16);
        assert_eq!((starcoder.splits, starcoder.tiles), (32, 2));
        let many = DecodePlan::new(1024, 1, 4096, 128, DType::BF16);
        assert_eq!((many.splits, many.shared_bytes), (1, 96 << 10));
    }
}
