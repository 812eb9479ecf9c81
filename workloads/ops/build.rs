//! Compiles `kernels/*.cu` with nvcc into cubins that the library embeds. Without the feature
//! `cuda` it does nothing.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=kernels");
    for variable in ["NVCC", "CUDA_HOME", "CUDA_COMPUTE_CAP", "NVCC_CCBIN"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return ExitCode::SUCCESS;
    }
    match compile_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            for line in problem.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Every kernel file to one cubin, several at a time, and the list of them as Rust source.
fn compile_all() -> Result<(), String> {
    let output = PathBuf::from(env::var("OUT_DIR").map_err(|e| format!("OUT_DIR: {e}"))?);
    let compiler = compiler()?;
    let architecture = architecture()?;
    let jobs = env::var("NUM_JOBS")
        .ok()
        .and_then(|jobs| jobs.parse().ok())
        .unwrap_or(1_usize);

    let sources = Mutex::new(sources()?);
    let made = Mutex::new(BTreeMap::new());
    let problems = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(source) = pop(&sources) {
                    match compile(&compiler, &architecture, &source, &output) {
                        Ok((name, cubin)) => {
                            made.lock().expect("no panic").insert(name, cubin);
                        }
                        Err(problem) => problems.lock().expect("no panic").push(problem),
                    }
                }
            });
        }
    });
    let problems = problems.into_inner().expect("no panic");
    if !problems.is_empty() {
        return Err(problems.join("\n"));
    }
    let mut list = String::from("&[\n");
    for (name, cubin) in made.into_inner().expect("no panic") {
        let path = cubin
            .to_str()
            .ok_or_else(|| format!("{}: the path is no UTF-8", cubin.display()))?;
        writeln!(list, "    ({name:?}, include_bytes!({path:?})),").expect("a string grows");
    }
    list.push(']');
    fs::write(output.join("cubins.rs"), list).map_err(|e| format!("cubins.rs: {e}"))
}

fn pop(sources: &Mutex<Vec<PathBuf>>) -> Option<PathBuf> {
    sources.lock().expect("no panic").pop()
}

fn sources() -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("kernels").map_err(|e| format!("kernels: {e}"))? {
        let path = entry.map_err(|e| format!("kernels: {e}"))?.path();
        if path.extension().is_some_and(|extension| extension == "cu") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn compiler() -> Result<PathBuf, String> {
    let named = env::var_os("NVCC").map(PathBuf::from);
    let at_home = env::var_os("CUDA_HOME").map(|home| Path::new(&home).join("bin/nvcc"));
    if let Some(path) = named.or(at_home) {
        return if path.is_file() {
            Ok(path)
        } else {
            Err(format!(
                "NVCC or CUDA_HOME name {}, which is no file; workloads/cuda/build.sh fetches a compiler",
                path.display()
            ))
        };
    }
    Command::new("nvcc")
        .arg("--version")
        .output()
        .map(|_| PathBuf::from("nvcc"))
        .map_err(|_| {
            "the feature 'cuda' needs nvcc, which is neither in NVCC, CUDA_HOME nor on PATH; \
             build with workloads/cuda/build.sh, which fetches it"
                .into()
        })
}

/// `sm_90a` for 90: kernels run on the one generation that they are compiled for.
fn architecture() -> Result<String, String> {
    let capability = env::var("CUDA_COMPUTE_CAP").unwrap_or_else(|_| "90".into());
    let number: u32 = capability.parse().map_err(|_| {
        format!("CUDA_COMPUTE_CAP is '{capability}', expected a number such as 90 (H100, H200) or 80 (A100)")
    })?;
    if number < 80 {
        return Err(format!(
            "CUDA_COMPUTE_CAP is {number}, expected 80 or more: older GPUs have no bf16"
        ));
    }
    let suffix = if number >= 90 { "a" } else { "" };
    Ok(format!("sm_{number}{suffix}"))
}

fn compile(
    compiler: &Path,
    architecture: &str,
    source: &Path,
    output: &Path,
) -> Result<(String, PathBuf), String> {
    let name = source
        .file_stem()
        .and_then(|stem| stem.to_str())
        .ok_or_else(|| format!("{}: the name is no UTF-8", source.display()))?
        .to_owned();
    let cubin = output.join(format!("{name}.cubin"));
    let mut command = Command::new(compiler);
    command
        .args(["-cubin", "-std=c++17", "-O3", "-lineinfo"])
        .arg(format!("-arch={architecture}"))
        .arg("-o")
        .arg(&cubin)
        .arg(source);
    if let Some(host) = env::var_os("NVCC_CCBIN") {
        command.arg("-ccbin").arg(host);
    }
    let result = command
        .output()
        .map_err(|e| format!("{} cannot be started: {e}", compiler.display()))?;
    if result.status.success() {
        Ok((name, cubin))
    } else {
        Err(format!(
            "{} was refused by nvcc:\n{}",
            source.display(),
            String::from_utf8_lossy(&result.stderr)
        ))
    }
}
