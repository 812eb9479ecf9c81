//! A calibration: a known load is played while every sensor is read as fast as it goes, and what
//! the sensors are like follows from the recording.
//!
//! [`metering`] says what to play and reads the result; a [`Load`] is what plays it.

mod process;

use metering::identify::{BusySpan, IdentifyError, identify};
use metering::profile::SensorProfile;
use metering::schedule::CalibrationSchedule;
use model::format::FORMAT_VERSION;
use model::mark::Mark;
use model::run::Run;
use model::sample::Sample;
use model::trace::{ReceivedMark, Span, Stage, Trace, TraceHeader};
use model::units::Nanos;
use thiserror::Error;

use crate::device::{DeviceError, Instrument};
use crate::measure::sampler::Sampler;

pub use process::{PausedProcess, Readiness};

/// The phase of the marks that say when the load was on.
pub const LOAD_PHASE: &str = "load";
/// Time between the decision to begin and the first stretch: enough to start a thread or a schedule.
const LEAD: Nanos = Nanos::from_millis(200);

/// One stretch of a schedule on the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// When it begins.
    pub begin_ns: Nanos,
    /// When it ends.
    pub end_ns: Nanos,
    /// Whether the device is to be loaded.
    pub is_busy: bool,
}

/// The stretches of a schedule that begins at a moment.
pub fn stretches(schedule: &CalibrationSchedule, begin: Nanos) -> Vec<Stretch> {
    let mut at = begin;
    schedule
        .stretches()
        .into_iter()
        .map(|(is_busy, length_s)| {
            let begin_ns = at;
            at = at + Nanos::from_seconds(length_s);
            Stretch {
                begin_ns,
                end_ns: at,
                is_busy,
            }
        })
        .collect()
}

/// Something that loads the device at will.
pub trait Load {
    /// Plays stretches that lie in the future, without making the caller wait.
    ///
    /// # Errors
    /// Where the load cannot be played.
    fn play(&mut self, stretches: &[Stretch]) -> Result<(), LoadFailure>;

    /// When the device was loaded, once all stretches have passed.
    ///
    /// # Errors
    /// Where the load stopped before its time.
    fn played(&mut self) -> Result<Vec<BusySpan>, LoadFailure>;
}

/// A load that cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("load '{load}': {reason}")]
pub struct LoadFailure {
    /// Which.
    pub load: String,
    /// What is wrong, and what to do.
    pub reason: String,
}

/// Why there is no calibration.
#[derive(Debug, Error)]
pub enum CalibrateError {
    /// The device stopped answering.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The load.
    #[error(transparent)]
    Load(#[from] LoadFailure),
    /// The recording says nothing.
    #[error(transparent)]
    Identify(#[from] IdentifyError),
}

/// What came of a calibration.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Everything that was recorded; the marks say when the load was on.
    pub trace: Trace,
    /// What follows.
    pub profile: SensorProfile,
}

/// Plays a schedule and identifies the sensors. `run` describes the calibration in the trace;
/// `watch` hears the time that has passed, in seconds.
///
/// # Errors
/// Where the device is lost, the load fails, or nothing can be identified at all.
pub fn calibrate(
    instrument: &mut dyn Instrument,
    load: &mut dyn Load,
    schedule: &CalibrationSchedule,
    run: &Run,
    started_unix_s: Option<u64>,
    watch: &mut dyn FnMut(f64),
) -> Result<Calibration, CalibrateError> {
    let mut sampler = Sampler::new(instrument, Nanos::from_seconds(schedule.poll_s));
    let begin = sampler.now() + LEAD;
    let stretches = stretches(schedule, begin);
    let end = stretches.last().map_or(begin, |last| last.end_ns);
    load.play(&stretches)?;
    let mut samples: Vec<Sample> = Vec::new();
    while sampler.now() < end {
        sampler.step()?;
        if let Some(last) = sampler.last() {
            watch(model::units::Seconds::from(last.at_ns.saturating_sub(begin)).get());
        }
        samples.append(&mut sampler.take());
    }
    let busy = load.played()?;
    let profile = identify(&samples, &busy)?;
    let header = TraceHeader {
        format: FORMAT_VERSION,
        run: run.clone(),
        provenance: sampler.provenance(),
        machine: sampler.machine().clone(),
        spans: vec![Span {
            stage: Stage::Window,
            begin_ns: begin,
            end_ns: end,
        }],
        marks: marks(&busy),
        faults: Vec::new(),
        flags: Vec::new(),
        pre_soak: None,
        started_unix_s,
    };
    Ok(Calibration {
        trace: Trace { header, samples },
        profile,
    })
}

/// The profile that follows from the trace of a calibration whose edges are known to
/// `edge_u_s` seconds.
///
/// # Errors
/// Where nothing can be identified, as when the trace is of something else.
pub fn identify_again(trace: &Trace, edge_u_s: f64) -> Result<SensorProfile, IdentifyError> {
    let of_load = |mark: &Mark| match mark {
        Mark::Begin { at_ns, phase } | Mark::End { at_ns, phase, .. } => {
            (phase == LOAD_PHASE).then_some(*at_ns)
        }
        _ => None,
    };
    let edges: Vec<Nanos> = trace
        .header
        .marks
        .iter()
        .filter_map(|received| of_load(&received.mark))
        .collect();
    let busy: Vec<BusySpan> = edges
        .chunks_exact(2)
        .map(|edges| BusySpan {
            begin_ns: edges[0],
            end_ns: edges[1],
            standard_uncertainty_s: edge_u_s,
        })
        .collect();
    identify(&trace.samples, &busy)
}

/// The spans as marks, so that the trace holds all that the profile follows from.
fn marks(busy: &[BusySpan]) -> Vec<ReceivedMark> {
    busy.iter()
        .flat_map(|span| {
            let begin = Mark::Begin {
                at_ns: span.begin_ns,
                phase: LOAD_PHASE.to_owned(),
            };
            let end = Mark::End {
                at_ns: span.end_ns,
                phase: LOAD_PHASE.to_owned(),
                work: 1,
            };
            [begin, end].map(|mark| ReceivedMark {
                received_ns: mark.at(),
                mark,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_follow_each_other_without_a_gap() {
        let schedule = CalibrationSchedule::standard();
        let begin = Nanos::from_millis(5_000);
        let stretches = stretches(&schedule, begin);
        assert_eq!(stretches[0].begin_ns, begin);
        assert!(
            stretches
                .windows(2)
                .all(|pair| pair[0].end_ns == pair[1].begin_ns)
        );
        let end = stretches.last().unwrap().end_ns;
        let took = model::units::Seconds::from(end.saturating_sub(begin)).get();
        assert!((took - schedule.length_s()).abs() < 1e-6);
    }
}
