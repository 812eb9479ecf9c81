//! What the last reproduction was made from and gave, so that the next one can be spared where
//! nothing changed. The raw files themselves are checked every time.

use std::path::{Path, PathBuf};

use model::run::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::manifest::Manifest;
use crate::derive::Derivation;

/// The record of a complete and good reproduction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memory {
    /// SHA-256 over every input and this program.
    pub(crate) inputs: String,
    /// The outputs.
    pub(crate) outputs: String,
    /// Line on the live check, where it was made.
    pub(crate) live: Option<String>,
}

impl Memory {
    /// What the last reproduction into this folder left, if it left something readable.
    pub(crate) fn load(out: &Path) -> Option<Self> {
        let text = fs_err::read_to_string(path(out)).ok()?;
        serde_json::from_str(&text).ok()
    }

    pub(crate) fn save(&self, out: &Path) -> anyhow::Result<()> {
        Ok(analysis::write::write_json(&path(out), self)?)
    }

    /// Whether a new reproduction would give what lies there already.
    pub(crate) fn holds(&self, inputs: &str, out: &Path) -> bool {
        self.inputs == inputs
            && Manifest::of(out).is_ok_and(|found| found.to_text() == self.outputs)
    }
}

fn path(out: &Path) -> PathBuf {
    out.join(".reproduced.json")
}

/// A digest of everything that the outputs depend on: inputs by content, and this program.
pub(crate) fn digest_of_inputs(derivation: &Derivation) -> anyhow::Result<String> {
    let layout = &derivation.layout;
    let mut files: Vec<PathBuf> = vec![
        layout.claims(),
        layout.targets(),
        layout.expected(),
        layout.live_plan(),
        layout.live_snapshot(),
    ];
    files.extend(layout.emulated_plans());
    files.retain(|file| file.exists());
    collect(&layout.paper(), &mut files)?;
    collect(&layout.imported(), &mut files)?;
    if layout.sheets().exists() {
        collect(&layout.sheets(), &mut files)?;
    }
    collect(&layout.calibrations(), &mut files)?;
    if layout.tool_readings().exists() {
        collect(&layout.tool_readings(), &mut files)?;
    }
    for folder in &derivation.raw {
        collect(folder, &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files.iter().chain(&[std::env::current_exe()?]) {
        hash.update(file.to_string_lossy().as_bytes());
        hash.update(Sha256::digest(fs_err::read(file)?));
    }
    Ok(hex(&hash.finalize()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
