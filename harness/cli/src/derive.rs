//! The arrows of the flow that need no GPU, each one call; the verbs and `reproduce` share them.

use std::path::{Path, PathBuf};

use analysis::claim::Claims;
use analysis::dataset::DatasetSummary;
use analysis::emulated::{EmulatedInputs, EmulatedSummary};
use analysis::stage::{self, AnalyzeSummary};
use analysis::{figure, report};
use anyhow::{Context as _, bail};
use paper::CompiledPaper;

use crate::layout::{Layout, subfolders};
use crate::reproduction::emulated;
use crate::verb::emulate::write_calibration;

/// Where results are derived from and to.
#[derive(Clone, Debug)]
pub(crate) struct Derivation {
    pub(crate) layout: Layout,
    pub(crate) out: PathBuf,
    pub(crate) raw: Vec<PathBuf>,
}

impl Derivation {
    /// From the given folders of traces, or from those of the repository where none is given.
    pub(crate) fn new(layout: Layout, out: &Path, raw: &[PathBuf]) -> anyhow::Result<Self> {
        let raw = if raw.is_empty() {
            let folder = layout.raw();
            subfolders(&folder).with_context(|| {
                format!(
                    "no traces in {}; run in the repository, or name it with --root",
                    folder.display()
                )
            })?
        } else {
            raw.to_vec()
        };
        Ok(Self {
            layout,
            out: out.to_owned(),
            raw,
        })
    }

    /// Every input is what its authors wrote.
    pub(crate) fn verify_inputs(&self) -> anyhow::Result<()> {
        for folder in self.raw.iter().chain(&subfolders(&self.layout.imported())?) {
            analysis::verify_checksums(folder)?;
        }
        Ok(())
    }

    /// Recordings to the profiles of the emulated boards, and how far each row is off.
    pub(crate) fn calibrate(&self) -> anyhow::Result<Vec<PathBuf>> {
        write_calibration(&self.layout, &self.out.join("emulator"))
    }

    /// Plans to the traces of the sweeps on emulated boards.
    pub(crate) fn emulate(&self) -> anyhow::Result<()> {
        emulated::take(&self.layout, &self.out)
    }

    /// Traces of the emulated sweeps, residuals and recordings of tools to their results.
    pub(crate) fn emulated_results(&self) -> anyhow::Result<EmulatedSummary> {
        let inputs = EmulatedInputs {
            sweeps: emulated::folders(&self.layout, &self.out)?,
            residuals: self.out.join("emulator/residuals.json"),
            tool_readings: self.layout.tool_readings(),
        };
        let summary = analysis::emulated::stage(&inputs, &self.out)?;
        if summary.faulty > 0 {
            bail!(
                "{} of {} emulated runs have a fault; see {}/emulated/rows.csv",
                summary.faulty,
                summary.runs,
                self.out.display()
            );
        }
        Ok(summary)
    }

    /// Traces to rows and estimates.
    pub(crate) fn analyze(&self) -> anyhow::Result<AnalyzeSummary> {
        fs_err::create_dir_all(&self.out)?;
        Ok(stage::analyze(
            &self.raw,
            &self.layout.imported(),
            &self.out,
        )?)
    }

    /// Estimates to verdicts, tables and numbers.
    pub(crate) fn claims(&self) -> anyhow::Result<Claims> {
        let claims = stage::claims(&self.layout.claims(), &self.out)?;
        stage::tables(&self.out)?;
        stage::numbers(&self.out)?;
        Ok(claims)
    }

    /// Estimates to figures.
    pub(crate) fn figures(&self) -> anyhow::Result<Vec<PathBuf>> {
        Ok(figure::stage(&self.out)?)
    }

    /// Results to the paper.
    pub(crate) fn paper(&self) -> anyhow::Result<CompiledPaper> {
        let compiled = paper::compile(&self.layout.paper(), &self.out)?;
        analysis::write::write_atomically(&self.paper_file(), &compiled.pdf)?;
        Ok(compiled)
    }

    /// Results to one page of HTML.
    pub(crate) fn report(&self) -> anyhow::Result<PathBuf> {
        let links: Vec<String> = self
            .raw
            .iter()
            .filter_map(|folder| raw_link(folder))
            .collect();
        let links: Vec<&str> = links.iter().map(String::as_str).collect();
        Ok(report::stage(&self.out, &links)?)
    }

    /// Traces to the dataset.
    pub(crate) fn dataset(&self) -> anyhow::Result<DatasetSummary> {
        Ok(analysis::dataset::build_from_traces(&self.raw, &self.out)?)
    }

    /// Where the paper lies.
    pub(crate) fn paper_file(&self) -> PathBuf {
        self.out.join("paper.pdf")
    }
}

/// The report lies in `out/` of the repository, beside `artifacts/`; wherever it was made, it says
/// the same.
fn raw_link(folder: &Path) -> Option<String> {
    let name = folder.file_name()?.to_str()?;
    Some(format!("../artifacts/raw/{name}/"))
}
