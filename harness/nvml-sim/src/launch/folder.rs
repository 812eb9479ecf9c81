//! The folder that a command finds first: links to the built parts under the names of the real ones.

use std::path::{Path, PathBuf};

use super::{LaunchError, Parts};

/// Names under which programs load the library.
const LIBRARY_NAMES: [&str; 2] = ["libnvidia-ml.so.1", "libnvidia-ml.so"];

/// A folder of links, removed with this value.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn make(parent: &Path, parts: &Parts) -> Result<Self, LaunchError> {
        let failed = |path: &Path, source| LaunchError::Folder {
            path: path.to_path_buf(),
            source,
        };
        let parent = fs_err::canonicalize(parent).map_err(|source| failed(parent, source))?;
        if parent.as_os_str().as_encoded_bytes().contains(&b':') {
            return Err(LaunchError::Colon(parent));
        }
        let folder = Self::new_below(&parent)?;
        let link = |original: &Path, name: PathBuf| {
            fs_err::os::unix::fs::symlink(original, &name).map_err(|source| failed(&name, source))
        };
        for name in LIBRARY_NAMES {
            link(&parts.nvml_library, folder.0.join(name))?;
        }
        let programs = folder.programs();
        fs_err::create_dir(&programs).map_err(|source| failed(&programs, source))?;
        link(&parts.nvidia_smi, programs.join("nvidia-smi"))?;
        Ok(folder)
    }

    /// A name that nobody has yet: the process and a number.
    fn new_below(parent: &Path) -> Result<Self, LaunchError> {
        for number in 0_u32.. {
            let path = parent.join(format!("joulebench-nvml-{}-{number}", std::process::id()));
            match fs_err::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(LaunchError::Folder { path, source }),
            }
        }
        unreachable!("four thousand million folders of one process")
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn programs(&self) -> PathBuf {
        self.0.join("bin")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays does no harm, and there is nobody to tell.
        let _ = fs_err::remove_dir_all(&self.0);
    }
}
