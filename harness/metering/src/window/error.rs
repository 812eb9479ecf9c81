//! Why a window has no energy.

use thiserror::Error;

/// Why a window has no energy.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum WindowError {
    /// The window ends where it begins, or before.
    #[error("window ends {length_s} s after it begins, expected more than zero; check its marks")]
    Empty {
        /// End less begin, in seconds.
        length_s: f64,
    },
    /// Neither a counter nor power was recorded.
    #[error("recording has neither energy_mj nor a power field; take another device or driver")]
    NoReadings,
    /// The recording does not reach beyond the window.
    #[error(
        "window from {begin_s:.3} to {end_s:.3} s lies outside the ticks of the recording ({first_s:.3} to {last_s:.3} s); record at least a tick before and after it"
    )]
    OutsideRecording {
        /// Begin of the window in seconds from the first sample.
        begin_s: f64,
        /// End of the window, likewise.
        end_s: f64,
        /// First tick, likewise.
        first_s: f64,
        /// Last tick, likewise.
        last_s: f64,
    },
    /// The counter fell inside the window.
    #[error("energy_mj falls by {by_mj} mJ at {at_s:.3} s inside the window; discard the run")]
    CounterBackwards {
        /// When, in seconds from the first sample.
        at_s: f64,
        /// By how much.
        by_mj: i64,
    },
    /// The counter ticks between two samples, so that its ticks cannot be told apart.
    #[error(
        "samples are {spacing_s:.3} s apart, the counter ticks every {period_s:.3} s: expected samples at least as often as ticks"
    )]
    SampledTooSlowly {
        /// Mean time between two samples, in seconds.
        spacing_s: f64,
        /// The counter's usual tick, in seconds.
        period_s: f64,
    },
    /// The counter stood still.
    #[error(
        "energy_mj stands still for {for_s:.2} s inside the window, its tick is {period_s:.3} s; discard the run"
    )]
    CounterFrozen {
        /// Longest time without a tick, in seconds.
        for_s: f64,
        /// Its usual tick, in seconds.
        period_s: f64,
    },
}

impl WindowError {
    /// The code as it stands in data.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "empty_window",
            Self::NoReadings => "no_readings",
            Self::OutsideRecording { .. } => "outside_recording",
            Self::CounterBackwards { .. } => "counter_backwards",
            Self::SampledTooSlowly { .. } => "sampled_too_slowly",
            Self::CounterFrozen { .. } => "counter_frozen",
        }
    }
}
