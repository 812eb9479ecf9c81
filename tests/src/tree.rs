//! Folders as values, so that "nothing was changed" is one comparison.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file as it was found.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its content.
    pub bytes: Vec<u8>,
    /// When it was last written.
    pub modified: SystemTime,
}

/// Every file below a folder, by relative path.
pub type Tree = BTreeMap<PathBuf, Entry>;

/// Reads a folder with everything below it; empty where there is none.
///
/// # Panics
/// Where a file cannot be read.
pub fn read(folder: &Path) -> Tree {
    let mut tree = Tree::new();
    for path in files(folder) {
        let modified = fs::metadata(&path).and_then(|data| data.modified());
        let entry = Entry {
            bytes: fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
            modified: modified.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        };
        let relative = path
            .strip_prefix(folder)
            .expect("found below the folder")
            .to_owned();
        tree.insert(relative, entry);
    }
    tree
}

/// Asserts that two folders hold the same files with the same bytes.
///
/// # Panics
/// With the names of the files that differ.
pub fn assert_same_bytes(one: &Path, other: &Path) {
    let (one, other) = (read(one), read(other));
    let differing: Vec<_> = one
        .keys()
        .chain(other.keys())
        .filter(|name| one.get(*name).map(|e| &e.bytes) != other.get(*name).map(|e| &e.bytes))
        .collect();
    assert!(differing.is_empty(), "these files differ: {differing:?}");
}

/// Asserts that every file of an earlier look is still there, not written since.
///
/// # Panics
/// With the names of those that are gone or changed.
pub fn assert_kept(earlier: &Tree, folder: &Path) {
    let now = read(folder);
    let lost: Vec<_> = earlier
        .iter()
        .filter(|(name, entry)| now.get(*name) != Some(entry))
        .collect();
    let names: Vec<_> = lost.iter().map(|(name, _)| name).collect();
    assert!(
        names.is_empty(),
        "these files were changed or lost: {names:?}"
    );
}

/// Every file below a folder, sorted.
///
/// # Panics
/// Where a folder cannot be read.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(folder) = pending.pop() {
        if !folder.exists() {
            continue;
        }
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                pending.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The sealed traces of a store, sorted; failed attempts are not among them.
///
/// # Panics
/// Where the store cannot be read.
pub fn traces(store: &Path) -> Vec<PathBuf> {
    let mut traces = files(store);
    traces.retain(|file| {
        file.parent() == Some(store) && file.extension().is_some_and(|end| end == "parquet")
    });
    traces
}

/// Copies a folder with everything below it. Copies can be written, whatever the originals allow.
///
/// # Panics
/// Where a file cannot be read or written.
pub fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).expect("found below the folder"));
        let folder = target.parent().expect("a file lies in a folder");
        fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let bytes = fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        overwrite(&target, &bytes);
    }
}

/// Replaces the content of a file, of a read-only one too.
///
/// # Panics
/// Where that is impossible.
pub fn overwrite(file: &Path, bytes: &[u8]) {
    if file.exists() {
        fs::remove_file(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    fs::write(file, bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

/// Flips the lowest bit of the byte in the middle of a file.
///
/// # Panics
/// Where the file is empty or cannot be written.
pub fn flip_middle_bit(file: &Path) {
    let mut bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    overwrite(file, &bytes);
}
