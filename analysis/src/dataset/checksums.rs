//! The sums of a dataset's files by path, as [`crate::checksum`] lists them.

use std::collections::BTreeMap;
use std::path::Path;

use super::Error;
use crate::checksum::{CHECKSUM_FILE, list_checksums, verify_checksums};

/// SHA-256 of each file (64 hex digits) by its path inside the dataset, with `/`.
pub(super) type Sums = BTreeMap<String, String>;

/// The sums of the files as they are now.
pub(super) fn of_folder(root: &Path) -> Result<Sums, Error> {
    Ok(parse(&list_checksums(root)?))
}

/// Completes a dataset: lists every file that it has now.
pub(super) fn seal(root: &Path) -> Result<(), Error> {
    let list = list_checksums(root)?;
    Ok(fs_err::write(root.join(CHECKSUM_FILE), list)?)
}

/// Checks every file of a dataset against its list and returns the sums.
pub(super) fn verify(root: &Path) -> Result<Sums, Error> {
    verify_checksums(root)?;
    Ok(parse(&fs_err::read_to_string(root.join(CHECKSUM_FILE))?))
}

fn parse(list: &str) -> Sums {
    list.lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, path)| (path.to_owned(), sum.to_owned()))
        .collect()
}
