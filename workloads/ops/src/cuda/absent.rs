//! No GPU: the build has no CUDA.

use std::convert::Infallible;
use std::marker::PhantomData;

use candle_core::{Result, Tensor};

use super::kernel::{Argument, Kernel};

/// A GPU that no tensor lies on; no value of it exists.
#[derive(Clone, Copy)]
pub(crate) struct Gpu<'a> {
    never: Infallible,
    tensor: PhantomData<&'a ()>,
}

impl<'a> Gpu<'a> {
    /// Always `None`.
    pub(crate) const fn of(_: &'a Tensor) -> Option<Self> {
        None
    }

    /// Cannot be reached.
    pub(crate) const fn launch(self, _: &Kernel<'_>, _: &[Argument<'_>]) -> Result<()> {
        match self.never {}
    }

    /// Cannot be reached.
    pub(crate) const fn multiprocessors(self) -> Result<usize> {
        match self.never {}
    }
}
