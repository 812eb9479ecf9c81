//! Where the built library and the stand-in for `nvidia-smi` are.

use std::path::{Path, PathBuf};

use super::LaunchError;

/// File name of the library as cargo builds it.
const LIBRARY: &str = "libnvml_sim.so";
/// File name of the stand-in.
const SMI: &str = "joulebench-nvidia-smi";
/// Names the library where it is not beside the program.
const LIBRARY_VARIABLE: &str = "JOULEBENCH_NVML_LIBRARY";
/// Names the stand-in where it is not beside the program.
const SMI_VARIABLE: &str = "JOULEBENCH_NVIDIA_SMI";

/// The built parts of the emulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The library with the ABI of NVML.
    pub nvml_library: PathBuf,
    /// The stand-in for `nvidia-smi`.
    pub nvidia_smi: PathBuf,
}

impl Parts {
    /// Looks beside this program: in its folder, in `lib` next to it, and above `deps`, where cargo
    /// puts tests.
    pub fn find() -> Result<Self, LaunchError> {
        let program = std::env::current_exe().map_err(|source| LaunchError::Folder {
            path: PathBuf::from("the path of this program"),
            source,
        })?;
        Ok(Self {
            nvml_library: find(&program, LIBRARY, LIBRARY_VARIABLE)?,
            nvidia_smi: find(&program, SMI, SMI_VARIABLE)?,
        })
    }
}

fn find(
    program: &Path,
    name: &'static str,
    variable: &'static str,
) -> Result<PathBuf, LaunchError> {
    let missing = || LaunchError::Missing {
        name,
        program: program.to_path_buf(),
        variable,
    };
    if let Some(named) = std::env::var_os(variable).filter(|path| !path.is_empty()) {
        return fs_err::canonicalize(named).map_err(|_| missing());
    }
    let beside = program.parent().unwrap_or(Path::new("/"));
    let above = beside.parent().unwrap_or(Path::new("/"));
    let mut places = vec![beside.to_path_buf(), above.join("lib")];
    if beside.ends_with("deps") {
        places.push(above.to_path_buf());
    }
    places
        .into_iter()
        .map(|place| place.join(name))
        .find(|path| path.is_file())
        .ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_beside_in_lib_and_above_deps() {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("bin");
        for folder in ["bin", "lib", "target/debug/deps"] {
            fs_err::create_dir_all(root.path().join(folder)).unwrap();
        }
        let look = |program: &Path| find(program, LIBRARY, "JOULEBENCH_UNSET_IN_TESTS");
        let error = look(&bin.join("joulebench")).unwrap_err().to_string();
        assert!(error.starts_with("libnvml_sim.so is not beside"), "{error}");
        for (library, program) in [
            ("lib/libnvml_sim.so", "bin/joulebench"),
            ("bin/libnvml_sim.so", "bin/joulebench"),
            ("target/debug/libnvml_sim.so", "target/debug/deps/test-1"),
        ] {
            let library = root.path().join(library);
            fs_err::write(&library, "").unwrap();
            assert_eq!(look(&root.path().join(program)).unwrap(), library);
        }
    }
}
