//! Every run of a plan that is not sealed yet, one after the other, until all are done or the
//! budget of time is spent. A plan with two stages is looked at once in between: its first stage
//! decides how many blocks follow. Runs in virtual time are taken side by side: each has a card of its own,
//! so their traces do not depend on how many there are at once.

mod energy;
mod one_by_one;
mod outlook;
mod side_by_side;
mod two_stage;

use std::collections::BTreeSet;

use model::plan::Plan;
use model::run::{Run, RunId};
use model::trace::Fault;
use model::units::{Nanos, Seconds};
use thiserror::Error;

use crate::clock::monotonic_now;
use crate::device::{Backend, DeviceError};
use crate::session::SessionObserver;
use crate::store::{Store, StoreError};

pub use outlook::Outlook;

/// Name of the file with the hash of the plan.
const PLAN_HASH_FILE: &str = "plan.sha256";
/// After this many different runs failed in a row the fault is in the set-up, not in the runs.
const MAX_FAILURES_IN_A_ROW: u32 = 3;

/// Hears of the progress of a sweep.
pub trait SweepObserver: SessionObserver {
    /// So many runs there are, as far as is known now; a second stage adds to them.
    fn planned(&mut self, _runs: usize) {}
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
    let sweep = Sweep {
        plan,
        backend,
        store,
        budget,
        started_unix_s,
    };
    if plan.tier.is_some() {
        store.keep_note(PLAN_HASH_FILE, &format!("{}\n", plan.sha256()))?;
    }
    let mut sealed = BTreeSet::new();
    let mut end = sweep.take(&plan.first_stage(), &mut sealed, observer)?;
    if end == SweepEnd::Complete {
        let decision = two_stage::decide_once(plan, store)?;
        end = sweep.take(&plan.runs_with(decision.as_ref()), &mut sealed, observer)?;
    }
    if end == SweepEnd::Complete {
        store.write_checksums()?;
    }
    Ok(end)
}

/// What every part of a sweep needs.
struct Sweep<'a> {
    plan: &'a Plan,
    backend: &'a Backend,
    store: &'a Store,
    budget: Budget,
    started_unix_s: fn() -> Option<u64>,
}

impl Sweep<'_> {
    /// Takes those of the runs that are not sealed yet. What was found sealed before is not read
    /// again.
    fn take(
        &self,
        runs: &[Run],
        sealed: &mut BTreeSet<RunId>,
        observer: &mut dyn SweepObserver,
    ) -> Result<SweepEnd, SweepError> {
        observer.planned(runs.len());
        let mut left = Vec::new();
        for (index, run) in runs.iter().enumerate() {
            if sealed.contains(&run.id) || self.store.has(&run.id)? {
                sealed.insert(run.id.clone());
            } else {
                left.push((index, run));
            }
        }
        let end = if self.backend.is_virtual() {
            let threads = side_by_side::processors();
            side_by_side::take(
                &left,
                self.backend,
                self.store,
                self.budget,
                threads,
                observer,
            )?
        } else {
            one_by_one::take(self, runs, &left, observer)?
        };
        if end == SweepEnd::Complete {
            sealed.extend(left.iter().map(|(_, run)| run.id.clone()));
        }
        Ok(end)
    }
}

/// A run that is left, with its place in the plan.
type Left<'a> = (usize, &'a Run);

/// Failures, one after the other. Many attempts at one run are one failure here: they say nothing
/// about the other runs.
#[derive(Default)]
struct Streak {
    failed: Vec<RunId>,
}

impl Streak {
    /// Counts the end of a run; too many failures in a row end the sweep.
    fn count(&mut self, run: &Run, fault: Option<&Fault>) -> Result<(), SweepError> {
        let Some(fault) = fault else {
            self.failed.clear();
            return Ok(());
        };
        if !self.failed.contains(&run.id) {
            self.failed.push(run.id.clone());
        }
        let count = u32::try_from(self.failed.len()).unwrap_or(u32::MAX);
        if count < MAX_FAILURES_IN_A_ROW {
            return Ok(());
        }
        Err(SweepError::FailureInARow {
            count,
            fault: fault.fault.to_string(),
            detail: fault.detail.clone(),
        })
    }
}

const fn end_with(failed: usize) -> SweepEnd {
    match failed {
        0 => SweepEnd::Complete,
        failed => SweepEnd::Failures { failed },
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod two_stage_sweep_tests;
