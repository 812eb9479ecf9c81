//! The files of a campaign folder: sealed runs, traces of failed attempts, the plan.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::format::TRACE_EXTENSION;
use model::trace::Trace;

use super::read_trace;
use crate::Error;

/// Name of the plan in a campaign folder.
const PLAN_FILE: &str = "plan.toml";
/// Folder of the traces of failed attempts.
const FAILED_FOLDER: &str = "failed";

/// A folder with the raw traces of one sweep.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The folder.
    pub path: PathBuf,
    /// The sealed runs, by file name.
    pub sealed: Vec<CampaignFile>,
    /// Attempts that failed and were kept, by file name.
    pub failed: Vec<CampaignFile>,
}

/// A trace file of a campaign.
#[derive(Clone, Debug)]
pub struct CampaignFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its place in the campaign folder, with `/`, the same on every machine.
    pub name: String,
}

impl Campaign {
    /// Where the plan of a campaign folder lies.
    pub fn plan_path(folder: &Path) -> PathBuf {
        folder.join(PLAN_FILE)
    }

    /// Lists a campaign folder; the order is that of the file names.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be read, [`Error::Campaign`] where it holds no plan or
    /// no trace.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !Self::plan_path(path).is_file() {
            return Err(Error::Campaign {
                path: path.to_owned(),
                problem: format!(
                    "no {PLAN_FILE} in it; give the folder that 'joulebench run' wrote"
                ),
            });
        }
        let sealed = traces_in(path, "")?;
        let failed_folder = path.join(FAILED_FOLDER);
        let failed = if failed_folder.is_dir() {
            traces_in(&failed_folder, "failed/")?
        } else {
            Vec::new()
        };
        if sealed.is_empty() && failed.is_empty() {
            return Err(Error::Campaign {
                path: path.to_owned(),
                problem: format!("no *.{TRACE_EXTENSION} in it; run its plan first"),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            sealed,
            failed,
        })
    }

    /// Reads a sealed run and checks that its file is named after it.
    ///
    /// # Errors
    /// Those of [`read_trace`], and [`Error::Campaign`] for a file with another run's name.
    pub fn read_sealed(&self, file: &CampaignFile) -> Result<Trace, Error> {
        let trace = read_trace(&file.path)?;
        let expected = format!("{}.{TRACE_EXTENSION}", trace.header.run.id);
        if file.name != expected {
            return Err(Error::Campaign {
                path: self.path.clone(),
                problem: format!(
                    "{} holds the run {}; a sealed run lies in {expected}, rename it back",
                    file.name, trace.header.run.id
                ),
            });
        }
        Ok(trace)
    }
}

fn traces_in(folder: &Path, prefix: &str) -> Result<Vec<CampaignFile>, Error> {
    let mut files = BTreeMap::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let is_trace = path
            .extension()
            .is_some_and(|extension| extension == TRACE_EXTENSION);
        if let (true, Some(name)) = (is_trace, path.file_name()) {
            files.insert(format!("{prefix}{}", name.to_string_lossy()), path);
        }
    }
    Ok(files
        .into_iter()
        .map(|(name, path)| CampaignFile { path, name })
        .collect())
}
