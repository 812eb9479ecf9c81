//! Choosing a token from logits, on the host.

use candle_core::{DType, Result, Tensor};

use crate::sampling::Sampling;
use crate::sampling::philox::{gumbel, philox};

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

/// A draw for each row; see [`crate::sampling`].
///
/// # Errors
/// `logits` has not two dimensions, or the device failed.
pub fn sample(logits: &Tensor, sampling: &Sampling, position: usize) -> Result<Tensor> {
    let index = |i: usize| u32::try_from(i).map_err(candle_core::Error::wrap);
    let position = index(position)?;
    let rows = logits.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    let mut chosen = Vec::with_capacity(rows.len());
    for (row, values) in rows.iter().enumerate() {
        chosen.push(draw(values, sampling, index(row)?, position)?);
    }
    Tensor::from_vec(chosen, rows.len(), logits.device())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the seed is taken in two halves"
)]
fn draw(values: &[f32], sampling: &Sampling, row: u32, position: u32) -> Result<u32> {
    let key = [sampling.seed as u32, (sampling.seed >> 32) as u32];
    let least = least(values, sampling.top_k);
    let inverse_temperature = 1.0 / sampling.temperature;
    let mut scores = vec![f32::NEG_INFINITY; values.len()];
    for (group, (values, scores)) in values.chunks(4).zip(scores.chunks_mut(4)).enumerate() {
        let group = u32::try_from(group).map_err(candle_core::Error::wrap)?;
        let words = philox([group, row, position, 0], key);
        for ((value, score), word) in values.iter().zip(scores).zip(words) {
            if *value >= least {
                *score = value * inverse_temperature + gumbel(word);
            }
        }
    }
    largest(&scores)
}

/// The `top_k`-th largest value, or the least of all.
fn least(values: &[f32], top_k: usize) -> f32 {
    if top_k == 0 || top_k >= values.len() {
        return f32::NEG_INFINITY;
    }
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    sorted.get(top_k - 1).copied().unwrap_or(f32::NEG_INFINITY)
}
