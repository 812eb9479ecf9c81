//! Where the lock and the ledger of a GPU lie.
//!
//! The lock must be seen by every user of the machine and may vanish with a restart. The ledger must
//! outlive a restart, and is nobody's business but its owner's: whoever can write it decides what
//! clocks and limits a later run with more rights sets.

use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use model::provenance::EMULATOR_VARIABLE;

/// Folders of locks and ledgers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    locks: PathBuf,
    ledgers: PathBuf,
}

/// Locks of all users.
const LOCKS: &str = "/tmp/joulebench-locks";
/// Ledgers of root, who is the one that may control.
const LEDGERS_OF_ROOT: &str = "/var/lib/joulebench";
/// Everybody may make files, nobody may remove those of others.
const SHARED: u32 = 0o1777;

impl Folder {
    /// The folders of this process. An emulated machine has its own beside its state file: the
    /// same UUID may be emulated many times at once.
    pub fn of_this_process() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(state) = variable(EMULATOR_VARIABLE) {
            let mut beside = state;
            beside.push(".control");
            return Self::at(Path::new(&beside));
        }
        let of_user = || {
            variable("XDG_STATE_HOME")
                .map(PathBuf::from)
                .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".local/state")))
                .map(|state| state.join("joulebench"))
        };
        let user = rustix::process::geteuid();
        let ledgers = if user.is_root() {
            PathBuf::from(LEDGERS_OF_ROOT)
        } else {
            // A user without a home has at least what outlives a restart.
            of_user()
                .unwrap_or_else(|| PathBuf::from(format!("/var/tmp/joulebench-{}", user.as_raw())))
        };
        Self {
            locks: PathBuf::from(LOCKS),
            ledgers,
        }
    }

    /// One folder for both.
    pub fn at(folder: &Path) -> Self {
        Self {
            locks: folder.to_owned(),
            ledgers: folder.to_owned(),
        }
    }

    /// Makes the folder of locks where it is absent.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn make_for_locks(&self) -> std::io::Result<()> {
        if !self.locks.is_dir() {
            fs_err::create_dir_all(&self.locks)?;
            let shared = std::fs::Permissions::from_mode(SHARED);
            fs_err::set_permissions(&self.locks, shared)?;
        }
        Ok(())
    }

    /// Makes the folder of ledgers where it is absent.
    ///
    /// # Errors
    /// Where the system refuses, or the folder belongs to another user.
    pub fn make_for_ledgers(&self) -> std::io::Result<()> {
        if !self.ledgers.is_dir() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(&self.ledgers)?;
        }
        if is_of_a_stranger(&self.ledgers)? {
            return Err(std::io::Error::other(format!(
                "{}: belongs to another user, who could say what is given back; expected a folder of this user",
                self.ledgers.display()
            )));
        }
        Ok(())
    }

    /// The lock of a GPU.
    pub fn lock_of(&self, gpu: &str) -> PathBuf {
        self.locks.join(format!("{gpu}.lock"))
    }

    /// The ledger of a GPU.
    pub fn ledger_of(&self, gpu: &str) -> PathBuf {
        self.ledgers.join(format!("{gpu}.ledger"))
    }

    /// Every ledger that is there, sorted, with the UUID of its GPU.
    ///
    /// # Errors
    /// Where the folder is there and cannot be read.
    pub fn ledgers(&self) -> std::io::Result<Vec<(String, PathBuf)>> {
        if !self.ledgers.is_dir() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for entry in fs_err::read_dir(&self.ledgers)? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy());
            if let Some(gpu) = name
                .as_deref()
                .and_then(|name| name.strip_suffix(".ledger"))
            {
                found.push((gpu.to_owned(), path.clone()));
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Whether a file or folder belongs neither to this user nor to root.
pub(super) fn is_of_a_stranger(path: &Path) -> std::io::Result<bool> {
    let owner = fs_err::metadata(path)?.uid();
    Ok(owner != 0 && owner != rustix::process::geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ledgers_are_found_by_their_gpu() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(&place.path().join("deep/er"));
        assert_eq!(folder.ledgers().unwrap(), []);
        for _ in 0..2 {
            folder.make_for_locks().unwrap();
            folder.make_for_ledgers().unwrap();
        }
        for gpu in ["GPU-b", "GPU-a"] {
            fs_err::write(folder.ledger_of(gpu), "x").unwrap();
            fs_err::write(folder.lock_of(gpu), "x").unwrap();
        }
        let gpus: Vec<String> = folder
            .ledgers()
            .unwrap()
            .into_iter()
            .map(|(gpu, _)| gpu)
            .collect();
        assert_eq!(gpus, ["GPU-a", "GPU-b"]);
    }
}
