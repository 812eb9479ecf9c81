//! The log, replayed: all GPUs of a machine as one process sees them.

use std::sync::Arc;

use gpu_sim::Board;
use model::units::Nanos;

use super::card::{Card, History};
use super::faults::Faults;
use super::{Event, MachineConfig, StateError};

/// All GPUs of a machine, and how much of the log they have heard of.
pub(crate) struct Replay {
    cards: Vec<Card>,
    heard: u64,
}

impl Replay {
    /// The machine as it was made, with what its fault plan has in store.
    pub(crate) fn new(
        config: &MachineConfig,
        boards: Vec<Arc<Board>>,
        faults: &Faults,
        origin: Nanos,
        history: History,
    ) -> Self {
        let mut cards: Vec<Card> = boards
            .into_iter()
            .zip(&config.gpus)
            .map(|(board, gpu)| Card::new(board, gpu, origin, history))
            .collect();
        for event in faults.injections(origin) {
            // Numbered before the log: a fault comes first among things of one moment.
            cards[event.gpu as usize].expect(0, event);
        }
        Self { cards, heard: 0 }
    }

    /// Records of the log that are known.
    pub(crate) fn heard(&self) -> u64 {
        self.heard
    }

    /// Takes the next records of the log; their GPUs must exist.
    pub(crate) fn hear(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.heard += 1;
            self.cards[event.gpu as usize].expect(self.heard, event);
        }
    }

    /// A GPU, run up to a moment.
    pub(crate) fn card(&mut self, gpu: u32, to: Nanos) -> &Card {
        let card = &mut self.cards[gpu as usize];
        card.advance(to);
        card
    }
}

/// What stands in a state file, made ready to run.
pub(crate) fn prepare(
    config: &MachineConfig,
    origin: Nanos,
    history: History,
) -> Result<(Replay, Faults), StateError> {
    let boards = config.boards()?;
    let faults = Faults::parse(&config.faults, config.gpus.len())?;
    let replay = Replay::new(config, boards, &faults, origin, history);
    Ok((replay, faults))
}
