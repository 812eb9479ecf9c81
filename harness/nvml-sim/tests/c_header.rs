//! The header, compiled by a C compiler and run against the built library.

use std::path::Path;
use std::process::Command;

use nvml_sim::launch::{Launch, Parts};
use nvml_sim::state::{Emulator, MachineConfig};

/// Compiles the program in a folder; none where this host has no C compiler.
fn compiled(folder: &Path, library_folder: &Path) -> Option<std::path::PathBuf> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = folder.join("c_header");
    let compiler = Command::new("cc")
        .args([
            "-std=c11",
            "-D_POSIX_C_SOURCE=200809L",
            "-Wall",
            "-Wextra",
            "-Werror",
        ])
        .arg("-I")
        .arg(crate_folder.join("include"))
        .arg(crate_folder.join("tests/c_header.c"))
        .arg("-L")
        .arg(library_folder)
        .args(["-lnvidia-ml", "-lm", "-o"])
        .arg(&program)
        .output();
    let output = match compiler {
        Ok(output) => output,
        Err(error) => {
            eprintln!("skipped: no C compiler on this host ({error})");
            return None;
        }
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Some(program)
}

#[test]
fn a_program_in_c_loads_the_gpu_and_asks_for_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("machine.state");
    let emulator = Emulator::create(&path, &MachineConfig::of_boards(["a100"], 5)).unwrap();
    let launch = Launch::prepare(folder.path(), &path, &Parts::find().unwrap()).unwrap();
    let Some(program) = compiled(folder.path(), launch.library_folder()) else {
        return;
    };
    let run = |environment: &[(&str, std::ffi::OsString)]| {
        let output = Command::new(&program)
            .env_clear()
            .envs(environment.iter().map(|(key, value)| (key, value)))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), text)
    };
    let (ok, text) = run(&launch.environment());
    assert!(ok, "{text}");
    assert!(text.starts_with("idle "), "{text}");
    // The same program, linked to the same library, where no machine runs.
    let without: Vec<_> = launch
        .environment()
        .into_iter()
        .filter(|(key, _)| *key == "LD_LIBRARY_PATH")
        .collect();
    let (ok, text) = run(&without);
    assert!(!ok && text.contains("= 1, expected 0"), "{text}");
    drop(emulator);
}
