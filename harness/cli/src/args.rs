//! The command line.

pub(crate) mod calibrate;
pub(crate) mod compare;
pub(crate) mod emulate;
pub(crate) mod measure;
pub(crate) mod overhead;
pub(crate) mod study;
pub(crate) mod train;
pub(crate) mod watch;
pub(crate) mod workloads;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use harness::control::{ClockRange, PriorLock};
use model::units::Seconds;

use crate::exit;

use calibrate::CalibrateArguments;
use compare::CompareArguments;
use emulate::EmulateArguments;
use measure::MeasureArguments;
use overhead::OverheadArguments;
use study::StudyArguments;
use train::TrainArguments;
use watch::WatchArguments;
use workloads::WorkloadsArguments;

/// The energy of AI inference, measured so that anybody can check it.
///
/// A sweep plan becomes raw traces (run), rows and estimates (analyze), figures, verdicts on claims,
/// a paper and a dataset. `joulebench reproduce` does everything that needs no GPU.
#[derive(Debug, Parser)]
#[command(name = "joulebench", version, after_help = exit::HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// A verb without words here has them, and more, at its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say what this machine can measure, what is missing and how to fix it
    Doctor(DoctorArguments),
    Measure(MeasureArguments),
    Compare(CompareArguments),
    Watch(WatchArguments),
    Calibrate(CalibrateArguments),
    Workloads(WorkloadsArguments),
    /// Show what a sweep plan amounts to: points, runs, time, needs
    Plan(PlanArguments),
    /// Measure the runs of a plan that are not sealed yet
    Run(RunArguments),
    /// Say how far a sweep is
    Status(StatusArguments),
    /// Derive rows, estimates, tables and numbers from raw traces
    Analyze(AnalyzeArguments),
    /// Draw the figures from the estimates
    Figures(StageArguments),
    /// Judge the claims on the estimates
    Claims(ClaimsArguments),
    /// Compile the paper
    Paper(PaperArguments),
    /// Build or verify the public dataset
    Dataset(DatasetArguments),
    /// Regenerate everything from the raw traces and compare with what the authors got
    Reproduce(ReproduceArguments),
    /// Prove the statistics on simulated experiments
    Study(StudyArguments),
    Train(TrainArguments),
    /// Measure the instrument itself: processor time, punctuality, slowdown, memory
    Overhead(OverheadArguments),
    /// Run a command on emulated GPUs, and ask for the truth about them
    Emulate(EmulateArguments),
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
    /// Write the man pages
    Man(ManArguments),
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArguments {
    /// Folder where traces would be written
    #[arg(long, default_value = "runs")]
    pub(crate) store: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Give back clocks and power limits that a harness left changed when it and its watchdog died
    #[arg(long, conflicts_with = "json")]
    pub(crate) repair: bool,
}

#[derive(Args, Debug)]
pub(crate) struct PlanArguments {
    /// The plan, for example artifacts/plans/emulated-demo.toml
    pub(crate) file: PathBuf,
    /// Print JSON, with every run
    #[arg(long)]
    pub(crate) json: bool,
    /// What the instrument may be wrong by in one run, for example 0.5%: says how long a window and
    /// how many repetitions of short work that takes [default: the width that the tier aims at, else
    /// 1%]
    #[arg(long, value_name = "PERCENT", value_parser = measure::parse_percent)]
    pub(crate) instrument_budget: Option<f64>,
    /// What joulebench calibrate found about the GPU; without, what is known of its class
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
}

/// Runs are taken in randomised blocks and sealed one by one; when the command is ended, by a kill
/// too, the same command goes on where it was.
#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// The plan
    pub(crate) file: PathBuf,
    /// Folder for traces; the plan's name is added
    #[arg(long, default_value = "runs")]
    pub(crate) store: PathBuf,
    /// Stop before a run that would end later than this, for example 9m or 540s
    #[arg(long, value_parser = parse_duration)]
    pub(crate) budget: Option<Seconds>,
    /// Let the plan set clocks and power limits of the GPU; they are given back, see docs/control.md
    #[arg(long)]
    pub(crate) allow_control: bool,
    /// The SM clock lock that was set before, as MIN,MAX in MHz, or 'none': the driver does not tell
    #[arg(long, value_name = "MIN,MAX", value_parser = parse_prior_lock, requires = "allow_control")]
    pub(crate) prior_sm_clock_lock: Option<PriorLock>,
}

#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    /// The plan
    pub(crate) file: PathBuf,
    /// Folder of the traces
    #[arg(long, default_value = "runs")]
    pub(crate) store: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Places {
    /// The repository, with artifacts/ and paper/
    #[arg(long, default_value = ".")]
    pub(crate) root: PathBuf,
    /// Folder for everything that is derived
    #[arg(long, default_value = "out")]
    pub(crate) out: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct AnalyzeArguments {
    /// Folders of traces; without any, those below artifacts/raw and the sweeps on emulated boards
    pub(crate) raw: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) places: Places,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StageArguments {
    #[command(flatten)]
    pub(crate) places: Places,
}

#[derive(Args, Debug)]
pub(crate) struct ClaimsArguments {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Print the verdicts as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct PaperArguments {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Compile again whenever a source or a result changes
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DatasetArguments {
    #[command(subcommand)]
    pub(crate) action: DatasetAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DatasetAction {
    /// Build the dataset from raw traces
    Build {
        /// Folders of traces; without any, those below artifacts/raw
        raw: Vec<PathBuf>,
        #[command(flatten)]
        places: Places,
    },
    /// Check checksums, schema, references and metadata of a dataset
    Verify {
        /// Folder of the dataset
        #[arg(default_value = "out/dataset")]
        folder: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ReproduceArguments {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Derive everything again, even where nothing changed
    #[arg(long)]
    pub(crate) from_scratch: bool,
    /// Leave out the live check on this machine's processor
    #[arg(long)]
    pub(crate) no_live: bool,
    /// Take the regenerated outputs as the expected ones (for authors)
    #[arg(long)]
    pub(crate) accept: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsArguments {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct ManArguments {
    /// Folder for the pages
    #[arg(default_value = "out/man")]
    pub(crate) folder: PathBuf,
}

/// A range of clocks, or the word that there is no lock.
fn parse_prior_lock(text: &str) -> Result<PriorLock, String> {
    if text == "none" {
        return Ok(PriorLock::Stated(None));
    }
    let range: ClockRange = text.parse()?;
    Ok(PriorLock::Stated(Some(range)))
}

/// A number with `s`, `m` or `h`; seconds without.
fn parse_duration(text: &str) -> Result<Seconds, String> {
    let (number, factor) = match text.char_indices().next_back() {
        Some((end, 's')) => (&text[..end], 1.0),
        Some((end, 'm')) => (&text[..end], 60.0),
        Some((end, 'h')) => (&text[..end], 3_600.0),
        _ => (text, 1.0),
    };
    match number.parse::<f64>() {
        Ok(count) if count.is_finite() && count > 0.0 => Ok(Seconds::new(count * factor)),
        _ => Err("expected a time such as 540s, 9m or 1.5h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_prior_lock_is_a_range_or_none() {
        assert_eq!(parse_prior_lock("none"), Ok(PriorLock::Stated(None)));
        let range = "1005,1500".parse().ok();
        assert_eq!(parse_prior_lock("1005,1500"), Ok(PriorLock::Stated(range)));
        assert!(parse_prior_lock("1005").is_err());
    }

    #[test]
    fn durations_take_the_usual_units() {
        assert_eq!(parse_duration("9m"), Ok(Seconds::new(540.0)));
        assert_eq!(parse_duration("1.5h"), Ok(Seconds::new(5_400.0)));
        assert_eq!(parse_duration("30"), Ok(Seconds::new(30.0)));
        for bad in ["", "m", "-3s", "nan", "inf", "9 m", "9x"] {
            assert!(parse_duration(bad).is_err(), "{bad} must be refused");
        }
    }
}
