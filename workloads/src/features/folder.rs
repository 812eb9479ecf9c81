//! The weights of a user's folder, and what tells them from others.

use std::path::Path;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;

use crate::Error;
use crate::checkpoint::{Folder, Spelling};
use crate::weights::hash;

/// Endings of files that hold pickled objects: to load one is to run the code inside.
const PICKLES: [&str; 5] = ["bin", "pt", "pth", "ckpt", "pkl"];

/// Tensors in single precision by their published names, and `sha256:…` of their files.
///
/// # Errors
/// A pickle, a missing or damaged file, or a tensor that is missing or has another shape.
pub(super) fn open(
    path: &Path,
    wanted: &[(String, Vec<usize>)],
) -> Result<(VarBuilder<'static>, String), Error> {
    if is_pickle(path) {
        return Err(pickle(path));
    }
    let folder = Folder::new(path);
    let files = match folder.files() {
        Ok(files) => files,
        Err(missing) => return Err(first_pickle(path).unwrap_or(missing)),
    };
    let id = hash::of_files(&files)?;
    let weights = folder.weights(wanted, Spelling::EXACT, DType::F32, &Device::Cpu)?;
    Ok((weights, id))
}

fn is_pickle(path: &Path) -> bool {
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| PICKLES.contains(&ending.to_ascii_lowercase().as_str()))
}

/// The refusal of the first pickle of a folder without safetensors.
fn first_pickle(folder: &Path) -> Option<Error> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut pickles: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_pickle(path))
        .collect();
    pickles.sort();
    pickles.first().map(|path| pickle(path))
}

fn pickle(path: &Path) -> Error {
    Error::file(
        path,
        "is a pickle file, which can run any code when it is loaded; write its tensors to \
         model.safetensors with `safetensors.torch.save_file(torch.load(FILE, \
         weights_only=True), …)`, see docs/quality.md",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn refusal(path: &Path) -> String {
        let wanted = [("w".to_owned(), vec![1])];
        open(path, &wanted).err().expect("refused").to_string()
    }

    #[test]
    fn pickles_are_refused_by_name_with_how_to_convert_them() {
        let folder = TempDir::new().expect("a temporary folder");
        let file = folder.path().join("pt_inception-2015-12-05-6726825d.pth");
        fs::write(&file, "x").expect("writes");
        for path in [&file, folder.path()] {
            let message = refusal(path);
            assert!(
                message.contains("6726825d.pth: is a pickle file"),
                "{message}"
            );
            assert!(message.contains("save_file"), "{message}");
        }
    }

    #[test]
    fn an_empty_folder_says_what_is_missing() {
        let folder = TempDir::new().expect("a temporary folder");
        let message = refusal(folder.path());
        assert!(
            message.contains("has neither model.safetensors"),
            "{message}"
        );
    }
}
