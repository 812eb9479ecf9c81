//! Memory of a transcription, all of it allocated before the first.

use candle_core::{DType, Device, Result, Tensor};
use ops::attention::DecodeScratch;

use super::config::{Config, STRIDE, WINDOW};

/// Everything that a pass of the encoder writes, and which rows its convolutions see.
pub struct EncoderScratch {
    /// Rows of the features that each frame of the first convolution sees, u32 `[batch · frames, 3]`.
    pub(super) first_windows: Tensor,
    /// Those rows side by side, `[batch · frames, 3 · bins]`.
    pub(super) first_gathered: Tensor,
    /// A row of zeros, and the frames behind the first convolution, `[1 + batch · frames, hidden]`.
    pub(super) padded_frames: Tensor,
    /// The same memory without the row of zeros.
    pub(super) frames: Tensor,
    /// Rows of `padded_frames` that each position sees, u32 `[batch · positions, 3]`.
    pub(super) second_windows: Tensor,
    /// Those rows side by side, `[batch · positions, 3 · hidden]`.
    pub(super) second_gathered: Tensor,
    /// 0, 1, 2, …: each position once, u32 `[batch, positions]`.
    pub(super) places: Tensor,
    /// `[batch, positions, 3 · hidden]`.
    pub(super) qkv: Tensor,
    pub(super) streams: Streams,
}

/// The stream that blocks add to, and what is computed from it.
pub(super) struct Streams {
    /// `[rows, hidden]`, as the next three.
    pub(super) residual: Tensor,
    pub(super) normed: Tensor,
    pub(super) attended: Tensor,
    /// What a part of a block adds.
    pub(super) delta: Tensor,
    /// `[rows, inner]`.
    pub(super) inner: Tensor,
}

impl Streams {
    fn new(config: &Config, rows: usize, dtype: DType, device: &Device) -> Result<Self> {
        let wide = |columns: usize| Tensor::zeros((rows, columns), dtype, device);
        Ok(Self {
            residual: wide(config.hidden_size)?,
            normed: wide(config.hidden_size)?,
            attended: wide(config.hidden_size)?,
            delta: wide(config.hidden_size)?,
            inner: wide(config.inner_size)?,
        })
    }

    const fn values(config: &Config, rows: usize) -> usize {
        rows * (4 * config.hidden_size + config.inner_size)
    }
}

impl EncoderScratch {
    /// Room for `batch` windows of sound.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(config: &Config, batch: usize, dtype: DType, device: &Device) -> Result<Self> {
        let (frames, positions) = (batch * config.frames(), batch * config.source_positions);
        let (bins, hidden) = (config.mel_bins, config.hidden_size);
        let windows = |stride: usize| {
            let ids = windows(batch, config.frames(), stride);
            Tensor::from_vec(ids, (batch * config.frames() / stride, WINDOW), device)
        };
        let padded_frames = Tensor::zeros((1 + frames, hidden), dtype, device)?;
        let places: Vec<u32> = (0..).take(positions).collect();
        Ok(Self {
            first_windows: windows(1)?,
            first_gathered: Tensor::zeros((frames, WINDOW * bins), dtype, device)?,
            frames: padded_frames.narrow(0, 1, frames)?,
            padded_frames,
            second_windows: windows(STRIDE)?,
            second_gathered: Tensor::zeros((positions, WINDOW * hidden), dtype, device)?,
            places: Tensor::from_vec(places, (batch, config.source_positions), device)?,
            qkv: Tensor::zeros((batch, config.source_positions, 3 * hidden), dtype, device)?,
            streams: Streams::new(config, positions, dtype, device)?,
        })
    }

    /// What a pass leaves: `[batch · positions, hidden]`.
    pub const fn encoded(&self) -> &Tensor {
        &self.streams.normed
    }

    /// Bytes of a scratch, with the features that it is made for.
    pub fn bytes(config: &Config, batch: usize, dtype: DType) -> u64 {
        let (frames, positions) = (batch * config.frames(), batch * config.source_positions);
        let (bins, hidden) = (config.mel_bins, config.hidden_size);
        let features = (1 + frames) * bins;
        let gathered = WINDOW * (frames * bins + positions * hidden);
        let values = features + gathered + (1 + frames) * hidden + 3 * positions * hidden;
        let ids = WINDOW * (frames + positions) + positions;
        let values = values + Streams::values(config, positions);
        (values * dtype.size_in_bytes() + 4 * ids) as u64
    }
}

/// For each output of a convolution over three frames, the rows that it sees: row 0 is the zeros
/// around a sequence, frame `f` of sequence `b` is row `1 + b · frames + f`.
fn windows(batch: usize, frames: usize, stride: usize) -> Vec<u32> {
    let row = |sequence: usize, place: usize| {
        // `place` counts from the frame before the first.
        if (1..=frames).contains(&place) {
            u32::try_from(sequence * frames + place).expect("a batch has fewer than 2^32 frames")
        } else {
            0
        }
    };
    (0..batch)
        .flat_map(|sequence| (0..frames / stride).map(move |output| (sequence, output * stride)))
        .flat_map(|(sequence, first)| (0..WINDOW).map(move |k| row(sequence, first + k)))
        .collect()
}

/// Keys and values of the encoder's output, for each block of the decoder.
pub struct CrossCache {
    pub(super) layers: Vec<CrossLayer>,
}

/// Those of one block.
pub(super) struct CrossLayer {
    /// Side by side as their product leaves them, `[batch · positions, 2 · hidden]`.
    pub(super) both: Tensor,
    /// Views of the same memory, `[batch, heads, positions, head]`.
    pub(super) keys: Tensor,
    pub(super) values: Tensor,
}

impl CrossCache {
    /// Room for `batch` windows of sound.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(config: &Config, batch: usize, dtype: DType, device: &Device) -> Result<Self> {
        let (places, heads, head) = (config.source_positions, config.heads, config.head_dim());
        let layer = |_| {
            let both = (batch * places, 2 * config.hidden_size);
            let both = Tensor::zeros(both, dtype, device)?;
            let split = both.reshape((batch, places, 2 * heads, head))?;
            let half = |index: usize| split.narrow(2, index * heads, heads)?.transpose(1, 2);
            let (keys, values) = (half(0)?, half(1)?);
            Ok(CrossLayer { both, keys, values })
        };
        Ok(Self {
            layers: (0..config.decoder_layers)
                .map(layer)
                .collect::<Result<_>>()?,
        })
    }

    /// Bytes of a cache.
    pub fn bytes(config: &Config, batch: usize, dtype: DType) -> u64 {
        let layer = batch * config.source_positions * 2 * config.hidden_size;
        (config.decoder_layers * layer * dtype.size_in_bytes()) as u64
    }
}

/// Keys and values of the tokens so far, for each block of the decoder.
pub struct Cache {
    /// `[batch, heads, capacity, head]` each.
    pub(super) layers: Vec<[Tensor; 2]>,
}

impl Cache {
    /// Room for `capacity` tokens of `batch` transcripts.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(
        config: &Config,
        [batch, capacity]: [usize; 2],
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let shape = (batch, config.heads, capacity, config.head_dim());
        let zeros = || Tensor::zeros(shape, dtype, device);
        let layer = |_| Ok([zeros()?, zeros()?]);
        Ok(Self {
            layers: (0..config.decoder_layers)
                .map(layer)
                .collect::<Result<_>>()?,
        })
    }

    /// Bytes of a cache.
    pub fn bytes(config: &Config, [batch, capacity]: [usize; 2], dtype: DType) -> u64 {
        let layer = 2 * batch * capacity * config.hidden_size;
        (config.decoder_layers * layer * dtype.size_in_bytes()) as u64
    }
}

/// Everything that a pass of the decoder over `batch` × `length` tokens writes beside the caches.
pub struct DecoderScratch {
    pub(super) batch: usize,
    pub(super) length: usize,
    pub(super) streams: Streams,
    /// `[batch · length, 3 · hidden]`.
    pub(super) qkv: Tensor,
    /// `[batch, heads, length, head]`.
    pub(super) query: Tensor,
    /// Queries to the encoder as their product leaves them, `[batch · length, hidden]`.
    pub(super) cross_rows: Tensor,
    /// The same memory as `[batch, heads, length, head]`.
    pub(super) cross_query: Tensor,
    /// The rows that logits are made for; `None` where these are all.
    pub(super) last: Option<LastRows>,
    /// `[batch, vocabulary]`.
    pub(super) logits: Tensor,
    /// Of both attentions, one after the other.
    pub(super) decode: DecodeScratch,
}

/// The last position of each transcript.
pub(super) struct LastRows {
    /// Their rows, u32 `[batch]`.
    pub(super) rows: Tensor,
    /// `[batch, hidden]`.
    pub(super) hidden: Tensor,
}

impl DecoderScratch {
    /// Room for a pass over `length` tokens of each of `batch` transcripts of up to `capacity`.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn new(
        config: &Config,
        [batch, length, capacity]: [usize; 3],
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let (rows, hidden) = (batch * length, config.hidden_size);
        let (heads, head) = (config.heads, config.head_dim());
        let places = capacity.max(config.source_positions);
        let last = if length == 1 {
            None
        } else {
            let row =
                |end: usize| u32::try_from(end * length - 1).map_err(candle_core::Error::wrap);
            let ids = (1..=batch).map(row).collect::<Result<Vec<u32>>>()?;
            Some(LastRows {
                rows: Tensor::from_vec(ids, batch, device)?,
                hidden: Tensor::zeros((batch, hidden), dtype, device)?,
            })
        };
        let cross_rows = Tensor::zeros((rows, hidden), dtype, device)?;
        let cross_query = if length == 1 {
            cross_rows.reshape((batch, heads, 1, head))?
        } else {
            let split = cross_rows.reshape((batch, length, heads, head))?;
            split.transpose(1, 2)?
        };
        Ok(Self {
            batch,
            length,
            streams: Streams::new(config, rows, dtype, device)?,
            qkv: Tensor::zeros((rows, 3 * hidden), dtype, device)?,
            query: Tensor::zeros((batch, heads, length, head), dtype, device)?,
            cross_rows,
            cross_query,
            last,
            logits: Tensor::zeros((batch, config.vocab_size), dtype, device)?,
            decode: DecodeScratch::new(batch, heads, head, places, device)?,
        })
    }

    /// Bytes of a scratch; the ids of its last rows are far fewer.
    pub fn bytes(config: &Config, [batch, length, capacity]: [usize; 3], dtype: DType) -> u64 {
        let rows = batch * length;
        let last = if length == 1 { 0 } else { config.hidden_size };
        let values = Streams::values(config, rows)
            + 5 * rows * config.hidden_size
            + batch * (last + config.vocab_size);
        let places = capacity.max(config.source_positions);
        let parts = DecodeScratch::bytes(batch, config.heads, config.head_dim(), places);
        (values * dtype.size_in_bytes() + parts) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(tensors: &[&Tensor]) -> u64 {
        tensors
            .iter()
            .map(|tensor| (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64)
            .sum()
    }

    fn of_streams(streams: &Streams) -> u64 {
        let Streams {
            residual,
            normed,
            attended,
            delta,
            inner,
        } = streams;
        bytes(&[residual, normed, attended, delta, inner])
    }

    /// Two sequences of four frames; zeros around each.
    #[test]
    fn windows_end_at_the_ends_of_their_sequence() {
        assert_eq!(
            windows(2, 4, 1),
            [
                0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 0, 0, 5, 6, 5, 6, 7, 6, 7, 8, 7, 8, 0
            ]
        );
        assert_eq!(windows(2, 4, 2), [0, 1, 2, 2, 3, 4, 0, 5, 6, 6, 7, 8]);
    }

    /// What is promised before is what is allocated afterwards.
    #[test]
    fn bytes_are_those_of_the_tensors() {
        let (config, dtype, device) = (Config::MICRO, DType::F16, Device::Cpu);
        let made = EncoderScratch::new(&config, 2, dtype, &device).expect("fits");
        let features = 2 * (1 + 2 * 300) * 80;
        let tensors = [
            &made.first_windows,
            &made.first_gathered,
            &made.padded_frames,
            &made.second_windows,
            &made.second_gathered,
            &made.places,
            &made.qkv,
        ];
        assert_eq!(
            EncoderScratch::bytes(&config, 2, dtype),
            bytes(&tensors) + of_streams(&made.streams) + features
        );
        let cross = CrossCache::new(&config, 2, dtype, &device).expect("fits");
        let both: Vec<&Tensor> = cross.layers.iter().map(|layer| &layer.both).collect();
        assert_eq!(CrossCache::bytes(&config, 2, dtype), bytes(&both));
        let cache = Cache::new(&config, [2, 9], dtype, &device).expect("fits");
        let layers: Vec<&Tensor> = cache.layers.iter().flatten().collect();
        assert_eq!(Cache::bytes(&config, [2, 9], dtype), bytes(&layers));
        for length in [1, 4] {
            let sizes = [3, length, 9];
            let made = DecoderScratch::new(&config, sizes, dtype, &device).expect("fits");
            let last = made.last.as_ref().map_or(0, |last| bytes(&[&last.hidden]));
            let tensors = [&made.qkv, &made.query, &made.cross_rows, &made.logits];
            let parts = DecodeScratch::bytes(3, 2, 64, config.source_positions) as u64;
            assert_eq!(
                DecoderScratch::bytes(&config, sizes, dtype),
                bytes(&tensors) + of_streams(&made.streams) + last + parts
            );
        }
    }
}
