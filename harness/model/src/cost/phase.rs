//! A phase of work: what marks begin and end, with its counts.

use super::PhaseCost;
use super::counts::Counts;
use super::kernel::count;
use super::tally::Tally;

/// A part of an iteration, counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phase {
    /// Name, as in marks.
    pub name: &'static str,
    /// What the `end` mark counts.
    pub unit: &'static str,
    /// How many of them.
    pub units: u64,
    /// Passes over the network, one after the other.
    pub passes: u64,
    /// Parameters of the network.
    pub parameters: u64,
    /// Needs of all passes.
    pub cost: PhaseCost,
    /// Operations of all passes that are products of matrices and convolutions.
    pub matrix_operations: f64,
    /// Bytes of weights that all passes stream.
    pub weight_bytes: f64,
    /// Bytes of cached keys and values that all passes write and read.
    pub kv_bytes: f64,
    /// Bytes of activations that all passes spill to memory; a part of the cost's memory traffic.
    pub spilled_bytes: f64,
    first: Counts,
    last: Counts,
}

impl Phase {
    /// A phase of one pass.
    pub fn once(name: &'static str, unit: &'static str, units: u64, pass: &Tally) -> Self {
        Self::repeated(name, unit, units, 1, pass, pass)
    }

    /// A phase of passes whose counts grow by the same from each to the next: between the first
    /// and the last they lie on a line, so the sum is the mean of both times their number.
    pub fn repeated(
        name: &'static str,
        unit: &'static str,
        units: u64,
        passes: u64,
        first: &Tally,
        last: &Tally,
    ) -> Self {
        let parameters = first.parameters();
        let (first, last) = (first.counts(), last.counts());
        let sum = first.plus(&last).times(count(passes) / 2.0);
        Self {
            name,
            unit,
            units,
            passes,
            parameters,
            cost: sum.cost,
            matrix_operations: sum.matrix_operations,
            weight_bytes: sum.weight_bytes,
            kv_bytes: sum.kv_bytes,
            spilled_bytes: sum.spilled_bytes,
            first,
            last,
        }
    }

    /// Counts of one pass, the first being 0.
    pub fn pass(&self, index: u64) -> Counts {
        let share = count(index) / count(self.passes.saturating_sub(1).max(1));
        self.first.times(1.0 - share).plus(&self.last.times(share))
    }

    /// Whether all passes take the same.
    pub(super) fn is_even(&self) -> bool {
        self.first == self.last
    }
}
