//! `joulebench emulate load`

use harness::clock::{Clock as _, MonotonicClock};
use nvml_sim::schedule::Schedule;
use nvml_sim::state::Log;

use crate::args::emulate::LoadArguments;
use crate::exit::Exit;
use crate::output::say;

pub(crate) fn run(arguments: &LoadArguments) -> anyhow::Result<Exit> {
    let schedule = Schedule::read(&arguments.file)?;
    let log = Log::open(&std::path::absolute(&arguments.state)?)?;
    let started = schedule.start(&log, None)?;
    say!("from {} to {} ns", started.begin.get(), started.end.get());
    if arguments.wait {
        MonotonicClock.sleep_until(started.end);
    }
    Ok(Exit::Success)
}
