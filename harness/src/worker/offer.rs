//! What an engine can run, asked of its program.

use std::path::Path;
use std::process::{Command as Process, Stdio};

use model::axis::{Axis, AxisValue};
use model::catalogue::{CATALOGUE_SCHEMA, Catalogue};
use model::plan::{DeviceKind, OWN_WORKER, Plan};
use thiserror::Error;

use super::child::resolve;

/// An engine did not say what it can run.
#[derive(Debug, Error)]
#[error("{}: {reason}", command.join(" "))]
pub struct OfferError {
    /// What was started.
    pub command: Vec<String>,
    /// Why that did not help.
    pub reason: String,
}

/// A point that the engine of a plan would refuse.
#[derive(Debug, Error)]
#[error("{problem} (engine '{engine}', point {point})")]
pub struct Unsupported {
    /// What is not supported, and what is.
    pub problem: String,
    /// Name of the engine.
    pub engine: String,
    /// The point, as text.
    pub point: String,
}

/// Whether the command starts our own worker, or its build for CUDA, perhaps through a script: such
/// a program answers `list --json`.
pub fn can_be_asked(command: &[String]) -> bool {
    command
        .last()
        .and_then(|word| Path::new(word).file_name()?.to_str())
        .is_some_and(|name| name.starts_with(OWN_WORKER))
}

/// Asks for the models of a worker; `words` are more arguments of its verb `list`.
///
/// # Errors
/// The program cannot be started, refuses, or says what is no catalogue.
pub fn ask(command: &[String], words: &[String]) -> Result<Catalogue, OfferError> {
    let whole: Vec<String> = command
        .iter()
        .cloned()
        .chain(["list".to_owned(), "--json".to_owned()])
        .chain(words.iter().cloned())
        .collect();
    let failed = |reason: String| OfferError {
        command: whole.clone(),
        reason,
    };
    let path = resolve(&whole[0]).map_err(failed)?;
    let output = Process::new(path)
        .args(&whole[1..])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or_default();
        return Err(failed(last.trim_start_matches("error: ").to_owned()));
    }
    let catalogue: Catalogue = serde_json::from_slice(&output.stdout)
        .map_err(|error| failed(format!("its list cannot be read ({error})")))?;
    if catalogue.schema != CATALOGUE_SCHEMA {
        return Err(failed(format!(
            "its list has schema {}, expected {CATALOGUE_SCHEMA}; install both from the same \
             release",
            catalogue.schema
        )));
    }
    Ok(catalogue)
}

/// Holds every point of a plan against what its engines say they can run. Engines that cannot be
/// asked refuse for themselves when they are started; those that could and did not answer are
/// returned.
///
/// # Errors
/// The first point that its engine would refuse.
pub fn check(plan: &Plan) -> Result<Vec<OfferError>, Unsupported> {
    // The emulated GPU brings its own worker; no command is started.
    if plan.session.device == DeviceKind::Emulated {
        return Ok(Vec::new());
    }
    let mut silent = Vec::new();
    for (name, engine) in &plan.engines {
        if !can_be_asked(&engine.command) {
            continue;
        }
        match ask(&engine.command, &[]) {
            Ok(catalogue) => check_engine(plan, name, &catalogue)?,
            Err(error) => silent.push(error),
        }
    }
    Ok(silent)
}

fn check_engine(plan: &Plan, engine: &str, catalogue: &Catalogue) -> Result<(), Unsupported> {
    let is_own = |value: Option<&AxisValue>| value.and_then(AxisValue::as_text) == Some(engine);
    plan.points
        .iter()
        .filter(|point| is_own(point.get(Axis::Engine)))
        .try_for_each(|point| {
            catalogue.check(point).map_err(|problem| Unsupported {
                problem,
                engine: engine.to_owned(),
                point: point.to_string(),
            })
        })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    /// A program that answers as it is told.
    fn program(folder: &TempDir, script: &str) -> PathBuf {
        let path = folder.path().join(OWN_WORKER);
        fs_err::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(&path, executable).unwrap();
        path
    }

    fn command(path: &Path) -> Vec<String> {
        vec![path.to_str().unwrap().to_owned()]
    }

    #[test]
    fn our_worker_is_asked_through_scripts_too_and_others_are_not() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        assert!(can_be_asked(&words(&["joulebench-worker"])));
        assert!(can_be_asked(&words(&[
            "bash",
            "run.sh",
            "target-cuda/joulebench-worker-cuda"
        ])));
        assert!(!can_be_asked(&words(&["python3", "llama_torch.py"])));
        assert!(!can_be_asked(&words(&["joulebench-worker", "demo"])));
        assert!(!can_be_asked(&[]));
    }

    #[test]
    fn an_answer_is_read_and_anything_else_is_an_error_with_its_reason() {
        let folder = TempDir::new().unwrap();
        let asked = |script: &str| ask(&command(&program(&folder, script)), &[]);
        let answer = r#"echo '{"schema":1,"worker":"w","models":[]}'"#;
        assert_eq!(asked(answer).unwrap().worker, "w");
        let refusal = |script: &str| asked(script).unwrap_err().to_string();
        let refused = refusal("echo 'error: no such model' >&2; exit 1");
        assert!(refused.ends_with("list --json: no such model"), "{refused}");
        assert!(refusal("echo hello").contains("its list cannot be read"));
        let older = r#"echo '{"schema":9,"worker":"w","models":[]}'"#;
        assert!(refusal(older).contains("schema 9, expected 1"));
        let absent = ask(&command(&folder.path().join("none")), &[]).unwrap_err();
        assert!(absent.to_string().contains("No such file"), "{absent}");
    }
}
