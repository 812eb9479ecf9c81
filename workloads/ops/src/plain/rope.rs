//! Rotary positions (Su and others, 2021), in the order of LLaMA: element `i` turns with `i + d/2`.

use candle_core::{D, Result, Tensor};

use super::wide;

/// Rotates `x` (`[batch, heads, length, d]`) by the angles whose cosines and sines are given
/// (`[length, d/2]`).
///
/// # Errors
/// The shapes do not fit.
pub fn rotate(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let half = x.dim(D::Minus1)? / 2;
    let values = wide(x)?;
    let (first, second) = (
        values.narrow(D::Minus1, 0, half)?,
        values.narrow(D::Minus1, half, half)?,
    );
    let (cos, sin) = (wide(cos)?, wide(sin)?);
    let turned_first = (first.broadcast_mul(&cos)? - second.broadcast_mul(&sin)?)?;
    let turned_second = (second.broadcast_mul(&cos)? + first.broadcast_mul(&sin)?)?;
    Tensor::cat(&[turned_first, turned_second], D::Minus1)?.to_dtype(x.dtype())
}

/// Query, key and value heads of fused rows `[batch · length, (heads + 2 · kv_heads) · d]`, each as
/// `[batch, heads, length, d]`.
///
/// # Errors
/// The shapes do not fit.
pub fn split(
    qkv: &Tensor,
    batch: usize,
    heads: usize,
    kv_heads: usize,
) -> Result<(Tensor, Tensor, Tensor)> {
    let (rows, columns) = qkv.dims2()?;
    let d = columns / (heads + 2 * kv_heads);
    let rows = qkv.reshape((batch, rows / batch, heads + 2 * kv_heads, d))?;
    let part = |first, count| rows.narrow(2, first, count)?.transpose(1, 2)?.contiguous();
    Ok((
        part(0, heads)?,
        part(heads, kv_heads)?,
        part(heads + kv_heads, kv_heads)?,
    ))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use proptest::prelude::*;

    use super::*;
    use crate::rope::Tables;

    proptest! {
        /// Each pair is a point in the plane that turns by position · frequency.
        #[test]
        fn pairs_turn_by_the_angle_of_their_position(
            pairs in prop::collection::vec((-2.0..2.0_f64, -2.0..2.0_f64, 0.001..1.0_f64), 1..9),
            position in 0..500_usize,
        ) {
            let frequencies: Vec<f64> = pairs.iter().map(|pair| pair.2).collect();
            let tables = Tables::new(&frequencies, position + 1, &Device::Cpu).unwrap();
            let half = pairs.len();
            let flat: Vec<f32> = pairs
                .iter()
                .map(|pair| pair.0 as f32)
                .chain(pairs.iter().map(|pair| pair.1 as f32))
                .collect();
            let x = Tensor::from_vec(flat, (1, 1, 1, 2 * half), &Device::Cpu).unwrap();
            let row = |table: &Tensor| table.narrow(0, position, 1).unwrap();
            let turned = rotate(&x, &row(&tables.cos), &row(&tables.sin)).unwrap();
            let turned = turned.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for (i, (a, b, frequency)) in pairs.iter().enumerate() {
                let (sin, cos) = (position as f64 * frequency).sin_cos();
                prop_assert!((f64::from(turned[i]) - (a * cos - b * sin)).abs() < 1e-5);
                prop_assert!((f64::from(turned[i + half]) - (b * cos + a * sin)).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn rows_are_split_into_query_key_and_value_heads() {
        // Two sequences of two places, two query heads, one key head, width 2: 8 values a row.
        let rows: Vec<f32> = (0..32_u8).map(f32::from).collect();
        let qkv = Tensor::from_vec(rows, (4, 8), &Device::Cpu).unwrap();
        let (query, key, value) = split(&qkv, 2, 2, 1).unwrap();
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(query.dims(), [2, 2, 2, 2]);
        assert_eq!(
            flat(&query)[..8],
            [0.0, 1.0, 8.0, 9.0, 2.0, 3.0, 10.0, 11.0]
        );
        assert_eq!(flat(&key), [4.0, 5.0, 12.0, 13.0, 20.0, 21.0, 28.0, 29.0]);
        assert_eq!(flat(&value), [6.0, 7.0, 14.0, 15.0, 22.0, 23.0, 30.0, 31.0]);
    }
}
