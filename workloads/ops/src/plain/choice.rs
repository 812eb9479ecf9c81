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

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use proptest::prelude::*;

    use super::*;

    fn row(values: &[f32]) -> Tensor {
        Tensor::new(values, &Device::Cpu)
            .unwrap()
            .unsqueeze(0)
            .unwrap()
    }

    fn one(tensor: &Tensor) -> u32 {
        tensor.to_vec1::<u32>().unwrap()[0]
    }

    #[test]
    fn the_first_of_equal_values_wins_and_what_is_no_number_loses() {
        let nan = f32::NAN;
        let least = f32::NEG_INFINITY;
        for (values, expected) in [
            (&[1.0, 3.0, 3.0][..], 1),
            (&[nan, 2.0, nan, 5.0], 3),
            (&[nan, nan], 0),
            (&[least, least], 0),
            (&[least, -1e30], 1),
        ] {
            assert_eq!(one(&argmax(&row(values)).unwrap()), expected, "{values:?}");
        }
    }

    fn drawn(values: &[f32], top_k: usize, draws: usize) -> Vec<usize> {
        let sampling = Sampling {
            temperature: 0.7,
            top_k,
            seed: 5,
        };
        let logits = row(values);
        let mut counts = vec![0; values.len()];
        for position in 0..draws {
            let token = one(&sample(&logits, &sampling, position).unwrap());
            counts[token as usize] += 1;
        }
        counts
    }

    /// Frequencies are those of the softmax: χ² with 4 degrees of freedom stays below its 99.99 %.
    #[test]
    fn tokens_come_as_often_as_the_softmax_says() {
        let logits = [1.0_f32, 0.0, -0.5, 0.3, -1.0];
        let weights: Vec<f64> = logits.iter().map(|l| (f64::from(*l) / 0.7).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let draws = 20_000;
        let chi_square: f64 = drawn(&logits, 0, draws)
            .iter()
            .zip(&weights)
            .map(|(count, weight)| {
                let expected = draws as f64 * weight / sum;
                (*count as f64 - expected).powi(2) / expected
            })
            .sum();
        assert!(chi_square < 23.5, "{chi_square}");
    }

    #[test]
    fn only_the_largest_may_be_drawn_and_all_of_them_are() {
        let counts = drawn(&[0.0, 1.0, 0.9, -1.0, 0.9, f32::NAN], 2, 2_000);
        // The second largest value occurs twice.
        assert!(
            counts[1] > 0 && counts[2] > 0 && counts[4] > 0,
            "{counts:?}"
        );
        assert_eq!(counts[0] + counts[3] + counts[5], 0, "{counts:?}");
    }

    proptest! {
        #[test]
        fn a_draw_depends_on_seed_row_and_position_alone(seed in any::<u64>(), position in 0..1000_usize) {
            let sampling = Sampling { temperature: 1.0, top_k: 0, seed };
            let equal = Tensor::zeros((3, 1000), DType::F32, &Device::Cpu).unwrap();
            let all = sample(&equal, &sampling, position).unwrap().to_vec1::<u32>().unwrap();
            let first = sample(&equal.narrow(0, 0, 1).unwrap(), &sampling, position).unwrap();
            prop_assert_eq!(all[0], one(&first));
            prop_assert!(all[0] != all[1] || all[1] != all[2]);
        }

        #[test]
        fn drawing_one_is_choosing_the_largest(values in prop::collection::vec(-5.0..5.0_f32, 1..50)) {
            let sampling = Sampling { temperature: 1.0, top_k: 1, seed: 1 };
            let logits = row(&values);
            let token = one(&sample(&logits, &sampling, 3).unwrap()) as usize;
            let largest = one(&argmax(&logits).unwrap()) as usize;
            prop_assert_eq!(values[token], values[largest]);
        }
    }
}
