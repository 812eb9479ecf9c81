//! What a board is given to do.

use model::cost::PhaseCost;

/// A phase of work and how often it is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Needs of one time.
    pub cost: PhaseCost,
    /// How often.
    pub repeat: Repeat,
}

/// How often work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Until something else is set.
    Endless,
    /// So many times, then the board idles.
    Times(u64),
}

impl Work {
    /// Work until something else is set.
    pub const fn endless(cost: PhaseCost) -> Self {
        Self {
            cost,
            repeat: Repeat::Endless,
        }
    }

    /// Work that is done so many times.
    pub const fn times(cost: PhaseCost, count: u64) -> Self {
        Self {
            cost,
            repeat: Repeat::Times(count),
        }
    }

    /// Work that is done once.
    pub const fn once(cost: PhaseCost) -> Self {
        Self::times(cost, 1)
    }
}
