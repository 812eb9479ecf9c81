//! Checksums of a finished campaign in the format of `sha256sum`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use model::run::hex;
use sha2::{Digest, Sha256};

use super::{Durability, StoreError, write_atomically};

/// Name of the list.
const SUMS_FILE: &str = "SHA256SUMS";

/// Lists every file below the folder but the list itself and hidden files, sorted by name.
pub(super) fn write_checksums(root: &Path, durability: Durability) -> Result<(), StoreError> {
    let mut files = Vec::new();
    collect(root, Path::new(""), &mut files)?;
    files.sort();
    let mut text = String::new();
    for relative in files {
        let digest = Sha256::digest(fs_err::read(root.join(&relative))?);
        writeln!(text, "{}  {}", hex(&digest), relative.display()).expect("a string takes all");
    }
    write_atomically(&root.join(SUMS_FILE), text.as_bytes(), durability)
}

fn collect(root: &Path, below: &Path, files: &mut Vec<PathBuf>) -> Result<(), StoreError> {
    for entry in fs_err::read_dir(root.join(below))? {
        let entry = entry?;
        let relative = below.join(entry.file_name());
        let name = entry.file_name();
        let is_own = below.as_os_str().is_empty() && name == SUMS_FILE;
        if is_own || name.to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(root, &relative, files)?;
        } else {
            files.push(relative);
        }
    }
    Ok(())
}
