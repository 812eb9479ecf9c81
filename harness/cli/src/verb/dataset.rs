//! `joulebench dataset`

use std::path::Path;

use analysis::dataset::{self, Counts};

use crate::args::{DatasetAction, DatasetArguments};
use crate::derive::Derivation;
use crate::exit::Exit;
use crate::layout::Layout;
use crate::output::say;

pub(crate) fn run(arguments: &DatasetArguments) -> anyhow::Result<Exit> {
    match &arguments.action {
        DatasetAction::Build { raw, places } => {
            let derivation = Derivation::new(Layout::new(&places.root), &places.out, raw)?;
            derivation.ensure_emulated()?;
            let summary = derivation.dataset()?;
            say!("{}: {}", summary.path.display(), words(&summary.counts));
            Ok(Exit::Success)
        }
        DatasetAction::Verify { folder, json } => verify(folder, *json),
    }
}

fn verify(folder: &Path, json: bool) -> anyhow::Result<Exit> {
    let summary = dataset::verify(folder)?;
    if json {
        say!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        say!(
            "{}: {} files as they should be, {}",
            folder.display(),
            summary.files,
            words(&summary.counts)
        );
    }
    Ok(Exit::Success)
}

fn words(counts: &Counts) -> String {
    format!(
        "{} runs, {} samples, {} marks, {} machines; emulated: {} runs, {} residuals, {} tool readings",
        counts.runs,
        counts.samples,
        counts.marks,
        counts.machines,
        counts.emulated_runs,
        counts.emulator_residuals,
        counts.tool_readings
    )
}
