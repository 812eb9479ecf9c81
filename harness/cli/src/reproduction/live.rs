//! The live check: the whole chain from plan to row on this machine's processor, with the outputs of
//! the tiny model held against the authors'.

use std::collections::BTreeMap;
use std::path::Path;

use analysis::quantity::UnitsPerSecond;
use analysis::read::read_trace;
use analysis::row::Row;
use analysis::tidy::tidy;
use anyhow::{Context as _, bail};
use harness::device::Backend;
use harness::plan_file;
use harness::store::{Durability, Store};
use harness::sweep::{self, Budget, SweepEnd};

use crate::layout::Layout;
use crate::progress::SweepBar;

/// Output digest by point.
pub(crate) type Snapshot = BTreeMap<String, String>;

/// What the live check found.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) snapshot: Snapshot,
    rows: Vec<Row>,
}

/// Runs the plan of the live check into a fresh folder.
pub(crate) fn check(layout: &Layout, folder: &Path) -> anyhow::Result<Live> {
    let file = layout.live_plan();
    let plan = plan_file::read(&file)?;
    if folder.exists() {
        fs_err::remove_dir_all(folder)?;
    }
    let text = fs_err::read_to_string(&file)?;
    let store = Store::open(folder, &text, Durability::of(plan.session.device))?;
    let backend = Backend::load(&plan.session)?;
    let runs = plan.runs();
    let mut bar = SweepBar::new(runs.len(), 0);
    let end = sweep::run(
        &plan,
        &backend,
        &store,
        Budget::starting_now(None),
        || None,
        &mut bar,
    );
    bar.finish();
    if end? != SweepEnd::Complete {
        bail!(
            "live check: some runs failed; see {}/failed",
            folder.display()
        );
    }
    let mut live = Live {
        snapshot: Snapshot::new(),
        rows: Vec::new(),
    };
    for run in runs {
        let trace = read_trace(&store.path_of(&run.id))?;
        let row = tidy(&trace);
        if !row.is_faultless() {
            bail!("live check: run {} has the faults {:?}", run.id, row.faults);
        }
        let digest = row
            .digest
            .clone()
            .context("live check: the worker gave no digest")?;
        let earlier = live.snapshot.insert(run.point.to_string(), digest.clone());
        if earlier.is_some_and(|earlier| earlier != digest) {
            bail!(
                "live check: two runs of '{}' gave different outputs",
                run.point
            );
        }
        live.rows.push(row);
    }
    Ok(live)
}

impl Live {
    /// One line for people.
    pub(crate) fn summary(&self) -> String {
        let speeds: Vec<f64> = self
            .rows
            .iter()
            .filter_map(|row| row.throughput_per_s)
            .map(UnitsPerSecond::get)
            .collect();
        let fastest = speeds.iter().copied().fold(0.0, f64::max);
        let energy = match self.rows.iter().find_map(|row| row.package_energy_j) {
            Some(joules) => format!("{joules:.1} in the first window (RAPL)"),
            None => "energy absent: this processor's RAPL cannot be read".to_owned(),
        };
        format!(
            "{} runs of the tiny model on this processor, up to {fastest:.0} tokens/s, outputs as expected; {energy}",
            self.rows.len()
        )
    }
}

/// Points whose outputs are not the authors'.
pub(crate) fn differences(found: &Snapshot, expected: &Snapshot) -> Vec<String> {
    found
        .iter()
        .filter(|(point, digest)| expected.get(*point) != Some(digest))
        .map(|(point, _)| point.clone())
        .collect()
}
