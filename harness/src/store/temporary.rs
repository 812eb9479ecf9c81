//! Temporary files: write, sync, rename, sync the folder. After this the file is whole or absent,
//! whatever happens. Without the syncs it is so whenever this process is killed.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use fs_err::File;

use super::{Durability, StoreError};

/// Ending of the names of temporary files.
pub(super) const TEMPORARY_SUFFIX: &str = ".tmp";

/// The name of the temporary of a file.
pub(super) fn temporary_of(file: &Path) -> PathBuf {
    let mut temporary = file.as_os_str().to_owned();
    temporary.push(TEMPORARY_SUFFIX);
    PathBuf::from(temporary)
}

/// A temporary file, removed unless it is kept. One that stays after a kill is swept at the next
/// start.
#[derive(Debug)]
pub(super) struct Temporary(Option<PathBuf>);

impl Temporary {
    pub(super) fn create(path: PathBuf) -> Result<(File, Self), StoreError> {
        let file = File::create(&path)?;
        Ok((file, Self(Some(path))))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.as_deref().expect("only `keep` takes it, for good")
    }

    /// Gives it its name.
    pub(super) fn keep(mut self, file: &Path, durability: Durability) -> Result<(), StoreError> {
        let survives_power_loss = durability == Durability::PowerLoss;
        if survives_power_loss {
            File::open(self.path())?.sync_all()?;
        }
        fs_err::rename(self.path(), file)?;
        self.0 = None;
        match file.parent() {
            Some(folder) if survives_power_loss => Ok(File::open(folder)?.sync_all()?),
            _ => Ok(()),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // What it was for has failed already.
            let _ = fs_err::remove_file(path);
        }
    }
}

/// Writes a whole file.
pub(super) fn write_atomically(
    file: &Path,
    bytes: &[u8],
    durability: Durability,
) -> Result<(), StoreError> {
    let (mut handle, temporary) = Temporary::create(temporary_of(file))?;
    handle.write_all(bytes)?;
    drop(handle);
    temporary.keep(file, durability)
}
