//! `joulebench study`

use std::path::Path;

use indicatif::ProgressBar;
use study::{Options, Size, StudyReport};

use crate::args::study::StudyArguments;
use crate::exit::Exit;
use crate::output::say;
use crate::{progress, reproduction};

pub(crate) fn run(arguments: &StudyArguments) -> anyhow::Result<Exit> {
    let options = options(arguments);
    let report = simulate(&options)?;
    let published = Options {
        threads: options.threads,
        ..Options::default()
    };
    if options == published {
        reproduction::study::write(&report, &arguments.out)?;
    }
    match arguments.json.as_deref() {
        Some(file) if file == Path::new("-") => say!("{}", report.to_json().trim_end()),
        Some(file) => {
            analysis::write::write_atomically(file, report.to_json().as_bytes())?;
            say!("{}", report.to_text().trim_end());
        }
        None => say!("{}", report.to_text().trim_end()),
    }
    Ok(if report.passed() {
        Exit::Success
    } else {
        Exit::Failure
    })
}

/// Runs a study under a bar that says how far it is.
pub(crate) fn simulate(options: &Options) -> anyhow::Result<StudyReport> {
    let bar: ProgressBar = progress::experiments();
    let report = study::run(options, &|progress| {
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
        bar.set_message(progress.bar.to_string());
    });
    bar.finish_and_clear();
    Ok(report?)
}

fn options(arguments: &StudyArguments) -> Options {
    let default = Options::default();
    let size = match (arguments.full, arguments.experiments) {
        (true, _) => Size::Full,
        (false, Some(experiments)) => Size::Experiments(experiments),
        (false, None) => Size::Ci,
    };
    Options {
        size,
        threads: arguments.threads.unwrap_or(default.threads),
        seed: arguments.seed,
        only: arguments.bar,
    }
}
