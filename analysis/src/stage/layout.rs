//! Where the results lie.

use std::path::{Path, PathBuf};

/// The folder of the results and the names in it.
#[derive(Clone, Debug)]
pub struct Layout {
    out: PathBuf,
}

impl Layout {
    /// The layout of an output folder.
    pub fn new(out: &Path) -> Self {
        Self {
            out: out.to_owned(),
        }
    }

    /// One line per run.
    pub fn rows(&self) -> PathBuf {
        self.out.join("rows.csv")
    }

    /// Runs that enter no estimate, and why.
    pub fn exclusions(&self) -> PathBuf {
        self.out.join("exclusions.csv")
    }

    /// [`crate::estimate::Estimates`].
    pub fn estimates(&self) -> PathBuf {
        self.out.join("estimates.json")
    }

    /// [`crate::imported::SensorReport`].
    pub fn sensors(&self) -> PathBuf {
        self.out.join("sensor.json")
    }

    /// [`super::AnalyzeSummary`].
    pub fn summary(&self) -> PathBuf {
        self.out.join("summary.json")
    }

    /// [`crate::claim::Claims`].
    pub fn claims(&self) -> PathBuf {
        self.out.join("claims.json")
    }

    /// [`crate::target::Targets`].
    pub fn targets(&self) -> PathBuf {
        self.out.join("targets.json")
    }

    /// Which tables of sweeps there are: a list of [`crate::table::SweepTableEntry`].
    pub fn sweep_tables(&self) -> PathBuf {
        self.out.join("tables/sweeps.json")
    }

    /// [`crate::number::Numbers`].
    pub fn numbers(&self) -> PathBuf {
        self.out.join("numbers.json")
    }

    /// A table; the ending is `csv` or `typ`.
    pub fn table(&self, name: &str, ending: &str) -> PathBuf {
        self.out.join("tables").join(format!("{name}.{ending}"))
    }
}
