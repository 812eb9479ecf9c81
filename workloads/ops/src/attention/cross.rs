//! Attention from one sequence to another, on rows as projections leave them.

use candle_core::{Result, Tensor, bail};

use super::launch;
use super::operands::{PrefillOperands, Rows, Shape};
use crate::contract::{operand, write};
use crate::cuda::Gpu;
use crate::plain;

/// Attends from the rows of `query` `[batch · length, heads · d]` to those of `keys_values`
/// `[batch · places, 2 · heads · d]`, which hold the heads of the keys, then those of the values, as
/// one fused projection leaves them; nothing is rearranged. All places are seen. `out` is like
/// `query`.
///
/// # Errors
/// Shapes or formats differ, a head has no kernel, or the device failed.
pub fn cross(
    query: &Tensor,
    keys_values: &Tensor,
    batch: usize,
    heads: usize,
    scale: f32,
    out: &Tensor,
) -> Result<()> {
    let operands = operands(query, keys_values, batch, heads, out)?;
    if let Some(gpu) = Gpu::of(out) {
        return launch::prefill(gpu, &operands, scale);
    }
    let computed = plain::attention::cross(query, keys_values, batch, heads, scale)?;
    write(out, &computed)
}

/// Checks the operands and tells where their heads lie.
pub(super) fn operands<'a>(
    query: &Tensor,
    keys_values: &Tensor,
    batch: usize,
    heads: usize,
    out: &'a Tensor,
) -> Result<PrefillOperands<'a>> {
    let op = "cross attention";
    operand(op, "query", query).contiguous()?;
    operand(op, "keys_values", keys_values).contiguous()?;
    let (Some(columns), Some(both)) = (query.dims().last(), keys_values.dims().last()) else {
        bail!("{op}: query or keys_values is a scalar, expected rows");
    };
    let (columns, both) = (*columns, *both);
    if heads == 0 || !columns.is_multiple_of(heads) || both != 2 * columns {
        bail!(
            "{op}: rows of the query have {columns} values and of keys_values {both}, expected \
             {heads} heads of one width and twice as many values"
        );
    }
    let rows_of = |name: &str, tensor: &Tensor, columns: usize| {
        let rows = tensor.elem_count() / columns.max(1);
        if batch == 0 || rows == 0 || !rows.is_multiple_of(batch) {
            bail!("{op}: {name} has {rows} rows, expected a multiple of the batch {batch}");
        }
        tensor.reshape((batch, rows / batch, columns))
    };
    let query = rows_of("query", query, columns)?;
    let keys_values = rows_of("keys_values", keys_values, both)?;
    let d = columns / heads;
    let split = |tensor: &Tensor, first: usize| -> Result<Tensor> {
        let (batch, rows, columns) = tensor.dims3()?;
        tensor
            .reshape((batch, rows, columns / d, d))?
            .narrow(2, first, heads)?
            .transpose(1, 2)
    };
    let (keys, values) = (split(&keys_values, 0)?, split(&keys_values, heads)?);
    let shape = Shape::new(op, &split(&query, 0)?, &keys, &values)?;
    shape.check_out(op, out)?;
    Ok(PrefillOperands {
        op,
        shape,
        query: Rows::part(&query, 0, d)?,
        keys: Rows::part(&keys_values, 0, d)?,
        values: Rows::part(&keys_values, columns, d)?,
        lengths: None,
        causal_from: None,
        out,
    })
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::attention::{Kind, encoder, prefill};
    use crate::case::Draw;

    fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
        let flat = |x: &Tensor| x.flatten_all().unwrap();
        let difference = (flat(a) - flat(b)).unwrap().abs().unwrap();
        difference.max(0).unwrap().to_scalar::<f32>().unwrap()
    }

    #[test]
    fn rows_give_what_separate_heads_give() {
        let (batch, heads, d, length, places) = (2, 3, 8, 5, 7);
        let mut draw = Draw::new(1);
        let query = draw.normal((batch * length, heads * d), 1.0).unwrap();
        let both = draw.normal((batch * places, 2 * heads * d), 1.0).unwrap();
        let split = |x: &Tensor, count: usize| {
            let x = x.reshape((batch, (), count, d)).unwrap();
            x.transpose(1, 2).unwrap().contiguous().unwrap()
        };
        let (asked, split) = (split(&query, heads), split(&both, 2 * heads));
        let part = |first: usize| split.narrow(1, first, heads).unwrap().contiguous().unwrap();
        let expected = query.zeros_like().unwrap();
        prefill(&asked, &part(0), &part(heads), 0, false, 0.3, &expected).unwrap();
        for kind in [Kind::Fused, Kind::Naive] {
            let out = query.zeros_like().unwrap();
            (kind.cross())(&query, &both, batch, heads, 0.3, &out).unwrap();
            assert!(largest_difference(&out, &expected) < 1e-6, "{kind:?}");
        }
    }

    #[test]
    fn a_causal_encoder_does_not_look_ahead() {
        let (length, heads, d) = (6, 2, 8);
        let mut draw = Draw::new(2);
        let qkv = draw.normal((1, length, 3 * heads * d), 1.0).unwrap();
        let zeros = |rows| Tensor::zeros((rows, heads * d), DType::F32, &Device::Cpu).unwrap();
        for kind in [Kind::Fused, Kind::Naive] {
            let causal = zeros(length);
            (kind.encoder_causal())(&qkv, heads, 0.3, &causal).unwrap();
            for seen in 1..=length {
                let begin = qkv.narrow(1, 0, seen).unwrap();
                let alone = zeros(seen);
                encoder(&begin, None, heads, 0.3, &alone).unwrap();
                let last = |x: &Tensor| x.get(seen - 1).unwrap();
                let difference = largest_difference(&last(&alone), &last(&causal));
                assert!(difference < 1e-6, "{kind:?}, {seen}: {difference}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let zeros =
            |rows, columns| Tensor::zeros((rows, columns), DType::F32, &Device::Cpu).unwrap();
        let refused = |query: &Tensor, both: &Tensor, batch, heads| {
            let result = cross(query, both, batch, heads, 0.3, query);
            result.unwrap_err().to_string()
        };
        let (query, both) = (zeros(6, 16), zeros(4, 32));
        assert!(refused(&query, &query, 2, 2).contains("twice as many"));
        assert!(refused(&query, &both, 2, 3).contains("3 heads"));
        assert!(refused(&query, &both, 3, 2).contains("keys_values has 4 rows"));
        let message = cross(&query, &both, 2, 2, 0.3, &both)
            .unwrap_err()
            .to_string();
        assert!(message.contains("out is F32 [4, 32]"), "{message}");
    }
}
