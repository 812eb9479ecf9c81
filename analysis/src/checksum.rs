//! `SHA256SUMS`: what a folder of data must hold, in the format of `sha256sum`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::Error;

/// Name of the list in the folder that it describes.
pub const CHECKSUM_FILE: &str = "SHA256SUMS";

/// Checks every file of a folder, subfolders included, against its `SHA256SUMS`.
///
/// # Errors
/// [`Error::Checksum`] with the first file, by name, that differs, is missing or is not in the
/// list; also where the list itself is absent or malformed.
pub fn verify_checksums(folder: &Path) -> Result<(), Error> {
    let expected = read_list(folder)?;
    let present = files_below(folder)?;
    let names: BTreeSet<&String> = expected.keys().chain(&present).collect();
    for name in names {
        let path = folder.join(name);
        let problem = match (expected.get(name), present.contains(name)) {
            (None, _) => Some(format!(
                "is not in {CHECKSUM_FILE}; remove it or add it to the list"
            )),
            (Some(_), false) => Some(format!(
                "is in {CHECKSUM_FILE} but missing; restore it from its source"
            )),
            (Some(sum), true) => {
                let found = sha256_of(&path)?;
                (found != *sum).then(|| {
                    format!(
                        "has SHA-256 {found}, but {CHECKSUM_FILE} says {sum}; \
                         the file was changed, restore it from its source"
                    )
                })
            }
        };
        if let Some(problem) = problem {
            return Err(Error::Checksum { path, problem });
        }
    }
    Ok(())
}

/// The list that [`verify_checksums`] accepts for a folder as it is now, sorted by name.
///
/// # Errors
/// [`Error::Io`] where a file cannot be read.
pub fn list_checksums(folder: &Path) -> Result<String, Error> {
    let mut list = String::new();
    for name in files_below(folder)? {
        let digest = sha256_of(&folder.join(&name))?;
        writeln!(list, "{digest}  {name}").expect("a string takes all");
    }
    Ok(list)
}

fn read_list(folder: &Path) -> Result<BTreeMap<String, String>, Error> {
    let path = folder.join(CHECKSUM_FILE);
    let problem = |problem: String| Error::Checksum {
        path: path.clone(),
        problem,
    };
    let text = match fs_err::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(problem("is missing; restore it from its source".into()));
        }
        Err(error) => return Err(error.into()),
    };
    let mut sums = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let entry = line.split_once("  ").filter(|(sum, name)| {
            sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()) && !name.is_empty()
        });
        let Some((sum, name)) = entry else {
            return Err(problem(format!(
                "line {} is '{line}', expected 64 hex digits, two spaces and a file name",
                index + 1
            )));
        };
        sums.insert(name.to_owned(), sum.to_ascii_lowercase());
    }
    Ok(sums)
}

/// Every file below a folder but the list itself, relative, with `/`.
fn files_below(folder: &Path) -> Result<BTreeSet<String>, Error> {
    let mut files = BTreeSet::new();
    let mut pending = vec![(folder.to_owned(), String::new())];
    while let Some((path, prefix)) = pending.pop() {
        for entry in fs_err::read_dir(&path)? {
            let entry = entry?;
            let own_name = entry.file_name().to_string_lossy().into_owned();
            // Hidden files are marks of programs, such as the lock of an open store, not data.
            if own_name.starts_with('.') {
                continue;
            }
            let name = format!("{prefix}{own_name}");
            if entry.file_type()?.is_dir() {
                pending.push((entry.path(), name + "/"));
            } else if name != CHECKSUM_FILE {
                files.insert(name);
            }
        }
    }
    Ok(files)
}

fn sha256_of(path: &Path) -> Result<String, Error> {
    let mut file = fs_err::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = io::Read::read(&mut file, &mut buffer)?;
        if length == 0 {
            return Ok(model::run::hex(&hash.finalize()));
        }
        hash.update(&buffer[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with two files and their list.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs_err::create_dir(folder.path().join("failed")).expect("a fresh folder");
        fs_err::write(folder.path().join("a.parquet"), b"alpha").expect("a file");
        fs_err::write(folder.path().join("failed/b.parquet"), b"beta").expect("a file");
        let list = list_checksums(folder.path()).expect("readable files");
        fs_err::write(folder.path().join(CHECKSUM_FILE), list).expect("a file");
        folder
    }

    fn error_after(change: impl Fn(&Path)) -> String {
        let folder = folder();
        change(folder.path());
        verify_checksums(folder.path())
            .expect_err("the folder was changed")
            .to_string()
    }

    #[test]
    fn an_unchanged_folder_passes_in_the_format_of_sha256sum() {
        let folder = folder();
        fs_err::write(folder.path().join(".lock"), "").expect("a file");
        verify_checksums(folder.path()).expect("nothing was changed");
        let list = fs_err::read_to_string(folder.path().join(CHECKSUM_FILE)).expect("the list");
        assert!(list.starts_with(
            "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8  a.parquet\n"
        ));
    }

    #[test]
    fn the_file_that_differs_is_missing_or_extra_is_named() {
        let flipped =
            error_after(|f| fs_err::write(f.join("failed/b.parquet"), b"bexa").expect("a file"));
        assert!(
            flipped.contains("failed/b.parquet: has SHA-256"),
            "{flipped}"
        );
        let missing = error_after(|f| fs_err::remove_file(f.join("a.parquet")).expect("a file"));
        assert!(
            missing.contains("a.parquet: is in SHA256SUMS but missing"),
            "{missing}"
        );
        let extra = error_after(|f| fs_err::write(f.join("zz"), b"").expect("a file"));
        assert!(extra.contains("zz: is not in SHA256SUMS"), "{extra}");
        let unlisted = error_after(|f| fs_err::remove_file(f.join(CHECKSUM_FILE)).expect("a file"));
        assert!(unlisted.contains("SHA256SUMS: is missing"), "{unlisted}");
        let garbage =
            error_after(|f| fs_err::write(f.join(CHECKSUM_FILE), "hello\n").expect("a file"));
        assert!(garbage.contains("line 1 is 'hello'"), "{garbage}");
    }
}
