//! The most likely token, chosen where the logits are.
//!
//! Floor: one read of the logits.

mod cases;

use candle_core::{DType, Result, Tensor};

use crate::contract::{floating, operand, write};
use crate::cuda::Argument::{Count, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name, lanes, wide};
use crate::plain;

pub(crate) use cases::cases;

/// Threads of a block of `choice.cu`.
pub(crate) const THREADS: usize = 256;

/// Candidates that the kernel has room for between its two stages.
const PARTIALS: usize = 1024;

/// `out[row]` = place of the largest of `logits[row]`; of equal ones the first, on every device.
/// Values that are no number are passed over; a row of nothing else gives 0.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn argmax(logits: &Tensor, out: &Tensor) -> Result<()> {
    let (rows, columns) = logits.dims2()?;
    floating("argmax", logits.dtype())?;
    operand("argmax", "logits", logits).contiguous()?;
    operand("argmax", "out", out).holds(rows, DType::U32)?;
    if let Some(gpu) = Gpu::of(out) {
        let wide = wide(&[logits], columns);
        let vectors = columns / lanes(logits.dtype(), wide);
        let name = kernel_name("argmax", logits.dtype(), wide)?;
        let splits = splits(rows, vectors, gpu.multiprocessors()?);
        let kernel = Kernel::new("choice", &name)
            .grid([splits, rows, 1])
            .threads(THREADS);
        return gpu.launch(&kernel, &[Read(logits), Write(out), Count(columns)]);
    }
    write(out, &plain::choice::argmax(logits)?)
}

/// Blocks that share a row of so many pieces of work: enough for every multiprocessor, but not more
/// than have something to do, nor than there is room for.
pub(crate) fn splits(rows: usize, pieces: usize, multiprocessors: usize) -> usize {
    let rows = rows.max(1);
    multiprocessors
        .div_ceil(rows)
        .min(pieces.div_ceil(THREADS))
        .min(PARTIALS / rows)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_split_as_far_as_there_is_work_and_room() {
        assert_eq!(splits(1, 4000, 132), 16);
        assert_eq!(splits(1, 128_256 / 8, 132), 63);
        assert_eq!(splits(64, 4000, 132), 3);
        assert_eq!(splits(1, 1, 132), 1);
        assert_eq!(splits(5000, 4000, 132), 1);
        for rows in 1..2000 {
            let splits = splits(rows, 1_000_000, 132);
            assert!(splits == 1 || rows * splits <= PARTIALS, "{rows} rows");
        }
    }
}
