//! The order of numbers that the kernels want, from and to that of GGUF blocks.
//!
//! `kernels/quantised_blocks.cuh` describes it: first all quants, then all headers, by row and by
//! unit of 256 values.

use super::Format;
use super::half::widen;

/// Values of a unit and of a group.
const UNIT: usize = 256;
const GROUP: usize = 32;
const GROUPS: usize = UNIT / GROUP;
/// Bytes of a unit's header.
const HEADER_BYTES: usize = 16;

/// The quants of a group: 0 to 15, or signed bytes.
type Group = [u8; GROUP];

/// Bytes of a packed weight.
pub(super) const fn packed_bytes(format: Format, outputs: usize, inputs: usize) -> usize {
    outputs * inputs.div_ceil(UNIT) * (quant_bytes(format) + HEADER_BYTES)
}

/// Bytes of the quants of a unit.
const fn quant_bytes(format: Format) -> usize {
    match format {
        Format::Q4K | Format::Q40 => UNIT / 2,
        Format::Q80 => UNIT,
    }
}

/// Packs the blocks of a weight `[outputs, inputs]`, whose number fits the shape. Rows are shared
/// out to the processors.
pub(super) fn pack(format: Format, blocks: &[u8], outputs: usize, inputs: usize) -> Vec<u8> {
    let units = inputs.div_ceil(UNIT);
    let row_quants = units * quant_bytes(format);
    let row_headers = units * HEADER_BYTES;
    let row_blocks = format.row_bytes(inputs);
    let mut packed = vec![0; outputs * (row_quants + row_headers)];
    let (quants, headers) = packed.split_at_mut(outputs * row_quants);
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = outputs.div_ceil(workers).max(1);
    std::thread::scope(|scope| {
        let parts = blocks
            .chunks(share * row_blocks)
            .zip(quants.chunks_mut(share * row_quants))
            .zip(headers.chunks_mut(share * row_headers));
        for ((blocks, quants), headers) in parts {
            scope.spawn(move || {
                let rows = blocks
                    .chunks_exact(row_blocks)
                    .zip(quants.chunks_exact_mut(row_quants))
                    .zip(headers.chunks_exact_mut(row_headers));
                for ((blocks, quants), headers) in rows {
                    pack_row(format, blocks, quants, headers);
                }
            });
        }
    });
    packed
}

fn pack_row(format: Format, blocks: &[u8], quants: &mut [u8], headers: &mut [u8]) {
    let unit_blocks = format.block_bytes() * (UNIT / format.block_values());
    let units = blocks
        .chunks(unit_blocks)
        .zip(quants.chunks_exact_mut(quant_bytes(format)))
        .zip(headers.chunks_exact_mut(HEADER_BYTES));
    for ((blocks, quants), header) in units {
        match format {
            Format::Q4K => header.copy_from_slice(&blocks[..HEADER_BYTES]),
            Format::Q40 | Format::Q80 => {
                for (scale, block) in header
                    .chunks_exact_mut(2)
                    .zip(blocks.chunks_exact(format.block_bytes()))
                {
                    scale.copy_from_slice(&block[..2]);
                }
            }
        }
        for group in 0..GROUPS * blocks.len() / unit_blocks {
            put(
                format,
                quants,
                group,
                &group_of_blocks(format, blocks, group),
            );
        }
    }
}

/// The quants of a group, from the blocks of its unit.
fn group_of_blocks(format: Format, blocks: &[u8], group: usize) -> Group {
    match format {
        // 64 values share 32 bytes: the first 32 have the lower halves.
        Format::Q4K => {
            let bytes = &blocks[HEADER_BYTES + group / 2 * GROUP..][..GROUP];
            std::array::from_fn(|i| (bytes[i] >> (group % 2 * 4)) & 15)
        }
        // 32 values share 16 bytes: the first 16 have the lower halves.
        Format::Q40 => {
            let bytes = &blocks[group * 18 + 2..][..GROUP / 2];
            std::array::from_fn(|i| (bytes[i % 16] >> (i / 16 * 4)) & 15)
        }
        Format::Q80 => {
            let bytes = &blocks[group * 34 + 2..][..GROUP];
            std::array::from_fn(|i| bytes[i])
        }
    }
}

/// Where value `i` of a group lies among the quants of its unit: byte and shift within it.
const fn place(format: Format, group: usize, i: usize) -> (usize, usize) {
    let (lane, within) = (i / 8, i % 8);
    match format {
        Format::Q4K | Format::Q40 => {
            // Bit 4p of a word for value 2p, bit 16 + 4p for value 2p + 1.
            let word = group / 4 * 64 + lane * 16 + group % 4 * 4;
            let bit = within / 2 * 4 + within % 2 * 16;
            (word + bit / 8, bit % 8)
        }
        Format::Q80 => (group / 2 * 64 + lane * 16 + group % 2 * 8 + within, 0),
    }
}

fn put(format: Format, quants: &mut [u8], group: usize, values: &Group) {
    for (i, value) in values.iter().enumerate() {
        let (byte, shift) = place(format, group, i);
        quants[byte] |= value << shift;
    }
}

/// The weights `[outputs, inputs]` of packed bytes, in f32 (computed as ggml does).
pub(super) fn expand(format: Format, packed: &[u8], outputs: usize, inputs: usize) -> Vec<f32> {
    let units = inputs.div_ceil(UNIT);
    let (quants, headers) = packed.split_at(outputs * units * quant_bytes(format));
    let mut weights = Vec::with_capacity(outputs * inputs);
    for row in 0..outputs {
        for group in 0..inputs / GROUP {
            let unit = row * units + group / GROUPS;
            let group = group % GROUPS;
            let quants = &quants[unit * quant_bytes(format)..][..quant_bytes(format)];
            let header = &headers[unit * HEADER_BYTES..][..HEADER_BYTES];
            let (scale, minimum) = scale_and_minimum(format, header, group);
            weights.extend((0..GROUP).map(|i| {
                let (byte, shift) = place(format, group, i);
                match format {
                    Format::Q4K => scale * f32::from((quants[byte] >> shift) & 15) - minimum,
                    Format::Q40 => scale * (f32::from((quants[byte] >> shift) & 15) - 8.0),
                    Format::Q80 => scale * f32::from(quants[byte].cast_signed()),
                }
            }));
        }
    }
    weights
}

/// The scale of a group and what is subtracted after it (`get_scale_min_k4` of ggml).
fn scale_and_minimum(format: Format, header: &[u8], group: usize) -> (f32, f32) {
    let half = |i: usize| widen(u16::from_le_bytes([header[2 * i], header[2 * i + 1]]));
    match format {
        Format::Q40 | Format::Q80 => (half(group), 0.0),
        Format::Q4K => {
            let bytes = &header[4..];
            let (scale, minimum) = if group < 4 {
                (bytes[group] & 63, bytes[group + 4] & 63)
            } else {
                let low = bytes[group + 4];
                (
                    (low & 15) | (bytes[group - 4] >> 6 << 4),
                    (low >> 4) | (bytes[group] >> 6 << 4),
                )
            };
            (half(0) * f32::from(scale), half(1) * f32::from(minimum))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use candle_core::quantized::{QStorage, QTensor};
    use candle_core::{Device, Result};

    use super::super::seeded;
    use super::*;

    fn by_candle(format: Format, blocks: &[u8], outputs: usize, inputs: usize) -> Result<Vec<f32>> {
        let storage = QStorage::from_data(Cow::Borrowed(blocks), &Device::Cpu, format.ggml())?;
        QTensor::new(storage, (outputs, inputs))?
            .dequantize(&Device::Cpu)?
            .flatten_all()?
            .to_vec1()
    }

    #[test]
    fn packed_weights_are_the_numbers_that_candle_reads_from_the_blocks() {
        for format in [Format::Q4K, Format::Q40, Format::Q80] {
            for (outputs, inputs) in [(3, 256), (7, 1280), (1, 2304)] {
                let blocks = seeded::blocks(format, 5, outputs, inputs);
                let packed = pack(format, &blocks, outputs, inputs);
                assert_eq!(packed.len(), packed_bytes(format, outputs, inputs));
                assert_eq!(packed.len(), blocks.len(), "no byte more than GGUF");
                let weights = expand(format, &packed, outputs, inputs);
                let expected = by_candle(format, &blocks, outputs, inputs).unwrap();
                assert_eq!(weights, expected, "{format:?} [{outputs}, {inputs}]");
            }
        }
    }

    #[test]
    fn rows_that_end_within_a_unit_are_filled_up_with_scale_zero() {
        for format in [Format::Q40, Format::Q80] {
            let blocks = seeded::blocks(format, 6, 3, 288);
            let packed = pack(format, &blocks, 3, 288);
            assert_eq!(packed.len(), packed_bytes(format, 3, 288));
            let expected = by_candle(format, &blocks, 3, 288).unwrap();
            assert_eq!(expand(format, &packed, 3, 288), expected);
            let filled = expand(format, &packed, 3, 512);
            assert!(filled[288..512].iter().all(|weight| *weight == 0.0));
        }
    }

    #[test]
    fn any_bytes_are_read_as_candle_reads_them() {
        // Every scale and minimum of 6 bits, whatever made the file.
        let blocks: Vec<u8> = (0..4 * 144_u32)
            .map(|i| match i % 144 {
                1 | 3 => 0x2c,
                _ => (i.wrapping_mul(2_654_435_761) >> 13) as u8,
            })
            .collect();
        let packed = pack(Format::Q4K, &blocks, 2, 512);
        let expected = by_candle(Format::Q4K, &blocks, 2, 512).unwrap();
        assert_eq!(expand(Format::Q4K, &packed, 2, 512), expected);
    }
}
