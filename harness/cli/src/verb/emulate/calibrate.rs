//! `joulebench emulate calibrate`

use std::path::{Path, PathBuf};

use gpu_sim::calibration::{self, Calibration, Tables};

use crate::args::emulate::CalibrateArguments;
use crate::exit::Exit;
use crate::layout::Layout;
use crate::output::say;

pub(crate) fn run(arguments: &CalibrateArguments) -> anyhow::Result<Exit> {
    let calibration = fit(&Layout::new(&arguments.root))?;
    if let Some(out) = &arguments.out {
        write_files(&calibration, out)?;
    }
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&calibration.residuals)?);
    } else {
        say!("{}", calibration::table(&calibration.residuals).trim_end());
    }
    Ok(Exit::Success)
}

/// Fits the profiles and writes them with the residuals into a folder.
pub(crate) fn write(layout: &Layout, out: &Path) -> anyhow::Result<Vec<PathBuf>> {
    write_files(&fit(layout)?, out)
}

fn fit(layout: &Layout) -> anyhow::Result<Calibration> {
    let read = |file: &str| fs_err::read_to_string(layout.imported().join(file));
    let tables = Tables::parse(
        &read("h200-anatomy/anatomy.csv")?,
        &read("a100-pi-babelstream/table.csv")?,
        &read("v100-voltage/table.csv")?,
    )?;
    Ok(calibration::calibrate(&tables)?)
}

fn write_files(calibration: &Calibration, out: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let profiles = out.join("profiles");
    fs_err::create_dir_all(&profiles)?;
    let mut written = Vec::new();
    for (slug, text) in &calibration.profiles {
        let file = profiles.join(format!("{slug}.toml"));
        analysis::write::write_atomically(&file, text.as_bytes())?;
        written.push(file);
    }
    let residuals = out.join("residuals.json");
    analysis::write::write_json(&residuals, &calibration.residuals)?;
    written.push(residuals);
    Ok(written)
}
