//! The most likely token, chosen where the logits are.

use candle_core::{DType, Result, Tensor};

use crate::contract::{floating, operand, write};
use crate::plain;

/// `out[row]` = place of the largest of `logits[row]`; of equal ones the first, on every device.
/// Values that are no number are passed over; a row of nothing else gives 0.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn argmax(logits: &Tensor, out: &Tensor) -> Result<()> {
    let (rows, _) = logits.dims2()?;
    floating("argmax", logits.dtype())?;
    operand("argmax", "logits", logits).contiguous()?;
    operand("argmax", "out", out).holds(rows, DType::U32)?;
    write(out, &plain::choice::argmax(logits)?)
}
