//! The hash that identifies files of weights.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;

use model::run::hex;
use sha2::{Digest, Sha256};

use crate::Error;

/// `sha256:` and the SHA-256 of one file or, of several, of their hashes one after another, in the
/// order given. A checkpoint has many GiB, so its files are read at the same time.
pub(crate) fn of_files(files: &[PathBuf]) -> Result<String, Error> {
    if let [file] = files {
        return Ok(format!("sha256:{}", hex(&of_file(file)?)));
    }
    let hashes: Vec<Result<[u8; 32], Error>> = thread::scope(|scope| {
        let running: Vec<_> = files
            .iter()
            .map(|file| scope.spawn(move || of_file(file)))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("hashing does not panic"))
            .collect()
    });
    let mut all = Sha256::new();
    for hash in hashes {
        all.update(hash?);
    }
    Ok(format!("sha256:{}", hex(&all.finalize())))
}

fn of_file(path: &Path) -> Result<[u8; 32], Error> {
    let failed = |error| Error::file(path, format!("cannot be read ({error})"));
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hash.finalize().into()),
            count => hash.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn one_file_has_the_hash_of_sha256sum_and_several_that_of_their_hashes() {
        let folder = TempDir::new().expect("a temporary folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("writes");
            path
        };
        let (a, b) = (file("a", "abc"), file("b", ""));
        // FIPS 180-4, the example of one block.
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of_files(std::slice::from_ref(&a)).expect("reads"), abc);
        let both = of_files(&[a.clone(), b.clone()]).expect("reads");
        assert_ne!(both, of_files(&[b, a]).expect("reads"));
        let message = of_files(&[folder.path().join("c")])
            .expect_err("missing")
            .to_string();
        assert!(message.contains("c: cannot be read"), "{message}");
    }
}
