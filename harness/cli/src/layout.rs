//! Where things lie in the repository; every path of the program is made here.

use std::path::{Path, PathBuf};

/// Sweeps that `reproduce` takes anew in virtual time.
const EMULATED_SWEEPS: [&str; 3] = ["dvfs-v100", "dvfs-a100", "dvfs-h100"];

/// The repository that a command works on.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        // Paths are printed; "artifacts/raw" reads better than "./artifacts/raw".
        let root = if root == Path::new(".") {
            Path::new("")
        } else {
            root
        };
        Self {
            root: root.to_owned(),
        }
    }

    /// Measured campaigns, one folder each.
    pub(crate) fn raw(&self) -> PathBuf {
        self.root.join("artifacts/raw")
    }

    /// Recordings of other programs.
    pub(crate) fn imported(&self) -> PathBuf {
        self.root.join("artifacts/imported")
    }

    /// Recordings of calibrations, one folder for each board.
    pub(crate) fn calibrations(&self) -> PathBuf {
        self.root.join("artifacts/calibration")
    }

    /// The claims.
    pub(crate) fn claims(&self) -> PathBuf {
        self.root.join("artifacts/claims.toml")
    }

    /// What the work was meant to reach.
    pub(crate) fn targets(&self) -> PathBuf {
        self.root.join("artifacts/targets.toml")
    }

    /// Checksums of the outputs that the authors got.
    pub(crate) fn expected(&self) -> PathBuf {
        self.root.join("artifacts/expected-outputs.sha256")
    }

    /// The plan of the live check.
    pub(crate) fn live_plan(&self) -> PathBuf {
        self.root.join("artifacts/plans/cpu-live-check.toml")
    }

    /// Plans of the sweeps on emulated boards that belong to the results.
    pub(crate) fn emulated_plans(&self) -> Vec<PathBuf> {
        EMULATED_SWEEPS
            .iter()
            .map(|name| self.root.join(format!("artifacts/plans/{name}.toml")))
            .collect()
    }

    /// Recordings of what other tools read on emulated boards.
    pub(crate) fn tool_readings(&self) -> PathBuf {
        self.root.join("artifacts/emulated/tool-readings")
    }

    /// Output digests that the live check must meet.
    pub(crate) fn live_snapshot(&self) -> PathBuf {
        self.root.join("artifacts/live-check.json")
    }

    /// Contact sheets of the project's own models.
    pub(crate) fn sheets(&self) -> PathBuf {
        self.root.join("artifacts/quality")
    }

    /// What the project's own models made of held-out documents on a processor.
    pub(crate) fn quality(&self) -> PathBuf {
        self.root.join("artifacts/quality/tiny-cpu.json")
    }

    /// Sources of the paper.
    pub(crate) fn paper(&self) -> PathBuf {
        self.root.join("paper")
    }
}

/// The subfolders of a folder, sorted by name.
pub(crate) fn subfolders(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}
