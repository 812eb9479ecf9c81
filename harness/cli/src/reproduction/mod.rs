//! Regenerating everything: the parts of `joulebench reproduce`.

pub(crate) mod emulated;
pub(crate) mod live;
pub(crate) mod manifest;
pub(crate) mod memory;
pub(crate) mod sensors;
pub(crate) mod study;
