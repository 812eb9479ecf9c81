//! The energy that a GPU truly took: the exact integral, not what a sensor made of it.

use std::path::Path;

use model::units::{Joules, Nanos, Watts};

use super::StateError;
use super::card::History;
use super::log::Log;
use super::replay::{Replay, prepare};

/// Answers about the past of a machine; keeps all of it in memory.
pub struct Truth {
    log: Log,
    replay: Replay,
}

/// A true energy and the interval that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueEnergy {
    /// Begin of the interval, on `CLOCK_MONOTONIC`.
    pub from: Nanos,
    /// End of the interval.
    pub to: Nanos,
    /// The energy.
    pub energy: Joules,
}

impl Truth {
    /// Opens a state file, of a machine that runs or has ended.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let log = Log::open(path)?;
        let (replay, _) = prepare(log.config(), log.origin(), History::Whole)?;
        Ok(Self { log, replay })
    }

    /// When the machine was made, on `CLOCK_MONOTONIC`.
    pub fn origin(&self) -> Nanos {
        self.log.origin()
    }

    /// The energy of a GPU between two moments: none stands for the begin of the machine and for
    /// now. Refuses a future that is not yet decided.
    pub fn energy(
        &mut self,
        gpu: u32,
        from: Option<Nanos>,
        to: Option<Nanos>,
    ) -> Result<TrueEnergy, StateError> {
        self.log.check_gpu(gpu)?;
        let now = self.catch_up()?;
        let from = from.unwrap_or(self.origin());
        let to = to.unwrap_or(now);
        let refuse = |why: String| StateError::Interval {
            from_ns: from.get(),
            to_ns: to.get(),
            why,
        };
        if from < self.origin() {
            return Err(refuse(format!(
                "the machine was made at {} ns only",
                self.origin().get()
            )));
        }
        if to > now {
            return Err(refuse(format!(
                "it is {} ns now, and the future is open",
                now.get()
            )));
        }
        if from > to {
            return Err(refuse("expected the begin not after the end".to_owned()));
        }
        let energy = self
            .replay
            .card(gpu, to)
            .gpu()
            .timeline()
            .energy_between(from, to);
        Ok(TrueEnergy { from, to, energy })
    }

    /// The power of a GPU at a moment of the past.
    pub fn power(&mut self, gpu: u32, at: Nanos) -> Result<Watts, StateError> {
        self.energy(gpu, Some(at), Some(at))?;
        Ok(self.replay.card(gpu, at).gpu().timeline().power(at))
    }

    fn catch_up(&mut self) -> Result<Nanos, StateError> {
        let snapshot = self.log.snapshot()?;
        let news = self.log.read(self.replay.heard(), snapshot.length)?;
        self.replay.hear(news);
        Ok(snapshot.at)
    }
}

/// The energy of a GPU between two moments on `CLOCK_MONOTONIC`, by a fresh replay.
///
/// None stands for the begin of the machine and for now.
pub fn true_energy(
    path: &Path,
    gpu: u32,
    from: Option<Nanos>,
    to: Option<Nanos>,
) -> Result<TrueEnergy, StateError> {
    Truth::open(path)?.energy(gpu, from, to)
}
