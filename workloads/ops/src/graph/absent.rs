//! Nothing can be recorded: the build has no CUDA.

use std::convert::Infallible;

use candle_core::{Device, Result, bail};

/// A recorded step; no value of it exists.
pub(super) struct Recorded(Infallible);

impl Recorded {
    /// Cannot be reached, as there is no GPU.
    pub(super) fn new(_: &Device, _: &dyn Fn() -> Result<()>) -> Result<Self> {
        bail!("a step cannot be recorded: this build has no CUDA")
    }

    /// Cannot be reached.
    pub(super) const fn launch(&self) -> Result<()> {
        match self.0 {}
    }

    /// Cannot be reached.
    pub(super) const fn nodes(&self) -> usize {
        match self.0 {}
    }
}
