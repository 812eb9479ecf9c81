//! The sweeps on emulated boards: taken anew, since their traces are a function of plan and program.

use std::path::{Path, PathBuf};

use anyhow::bail;
use harness::device::Backend;
use harness::plan_file;
use harness::store::{Durability, Store};
use harness::sweep::{self, Budget, SweepEnd};

use crate::layout::Layout;
use crate::progress::SweepBar;

/// Where the traces of the emulated sweeps lie below the output folder.
const FOLDER: &str = "emulated/raw";

/// The folders of the emulated sweeps, whether they are there yet or not.
pub(crate) fn folders(layout: &Layout, out: &Path) -> anyhow::Result<Vec<PathBuf>> {
    layout
        .emulated_plans()
        .iter()
        .map(|file| Ok(out.join(FOLDER).join(plan_file::read(file)?.name)))
        .collect()
}

/// The residuals of the calibration.
pub(crate) fn residuals(out: &Path) -> PathBuf {
    out.join("emulator/residuals.json")
}

/// Whether every emulated sweep was taken to its end and the calibration was made.
pub(crate) fn are_complete(layout: &Layout, out: &Path) -> anyhow::Result<bool> {
    let folders = folders(layout, out)?;
    let are_sealed = folders
        .iter()
        .all(|folder| folder.join("SHA256SUMS").exists());
    Ok(are_sealed && residuals(out).exists())
}

/// Takes every emulated sweep into a fresh folder.
pub(crate) fn take(layout: &Layout, out: &Path) -> anyhow::Result<()> {
    for file in layout.emulated_plans() {
        let plan = plan_file::read(&file)?;
        let text = fs_err::read_to_string(&file)?;
        let folder = out.join(FOLDER).join(&plan.name);
        if folder.exists() {
            fs_err::remove_dir_all(&folder)?;
        }
        let store = Store::open(&folder, &text, Durability::of(plan.session.device))?;
        let backend = Backend::load(&plan.session)?;
        let mut bar = SweepBar::new(plan.runs().len(), 0);
        let budget = Budget::starting_now(None);
        let end = sweep::run(&plan, &backend, &store, budget, || None, &mut bar);
        bar.finish();
        if end? != SweepEnd::Complete {
            bail!(
                "{}: some runs failed, see {}/failed",
                file.display(),
                folder.display()
            );
        }
    }
    Ok(())
}
