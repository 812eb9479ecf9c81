//! The repository that is tested.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::Outcome;

/// Its root.
///
/// # Panics
/// Where the tests were built in another place than they run in.
pub fn root() -> &'static Path {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the repository");
    assert!(
        root.join("Cargo.toml").is_file(),
        "{} is no longer the repository",
        root.display()
    );
    root
}

/// Every file that git knows, relative to the root, with those that would be added; `None` where
/// this is no checkout.
pub fn files() -> Option<Vec<PathBuf>> {
    let listing = Outcome::of(
        Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(root()),
    );
    (listing.code == Some(0)).then(|| listing.stdout.lines().map(PathBuf::from).collect())
}
