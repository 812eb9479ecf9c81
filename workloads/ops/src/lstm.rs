//! The recurrence of an LSTM as one operation.
//!
//! Floor: one read of the inputs; but steps wait for each other, and at the sizes of a sentiment
//! model the latency of a step times their number is far above it.

mod cases;

use candle_core::{Result, Tensor, bail};

use crate::contract::{floating, operand, write};
use crate::cuda::Argument::{Count, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name};
use crate::plain;

pub(crate) use cases::cases;

/// Cells that the kernel is made for, and the sequences that one of its warps takes.
const CELLS: usize = 10;
const SEQUENCES: usize = 3;

/// Runs sequences through an LSTM from a zero state, and scores the last hidden state:
/// `out[b] = weight · hidden + bias`.
///
/// `inputs` (`[batch, length, 4 · cells]`) is what the gates get from the words, with both biases;
/// `recurrent` (`[4 · cells, cells]`) is what they get from the hidden state before. In both the
/// four gates of a cell (input, forget, cell, output) lie side by side: [`interleave`] makes that
/// of the usual order. `weight` is `[cells]`, `bias` `[1]`, `out` `[batch]`. States are kept in f32.
///
/// # Errors
/// Shapes or formats differ, there is no step, the GPU has no kernel for so many cells, or the
/// device failed.
pub fn score_last(
    inputs: &Tensor,
    recurrent: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    out: &Tensor,
) -> Result<()> {
    const OP: &str = "lstm";
    let (batch, length, gates) = inputs.dims3()?;
    let (cells, dtype) = (gates / 4, inputs.dtype());
    floating(OP, dtype)?;
    if batch * length == 0 {
        bail!("{OP}: inputs {:?} have no step", inputs.dims());
    }
    operand(OP, "inputs", inputs).is((batch, length, 4 * cells), dtype)?;
    operand(OP, "recurrent", recurrent).is((4 * cells, cells), dtype)?;
    operand(OP, "weight", weight).is(cells, dtype)?;
    operand(OP, "bias", bias).is(1, dtype)?;
    operand(OP, "out", out).is(batch, dtype)?;
    if let Some(gpu) = Gpu::of(out) {
        if cells != CELLS {
            bail!("{OP}: {cells} cells, the kernel is made for {CELLS}");
        }
        if !inputs.layout().start_offset().is_multiple_of(4) {
            bail!("{OP}: inputs begin within the gates of a cell; make them a tensor of their own");
        }
        let name = kernel_name(OP, dtype, true)?;
        let kernel = Kernel::new("lstm", &name)
            .grid([batch.div_ceil(SEQUENCES), 1, 1])
            .threads(32);
        let operands = [
            Read(inputs),
            Read(recurrent),
            Read(weight),
            Read(bias),
            Write(out),
            Count(batch),
            Count(length),
        ];
        return gpu.launch(&kernel, &operands);
    }
    write(
        out,
        &plain::lstm::score_last(inputs, recurrent, weight, bias)?,
    )
}

/// Rows of gates in the usual order (all input gates, all forget gates, all cell gates, all output
/// gates; `[4 · cells, …]`) as [`score_last`] wants them: the four of a cell side by side.
///
/// # Errors
/// The number of rows is no multiple of four, or the device failed.
pub fn interleave(rows: &Tensor) -> Result<Tensor> {
    let dims = rows.dims().to_vec();
    match dims.as_slice() {
        [count, ..] if count.is_multiple_of(4) => rows
            .reshape((4, count / 4, ()))?
            .transpose(0, 1)?
            .contiguous()?
            .reshape(dims),
        _ => bail!("lstm: {dims:?} are no rows of four gates"),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn gates_of_a_cell_come_side_by_side() {
        let rows = Tensor::new(&[0u32, 1, 10, 11, 20, 21, 30, 31], &Device::Cpu).unwrap();
        let found = interleave(&rows).unwrap().to_vec1::<u32>().unwrap();
        assert_eq!(found, [0, 10, 20, 30, 1, 11, 21, 31]);
        let matrix = rows.reshape((4, 2)).unwrap();
        let found = interleave(&matrix).unwrap().to_vec2::<u32>().unwrap();
        assert_eq!(found, [[0, 1], [10, 11], [20, 21], [30, 31]]);
        assert!(interleave(&rows.narrow(0, 0, 3).unwrap()).is_err());
    }

    /// One cell, two steps, by hand.
    #[test]
    fn the_state_is_kept_from_step_to_step() {
        let new = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        let inputs = new(&[0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let inputs = inputs.reshape((1, 2, 4)).unwrap();
        let recurrent = new(&[0.0, 0.0, 2.0, 0.0]).reshape((4, 1)).unwrap();
        let out = new(&[0.0]);
        score_last(&inputs, &recurrent, &new(&[3.0]), &new(&[0.5]), &out).unwrap();
        // All gates but the cell's are at one half.
        let state = 0.5 * 1f32.tanh();
        let hidden = 0.5 * state.tanh();
        let state = 0.5 * state + 0.5 * (2.0 * hidden).tanh();
        let expected = 3.0 * 0.5 * state.tanh() + 0.5;
        let found = out.to_vec1::<f32>().unwrap()[0];
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }

    #[test]
    fn operands_that_do_not_fit_are_named() {
        let zeros = |dims: &[usize]| Tensor::zeros(dims, DType::F32, &Device::Cpu).unwrap();
        let (inputs, recurrent) = (zeros(&[2, 3, 8]), zeros(&[8, 2]));
        let (weight, bias, out) = (zeros(&[2]), zeros(&[1]), zeros(&[2]));
        let message = score_last(
            &inputs,
            &recurrent,
            &weight,
            &bias,
            &weight.narrow(0, 0, 1).unwrap(),
        )
        .unwrap_err()
        .to_string();
        assert!(
            message.contains("lstm: out is F32 [1], expected F32 [2]"),
            "{message}"
        );
        let none = zeros(&[2, 0, 8]);
        let message = score_last(&none, &recurrent, &weight, &bias, &out)
            .unwrap_err()
            .to_string();
        assert!(message.contains("no step"), "{message}");
    }
}
