//! `joulebench calibrate`

mod emulated;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use harness::calibrate::{Calibration, Load, PausedProcess, Readiness, calibrate, identify_again};
use harness::device::Instrument;
use harness::plan_file;
use harness::store::{read_trace, trace_bytes};
use indicatif::{ProgressBar, ProgressStyle};
use metering::profile::SensorProfile;
use metering::schedule::CalibrationSchedule;
use model::provenance::Provenance;
use model::run::Run;

use crate::args::calibrate::CalibrateArguments;
use crate::args::measure::DeviceChoice;
use crate::exit::{Exit, refuse};
use crate::output::say;
use crate::verb::measure::{Target, machine_line};

use emulated::EmulatedLoad;

/// File of the recording.
const TRACE: &str = "trace.parquet";
/// File of what follows from it.
pub(crate) const PROFILE: &str = "profile.json";
const BAR: &str = "{bar:30} {pos}/{len} s · {msg}";

pub(crate) fn run(arguments: &CalibrateArguments) -> anyhow::Result<Exit> {
    if let Some(trace) = &arguments.from {
        let profile = profile_from(trace, arguments.load_edge_ms)?;
        if arguments.json {
            say!("{}", serde_json::to_string_pretty(&profile)?);
        } else {
            say!("{}", profile.to_string().trim_end());
        }
        return Ok(Exit::Success);
    }
    refuse_used_folder(&arguments.out)?;
    let mut target = Target::find(Some(DeviceChoice::Nvml))?;
    let mut instrument = target.open_alone(arguments.device_index)?;
    let schedule = CalibrationSchedule::standard();
    let run = description(arguments)?;
    let mut load = load(arguments, instrument.as_ref())?;
    let found = play(instrument.as_mut(), load.as_mut(), &schedule, &run)?;
    let header = &found.trace.header;
    fs_err::create_dir_all(&arguments.out)?;
    analysis::write::write_atomically(&arguments.out.join(TRACE), &trace_bytes(&found.trace)?)?;
    analysis::write::write_json(&arguments.out.join(PROFILE), &found.profile)?;
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&found.profile)?);
    } else {
        say!("{}", machine_line(&header.machine, header.provenance));
        say!(
            "{} readings in {:.0} s\n",
            found.trace.samples.len(),
            schedule.length_s()
        );
        say!("{}", found.profile.to_string().trim_end());
        say!(
            "\n{TRACE} and {PROFILE} are in {}; measure with it: --profile {}",
            arguments.out.display(),
            arguments.out.join(PROFILE).display()
        );
    }
    Ok(Exit::Success)
}

/// What follows from the trace of an earlier calibration.
pub(crate) fn profile_from(trace: &Path, edge_ms: f64) -> anyhow::Result<SensorProfile> {
    let recorded = read_trace(trace)?;
    identify_again(&recorded, edge_ms / 1e3)
        .with_context(|| format!("{}: no calibration", trace.display()))
}

/// A recording is never written over.
fn refuse_used_folder(out: &Path) -> anyhow::Result<()> {
    for name in [TRACE, PROFILE] {
        if out.join(name).exists() {
            refuse!(
                "{} is there already: a recording is never written over; give another folder with --out",
                out.join(name).display()
            );
        }
    }
    Ok(())
}

fn load(
    arguments: &CalibrateArguments,
    instrument: &dyn Instrument,
) -> anyhow::Result<Box<dyn Load>> {
    if let Some(line) = &arguments.load {
        let readiness = Readiness {
            start_s: arguments.load_start,
            edge_s: arguments.load_edge_ms / 1e3,
        };
        return Ok(Box::new(PausedProcess::start(line, readiness)?));
    }
    if instrument.provenance() == Provenance::Emulated {
        return Ok(Box::new(EmulatedLoad::new(arguments.device_index)?));
    }
    refuse!(
        "no load: a real GPU needs a command that loads it until it is killed, for example \
         --load 'python burn.py'; see --help"
    )
}

fn play(
    instrument: &mut dyn Instrument,
    load: &mut dyn Load,
    schedule: &CalibrationSchedule,
    run: &Run,
) -> anyhow::Result<Calibration> {
    let bar = ProgressBar::new(whole_seconds(schedule.length_s()));
    bar.set_style(
        ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.set_message("the load is switched on and off while sensors are read");
    let found = calibrate(instrument, load, schedule, run, None, &mut |passed_s| {
        bar.set_position(whole_seconds(passed_s));
    });
    bar.finish_and_clear();
    found.context("calibration")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a calibration takes a minute; negative times become 0"
)]
fn whole_seconds(seconds: f64) -> u64 {
    seconds as u64
}

/// The run of the trace: a plan of one run, whose command is the load.
fn description(arguments: &CalibrateArguments) -> anyhow::Result<Run> {
    let load = arguments.load.as_deref().unwrap_or("emulated load");
    let text = format!(
        "name = \"calibration\"\ntitle = \"Calibration of sensors\"\nseed = 1\nblocks = 1\n\
         [session]\ndevice = \"nvml\"\ndevice_index = {}\nsample_period_ms = 2\nidle_s = 0.0\n\
         warmup_s = 0.0\nwindow_s = 50.0\ncooldown_s = 0.0\ntimeout_s = 60.0\n\
         [engines.load]\ncommand = [\"sh\", \"-c\", {load:?}]\nprotocol = \"none\"\n\
         [axes]\nbatch = [1]\n",
        arguments.device_index
    );
    let plan = plan_file::parse(Path::new("calibration"), &text)?;
    plan.runs()
        .into_iter()
        .next()
        .context("the plan of a calibration has one run")
}
