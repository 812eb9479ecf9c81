//! The state file: made whole under another name, then given its own; opened with every check.
//!
//! No descriptor is kept open. A program that closes all descriptors, as daemons do, loses nothing
//! but the mapping stays; and a lock belongs to one opening of the file, so that it also holds
//! between the threads of a process.

use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fs_err::{File, OpenOptions};
use model::units::Nanos;
use sha2::{Digest, Sha256};

use super::header::{HEADER_BYTES, Header, SharedWords};
use super::record::RECORD_BYTES;
use super::{MachineConfig, StateError};

/// An opened state file.
pub(super) struct StateFile {
    path: PathBuf,
    header: Header,
    words: SharedWords,
    config: MachineConfig,
}

/// Longest configuration that is read: sixteen profiles and a fault plan are far below.
const MAX_CONFIG_BYTES: u64 = 64 << 20;

impl StateFile {
    /// Makes the file of a machine that begins at `origin`; a file of that name is replaced.
    pub(super) fn create(
        path: &Path,
        config: &MachineConfig,
        origin: Nanos,
    ) -> Result<(), StateError> {
        let config = serde_json::to_vec(config).expect("a configuration is plain data");
        let header = Header {
            record_bytes: u32::try_from(RECORD_BYTES).expect("a record is small"),
            config_bytes: config.len() as u64,
            log_offset: (HEADER_BYTES + config.len()).next_multiple_of(HEADER_BYTES) as u64,
            origin_ns: origin.get(),
            creator_pid: u64::from(std::process::id()),
            config_sha256: Sha256::digest(&config).into(),
        };
        let mut new_name = path.as_os_str().to_owned();
        new_name.push(format!(".new-{}", std::process::id()));
        let new_path = PathBuf::from(new_name);
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&new_path)?;
            file.write_all(&header.encode())?;
            file.write_all(&config)?;
            file.set_len(header.log_offset)?;
            // Like a device file: every user may read and write it; the driver's own rule decides
            // who may change settings.
            file.set_permissions(std::fs::Permissions::from_mode(0o666))?;
            fs_err::rename(&new_path, path)
        };
        write().map_err(|source| {
            // Nothing to report on top of the first error where the half-made file stays.
            let _ = fs_err::remove_file(&new_path);
            StateError::io("making", path, source)
        })
    }

    /// Opens a file that may be anything.
    pub(super) fn open(path: &Path) -> Result<Self, StateError> {
        if !path.is_absolute() {
            return Err(StateError::RelativePath(path.to_path_buf()));
        }
        let mut file = open_both_ways(path)?;
        let header = read_header(&mut file, path)?;
        let bytes = file
            .metadata()
            .map_err(|source| StateError::io("looking at", path, source))?
            .len();
        if header.record_bytes as usize != RECORD_BYTES
            || header.config_bytes > MAX_CONFIG_BYTES
            || header.log_offset < HEADER_BYTES as u64 + header.config_bytes
        {
            return Err(StateError::damaged(path, "its header contradicts itself"));
        }
        if bytes < header.log_offset {
            return Err(StateError::damaged(
                path,
                format!(
                    "it ends after {bytes} bytes, its log begins at {}",
                    header.log_offset
                ),
            ));
        }
        let mut text = vec![0; usize::try_from(header.config_bytes).unwrap_or(0)];
        file.file()
            .read_exact_at(&mut text, HEADER_BYTES as u64)
            .map_err(|source| StateError::io("reading", path, source))?;
        if <[u8; 32]>::from(Sha256::digest(&text)) != header.config_sha256 {
            return Err(StateError::damaged(path, "its configuration was changed"));
        }
        let config = serde_json::from_slice(&text)
            .map_err(|error| StateError::damaged(path, format!("its configuration: {error}")))?;
        Ok(Self {
            words: SharedWords::map(&file, path)?,
            path: path.to_path_buf(),
            header,
            config,
        })
    }

    /// The file once more, as long as it is still the same machine.
    pub(super) fn reopen(&self) -> Result<File, StateError> {
        let mut file = open_both_ways(&self.path)?;
        if self
            .header
            .is_same_machine(&read_header(&mut file, &self.path)?)
        {
            Ok(file)
        } else {
            Err(StateError::damaged(
                &self.path,
                "another machine has taken its place since this process opened it",
            ))
        }
    }

    /// Where the record of this number lies.
    pub(super) fn record_offset(&self, number: u64) -> u64 {
        self.header.log_offset + number * RECORD_BYTES as u64
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn words(&self) -> &SharedWords {
        &self.words
    }

    pub(super) fn config(&self) -> &MachineConfig {
        &self.config
    }

    pub(super) fn origin(&self) -> Nanos {
        Nanos::new(self.header.origin_ns)
    }
}

fn open_both_ways(path: &Path) -> Result<File, StateError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|source| StateError::io("opening", path, source))
}

fn read_header(file: &mut File, path: &Path) -> Result<Header, StateError> {
    let mut page = Vec::with_capacity(HEADER_BYTES);
    file.take(HEADER_BYTES as u64)
        .read_to_end(&mut page)
        .map_err(|source| StateError::io("reading", path, source))?;
    Header::decode(&page, path)
}
