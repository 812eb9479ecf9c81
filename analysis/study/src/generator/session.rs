//! A session: runs of several configurations in some order, while the level drifts.

use super::Conditions;
use super::conditions::{count, log_deviation};
use crate::random::Stream;

/// Order of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Every configuration once per block, in random order within the block: the protocol.
    Blocked,
    /// All runs in one random order.
    Random,
    /// All runs of the first configuration, then all of the next: AAAABBBB.
    Sequential,
}

/// The energies of one session, and the buffers to draw the next one without allocating.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Energy per inference, J, by configuration and block.
    pub energy_j: Vec<Vec<f64>>,
    /// Mean over the session of the logarithm of the drift.
    pub mean_log_drift: f64,
    slots: Vec<(usize, usize)>,
    block_log: Vec<f64>,
}

impl Session {
    /// Draws a session of configurations with the geometric means `levels_j`, J.
    ///
    /// The drift belongs to the slot; the effect of a block to its runs, whatever their order.
    pub fn draw(
        &mut self,
        conditions: &Conditions,
        levels_j: &[f64],
        order: Order,
        stream: &mut Stream,
    ) {
        let runs = conditions.runs;
        self.arrange(levels_j.len(), runs, order, stream);
        let block_log = log_deviation(conditions.block_variation);
        self.block_log.clear();
        self.block_log
            .extend((0..runs).map(|_| block_log * stream.normal()));
        self.energy_j.resize_with(levels_j.len(), Vec::new);
        for energies_j in &mut self.energy_j {
            energies_j.clear();
            energies_j.resize(runs, 0.0);
        }
        let correction = conditions.log_geometric_mean();
        let last = count(self.slots.len().max(2) - 1);
        self.mean_log_drift = 0.0;
        for slot in 0..self.slots.len() {
            let (configuration, block) = self.slots[slot];
            let drift_log = conditions.drift.log_level(count(slot) / last);
            self.mean_log_drift += drift_log / count(self.slots.len());
            let level = libm::exp(self.block_log[block] + drift_log - correction);
            let energy_j = levels_j[configuration] * level * conditions.draw_run(stream);
            self.energy_j[configuration][block] = conditions.counter.read_j(energy_j, stream);
        }
    }

    fn arrange(&mut self, configurations: usize, runs: usize, order: Order, stream: &mut Stream) {
        self.slots.clear();
        match order {
            Order::Sequential => {
                for configuration in 0..configurations {
                    self.slots.extend((0..runs).map(|b| (configuration, b)));
                }
            }
            Order::Random | Order::Blocked => {
                for block in 0..runs {
                    self.slots.extend((0..configurations).map(|c| (c, block)));
                }
            }
        }
        match order {
            Order::Sequential => {}
            Order::Random => stream.shuffle(&mut self.slots),
            Order::Blocked => self
                .slots
                .chunks_mut(configurations)
                .for_each(|block| stream.shuffle(block)),
        }
    }
}
