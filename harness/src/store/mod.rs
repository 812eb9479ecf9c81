//! The write-once store of a sweep: a folder with one sealed file per run.
//!
//! ```text
//! plan.toml            the plan, as it was when the first run was taken
//! RUNID.parquet        a sealed run
//! failed/RUNID-1.parquet   an attempt with a fault
//! SHA256SUMS           checksums, written when every run is sealed
//! ```
//!
//! A trace is written to a temporary file, synced, and renamed; only then does the run count. Long
//! ones are written while they are taken ([`Recording`]).

mod codec;
mod guard;
mod recording;
mod seal;
mod temporary;

use std::path::{Path, PathBuf};

use model::format::TRACE_EXTENSION;
use model::plan::{DeviceKind, Plan};
use model::run::RunId;
use model::sample::Sample;
use model::trace::{Trace, TraceHeader};
use rustix::fs::{FlockOperation, flock};
use thiserror::Error;

pub use codec::{check_trace, column_bytes, read_trace, trace_bytes};
pub use recording::{BATCH_ROWS, Recording};

use self::temporary::{TEMPORARY_SUFFIX, Temporary, temporary_of, write_atomically};
use crate::session::SampleSink as _;

const PLAN_FILE: &str = "plan.toml";
const FAILED_FOLDER: &str = "failed";
const LOCK_FILE: &str = ".lock";

/// An open store; the lock is held until it is dropped.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    durability: Durability,
    _lock: fs_err::File,
}

/// What a sealed trace must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The loss of power: a measurement cannot be had again.
    PowerLoss,
    /// The end of the harness: an emulated run is a function of its plan and can be taken again.
    Kill,
}

impl Durability {
    /// What the traces of a kind of device must survive.
    pub const fn of(device: DeviceKind) -> Self {
        match device {
            DeviceKind::Nvml | DeviceKind::Cpu => Self::PowerLoss,
            DeviceKind::Emulated => Self::Kill,
        }
    }
}

impl Store {
    /// Opens, or makes, the store of a plan; refuses a folder that belongs to another plan or that
    /// another harness has open.
    ///
    /// # Errors
    /// Where the folder cannot be written, is locked, or holds another plan.
    pub fn open(root: &Path, plan_text: &str, durability: Durability) -> Result<Self, StoreError> {
        fs_err::create_dir_all(root)?;
        let lock = fs_err::File::create(root.join(LOCK_FILE))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| StoreError::Locked {
            root: root.to_owned(),
        })?;
        let store = Self {
            root: root.to_owned(),
            durability,
            _lock: lock,
        };
        store.sweep_temporaries()?;
        store.keep_plan(plan_text)?;
        Ok(store)
    }

    /// Whether a run is sealed and its seal holds.
    ///
    /// # Errors
    /// Where the file is there and is not a whole trace of this run.
    pub fn has(&self, id: &RunId) -> Result<bool, StoreError> {
        let file = sealed_path(&self.root, id);
        if !file.exists() {
            return Ok(false);
        }
        let header = check_trace(&file)?;
        if header.run.id == *id {
            Ok(true)
        } else {
            Err(StoreError::Corrupt {
                file,
                reason: format!("holds run {}, expected {id}", header.run.id),
            })
        }
    }

    /// Begins the trace of a run; samples go into it as they come.
    pub const fn record(&self, id: RunId) -> Recording<'_> {
        Recording::new(self, id)
    }

    /// Seals a trace that is at hand: a good one for ever, one with faults as a failed attempt.
    ///
    /// # Errors
    /// Where the disk is full or the folder cannot be written; no sealed run is touched.
    pub fn seal(&self, trace: &Trace) -> Result<PathBuf, StoreError> {
        let mut recording = self.record(trace.header.run.id.clone());
        for sample in &trace.samples {
            // A recording that failed says so when it is sealed.
            let _ = recording.take(Sample::clone(sample));
        }
        recording.seal(&trace.header)
    }

    /// Where a trace with this header belongs; refuses a run that is there already.
    fn place_of(&self, header: &TraceHeader) -> Result<PathBuf, StoreError> {
        let id = &header.run.id;
        let file = if header.faults.is_empty() {
            sealed_path(&self.root, id)
        } else {
            self.next_failed_path(id)?
        };
        if file.exists() {
            return Err(StoreError::Sealed { file });
        }
        Ok(file)
    }

    fn temporary_of(&self, id: &RunId) -> PathBuf {
        temporary_of(&sealed_path(&self.root, id))
    }

    fn write_trace(&self, file: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        write_atomically(file, bytes, self.durability)?;
        make_read_only(file)
    }

    fn keep(&self, temporary: Temporary, file: &Path) -> Result<(), StoreError> {
        temporary.keep(file, self.durability)?;
        make_read_only(file)
    }

    /// Where the run of this id lies once it is sealed.
    pub fn path_of(&self, id: &RunId) -> PathBuf {
        sealed_path(&self.root, id)
    }

    /// Writes the checksums of everything in the store.
    ///
    /// # Errors
    /// Where a file cannot be read or the list cannot be written.
    pub fn write_checksums(&self) -> Result<(), StoreError> {
        seal::write_checksums(&self.root, self.durability)
    }

    fn next_failed_path(&self, id: &RunId) -> Result<PathBuf, StoreError> {
        let folder = self.root.join(FAILED_FOLDER);
        fs_err::create_dir_all(&folder)?;
        let path = |attempt: u32| folder.join(format!("{id}-{attempt}.{TRACE_EXTENSION}"));
        let mut attempt = 1;
        while path(attempt).exists() {
            attempt += 1;
        }
        Ok(path(attempt))
    }

    /// What a killed harness left behind is no run.
    fn sweep_temporaries(&self) -> Result<(), StoreError> {
        let failed = self.root.join(FAILED_FOLDER);
        for folder in [&self.root, &failed]
            .into_iter()
            .filter(|folder| folder.exists())
        {
            for entry in fs_err::read_dir(folder)? {
                let path = entry?.path();
                if path.to_string_lossy().ends_with(TEMPORARY_SUFFIX) {
                    fs_err::remove_file(path)?;
                }
            }
        }
        Ok(())
    }

    fn keep_plan(&self, plan_text: &str) -> Result<(), StoreError> {
        let file = self.root.join(PLAN_FILE);
        if !file.exists() {
            return write_atomically(&file, plan_text.as_bytes(), self.durability);
        }
        if fs_err::read_to_string(&file)? == plan_text {
            return Ok(());
        }
        Err(StoreError::OtherPlan { file })
    }
}

/// Which runs of a plan are sealed in a folder, without opening it for writing.
///
/// # Errors
/// Where the folder cannot be read.
pub fn sealed_runs(root: &Path, plan: &Plan) -> Result<Vec<RunId>, StoreError> {
    Ok(plan
        .runs()
        .into_iter()
        .map(|run| run.id)
        .filter(|id| sealed_path(root, id).exists())
        .collect())
}

/// How many failed attempts a folder holds.
///
/// # Errors
/// Where the folder is there and cannot be read.
pub fn failed_attempts(root: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let folder = root.join(FAILED_FOLDER);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files = fs_err::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    files.sort();
    Ok(files)
}

fn sealed_path(root: &Path, id: &RunId) -> PathBuf {
    root.join(format!("{id}.{TRACE_EXTENSION}"))
}

fn make_read_only(file: &Path) -> Result<(), StoreError> {
    let mut permissions = fs_err::metadata(file)?.permissions();
    permissions.set_readonly(true);
    Ok(fs_err::set_permissions(file, permissions)?)
}

/// The store cannot be used, or a file in it is not what it should be.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The system refused; the message names the file.
    #[error(
        "{0}; sealed runs are untouched, run the same command again once the folder can be written"
    )]
    Io(#[from] std::io::Error),
    /// Another harness has it open.
    #[error("{root} is in use by another joulebench; wait for it or choose another --store", root = root.display())]
    Locked {
        /// The folder.
        root: PathBuf,
    },
    /// The folder belongs to another plan.
    #[error("{file} differs from the plan given; traces of two plans never share a folder: choose another --store", file = file.display())]
    OtherPlan {
        /// The plan in the store.
        file: PathBuf,
    },
    /// The run is there already.
    #[error("{file} is sealed and never written again", file = file.display())]
    Sealed {
        /// The sealed file.
        file: PathBuf,
    },
    /// A trace is truncated, altered or not a trace.
    #[error("{file}: {reason}; restore it from a copy, or move it away to take the run again", file = file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The trace was written by another version.
    #[error("{file}: format {found}, expected {expected}; use the joulebench that wrote it", file = file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// The version in the file.
        found: String,
        /// The version of this program.
        expected: u32,
    },
    /// A trace cannot be encoded.
    #[error("trace of run {id} cannot be encoded: {reason}")]
    Encode {
        /// The run.
        id: String,
        /// Why.
        reason: String,
    },
}

#[cfg(test)]
mod tests;
