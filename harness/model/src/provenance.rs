//! Where a number comes from. The three kinds are never mixed and never relabelled.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names the state file of an emulated machine. Where it is set, whatever answers as NVML is the
/// emulator, so nothing that is read there may be called measured.
pub const EMULATOR_VARIABLE: &str = "JOULEBENCH_EMULATOR";

/// The origin of a trace and of everything derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provenance {
    /// Read from real hardware by this harness.
    Measured,
    /// Computed by the emulated GPU.
    Emulated,
    /// Recorded by another program and copied in with its source.
    Imported,
}

impl Provenance {
    /// The word used in columns, on figures and in claims.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Emulated => "emulated",
            Self::Imported => "imported",
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
