//! Token and position embeddings.
//!
//! Floor: the rows that are named, once read and once written.

mod cases;

use candle_core::{DType, Result, Tensor};

use crate::contract::{floating, operand, write};
use crate::cuda::Argument::{Count, Maybe, Position, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name, lanes, wide};
use crate::{Start, plain};

pub(crate) use cases::cases;

/// `out[i] = table[ids[i]]`: `table` is `[vocabulary, columns]`, `ids` any shape of u32.
///
/// On the CPU an id beyond the table is an error; on a GPU its row becomes not-a-number.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn lookup(table: &Tensor, ids: &Tensor, out: &Tensor) -> Result<()> {
    check("lookup", table, ids, out)?;
    if let Some(gpu) = Gpu::of(out) {
        return launch(gpu, table, None, ids, Start::At(0), out);
    }
    write(out, &plain::embedding::lookup(table, ids)?)
}

/// `out[b·length + i] = table[ids[b][i]] + position_table[position + i]`, with `ids` as
/// `[batch, length]`.
///
/// # Errors
/// Shapes or formats differ, or the device failed. On the CPU also an id or a position beyond its
/// table; on a GPU such a row becomes not-a-number.
pub fn lookup_with_positions(
    table: &Tensor,
    position_table: &Tensor,
    ids: &Tensor,
    position: Start<'_>,
    out: &Tensor,
) -> Result<()> {
    const OP: &str = "lookup_with_positions";
    check(OP, table, ids, out)?;
    ids.dims2()?;
    let (positions, columns) = (position_table.dim(0)?, table.dim(1)?);
    operand(OP, "position_table", position_table).is((positions, columns), table.dtype())?;
    position.check()?;
    if let Some(gpu) = Gpu::of(out) {
        return launch(gpu, table, Some(position_table), ids, position, out);
    }
    let position = position.resolve()?;
    let computed = plain::embedding::lookup_with_positions(table, position_table, ids, position)?;
    write(out, &computed)
}

fn check(op: &'static str, table: &Tensor, ids: &Tensor, out: &Tensor) -> Result<()> {
    let (_, columns) = table.dims2()?;
    floating(op, table.dtype())?;
    operand(op, "table", table).contiguous()?;
    operand(op, "ids", ids).holds(ids.elem_count(), DType::U32)?;
    operand(op, "out", out).holds(ids.elem_count() * columns, table.dtype())?;
    Ok(())
}

fn launch(
    gpu: Gpu<'_>,
    table: &Tensor,
    position_table: Option<&Tensor>,
    ids: &Tensor,
    position: Start<'_>,
    out: &Tensor,
) -> Result<()> {
    let (rows, columns) = table.dims2()?;
    let mut tensors = vec![table, out];
    tensors.extend(position_table);
    let wide = wide(&tensors, columns);
    let row_vectors = columns / lanes(table.dtype(), wide);
    let vectors = ids.elem_count() * row_vectors;
    let positions = position_table.map_or(Ok(0), |table| table.dim(0))?;
    let name = kernel_name("lookup", table.dtype(), wide)?;
    gpu.launch(
        &Kernel::one_thread_each("embedding", &name, vectors),
        &[
            Read(table),
            Maybe(position_table),
            Read(ids),
            Position(position),
            Write(out),
            Count(vectors),
            Count(row_vectors),
            Count(rows),
            Count(positions),
            Count(ids.dims().last().copied().unwrap_or(1)),
        ],
    )
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn table(rows: usize, step: f32) -> Tensor {
        let values: Vec<f32> = (0..rows * 2).map(|i| i as f32 * step).collect();
        Tensor::from_vec(values, (rows, 2), &Device::Cpu).unwrap()
    }

    #[test]
    fn rows_are_found_and_placed() {
        let (tokens, places) = (table(5, 1.0), table(4, 100.0));
        let ids = Tensor::new(&[[4_u32, 0], [1, 1]], &Device::Cpu).unwrap();
        let out = Tensor::zeros((4, 2), DType::F32, &Device::Cpu).unwrap();
        lookup(&tokens, &ids, &out).unwrap();
        let rows = out.to_vec2::<f32>().unwrap();
        assert_eq!(rows, [[8.0, 9.0], [0.0, 1.0], [2.0, 3.0], [2.0, 3.0]]);
        let one = Tensor::new(&[1_u32], &Device::Cpu).unwrap();
        for start in [Start::At(1), Start::Device(&one)] {
            lookup_with_positions(&tokens, &places, &ids, start, &out).unwrap();
            let rows = out.to_vec2::<f32>().unwrap();
            let expected = [
                [208.0, 309.0],
                [400.0, 501.0],
                [202.0, 303.0],
                [402.0, 503.0],
            ];
            assert_eq!(rows, expected);
        }
    }

    #[test]
    fn what_is_beyond_a_table_is_refused() {
        let (tokens, places) = (table(5, 1.0), table(4, 100.0));
        let out = Tensor::zeros((2, 2), DType::F32, &Device::Cpu).unwrap();
        let ids = Tensor::new(&[[5_u32, 0]], &Device::Cpu).unwrap();
        assert!(lookup(&tokens, &ids, &out).is_err());
        let ids = Tensor::new(&[[1_u32, 0]], &Device::Cpu).unwrap();
        let beyond = Start::At(3);
        assert!(lookup_with_positions(&tokens, &places, &ids, beyond, &out).is_err());
    }
}
