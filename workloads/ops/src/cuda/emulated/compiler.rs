//! Kernel files compiled by g++ into programs, once for each state of the sources.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use candle_core::{Error, Result, bail};

use super::translate::{names, translate};

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

/// Beside each program, the names of its kernels.
const NAMES: &str = "names";

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

/// The names of all kernels of `kernels/*.cu`.
///
/// # Errors
/// A file does not compile.
pub(super) fn kernel_names() -> Result<Vec<String>> {
    let mut all = Vec::new();
    for (name, (original, _)) in sources()? {
        let Some(file) = name.strip_suffix(".cu") else {
            continue;
        };
        if original.starts_with("kernels/") {
            compile(file)?;
            let names = fs::read_to_string(Path::new(OUTPUT).join(file).join(NAMES))?;
            all.extend(names.lines().map(String::from));
        }
    }
    Ok(all)
}

fn compile(file: &str) -> Result<PathBuf> {
    let sources = sources()?;
    let folder = Path::new(OUTPUT).join(file);
    let kernel = format!("{file}.cu");
    let program = folder.join(stamp(&sources, |name| kind(name) != "cu" || name == kernel));
    if program.is_file() {
        return Ok(program);
    }
    // What earlier states of the sources left.
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder)?;
    write_sources(&folder, &sources)?;
    let preprocessed = gpp(
        &folder,
        &["-x", "c++", "-E", "-I.", "-include", "table.h", &kernel],
    )?;
    fs::write(folder.join("kernels.ii"), translate(&preprocessed))?;
    fs::write(folder.join(NAMES), names(&preprocessed).join("\n"))?;
    gpp(&folder, &[&CHECKED[..], &["-c", "kernels.ii"]].concat())?;
    let mut objects = parts(&sources)?;
    objects.push("kernels.o".into());
    let mut link: Vec<&str> = objects.iter().map(String::as_str).collect();
    link.extend(["-no-pie", "-o", "program"]);
    gpp(&folder, &link)?;
    fs::rename(folder.join("program"), &program)?;
    Ok(program)
}

/// The objects of the emulator's own parts, compiled once for all programs.
fn parts(sources: &Sources) -> Result<Vec<String>> {
    static COMPILED: Mutex<()> = Mutex::new(());
    let _guard = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_part = |name: &str| ["cpp", "h"].contains(&kind(name));
    let folder = Path::new(OUTPUT).join("parts");
    let stamp = folder.join(stamp(sources, is_part));
    if !stamp.is_file() {
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder)?;
        write_sources(&folder, sources)?;
        let files: Vec<String> = PARTS.iter().map(|part| format!("{part}.cpp")).collect();
        let mut arguments = vec!["-O3", "-Wextra", "-c"];
        arguments.extend(files.iter().map(String::as_str));
        gpp(&folder, &arguments)?;
        fs::write(&stamp, "")?;
    }
    let object = |part: &&str| {
        folder
            .join(format!("{part}.o"))
            .to_string_lossy()
            .into_owned()
    };
    Ok(PARTS.iter().map(object).collect())
}

/// Sources by name: the path for messages, and the text.
type Sources = BTreeMap<String, (String, String)>;

fn write_sources(folder: &Path, sources: &Sources) -> Result<()> {
    for (name, (original, text)) in sources {
        fs::write(folder.join(name), format!("#line 1 \"{original}\"\n{text}"))?;
    }
    Ok(())
}

/// All sources; those of the emulator take the place of the kernels' of the same name.
fn sources() -> Result<Sources> {
    let mut sources = BTreeMap::new();
    for folder in ["kernels", "emulation"] {
        for entry in fs::read_dir(Path::new(CRATE).join(folder))? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if ["cu", "cuh", "h", "cpp"].contains(&kind(&name)) {
                let original = format!("{folder}/{name}");
                sources.insert(name, (original, fs::read_to_string(&path)?));
            }
        }
    }
    Ok(sources)
}

/// The part of a file's name behind the last dot.
fn kind(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, kind)| kind)
}

/// A name that changes with these sources and the flags.
fn stamp(sources: &Sources, counts: impl Fn(&str) -> bool) -> String {
    let mut hasher = DefaultHasher::new();
    for (name, source) in sources.iter().filter(|(name, _)| counts(name)) {
        (name, source).hash(&mut hasher);
    }
    (COMMON, CHECKED).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Runs g++ in a folder and returns what it prints.
fn gpp(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("g++")
        .args(COMMON)
        .args(arguments)
        .current_dir(folder)
        .output()?;
    if !output.status.success() {
        bail!(
            "g++ {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    String::from_utf8(output.stdout).map_err(Error::wrap)
}
