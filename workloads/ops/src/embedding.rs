//! Token and position embeddings.

use candle_core::{DType, Result, Tensor};

use crate::contract::{floating, operand, write};
use crate::{Start, plain};

/// `out[i] = table[ids[i]]`: `table` is `[vocabulary, columns]`, `ids` any shape of u32.
///
/// On the CPU an id beyond the table is an error; on a GPU its row becomes not-a-number.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn lookup(table: &Tensor, ids: &Tensor, out: &Tensor) -> Result<()> {
    let (_, columns) = table.dims2()?;
    floating("lookup", table.dtype())?;
    operand("lookup", "ids", ids).holds(ids.elem_count(), DType::U32)?;
    operand("lookup", "out", out).holds(ids.elem_count() * columns, table.dtype())?;
    write(out, &plain::embedding::lookup(table, ids)?)
}

/// `out[b·length + i] = table[ids[b][i]] + position_table[position + i]`, with `ids` as
/// `[batch, length]`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn lookup_with_positions(
    table: &Tensor,
    position_table: &Tensor,
    ids: &Tensor,
    position: Start<'_>,
    out: &Tensor,
) -> Result<()> {
    const OP: &str = "lookup_with_positions";
    let (_, columns) = table.dims2()?;
    let (positions, _) = position_table.dims2()?;
    floating(OP, table.dtype())?;
    operand(OP, "position_table", position_table).is((positions, columns), table.dtype())?;
    operand(OP, "ids", ids).holds(ids.elem_count(), DType::U32)?;
    operand(OP, "out", out).holds(ids.elem_count() * columns, table.dtype())?;
    let computed =
        plain::embedding::lookup_with_positions(table, position_table, ids, position.resolve()?)?;
    write(out, &computed)
}
