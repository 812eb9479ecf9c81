//! Where Cargo put the library that the tests load.

use std::path::PathBuf;

/// The shared library of this crate, as it was built for these tests.
pub(crate) fn path() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let beside = test.parent().unwrap();
    let places = [beside.to_path_buf(), beside.parent().unwrap().to_path_buf()];
    places
        .iter()
        .map(|folder| folder.join("libnvml_sim.so"))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("no libnvml_sim.so in {places:?}"))
}
