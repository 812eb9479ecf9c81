//! Files of pickled objects: to load one is to run the code inside, so none is ever opened.

use std::collections::BTreeSet;
use std::path::Path;

use crate::Error;

/// Their endings.
const ENDINGS: [&str; 5] = ["bin", "pt", "pth", "ckpt", "pkl"];

/// Ending of the list of the parts of one.
const INDEX: &str = ".bin.index.json";

/// Refuses a file that may hold a program, by its name.
///
/// # Errors
/// It may.
pub(crate) fn refuse(file: &Path) -> Result<(), Error> {
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    if ending.is_some_and(|ending| ENDINGS.contains(&ending)) || name.ends_with(INDEX) {
        return Err(Error::file(
            file,
            "is a pickle file, which can run any code when it is loaded; fetch or save the model \
             as safetensors",
        ));
    }
    Ok(())
}

/// Refuses a folder that holds such files, by the name of the first; what cannot be listed has
/// none.
///
/// # Errors
/// It does.
pub(crate) fn refuse_inside(folder: &Path) -> Result<(), Error> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files: BTreeSet<_> = entries.map(|entry| entry.path()).collect();
    files
        .iter()
        .filter(|path| path.is_file())
        .try_for_each(|file| refuse(file))
}
