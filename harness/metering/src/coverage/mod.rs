//! Do stated intervals hold the truth? Windows at random from emulated cards, whose truth is known.
//!
//! Two truths are told apart. The *sensed* energy is what an ideal counter with this card's own scale
//! and zero would have shown; intervals for ratios of one card stand on it. The *true* energy is what
//! the board used; a card's scale lies up to some percent off it, so that its interval is wide and
//! the error of any tool is at least that scale, until somebody holds an external meter beside it.

mod bench;
mod load;
mod peers;
mod published;
mod table;

use std::sync::Arc;

use gpu_sim::{Board, Card, Gpu, Readings, Seeds, Work};
use model::units::{Nanos, Seconds};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

pub use bench::{Played, Sampler, Stretch, play};
pub use peers::Peer;
pub use published::{Published, PublishedError, published};
pub use table::{LengthSummary, Summary};

use crate::class::Transfer;
use crate::identify::{BusySpan, IdentifyError, identify};
use crate::instrument::Instrument;
use crate::profile::SensorProfile;
use crate::quantity::Quantity;
use crate::schedule::CalibrationSchedule;
use crate::window::{Recording, Source, Window, WindowError};
use bench::normal;
pub(crate) use bench::uniform;
use load::random_mix;
use peers::{Moments, energy_j};

/// The period of a sampler at 100 Hz.
pub const SAMPLE_PERIOD: Nanos = Nanos::from_millis(10);
/// How well the edges of an emulated load are said to be known, in seconds: about a launch.
const EDGE_U_S: f64 = 1e-4;
/// Where emulated time begins.
const START: Nanos = Nanos::from_millis(10_000);
/// A recording reaches this far beyond the windows that are cut from it, as idle stages do in a run.
const MARGIN_S: f64 = 3.0;

/// One window with all that was said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Length of the window in seconds.
    pub length_s: f64,
    /// What the counter would have shown if it ticked at the edges, in joules.
    pub sensed_j: f64,
    /// What the board used, in joules.
    pub true_j: f64,
    /// The energy that was stated, in joules.
    pub stated_j: f64,
    /// The stated interval of the sensed energy, in joules.
    pub sensed_interval_j: [f64; 2],
    /// The stated energy and interval of the true energy: low, energy, high, in joules.
    pub true_interval_j: [f64; 3],
    /// Standard uncertainty of the edges and of all that is sensed, in joules.
    pub edge_and_sensed_u_j: [f64; 2],
    /// What the other tools say, in the order of [`Peer::ALL`], in joules.
    pub peers_j: [f64; 4],
    /// Whether counter and integrated power were found to disagree.
    pub is_gate_closed: bool,
}

/// An external meter that found scale and zero of a card to these standard uncertainties.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meter {
    /// Of the gain.
    pub gain_u: f64,
    /// Of the zero, in watts.
    pub offset_u_w: f64,
}

impl Meter {
    /// What it finds of a card.
    fn beside(self, card: &Card, random: &mut ChaCha8Rng) -> Transfer {
        let gain = card.gain + self.gain_u * normal(random);
        let offset_w = card.offset_w + self.offset_u_w * normal(random);
        Transfer::calibrated(
            Quantity::new(gain, self.gain_u),
            Quantity::new(offset_w, self.offset_u_w),
            "external meter",
        )
    }
}

/// What a study is made of.
#[derive(Clone, Debug)]
pub struct Study<'a> {
    /// The board whose cards are drawn.
    pub board: &'a Arc<Board>,
    /// The instrument that states the energies.
    pub instrument: &'a Instrument,
    /// Time between two samples.
    pub sample_period: Nanos,
    /// An external meter beside every card, where there is one.
    pub meter: Option<Meter>,
    /// Lengths of the windows in seconds.
    pub lengths_s: &'a [f64],
    /// Cards, each with a recording of its own.
    pub cards: u64,
    /// Windows of each length from one recording.
    pub windows_per_card: u32,
    /// Seed of everything.
    pub seed: u64,
}

/// Windows of random loads on random cards: `cards` × `windows_per_card` trials for each length, in
/// the order of cards, lengths and windows. The same at any time and place.
///
/// # Errors
/// [`WindowError`] where a window got no energy; the recordings are sound, so none should.
pub fn coverage_study(study: &Study<'_>) -> Result<Vec<Trial>, WindowError> {
    let mut trials = Vec::new();
    for card in 0..study.cards {
        trials.extend(trials_of_card(study, card)?);
    }
    Ok(trials)
}

/// Plays the schedule of a calibration on a card and identifies its sensors.
///
/// # Errors
/// [`IdentifyError`] where the schedule is too short for anything.
pub fn calibrated_profile(
    board: &Arc<Board>,
    seeds: Seeds,
    schedule: &CalibrationSchedule,
    load: Work,
) -> Result<SensorProfile, IdentifyError> {
    let mut gpu = Gpu::with_card(Card::new(Arc::clone(board), seeds), START);
    gpu.set_context(true);
    let stretches: Vec<Stretch> = schedule
        .stretches()
        .into_iter()
        .map(|(is_busy, length_s)| Stretch {
            work: is_busy.then_some(load),
            length: Seconds::new(length_s),
        })
        .collect();
    let random = ChaCha8Rng::seed_from_u64(seeds.run);
    let mut sampler = Sampler::new(Nanos::from_seconds(schedule.poll_s), START, random);
    let played = play(gpu, &stretches, &mut sampler, &[]);
    let busy: Vec<BusySpan> = played
        .busy
        .iter()
        .map(|(begin_ns, end_ns)| BusySpan {
            begin_ns: *begin_ns,
            end_ns: *end_ns,
            standard_uncertainty_s: EDGE_U_S,
        })
        .collect();
    identify(&played.samples, &busy)
}

/// A window to be asked for, and where its readings by others lie.
struct Asked {
    length_s: f64,
    begin: Nanos,
    end: Nanos,
    moments: Moments,
}

fn trials_of_card(study: &Study<'_>, card: u64) -> Result<Vec<Trial>, WindowError> {
    let mut random = ChaCha8Rng::seed_from_u64(study.seed);
    random.set_stream(card);
    let longest_s = study.lengths_s.iter().copied().fold(0.0, f64::max);
    let length_s = 2.0 * longest_s + 2.0 * MARGIN_S;
    let stretches = random_mix(&mut random, length_s);
    let asked: Vec<Asked> = study
        .lengths_s
        .iter()
        .flat_map(|window_s| (0..study.windows_per_card).map(move |_| *window_s))
        .map(|window_s| {
            let latest_s = length_s - MARGIN_S - window_s;
            let begin_s = MARGIN_S + uniform(&mut random) * (latest_s - MARGIN_S);
            let begin = START + Nanos::from_seconds(begin_s);
            let end = begin + Nanos::from_seconds(window_s);
            Asked {
                length_s: window_s,
                begin,
                end,
                moments: Moments::of(begin, end, &mut random),
            }
        })
        .collect();
    let mut moments: Vec<Nanos> = asked
        .iter()
        .flat_map(|asked| asked.moments.counter.iter().chain(&asked.moments.power))
        .copied()
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let seeds = Seeds {
        card: study.seed.wrapping_add(card),
        run: study.seed.wrapping_add(card),
    };
    let card = Card::new(Arc::clone(study.board), seeds);
    let mut instrument = study.instrument.clone();
    if let Some(meter) = study.meter {
        instrument.transfer = meter.beside(&card, &mut random);
    }
    let mut gpu = Gpu::with_card(card, START);
    gpu.set_context(true);
    let mut sampler = Sampler::new(study.sample_period, START, random);
    let played = play(gpu, &stretches, &mut sampler, &moments);
    let recording = Recording::new(&played.samples, &instrument)?;
    let shown = |at: &Nanos| -> Option<Readings> {
        let index = moments.binary_search(at).ok()?;
        played.shown.get(index).copied()
    };
    asked
        .iter()
        .map(|asked| {
            let counter: Vec<Readings> = asked.moments.counter.iter().filter_map(shown).collect();
            let power: Vec<Readings> = asked.moments.power.iter().filter_map(shown).collect();
            trial(&played.gpu, &recording, asked, &counter, &power)
        })
        .collect()
}

fn trial(
    gpu: &Gpu,
    recording: &Recording,
    asked: &Asked,
    counter: &[Readings],
    power: &[Readings],
) -> Result<Trial, WindowError> {
    let stated = recording.energy(&Window::exact(asked.begin, asked.end))?;
    let true_j = gpu.timeline().energy_between(asked.begin, asked.end).get();
    let duration_s = Seconds::from(asked.end.saturating_sub(asked.begin)).get();
    let card = gpu.card();
    let [low, high] = stated.budget.truth.interval_j;
    Ok(Trial {
        length_s: asked.length_s,
        sensed_j: card.gain * true_j + card.offset_w * duration_s,
        true_j,
        stated_j: stated.energy_j,
        sensed_interval_j: stated.budget.sensed.interval_j,
        true_interval_j: [low, stated.budget.truth.energy_j, high],
        edge_and_sensed_u_j: [
            stated.budget.of(Source::Edge),
            stated.budget.sensed.standard_uncertainty_j,
        ],
        peers_j: Peer::ALL.map(|peer| energy_j(peer, asked.begin, &asked.moments, counter, power)),
        is_gate_closed: matches!(stated.agreement.gate, crate::window::Gate::Closed(_)),
    })
}
