//! Choosing a token from logits, on the host.

use candle_core::{DType, Result, Tensor};

/// The place of the largest value of each row; of equal ones the first. Values that are no number
/// are passed over; a row of nothing else gives 0.
///
/// # Errors
/// `logits` has not two dimensions, or the device failed.
pub fn argmax(logits: &Tensor) -> Result<Tensor> {
    let rows = logits.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    let chosen = rows
        .iter()
        .map(|row| largest(row))
        .collect::<Result<Vec<u32>>>()?;
    Tensor::from_vec(chosen, rows.len(), logits.device())
}

fn largest(row: &[f32]) -> Result<u32> {
    let mut best = (f32::NEG_INFINITY, 0);
    for (index, value) in row.iter().enumerate() {
        if *value > best.0 {
            best = (*value, index);
        }
    }
    u32::try_from(best.1).map_err(candle_core::Error::wrap)
}
