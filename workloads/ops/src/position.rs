//! Where in a sequence something begins.

use candle_core::{DType, Result, Tensor, bail};

/// The position of the first token of a step.
///
/// A recorded step ([`crate::graph`]) is replayed with the arguments that it was recorded with, so
/// what changes from step to step has to lie in device memory.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Known on the host.
    At(usize),
    /// A `u32` tensor with one element on the device.
    Device(&'a Tensor),
}

impl Start<'_> {
    /// The position as a number; on a GPU this waits for the device.
    ///
    /// # Errors
    /// The tensor is not one `u32`, or the device failed.
    pub fn resolve(&self) -> Result<usize> {
        match self {
            Self::At(position) => Ok(*position),
            Self::Device(tensor) => {
                self.check()?;
                let position = tensor.flatten_all()?.to_vec1::<u32>()?[0];
                Ok(position as usize)
            }
        }
    }

    /// Refuses a tensor that is not one `u32`.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Device(tensor) if tensor.dtype() != DType::U32 || tensor.elem_count() != 1 => {
                bail!(
                    "position is {:?} {:?}, expected u32 [1]",
                    tensor.dtype(),
                    tensor.dims()
                )
            }
            _ => Ok(()),
        }
    }
}
