//! The command line of `joulebench study`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use study::BarId;

/// Every interval and rule of the protocol is tried on simulated experiments whose truth is known.
/// Beside each bar stands what was measured, with its Monte-Carlo interval; negative controls do
/// what should not be done and have to fail. Seed and number of experiments decide every digit, the
/// number of threads none.
///
/// Examples:
///   joulebench study                     2,000 experiments for each cell
///   joulebench study --full              10,000, as for a publication
///   joulebench study --bar two-stage     one bar alone, the same rows as among the others
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct StudyArguments {
    /// 10,000 experiments for each cell instead of 2,000
    #[arg(long, conflicts_with = "experiments")]
    pub(crate) full: bool,
    /// So many experiments for each cell
    #[arg(long)]
    pub(crate) experiments: Option<usize>,
    /// One bar: its number or its name
    #[arg(long)]
    pub(crate) bar: Option<BarId>,
    /// Threads; the results do not depend on them
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Seed of everything random
    #[arg(long, default_value_t = study::DEFAULT_SEED)]
    pub(crate) seed: u64,
    /// Folder for everything that is derived: a study of the published size and seed is written to
    /// `study/` in it
    #[arg(long, default_value = "out")]
    pub(crate) out: PathBuf,
    /// Write the report as JSON to this file, `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}
