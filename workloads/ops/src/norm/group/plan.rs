//! How a group norm is divided among the blocks of a GPU: numbers only.
//!
//! A thread keeps one vector of neighbouring channels and walks over places; a block has several
//! rows of threads, one place each, and takes a chunk of the places of a picture. The numbers are
//! those of an H100 or H200 and do not depend on the device, so that the same shapes give the same
//! bits on each GPU.

use candle_core::{Result, bail};

/// Threads that a block should have.
const THREADS: usize = 512;

/// Threads that a block may have.
const MOST_THREADS: usize = 1024;

/// Channels times rows of threads: as many pairs of sums find room in shared memory;
/// `block_sums` in `group_norm.cu`.
const BLOCK_SUMS: usize = 4096;

/// Blocks that keep the memory busy: two on each of 132 multiprocessors, as many as run at once.
const BLOCKS: usize = 2 * 132;

/// Groups of a picture; `most_groups` in `group_norm.cu`.
const MOST_GROUPS: usize = 128;

/// Sums that blocks can leave: chunks times groups times pictures; `most_parts` in `group_norm.cu`.
const MOST_PARTS: usize = 1 << 17;

/// How both kernels are launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Threads along the channels: one for each vector.
    pub(super) vectors: usize,
    /// Rows of threads.
    pub(super) rows: usize,
    /// Whole warps that hold them.
    pub(super) threads: usize,
    /// Blocks of a picture.
    pub(super) chunks: usize,
    /// Places of a block; the last one may have fewer.
    pub(super) chunk_places: usize,
}

impl Plan {
    /// For pictures of so many places and channels, in vectors of `lanes` channels.
    pub(super) fn new(
        batch: usize,
        places: usize,
        channels: usize,
        groups: usize,
        lanes: usize,
    ) -> Result<Self> {
        let vectors = channels / lanes;
        if vectors > MOST_THREADS || channels > BLOCK_SUMS || groups > MOST_GROUPS {
            bail!(
                "group_norm: {channels} channels in {groups} groups, the kernel holds {} channels \
                 in {MOST_GROUPS} groups",
                BLOCK_SUMS.min(MOST_THREADS * lanes)
            );
        }
        if batch * groups > MOST_PARTS {
            bail!(
                "group_norm: {batch} pictures of {groups} groups, the kernel holds {} pictures",
                MOST_PARTS / groups
            );
        }
        let rows = (THREADS / vectors)
            .min(BLOCK_SUMS / channels)
            .clamp(1, places);
        let wanted = (BLOCKS / batch).clamp(1, MOST_PARTS / (batch * groups));
        let chunk_places = places.div_ceil(wanted).next_multiple_of(rows);
        Ok(Self {
            vectors,
            rows,
            threads: (vectors * rows).next_multiple_of(32),
            chunks: places.div_ceil(chunk_places),
            chunk_places,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_every_place_once_and_fit_their_memory() {
        for batch in [1, 2, 7, 64, 1000] {
            for places in [1, 5, 64, 4096, 262_144] {
                for (channels, groups, lanes) in [
                    (6, 3, 1),
                    (320, 32, 8),
                    (320, 32, 4),
                    (2560, 32, 8),
                    (4096, 1, 8),
                ] {
                    let plan = Plan::new(batch, places, channels, groups, lanes).unwrap();
                    assert!((plan.chunks - 1) * plan.chunk_places < places, "{plan:?}");
                    assert!(plan.chunks * plan.chunk_places >= places, "{plan:?}");
                    assert!(
                        plan.threads <= MOST_THREADS && plan.threads.is_multiple_of(32),
                        "{plan:?}"
                    );
                    assert!(plan.rows * channels <= BLOCK_SUMS, "{plan:?}");
                    assert!(plan.chunks * groups * batch <= MOST_PARTS, "{plan:?}");
                }
            }
        }
    }

    #[test]
    fn layers_of_stable_diffusion_fill_the_device() {
        let first = Plan::new(2, 64 * 64, 320, 32, 8).unwrap();
        assert_eq!((first.rows, first.threads, first.chunks), (12, 480, 114));
        let decoder = Plan::new(1, 512 * 512, 128, 32, 8).unwrap();
        assert_eq!(
            (decoder.rows, decoder.threads, decoder.chunks),
            (32, 512, 256)
        );
    }

    #[test]
    fn what_the_kernel_cannot_hold_is_named() {
        let message = Plan::new(1, 4, 5000, 1, 8).unwrap_err().to_string();
        assert!(message.contains("holds 4096 channels"), "{message}");
        let message = Plan::new(1, 4, 256, 256, 8).unwrap_err().to_string();
        assert!(message.contains("in 128 groups"), "{message}");
        let message = Plan::new(5000, 4, 32, 32, 8).unwrap_err().to_string();
        assert!(message.contains("holds 4096 pictures"), "{message}");
    }
}
