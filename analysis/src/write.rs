//! Writing results: whole files or nothing.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::Error;

/// Writes a file in one step: a temporary one beside it, synced, then renamed, so that a reader
/// never sees half of it and a failure leaves the old one. Parent folders are created.
///
/// # Errors
/// [`Error::Io`] with the file that could not be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let temporary = temporary_name(path)?;
    let result = write_and_rename(&temporary, path, bytes);
    if result.is_err() {
        // The first error is the one to report; the temporary file may not even exist.
        let _ = fs_err::remove_file(&temporary);
    }
    Ok(result?)
}

/// Writes a value as indented JSON with a final newline.
///
/// # Errors
/// Those of [`write_atomically`].
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::content(path, format!("cannot be written as JSON: {error}")))?;
    text.push('\n');
    write_atomically(path, text.as_bytes())
}

fn temporary_name(path: &Path) -> Result<PathBuf, Error> {
    let name = path
        .file_name()
        .ok_or_else(|| Error::content(path, "is no file name; give the path of a file"))?;
    let mut temporary = name.to_owned();
    temporary.push(".tmp");
    Ok(path.with_file_name(temporary))
}

fn write_and_rename(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs_err::File::create(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs_err::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_no_temporary_is_left() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("deep/er/table.csv");
        write_atomically(&path, b"one").expect("a writable folder");
        write_atomically(&path, b"two").expect("a writable folder");
        assert_eq!(fs_err::read(&path).expect("the file"), b"two");
        let parent = path.parent().expect("a parent");
        assert_eq!(fs_err::read_dir(parent).expect("the folder").count(), 1);
    }

    #[test]
    fn a_folder_that_is_a_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let blocked = folder.path().join("blocked");
        fs_err::write(&blocked, b"").expect("a writable folder");
        let error = write_atomically(&blocked.join("x.csv"), b"").expect_err("a file is no folder");
        assert!(error.to_string().contains("blocked"), "{error}");
    }
}
