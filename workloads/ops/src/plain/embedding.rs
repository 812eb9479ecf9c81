//! Rows of a table.

use candle_core::{Result, Tensor};

use super::wide;

/// The rows that `ids` name, as `[ids, columns]`.
///
/// # Errors
/// An id is beyond the table.
pub fn lookup(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    table.index_select(&ids.flatten_all()?, 0)
}

/// The rows that `ids` (`[batch, length]`) name, each plus the row of its position, as
/// `[batch · length, columns]`.
///
/// # Errors
/// An id or a position is beyond its table.
pub fn lookup_with_positions(
    table: &Tensor,
    position_table: &Tensor,
    ids: &Tensor,
    position: usize,
) -> Result<Tensor> {
    let (batch, length) = ids.dims2()?;
    let columns = table.dim(1)?;
    let tokens = wide(&lookup(table, ids)?)?.reshape((batch, length, columns))?;
    let places = wide(&position_table.narrow(0, position, length)?)?;
    tokens
        .broadcast_add(&places)?
        .reshape((batch * length, columns))?
        .to_dtype(table.dtype())
}
