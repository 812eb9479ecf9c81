//! Checksums of a finished campaign in the format of `sha256sum`.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use model::run::hex;
use sha2::{Digest, Sha256};

use super::temporary::write_atomically;
use super::{Durability, StoreError};

/// Name of the list.
const SUMS_FILE: &str = "SHA256SUMS";
/// Bytes of a file that are read at once.
const PIECE_BYTES: usize = 1 << 16;

/// Lists every file below the folder but the list itself and hidden files, sorted by name.
pub(super) fn write_checksums(root: &Path, durability: Durability) -> Result<(), StoreError> {
    let mut files = Vec::new();
    collect(root, Path::new(""), &mut files)?;
    files.sort();
    let mut text = String::new();
    for relative in files {
        let digest = digest_of(&root.join(&relative))?;
        writeln!(text, "{digest}  {}", relative.display()).expect("a string takes all");
    }
    write_atomically(&root.join(SUMS_FILE), text.as_bytes(), durability)
}

/// SHA-256 of a file, read piece by piece: a trace may be as long as it likes.
fn digest_of(file: &Path) -> Result<String, StoreError> {
    let mut file = fs_err::File::open(file)?;
    let mut digest = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&digest.finalize())),
            length => digest.update(&piece[..length]),
        }
    }
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
