//! Every run of a plan that is not sealed yet, one after the other, until all are done or the
//! budget of time is spent. Runs in virtual time are taken side by side: each has a card of its own,
//! so their traces do not depend on how many there are at once.

mod side_by_side;

use model::plan::Plan;
use model::run::Run;
use model::trace::{Fault, Stage};
use model::units::{Nanos, Seconds};
use thiserror::Error;

use crate::clock::monotonic_now;
use crate::device::{Backend, DeviceError};
use crate::session::{self, SessionObserver};
use crate::store::{Store, StoreError};

/// Loading of a model is not in the plan; until a run shows it, this much is added.
const EXPECTED_LOADING_S: f64 = 5.0;
/// After this many failures in a row the fault is in the set-up, not in the run.
const MAX_FAILURES_IN_A_ROW: u32 = 3;

/// Hears of the progress of a sweep.
pub trait SweepObserver: SessionObserver {
    /// A run begins; `position` counts from 1 over the runs of the plan.
    fn run_begins(&mut self, run: &Run, position: usize);
    /// The run ended, sealed or with faults.
    fn run_ended(&mut self, run: &Run, faults: &[Fault]);
}

/// How a sweep came to rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SweepEnd {
    /// Every run is sealed.
    Complete,
    /// The budget is spent; so many runs are left.
    BudgetSpent {
        /// Runs that are not sealed.
        left: usize,
    },
    /// Every run was tried; these many failed and are recorded as failed attempts.
    Failures {
        /// Runs that are not sealed.
        failed: usize,
    },
}

/// A sweep that cannot go on.
#[derive(Debug, Error)]
pub enum SweepError {
    /// The device refuses.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Failure after failure.
    #[error(
        "{count} runs failed in a row, the last with {fault}: {detail}; mend the set-up and run the same command again"
    )]
    FailureInARow {
        /// How many.
        count: u32,
        /// Code of the last fault.
        fault: String,
        /// Its circumstances.
        detail: String,
    },
}

/// The budget of a sweep: it stops before a run that would not fit.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    start: Nanos,
    limit: Option<Seconds>,
}

impl Budget {
    /// Counts from now.
    pub fn starting_now(limit: Option<Seconds>) -> Self {
        Self {
            start: monotonic_now(),
            limit,
        }
    }

    fn allows(&self, next: Seconds) -> bool {
        let spent = Seconds::from(monotonic_now().saturating_sub(self.start));
        self.limit
            .is_none_or(|limit| (spent + next).get() <= limit.get())
    }
}

/// Runs what is left of a plan.
///
/// `started_unix_s` gives the wall time for the trace's note to people; emulated devices get none.
///
/// # Errors
/// Where device or store refuse, or runs fail one after the other.
pub fn run(
    plan: &Plan,
    backend: &Backend,
    store: &Store,
    budget: Budget,
    started_unix_s: fn() -> Option<u64>,
    observer: &mut dyn SweepObserver,
) -> Result<SweepEnd, SweepError> {
    let runs = plan.runs();
    let mut left = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        if !store.has(&run.id)? {
            left.push((index, run));
        }
    }
    let end = if backend.is_virtual() {
        side_by_side::take(
            &left,
            backend,
            store,
            budget,
            side_by_side::processors(),
            observer,
        )?
    } else {
        one_by_one(
            plan,
            &left,
            backend,
            store,
            budget,
            started_unix_s,
            observer,
        )?
    };
    if end == SweepEnd::Complete {
        store.write_checksums()?;
    }
    Ok(end)
}

/// A run that is left, with its place in the plan.
type Left<'a> = (usize, &'a Run);

/// What has been tried so far.
#[derive(Default)]
struct Tally {
    failed: usize,
    failures_in_a_row: u32,
}

impl Tally {
    /// Counts the end of a run; too many failures in a row end the sweep.
    fn count(&mut self, fault: Option<&Fault>) -> Result<(), SweepError> {
        let Some(fault) = fault else {
            self.failures_in_a_row = 0;
            return Ok(());
        };
        self.failed += 1;
        self.failures_in_a_row += 1;
        if self.failures_in_a_row < MAX_FAILURES_IN_A_ROW {
            return Ok(());
        }
        Err(SweepError::FailureInARow {
            count: self.failures_in_a_row,
            fault: fault.fault.to_string(),
            detail: fault.detail.clone(),
        })
    }

    fn end(&self) -> SweepEnd {
        match self.failed {
            0 => SweepEnd::Complete,
            failed => SweepEnd::Failures { failed },
        }
    }
}

fn one_by_one(
    plan: &Plan,
    left: &[Left<'_>],
    backend: &Backend,
    store: &Store,
    budget: Budget,
    started_unix_s: fn() -> Option<u64>,
    observer: &mut dyn SweepObserver,
) -> Result<SweepEnd, SweepError> {
    let planned = Seconds::new(plan.session.planned_s() + EXPECTED_LOADING_S);
    let mut longest: Option<Seconds> = None;
    let mut tally = Tally::default();
    for (done, (index, run)) in left.iter().enumerate() {
        if !budget.allows(longest.unwrap_or(planned)) {
            return Ok(SweepEnd::BudgetSpent {
                left: left.len() - done + tally.failed,
            });
        }
        let begin = monotonic_now();
        observer.run_begins(run, index + 1);
        let mut instrument = backend.open_for(run)?;
        let mut recording = store.record(run.id.clone());
        let header = session::record_into(
            instrument.as_mut(),
            run,
            started_unix_s(),
            &mut recording,
            &mut Stages(observer),
        )?;
        recording.seal(&header)?;
        observer.run_ended(run, &header.faults);
        tally.count(header.faults.first())?;
        if header.faults.is_empty() {
            // The longest good run so far is the careful guess for the next one.
            let took = Seconds::from(monotonic_now().saturating_sub(begin));
            longest =
                Some(longest.map_or(took, |longest| if took > longest { took } else { longest }));
        }
    }
    Ok(tally.end())
}

/// Passes the stages of a session on to the observer of the sweep.
struct Stages<'a>(&'a mut dyn SweepObserver);

impl SessionObserver for Stages<'_> {
    fn stage(&mut self, stage: Stage) {
        self.0.stage(stage);
    }

    fn sampled(&mut self) {
        self.0.sampled();
    }
}

#[cfg(test)]
mod tests;
