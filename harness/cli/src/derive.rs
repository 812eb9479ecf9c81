//! The arrows of the flow that need no GPU, each one call; the verbs and `reproduce` share them.

use std::path::{Path, PathBuf};

use analysis::claim::Claims;
use analysis::dataset::{DatasetSummary, EmulatedContent};
use analysis::emulated::{EmulatedInputs, EmulatedRecords};
use analysis::stage::{self, AnalyzeSummary};
use analysis::{figure, report};
use anyhow::{Context as _, bail};
use paper::CompiledPaper;

use crate::layout::{Layout, subfolders};
use crate::reproduction::{emulated, sensors, study};
use crate::verb::emulate::write_calibration;

/// Where results are derived from and to.
#[derive(Clone, Debug)]
pub(crate) struct Derivation {
    pub(crate) layout: Layout,
    pub(crate) out: PathBuf,
    pub(crate) raw: Vec<PathBuf>,
    /// Whether the emulated boards of the repository belong to the results: not where somebody
    /// derives from traces of their own.
    with_emulated: bool,
}

impl Derivation {
    /// From the given folders of traces, or from those of the repository where none is given.
    pub(crate) fn new(layout: Layout, out: &Path, raw: &[PathBuf]) -> anyhow::Result<Self> {
        let with_emulated = raw.is_empty();
        let raw = if with_emulated {
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
            with_emulated,
        })
    }

    /// Every input is what its authors wrote.
    pub(crate) fn verify_inputs(&self) -> anyhow::Result<()> {
        for folder in self
            .raw
            .iter()
            .chain(&subfolders(&self.layout.imported())?)
            .chain(&subfolders(&self.layout.calibrations())?)
        {
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

    /// The emulated sweeps and residuals, where they are not there yet.
    pub(crate) fn ensure_emulated(&self) -> anyhow::Result<()> {
        if !self.with_emulated || emulated::are_complete(&self.layout, &self.out)? {
            return Ok(());
        }
        self.calibrate()?;
        self.emulate()
    }

    /// Traces of the emulated sweeps, residuals and recordings of tools to their results.
    pub(crate) fn emulated_results(&self) -> anyhow::Result<()> {
        let records = analysis::emulated::stage(&self.emulated_inputs()?, &self.out)?;
        match records.faulty() {
            0 => Ok(()),
            faulty => bail!(
                "{faulty} emulated runs have a fault; see {}/emulated/rows.csv",
                self.out.display()
            ),
        }
    }

    fn emulated_inputs(&self) -> anyhow::Result<EmulatedInputs> {
        Ok(EmulatedInputs {
            sweeps: emulated::folders(&self.layout, &self.out)?,
            residuals: emulated::residuals(&self.out),
            tool_readings: self.layout.tool_readings(),
        })
    }

    /// Recordings of calibrations to what the sensors are like.
    pub(crate) fn sensors(&self) -> anyhow::Result<()> {
        sensors::identify(&self.layout, &self.out)
    }

    /// The proof of the statistics on simulated experiments; where this program made it before, it
    /// stays, unless everything is to be derived from scratch.
    pub(crate) fn study(&self, from_scratch: bool) -> anyhow::Result<()> {
        study::ensure(&self.out, from_scratch)
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

    /// Outcomes of the project's own models to what fewer bits cost in quality.
    pub(crate) fn quality(&self) -> anyhow::Result<()> {
        let file = self.layout.quality();
        analysis::quality::stage(&file, &self.out).with_context(|| {
            format!(
                "{} has the outcomes of the models in artifacts/models; `joulebench-worker quality \
                 --out` makes it",
                file.display()
            )
        })?;
        Ok(())
    }

    /// Estimates to verdicts, tables and numbers.
    pub(crate) fn claims(&self) -> anyhow::Result<Claims> {
        let claims = stage::claims(&self.layout.claims(), &self.out)?;
        stage::targets(&self.layout.targets(), &self.out)?;
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
        Ok(report::stage(&self.out, &links, &self.layout.sheets())?)
    }

    /// Traces to the dataset, with what there is of emulated boards.
    pub(crate) fn dataset(&self) -> anyhow::Result<DatasetSummary> {
        let records = if self.with_emulated {
            analysis::emulated::read(&self.emulated_inputs()?)?
        } else {
            EmulatedRecords::default()
        };
        let content = EmulatedContent {
            runs: &records.rows(),
            residuals: &records.residuals,
            readings: &records.readings,
        };
        Ok(analysis::dataset::build_from_traces(
            &self.raw, &content, &self.out,
        )?)
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
