//! `joulebench watch`

mod draw;
mod lines;
mod screen;
mod state;

use std::io::IsTerminal as _;

use harness::device::Instrument;
use harness::measure::sampler::Sampler;
use model::units::Nanos;

use crate::args::watch::WatchArguments;
use crate::exit::Exit;
use crate::verb::measure::{Target, machine_line};

use state::State;

/// Sensors are read at least this often, so that nothing between two pictures is missed.
const LONGEST_PERIOD: Nanos = Nanos::from_millis(100);

pub(crate) fn run(arguments: &WatchArguments) -> anyhow::Result<Exit> {
    let target = Target::find(arguments.device)?;
    let mut instrument = target.open(arguments.device_index)?;
    let mut feed = Feed::new(instrument.as_mut(), arguments.interval);
    let on_screen =
        std::io::stdout().is_terminal() && !arguments.plain && !arguments.json && !arguments.once;
    if on_screen {
        screen::run(&mut feed)?;
    } else {
        lines::run(&mut feed, arguments)?;
    }
    Ok(if feed.state.has_power() {
        Exit::Success
    } else {
        Exit::WithoutEnergy
    })
}

/// Readings, and what is made of them.
struct Feed<'a> {
    sampler: Sampler<'a>,
    state: State,
    interval: Nanos,
    /// End of the interval that runs: a fixed grid, so that lateness does not add up.
    end: Nanos,
}

impl<'a> Feed<'a> {
    fn new(instrument: &'a mut dyn Instrument, interval_s: f64) -> Self {
        let interval = Nanos::from_seconds(interval_s);
        let period = Nanos::new(interval.get() / 2).min(LONGEST_PERIOD);
        let sampler = Sampler::new(instrument, period);
        let title = machine_line(sampler.machine(), sampler.provenance());
        let state = State::new(title, sampler.machine());
        Self {
            end: sampler.now(),
            sampler,
            state,
            interval,
        }
    }

    /// Waits for the next reading and takes it in.
    fn step(&mut self) -> anyhow::Result<()> {
        self.sampler.step()?;
        for sample in &self.sampler.take() {
            self.state.take(sample);
        }
        Ok(())
    }

    /// Readings for one interval, then the processes on the device.
    fn interval(&mut self) -> anyhow::Result<()> {
        self.end = self.end + self.interval;
        while self.sampler.now() < self.end {
            self.step()?;
        }
        self.look_at_processes()
    }

    fn look_at_processes(&mut self) -> anyhow::Result<()> {
        self.state.processes = self.sampler.process_count()?;
        Ok(())
    }
}
