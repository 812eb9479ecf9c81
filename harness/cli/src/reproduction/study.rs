//! The proof of the statistics and of the error budget: `out/study`. It depends on this program alone, so what the same
//! program found before is taken again unless it was touched.

use std::path::{Path, PathBuf};

use analysis::table::windows_table;
use analysis::write::write_atomically;
use fs_err as fs;
use metering::coverage::published;
use model::run::hex;
use sha2::{Digest, Sha256};
use study::{Options, StudyReport};

use crate::verb::study::simulate;

/// The report as JSON and as a table for the paper; the windows likewise.
const FILES: [&str; 4] = ["study.json", "study.typ", "windows.csv", "windows.typ"];

/// Simulates the published study into `out/study`, or keeps what this program put there before.
pub(crate) fn ensure(out: &Path, from_scratch: bool) -> anyhow::Result<()> {
    if !from_scratch && fs::read_to_string(memory(out)).is_ok_and(|kept| holds(out, &kept)) {
        return Ok(());
    }
    write(&simulate(&Options::default())?, out)
}

/// Writes a report of the published size and seed, adds the windows of the error budget, and remembers which program found it.
pub(crate) fn write(report: &StudyReport, out: &Path) -> anyhow::Result<()> {
    let windows = windows_table(&published()?);
    let contents = [
        report.to_json(),
        report.to_typst(),
        windows.to_csv(),
        windows.to_typst(),
    ];
    for (file, content) in files(out).iter().zip(&contents) {
        write_atomically(file, content.as_bytes())?;
    }
    write_atomically(&memory(out), state(out)?.as_bytes())?;
    Ok(())
}

fn holds(out: &Path, kept: &str) -> bool {
    state(out).is_ok_and(|state| state == kept)
}

/// A digest of the program and of what it wrote.
fn state(out: &Path) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    for file in [std::env::current_exe()?].iter().chain(&files(out)) {
        hash.update(Sha256::digest(fs::read(file)?));
    }
    Ok(hex(&hash.finalize()))
}

fn files(out: &Path) -> [PathBuf; 4] {
    FILES.map(|name| out.join("study").join(name))
}

fn memory(out: &Path) -> PathBuf {
    out.join(".studied")
}
