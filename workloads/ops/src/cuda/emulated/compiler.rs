//! Kernel files compiled by g++ into programs, once for each state of the sources.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use candle_core::{Error, Result, bail};

use super::translate::translate;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");
const OUTPUT: &str = concat!(env!("OUT_DIR"), "/emulation");

/// The parts of the emulator that are the same for all kernels.
const PARTS: [&str; 5] = ["faults", "main", "memory", "scheduler", "tensor_core"];

const COMMON: [&str; 4] = ["-std=gnu++17", "-g1", "-Wall", "-U_FORTIFY_SOURCE"];

/// For kernels: local variables begin with nonsense; undefined behaviour ends the launch, through
/// the functions of faults.cpp.
const CHECKED: [&str; 5] = [
    "-O1",
    "-fno-strict-aliasing",
    "-ftrivial-auto-var-init=pattern",
    "-fsanitize=alignment,bounds,null,shift,integer-divide-by-zero,signed-integer-overflow,\
     float-cast-overflow,unreachable,return",
    "-Wno-unknown-pragmas",
];

/// Whether g++ is there.
pub(super) fn is_available() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| Command::new("g++").arg("--version").output().is_ok())
}

type Program = Arc<OnceLock<std::result::Result<PathBuf, String>>>;

/// The program that runs the kernels of `kernels/<file>.cu`, or of `emulation/<file>.cu`.
///
/// # Errors
/// The file does not exist, or does not compile.
pub(super) fn program(file: &'static str) -> Result<PathBuf> {
    static PROGRAMS: Mutex<BTreeMap<&'static str, Program>> = Mutex::new(BTreeMap::new());
    let program = PROGRAMS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(file)
        .or_default()
        .clone();
    program
        .get_or_init(|| compile(file).map_err(|error| error.to_string()))
        .clone()
        .map_err(Error::Msg)
}

fn compile(file: &str) -> Result<PathBuf> {
    let sources = sources()?;
    let folder = Path::new(OUTPUT).join(file);
    let stamp = stamp(file, &sources);
    let program = folder.join(format!("{stamp:016x}"));
    if program.is_file() {
        return Ok(program);
    }
    // What earlier states of the sources left.
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder)?;
    for (name, (original, text)) in &sources {
        let line = format!("#line 1 \"{original}\"\n");
        fs::write(folder.join(name), line + text)?;
    }
    for part in PARTS {
        let source = format!("{part}.cpp");
        gpp(&folder, &["-O2", "-Wextra", "-c", &source])?;
    }
    let kernel = format!("{file}.cu");
    let preprocessed = gpp(&folder, &["-x", "c++", "-E", "-I.", "-include", "table.h", &kernel])?;
    fs::write(folder.join("kernels.ii"), translate(&preprocessed))?;
    gpp(&folder, &[&CHECKED[..], &["-c", "kernels.ii"]].concat())?;
    let objects: Vec<String> = PARTS
        .iter()
        .chain(&["kernels"])
        .map(|part| format!("{part}.o"))
        .collect();
    let mut link: Vec<&str> = objects.iter().map(String::as_str).collect();
    link.extend(["-no-pie", "-o", "program"]);
    gpp(&folder, &link)?;
    fs::rename(folder.join("program"), &program)?;
    Ok(program)
}

/// All sources by name, with the path for messages; those of the emulator replace kernels' headers.
fn sources() -> Result<BTreeMap<String, (String, String)>> {
    let mut sources = BTreeMap::new();
    for folder in ["kernels", "emulation"] {
        for entry in fs::read_dir(Path::new(CRATE).join(folder))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_source = [".cu", ".cuh", ".h", ".cpp"].iter().any(|end| name.ends_with(end));
            if is_source {
                let original = format!("{folder}/{name}");
                sources.insert(name, (original, fs::read_to_string(&path)?));
            }
        }
    }
    Ok(sources)
}

/// A number that changes with what the program is made of: headers, flags and the file itself.
fn stamp(file: &str, sources: &BTreeMap<String, (String, String)>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let other_kernel = |name: &str| name.ends_with(".cu") && name != format!("{file}.cu");
    for (name, source) in sources.iter().filter(|(name, _)| !other_kernel(name)) {
        (name, source).hash(&mut hasher);
    }
    (COMMON, CHECKED).hash(&mut hasher);
    hasher.finish()
}

/// Runs g++ in a folder and returns what it prints.
fn gpp(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("g++")
        .args(COMMON)
        .args(arguments)
        .current_dir(folder)
        .output()?;
    if !output.status.success() {
        bail!("g++ {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).map_err(Error::wrap)
}
