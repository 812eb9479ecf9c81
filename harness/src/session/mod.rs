//! One run: idle baseline, pre-soak where the plan's tier asks for it, worker, warm-up, window
//! between two ticks of the energy counter, cool-down, idle again. Whatever goes wrong is recorded as
//! a fault of the trace.

mod company;
mod control;
mod host_time;
mod recorder;
mod soak;
mod stages;
mod steady;
mod window;
mod work;

use model::format::FORMAT_VERSION;
use model::plan::DeviceKind;
use model::reason::RunFault;
use model::run::Run;
use model::trace::{Fault, Flag, PreSoakRecord, ReceivedMark, Span, Stage, Trace, TraceHeader};
use model::units::{Joules, Nanos};

use crate::device::{DeviceError, Instrument};

use self::host_time::HostTime;
use self::recorder::lost;
use self::soak::Soak;
use self::stages::Session;

pub use self::recorder::{SampleSink, Unwritable};
pub use self::soak::SHORTEST_SOAK_S;

/// Hears of the progress of a session.
pub trait SessionObserver {
    /// A stage begins.
    fn stage(&mut self, stage: Stage);
    /// A sample was taken.
    fn sampled(&mut self) {}
}

/// Nobody watches.
impl SessionObserver for () {
    fn stage(&mut self, _stage: Stage) {}
}

/// What surrounds a run and is no part of its plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// UTC second at which it begins, for people; emulated runs have none.
    pub started_unix_s: Option<u64>,
    /// Temperature of the block, in degrees Celsius; the first run of a block sets it.
    pub block_c: Option<i64>,
}

/// Takes one run on an instrument, with all of its samples in memory.
///
/// # Errors
/// As [`record_into`].
pub fn record(
    instrument: &mut dyn Instrument,
    run: &Run,
    started_unix_s: Option<u64>,
    observer: &mut dyn SessionObserver,
) -> Result<Trace, DeviceError> {
    let mut samples = Vec::new();
    let circumstances = Circumstances {
        started_unix_s,
        block_c: None,
    };
    let header = record_into(instrument, run, circumstances, &mut samples, observer)?;
    Ok(Trace { header, samples })
}

/// Takes one run on an instrument. Samples go to the sink as they come; the rest of the trace is
/// given back.
///
/// # Errors
/// Where the device refuses a setting of the point before anything is measured. Everything later
/// ends as a fault in the header. A sink that fails ends the session, and has to be asked why.
pub fn record_into(
    instrument: &mut dyn Instrument,
    run: &Run,
    circumstances: Circumstances,
    sink: &mut dyn SampleSink,
    observer: &mut dyn SessionObserver,
) -> Result<TraceHeader, DeviceError> {
    let is_real = run.session.device != DeviceKind::Emulated;
    let host_began = is_real.then(HostTime::now);
    let mut settings = control::apply(instrument, &run.point)?;
    let mut machine = instrument.sense().machine();
    let provenance = instrument.provenance();
    let period = Nanos::from_millis(u64::from(run.session.sample_period_ms));
    let mut pre_soak = None;
    let mut part;
    if let Some(soaking) = run.soaking() {
        let opening = Session::new(instrument, run, period, sink, observer);
        part = opening.take(Session::open);
        if part.faults.is_empty() {
            // The reference warms the device up under its own settings.
            control::release(instrument, settings)?;
            settings = control::apply(instrument, &soaking.point)?;
            let soak = Soak::towards(circumstances.block_c);
            let (soaked, record) = soak_device(instrument, &soaking, soak, sink, observer);
            part.go_on_with(soaked);
            pre_soak = Some(record);
            control::release(instrument, settings)?;
            settings = control::apply(instrument, &run.point)?;
        }
        if part.faults.is_empty() {
            let rest = Session::new(instrument, run, period, sink, observer);
            part.go_on_with(rest.take(Session::measure));
        }
    } else {
        let whole = Session::new(instrument, run, period, sink, observer);
        part = whole.take(|session| {
            session.open()?;
            session.measure()
        });
    }
    let Part {
        spans,
        marks,
        mut faults,
        flags,
    } = part;
    if faults.is_empty() {
        faults.extend(work::faults(&marks, &spans, &run.point));
    }
    if let Some(host_began) = host_began {
        faults.extend(HostTime::now().faults_since(&host_began));
    }
    if let Err(error) = control::release(instrument, settings) {
        faults.push(lost(&error));
    }
    // A sensor that failed on the way is absent with its reason, as one that was never there.
    machine.absent = instrument.sense().machine().absent;
    machine.device.true_window_energy_mj = spans
        .iter()
        .find(|span| span.stage == Stage::Window)
        .and_then(|window| instrument.true_energy(window.begin_ns, window.end_ns))
        .map(|energy: Joules| energy.get() * 1e3);
    Ok(TraceHeader {
        format: FORMAT_VERSION,
        run: run.clone(),
        provenance,
        machine,
        spans,
        marks,
        faults,
        flags,
        pre_soak,
        started_unix_s: circumstances.started_unix_s,
    })
}

/// The reference workload, until the device is warm. Its marks are nobody's work and are not kept.
fn soak_device(
    instrument: &mut dyn Instrument,
    soaking: &Run,
    mut soak: Soak,
    sink: &mut dyn SampleSink,
    observer: &mut dyn SessionObserver,
) -> (Part, PreSoakRecord) {
    let session = Session::new(instrument, soaking, soak::READING_PERIOD, sink, observer);
    let mut part = session.take(|session| session.soak(&mut soak));
    part.marks.clear();
    for fault in &mut part.faults {
        fault.detail = format!("pre-soak: {}", fault.detail);
    }
    if part.faults.is_empty() {
        part.faults.extend(soak.fault());
        part.flags.extend(soak.flag());
    }
    (part, soak.record())
}

fn fault(fault: RunFault, detail: String) -> Fault {
    Fault { fault, detail }
}

/// What a part of a session left behind.
#[derive(Debug, Default)]
struct Part {
    spans: Vec<Span>,
    marks: Vec<ReceivedMark>,
    faults: Vec<Fault>,
    flags: Vec<Flag>,
}

impl Part {
    fn go_on_with(&mut self, next: Self) {
        self.spans.extend(next.spans);
        self.marks.extend(next.marks);
        self.faults.extend(next.faults);
        self.flags.extend(next.flags);
    }
}

#[cfg(test)]
mod tests;
