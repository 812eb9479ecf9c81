//! The study whose table is published: emulated H200 cards, sampled at 100 Hz.

use std::thread;

use gpu_sim::{Board, Seeds, Work, kernels};
use thiserror::Error;

use super::{Meter, SAMPLE_PERIOD, Study, Summary, calibrated_profile, coverage_study};
use crate::class::BoardClass;
use crate::identify::IdentifyError;
use crate::instrument::Instrument;
use crate::schedule::CalibrationSchedule;
use crate::window::WindowError;

/// Lengths of the windows in seconds. All but one are whole ticks of the counter, which flatters who
/// takes bare differences of it; 1.05 s is not.
const LENGTHS_S: [f64; 6] = [0.2, 0.5, 1.0, 1.05, 2.0, 10.0];
const CARDS: u64 = 800;
const WINDOWS_PER_CARD: u32 = 3;
const SEED: u64 = 20_260;
/// The card whose calibration gives the instrument; it is none of the cards of the study.
const CALIBRATED: Seeds = Seeds {
    card: 9_999,
    run: 9_999,
};
/// A good external meter: gain to 0.2 %, zero to 0.3 W.
const METER: Meter = Meter {
    gain_u: 0.002,
    offset_u_w: 0.3,
};

/// The two tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// Cards whose scale nobody knows.
    pub uncalibrated: Summary,
    /// The same cards with an external meter beside each.
    pub with_meter: Summary,
}

/// Why there is no study.
#[derive(Debug, Error)]
pub enum PublishedError {
    /// The calibration gave no profile.
    #[error("the calibration of the emulated card: {0}")]
    Identify(#[from] IdentifyError),
    /// A window got no energy.
    #[error("a window of the coverage study: {0}")]
    Window(#[from] WindowError),
}

/// Runs both halves side by side; each is a function of its seed.
///
/// # Errors
/// [`PublishedError`] where identification or a window fails; the recordings are sound, so none should.
///
/// # Panics
/// Where the board or the kernel that are compiled in are missing.
pub fn published() -> Result<Published, PublishedError> {
    let board = Board::named("h200").expect("the board is compiled in");
    let load = Work::endless(kernels::named("copy").expect("the kernel is compiled in"));
    let schedule = CalibrationSchedule::standard();
    let instrument: Instrument =
        calibrated_profile(&board, CALIBRATED, &schedule, load)?.instrument(BoardClass::Hopper);
    let study = |meter| {
        coverage_study(&Study {
            board: &board,
            instrument: &instrument,
            sample_period: SAMPLE_PERIOD,
            meter,
            lengths_s: &LENGTHS_S,
            cards: CARDS,
            windows_per_card: WINDOWS_PER_CARD,
            seed: SEED,
        })
        .map(|trials| Summary::of(&trials))
    };
    thread::scope(|scope| {
        let metered = scope.spawn(|| study(Some(METER)));
        Ok(Published {
            uncalibrated: study(None)?,
            with_meter: metered.join().expect("the study does not panic")?,
        })
    })
}
