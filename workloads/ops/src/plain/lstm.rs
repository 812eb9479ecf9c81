//! The recurrence of an LSTM, step by step (Hochreiter and Schmidhuber 1997, with the forget gate
//! of Gers and others 2000).

use candle_core::{D, DType, Result, Tensor};
use candle_nn::ops::sigmoid;

use super::wide;

/// The hidden state after each step, `[batch, length, cells]` in f32, from a zero state: see
/// [`crate::lstm::score_last`] for the operands.
///
/// # Errors
/// The shapes do not fit.
pub fn states(inputs: &Tensor, recurrent: &Tensor) -> Result<Tensor> {
    let (batch, length, _) = inputs.dims3()?;
    let (_, cells) = recurrent.dims2()?;
    let (inputs, recurrent) = (wide(inputs)?, wide(recurrent)?.t()?.contiguous()?);
    let mut hidden = Tensor::zeros((batch, cells), DType::F32, inputs.device())?;
    let mut state = hidden.clone();
    let mut states = Vec::with_capacity(length);
    for step in 0..length {
        let input = inputs.narrow(1, step, 1)?.squeeze(1)?;
        let gates = (input + hidden.matmul(&recurrent)?)?.reshape((batch, cells, 4))?;
        let gate = |index: usize| gates.narrow(D::Minus1, index, 1)?.squeeze(D::Minus1);
        let kept = (sigmoid(&gate(1)?.contiguous()?)? * state)?;
        let added = (sigmoid(&gate(0)?.contiguous()?)? * gate(2)?.tanh()?)?;
        state = (kept + added)?;
        hidden = (sigmoid(&gate(3)?.contiguous()?)? * state.tanh()?)?;
        states.push(hidden.clone());
    }
    Tensor::stack(&states, 1)
}

/// One output of the last state, `[batch]`, in the format of the inputs.
///
/// # Errors
/// The shapes do not fit.
pub fn score_last(
    inputs: &Tensor,
    recurrent: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
) -> Result<Tensor> {
    let states = states(inputs, recurrent)?;
    let last = states.narrow(1, inputs.dim(1)? - 1, 1)?.squeeze(1)?;
    last.contiguous()?
        .matmul(&wide(weight)?.reshape(((), 1))?)?
        .broadcast_add(&wide(bias)?)?
        .squeeze(1)?
        .to_dtype(inputs.dtype())
}
