//! Telling whether a file on disk is still the one that was read.

use std::path::Path;
use std::time::SystemTime;

/// Modification time and length of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

impl Stamp {
    /// The stamp of a file, or nothing where it cannot be looked at.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = fs_err::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok()?,
            bytes: metadata.len(),
        })
    }
}
