//! From phases to events: each GPU has its own time, and phases put it forward.

use gpu_sim::Work;
use model::axis::AxisValue;
use model::units::Nanos;

use super::entry::{Entry, Source};
use super::error::LoadError;
use super::work::{BadWork, WorkSource, gpus_meant};
use crate::state::{EventKind, LOG_CAPACITY, MAX_GPUS, NO_PROCESS};

/// Longest phase: more than three years.
const LONGEST_S: f64 = 1e8;
/// Deepest nesting of repeats.
const DEEPEST: usize = 8;

/// Something that happens, counted from the begin of the schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Planned {
    /// When.
    pub after: Nanos,
    /// To which GPU.
    pub gpu: u32,
    /// What.
    pub kind: EventKind,
}

/// Refuses what would be wrong on the largest machine too.
pub(super) fn check(source: &Source, file: &str) -> Result<(), LoadError> {
    let most = u32::try_from(MAX_GPUS).expect("a machine is small");
    if source.phase.is_empty() {
        return Err(LoadError::Value {
            file: file.to_owned(),
            entry: "the file".to_owned(),
            key: "phase",
            value: "[]".to_owned(),
            expected: "at least one [[phase]]".to_owned(),
        });
    }
    check_all(&source.phase, "", None, most, file, 0).map(drop)
}

/// Everything that happens on a machine of so many GPUs, by time and then by GPU.
pub(super) fn expand(source: &Source, gpus: u32, file: &str) -> Result<Vec<Planned>, LoadError> {
    let steps = check_all(&source.phase, "", None, gpus, file, 0)?;
    let events = steps
        .iter()
        .fold(0_u64, |sum, step| sum.saturating_add(step.count()));
    if events > LOG_CAPACITY {
        return Err(LoadError::TooLong {
            file: file.to_owned(),
            events,
            most: LOG_CAPACITY,
        });
    }
    let mut clocks = Clocks {
        reached: vec![None; gpus as usize],
        context: source.context,
        planned: Vec::new(),
    };
    for step in &steps {
        clocks.play(step);
    }
    Ok(clocks.finish())
}

/// A checked phase.
enum Step {
    Phase {
        gpus: Vec<u32>,
        lasts: Nanos,
        work: Option<Work>,
    },
    Repeat {
        times: u64,
        steps: Vec<Step>,
    },
}

impl Step {
    fn count(&self) -> u64 {
        match self {
            Self::Phase { gpus, .. } => gpus.len() as u64,
            Self::Repeat { times, steps } => steps
                .iter()
                .fold(0_u64, |sum, step| sum.saturating_add(step.count()))
                .saturating_mul(*times),
        }
    }
}

fn check_all(
    entries: &[Entry],
    inside: &str,
    gpu: Option<&AxisValue>,
    gpus: u32,
    file: &str,
    depth: usize,
) -> Result<Vec<Step>, LoadError> {
    entries
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            let name = format!("{inside}phase {}", index + 1);
            check_one(entry, &name, gpu, gpus, file, depth)
        })
        .collect()
}

fn check_one(
    entry: &Entry,
    name: &str,
    gpu: Option<&AxisValue>,
    gpus: u32,
    file: &str,
    depth: usize,
) -> Result<Step, LoadError> {
    let refuse = |bad: BadWork| LoadError::Value {
        file: file.to_owned(),
        entry: name.to_owned(),
        key: bad.key,
        value: bad.value,
        expected: bad.expected,
    };
    let bad = |key, value: String, expected: &str| {
        refuse(BadWork {
            key,
            value,
            expected: expected.to_owned(),
        })
    };
    let gpu = entry.gpu.as_ref().or(gpu);
    if let Some(phases) = &entry.phases {
        if entry.for_s.is_some() || entry.times.is_some() || !sources(entry).is_empty() {
            return Err(bad(
                "phases",
                format!("{} of them", phases.len()),
                "nothing beside phases, repeat and gpu",
            ));
        }
        let times = entry.repeat.unwrap_or(1);
        if times == 0 || phases.is_empty() {
            return Err(bad(
                "repeat",
                times.to_string(),
                "at least one repeat of at least one phase",
            ));
        }
        if depth >= DEEPEST {
            return Err(bad(
                "phases",
                "nested".to_owned(),
                "at most eight repeats in each other",
            ));
        }
        let steps = check_all(phases, &format!("{name}, "), gpu, gpus, file, depth + 1)?;
        return Ok(Step::Repeat { times, steps });
    }
    if let Some(repeat) = entry.repeat {
        return Err(bad(
            "repeat",
            repeat.to_string(),
            "the phases to repeat, as phases = [...]",
        ));
    }
    let lasts_s = entry.for_s.ok_or_else(|| {
        bad(
            "for_s",
            "absent".to_owned(),
            "how long the phase lasts, in seconds",
        )
    })?;
    let lasts = Nanos::from_seconds(lasts_s);
    if !(lasts_s <= LONGEST_S && lasts > Nanos::new(0)) {
        return Err(bad(
            "for_s",
            lasts_s.to_string(),
            "seconds, more than 0 and at most 1e8",
        ));
    }
    let source = match sources(entry).as_slice() {
        [one] => one.clone(),
        several => {
            return Err(bad(
                "work",
                format!("{} descriptions", several.len()),
                "exactly one of work, model, cost",
            ));
        }
    };
    let cost = source.cost().map_err(refuse)?;
    let work = match (cost, entry.times) {
        (_, Some(0)) => return Err(bad("times", "0".to_owned(), "at least 1")),
        (None, Some(times)) => {
            return Err(bad(
                "times",
                times.to_string(),
                "no times where there is no work",
            ));
        }
        (None, None) => None,
        (Some(cost), None) => Some(Work::endless(cost)),
        (Some(cost), Some(times)) => Some(Work::times(cost, times)),
    };
    Ok(Step::Phase {
        gpus: gpus_meant(gpu, gpus).map_err(refuse)?,
        lasts,
        work,
    })
}

fn sources(entry: &Entry) -> Vec<WorkSource> {
    let named = entry.work.clone().map(WorkSource::Named);
    let model = entry.model.clone().map(WorkSource::Model);
    let cost = entry.cost.map(WorkSource::Cost);
    [named, model, cost].into_iter().flatten().collect()
}

/// How far each GPU has come; none where the schedule has not touched it.
struct Clocks {
    reached: Vec<Option<Nanos>>,
    context: bool,
    planned: Vec<Planned>,
}

impl Clocks {
    fn play(&mut self, step: &Step) {
        match step {
            Step::Repeat { times, steps } => {
                for _ in 0..*times {
                    for step in steps {
                        self.play(step);
                    }
                }
            }
            Step::Phase { gpus, lasts, work } => {
                for &gpu in gpus {
                    let begin = self.begin(gpu);
                    self.plan(begin, gpu, EventKind::SetWork(*work));
                    self.reached[gpu as usize] = Some(begin + *lasts);
                }
            }
        }
    }

    fn begin(&mut self, gpu: u32) -> Nanos {
        if let Some(reached) = self.reached[gpu as usize] {
            return reached;
        }
        let begin = Nanos::new(0);
        if self.context {
            self.plan(begin, gpu, context(true));
        }
        begin
    }

    fn plan(&mut self, after: Nanos, gpu: u32, kind: EventKind) {
        self.planned.push(Planned { after, gpu, kind });
    }

    fn finish(mut self) -> Vec<Planned> {
        for (gpu, reached) in (0..).zip(self.reached.clone()) {
            let Some(end) = reached else { continue };
            self.plan(end, gpu, EventKind::SetWork(None));
            if self.context {
                self.plan(end, gpu, context(false));
            }
        }
        // The sort is stable: what was planned first stays first among events of one moment.
        self.planned.sort_by_key(|event| (event.after, event.gpu));
        self.planned
    }
}

const fn context(open: bool) -> EventKind {
    EventKind::SetContext {
        pid: NO_PROCESS,
        open,
        memory_bytes: 0,
    }
}
