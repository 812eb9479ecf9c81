//! Locks of the kernel: they fall when their holder dies, however it dies.

use std::path::{Path, PathBuf};

use fs_err::{File, OpenOptions};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::StateError;

/// The only writer of a log, as long as this lives.
pub(super) struct WriterLock {
    file: File,
}

impl WriterLock {
    /// Waits until nobody else holds the lock. `file` must be an opening of its own.
    pub(super) fn wait(file: File, path: &Path) -> Result<Self, StateError> {
        loop {
            match flock(file.file(), FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Self { file }),
                // A signal arrived while waiting.
                Err(Errno::INTR) => {}
                Err(source) => return Err(StateError::io("locking", path, source.into())),
            }
        }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // A fork may have copied the descriptor: closing ours would not give the lock back.
        // Unlocking what we hold cannot fail in a way that could be mended here.
        let _ = flock(self.file.file(), FlockOperation::Unlock);
    }
}

/// The one emulator of a state file, as long as this lives.
#[derive(Debug)]
pub(super) struct EmulatorLock {
    file: File,
    path: PathBuf,
}

impl EmulatorLock {
    /// Takes the lock file beside the state file; refuses where another emulator has it.
    pub(super) fn take(state: &Path) -> Result<Self, StateError> {
        let mut name = state.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let in_use = || StateError::InUse {
            path: state.to_path_buf(),
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| StateError::io("locking", state, source))?;
        match flock(file.file(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(in_use()),
            Err(source) => return Err(StateError::io("locking", state, source.into())),
        }
        let lock = Self { file, path };
        // The last holder may have removed the name between our opening and our locking; then
        // the next emulator would lock another file.
        if lock.still_has_the_name() {
            Ok(lock)
        } else {
            Err(in_use())
        }
    }

    fn still_has_the_name(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        match (self.file.metadata(), fs_err::metadata(&self.path)) {
            (Ok(ours), Ok(named)) => ours.ino() == named.ino() && ours.dev() == named.dev(),
            _ => false,
        }
    }
}

impl Drop for EmulatorLock {
    fn drop(&mut self) {
        // The name goes while the lock is still held. A name that stays does no harm.
        let _ = fs_err::remove_file(&self.path);
        let _ = flock(self.file.file(), FlockOperation::Unlock);
    }
}
