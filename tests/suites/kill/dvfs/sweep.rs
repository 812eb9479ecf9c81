//! A sweep on a machine of its own.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use tests::dvfs::{DvfsPlan, run_ids};
use tests::emulation::{Emulation, Settings};
use tests::tree;

/// A sweep from its begin to its completion.
pub(super) struct Sweep {
    folder: tempfile::TempDir,
    pub(super) machine: Emulation,
    plan: PathBuf,
    options: Vec<&'static str>,
    before: Settings,
    pub(super) ids: Vec<String>,
}

impl Sweep {
    /// Odd ones begin with a clock that somebody locked, all with a power limit that somebody set.
    pub(super) fn begin(number: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = Emulation::start(folder.path(), &["--gpu", "h200", "--permission", "anyone"]);
        let mut options = vec!["--allow-control"];
        machine.nvidia_smi(&["-pl", "550"]);
        if number % 2 == 1 {
            machine.nvidia_smi(&["-lgc", "1005,1500"]);
            options.extend(["--prior-sm-clock-lock", "1005,1500"]);
        }
        let plan = DvfsPlan::small().write(folder.path());
        let (before, _) = machine.settings();
        let ids = run_ids(&plan);
        Self {
            folder,
            machine,
            plan,
            options,
            before,
            ids,
        }
    }

    pub(super) fn store(&self) -> PathBuf {
        self.folder.path().join("dvfs")
    }

    pub(super) fn start(&self) -> Child {
        let said = fs::File::create(self.folder.path().join("stderr")).unwrap();
        self.machine
            .joulebench(["run".as_ref(), self.plan.as_os_str()])
            .arg("--store")
            .arg(self.folder.path())
            .args(&self.options)
            .stdout(Stdio::null())
            .stderr(said)
            .process_group(0)
            .spawn()
            .unwrap()
    }

    pub(super) fn sealed(&self) -> tree::Tree {
        let mut tree = tree::read(&self.store());
        tree.retain(|name, _| name.extension().is_some_and(|end| end == "parquet"));
        tree
    }

    pub(super) fn workers(&self) -> Vec<u32> {
        let starts = fs::read_to_string(self.folder.path().join("starts")).unwrap_or_default();
        starts.lines().filter_map(|pid| pid.parse().ok()).collect()
    }

    pub(super) fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    /// The bytes of the ledger, where there is one.
    pub(super) fn ledger(&self) -> Option<Vec<u8>> {
        let ledgers = self.machine.ledgers();
        ledgers.first().and_then(|file| fs::read(file).ok())
    }

    pub(super) fn is_given_back(&self) -> bool {
        self.machine.settings().0 == self.before && self.machine.ledgers().is_empty()
    }
}
