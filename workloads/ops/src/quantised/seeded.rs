//! Quantised weights from a seed: valid blocks whose values are close to N(0, 1/inputs).
//!
//! Blocks are drawn, not quantised from f32 weights: that would take the largest matrix of a model
//! four bytes per value. As in quantised models, quants use the range of their format (the largest
//! of 32 normal values is 2.2 deviations away), and scales differ from block to block. Values are
//! symmetric about zero: were their mean off it by a hundredth, then in a model that is not trained
//! one direction would grow from layer to layer until every token is the same.

use std::borrow::Cow;

use candle_core::quantized::{QStorage, QTensor};
use candle_core::{Device, Result};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::Format;
use super::half::{narrow_scale, widen};

/// Blocks that are drawn; larger weights go round in circles. Prime, so that rows differ.
const POOL_VALUES: usize = 4_099 * 256;

/// Deviations from the middle at which a block's range ends.
const RANGE: f32 = 2.2;

/// The blocks of a weight `[outputs, inputs]`, row by row, as a GGUF file holds them.
///
/// # Panics
/// `inputs` is no multiple of the values of a block.
pub fn blocks(format: Format, seed: u64, outputs: usize, inputs: usize) -> Vec<u8> {
    let bytes = outputs * format.row_bytes(inputs);
    let count = (bytes / format.block_bytes()).min(POOL_VALUES / format.block_values());
    #[expect(clippy::cast_precision_loss, reason = "a width of a layer")]
    let deviation = 1.0 / (inputs as f32).sqrt();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let pool: Vec<u8> = (0..count)
        .flat_map(|_| block(format, &mut random, deviation))
        .collect();
    let mut blocks = Vec::with_capacity(bytes);
    while blocks.len() < bytes {
        let part = pool.len().min(bytes - blocks.len());
        blocks.extend_from_slice(&pool[..part]);
    }
    blocks
}

/// The same as a tensor on the CPU, which `gguf_file::write` takes.
///
/// # Errors
/// `inputs` is no multiple of the values of a block.
pub fn tensor(format: Format, seed: u64, outputs: usize, inputs: usize) -> Result<QTensor> {
    if !inputs.is_multiple_of(format.block_values()) {
        candle_core::bail!(
            "{format:?} weights have rows of a multiple of {} values, not {inputs}",
            format.block_values()
        );
    }
    let blocks = blocks(format, seed, outputs, inputs);
    let storage = QStorage::from_data(Cow::Owned(blocks), &Device::Cpu, format.ggml())?;
    QTensor::new(storage, (outputs, inputs))
}

fn block(format: Format, random: &mut ChaCha8Rng, deviation: f32) -> Vec<u8> {
    match format {
        Format::Q80 => {
            let spread = 127.0 / RANGE;
            let mut block = scale(random, deviation / spread).to_le_bytes().to_vec();
            block.extend(
                (0..32).map(|_| whole(normal(random) * spread, -127, 127).to_le_bytes()[0]),
            );
            block
        }
        Format::Q40 => {
            // −8 is left out, as there is no 8.
            let spread = 7.0 / RANGE;
            let mut block = scale(random, deviation / spread).to_le_bytes().to_vec();
            block.extend(nibbles::<16>(random, (8.0, spread), (1, 15)));
            block
        }
        Format::Q4K => {
            // A weight is d · scale · q − dmin · minimum. With dmin = 7.5 d, exactly, and minima equal
            // to scales, that is d · scale · (q − 7.5).
            const MEAN_SCALE: f32 = 51.5;
            let spread = 7.5 / RANGE;
            // Seven significant bits, as 7.5 takes four more.
            let d = scale(random, deviation / (spread * MEAN_SCALE)) & !0xf;
            let scales: [u8; 8] = std::array::from_fn(|_| 40 + below(random, 24));
            let mut block = d.to_le_bytes().to_vec();
            block.extend(narrow_scale(7.5 * widen(d)).to_le_bytes());
            block.extend(six_bits(scales, scales));
            block.extend(nibbles::<128>(random, (7.5, spread), (0, 15)));
            block
        }
    }
}

/// Scales and minima of 6 bits, as `block_q4_K` of ggml holds them.
fn six_bits(scales: [u8; 8], minima: [u8; 8]) -> [u8; 12] {
    std::array::from_fn(|i| match i {
        0..4 => scales[i] | (scales[i + 4] >> 4 << 6),
        4..8 => minima[i - 4] | (minima[i] >> 4 << 6),
        _ => (scales[i - 4] & 15) | (minima[i - 4] << 4),
    })
}

/// `BYTES` pairs of quants of 4 bits, about a middle and within limits.
fn nibbles<const BYTES: usize>(
    random: &mut ChaCha8Rng,
    (middle, spread): (f32, f32),
    (least, most): (i16, i16),
) -> [u8; BYTES] {
    let mut one = || whole(middle + normal(random) * spread, least, most).to_le_bytes()[0];
    std::array::from_fn(|_| one() | (one() << 4))
}

/// An f16 scale within a quarter of `mean`.
fn scale(random: &mut ChaCha8Rng, mean: f32) -> u16 {
    narrow_scale(mean * (0.75 + f32::from(below(random, 128)) / 256.0))
}

fn below(random: &mut ChaCha8Rng, limit: u8) -> u8 {
    let [byte, ..] = random.next_u32().to_le_bytes();
    byte % limit
}

/// The sum of four uniform bytes less its mean, over its deviation.
fn normal(random: &mut ChaCha8Rng) -> f32 {
    let sum: u16 = random.next_u32().to_le_bytes().map(u16::from).iter().sum();
    (f32::from(sum) - 510.0) / 147.8
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to a byte's range first"
)]
fn whole(value: f32, least: i16, most: i16) -> i16 {
    value.round().clamp(f32::from(least), f32::from(most)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_centred_with_the_deviation_of_their_width() {
        for format in [Format::Q4K, Format::Q40, Format::Q80] {
            for inputs in [4096_usize, 28_672] {
                let weights = tensor(format, 3, 32, inputs)
                    .and_then(|t| t.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>())
                    .unwrap();
                let n = weights.len() as f64;
                let mean = weights.iter().map(|w| f64::from(*w)).sum::<f64>() / n;
                let square = weights.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>() / n;
                let deviation = (square * inputs as f64).sqrt();
                let case = format!("{format:?} {inputs}: mean {mean}, deviation {deviation}");
                assert!((deviation - 1.0).abs() < 0.06, "{case}");
                // Four deviations of the mean of so many values.
                assert!(
                    mean.abs() * (inputs as f64).sqrt() < 4.0 / n.sqrt(),
                    "{case}"
                );
            }
        }
    }

    #[test]
    fn the_seed_decides_and_large_weights_go_round() {
        let one = blocks(Format::Q40, 1, 8, 64);
        assert_eq!(one, blocks(Format::Q40, 1, 8, 64));
        assert_ne!(one, blocks(Format::Q40, 2, 8, 64));
        let period = POOL_VALUES / 256 * 144;
        let long = blocks(Format::Q4K, 1, 4_100, 256);
        assert_eq!(long[..144], long[period..]);
    }

    #[test]
    fn odd_widths_are_refused() {
        let message = tensor(Format::Q4K, 1, 2, 128).unwrap_err().to_string();
        assert!(
            message.contains("multiple of 256 values, not 128"),
            "{message}"
        );
    }
}
