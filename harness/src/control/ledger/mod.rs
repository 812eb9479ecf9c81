//! The state of a GPU before the first change, on disk before that change happens.
//!
//! Two lines: JSON, and the SHA-256 over it. Any byte that is missing or altered is noticed, and
//! nothing is ever given back from such a file.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use model::run::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::folder::is_of_a_stranger;
use super::{Prior, Setting};

/// Version of the file. Changelog: 1, the first.
const FORMAT: u32 = 1;
/// No ledger is longer than this, in bytes; more is not read.
const LONGEST: u64 = 16 << 10;
/// Begin of the second line.
const SEAL: &str = "sha256 ";
/// What the kernel draws anew at each start.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What a harness wrote down before it changed anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    format: u32,
    /// UUID of the GPU.
    pub gpu: String,
    /// The start of the machine: settings do not outlive it.
    pub boot_id: String,
    /// The harness.
    pub harness_pid: u32,
    /// The settings that may have been changed.
    pub touches: BTreeSet<Setting>,
    /// What they were before.
    pub prior: Prior,
}

impl Ledger {
    /// The ledger of this process in this start of the machine.
    pub fn new(gpu: &str, touches: BTreeSet<Setting>, prior: Prior) -> Self {
        Self {
            format: FORMAT,
            gpu: gpu.to_owned(),
            boot_id: boot_id(),
            harness_pid: std::process::id(),
            touches,
            prior,
        }
    }

    /// Whether the machine has been started since: then the settings went with the driver.
    pub fn is_of_an_earlier_start(&self) -> bool {
        self.boot_id != boot_id()
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let line = serde_json::to_string(self).expect("a ledger is plain data");
        format!("{line}\n{SEAL}{}\n", seal(line.as_bytes())).into_bytes()
    }

    /// Reads what [`Ledger::to_bytes`] wrote, and nothing else.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] or [`LedgerError::Version`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LedgerError> {
        let damaged = |reason: &str| LedgerError::Damaged {
            reason: reason.to_owned(),
        };
        let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is no text"))?;
        let (line, rest) = text
            .split_once('\n')
            .ok_or_else(|| damaged("the first line has no end"))?;
        if rest != format!("{SEAL}{}\n", seal(line.as_bytes())) {
            return Err(damaged("its checksum does not hold"));
        }
        let version: Version =
            serde_json::from_str(line).map_err(|error| damaged(&error.to_string()))?;
        if version.format != FORMAT {
            return Err(LedgerError::Version {
                found: version.format,
            });
        }
        serde_json::from_str(line).map_err(|error| damaged(&error.to_string()))
    }

    /// Reads a ledger from its file; `None` where there is none.
    ///
    /// # Errors
    /// Where the file cannot be read, is damaged, or belongs to another user, who would decide what
    /// this process sets.
    pub fn load(file: &Path) -> Result<Option<Self>, LedgerError> {
        let opened = match fs_err::File::open(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        if is_of_a_stranger(file)? {
            return Err(LedgerError::Stranger);
        }
        let mut bytes = Vec::new();
        opened.take(LONGEST).read_to_end(&mut bytes)?;
        Self::parse(&bytes).map(Some)
    }

    /// Writes the file and waits until the disk has it: afterwards it is whole or absent, whatever
    /// happens.
    ///
    /// # Errors
    /// Where the disk is full or the folder cannot be written.
    pub fn save(&self, file: &Path) -> Result<(), LedgerError> {
        let temporary = temporary(file);
        let mut handle = fs_err::File::create(&temporary)?;
        handle.write_all(&self.to_bytes())?;
        handle.sync_all()?;
        fs_err::rename(&temporary, file)?;
        sync_folder(file)?;
        Ok(())
    }
}

/// Takes a ledger away; one that is gone already is no error.
///
/// # Errors
/// Where the folder cannot be written.
pub(super) fn remove(file: &Path) -> Result<(), LedgerError> {
    match fs_err::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(sync_folder(file)?),
    }
}

fn sync_folder(file: &Path) -> std::io::Result<()> {
    match file.parent() {
        Some(folder) => fs_err::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn temporary(file: &Path) -> PathBuf {
    file.with_extension("ledger.tmp")
}

fn seal(line: &[u8]) -> String {
    hex(&Sha256::digest(line))
}

fn boot_id() -> String {
    fs_err::read_to_string(BOOT_ID)
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

/// The one field that every version has.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// A ledger that cannot be used.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// Bytes are missing or altered.
    #[error(
        "damaged: {reason}; nothing is given back from it: set the clocks by hand (nvidia-smi --reset-gpu-clocks, nvidia-smi --power-limit=WATTS) and remove it"
    )]
    Damaged {
        /// What does not hold.
        reason: String,
    },
    /// Another version of this program wrote it.
    #[error("format {found}, expected {FORMAT}; use the joulebench that wrote it")]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// Another user wrote it.
    #[error("belongs to another user; that user runs 'joulebench doctor --repair', or remove it")]
    Stranger,
    /// The system refused; the text names the file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

#[cfg(test)]
pub(super) mod tests;
