//! Only the CPU: there is nothing to set.

#![expect(
    clippy::unnecessary_wraps,
    reason = "the same signatures as with a GPU"
)]

use candle_core::{Device, Result};

use super::Memory;

pub(super) const fn prepare(_: &Device) -> Result<()> {
    Ok(())
}

pub(super) const fn memory(_: &Device) -> Result<Option<Memory>> {
    Ok(None)
}
