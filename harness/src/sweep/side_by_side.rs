//! Runs in virtual time, on as many threads as there are processors.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use model::trace::Fault;
use model::units::{Nanos, Seconds};

use super::{Budget, Left, SweepEnd, SweepError, SweepObserver, Tally};
use crate::clock::monotonic_now;
use crate::device::Backend;
use crate::session;
use crate::store::Store;

/// How a run ended, and how long it took in real time.
struct Ended {
    place: usize,
    outcome: Result<Vec<Fault>, SweepError>,
    took: Nanos,
}

/// Threads that the machine can run at once.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Takes the runs that are left on so many threads. The observer hears of them in the order of the
/// plan.
pub(super) fn take(
    left: &[Left<'_>],
    backend: &Backend,
    store: &Store,
    budget: Budget,
    threads: usize,
    observer: &mut dyn SweepObserver,
) -> Result<SweepEnd, SweepError> {
    if !left.is_empty() && !budget.allows(Seconds::new(0.0)) {
        return Ok(SweepEnd::BudgetSpent { left: left.len() });
    }
    let next = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel::<Ended>();
    std::thread::scope(|scope| {
        for _ in 0..threads.min(left.len()) {
            let sender = sender.clone();
            let (next, is_over) = (&next, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some((_, run)) = left.get(place) else {
                        return;
                    };
                    let begin = monotonic_now();
                    let outcome = take_one(run, backend, store);
                    let took = monotonic_now().saturating_sub(begin);
                    // The receiver is gone only when the sweep is over.
                    let _ = sender.send(Ended {
                        place,
                        outcome,
                        took,
                    });
                }
            });
        }
        drop(sender);
        let end = listen(left, &receiver, budget, observer);
        is_over.store(true, Ordering::Relaxed);
        end
    })
}

fn take_one(
    run: &model::run::Run,
    backend: &Backend,
    store: &Store,
) -> Result<Vec<Fault>, SweepError> {
    let mut instrument = backend.open_for(run)?;
    let mut recording = store.record(run.id.clone());
    let header = session::record_into(instrument.as_mut(), run, None, &mut recording, &mut ())?;
    recording.seal(&header)?;
    Ok(header.faults)
}

/// Hears of the runs as they end, and passes them on in the order of the plan.
fn listen(
    left: &[Left<'_>],
    receiver: &mpsc::Receiver<Ended>,
    budget: Budget,
    observer: &mut dyn SweepObserver,
) -> Result<SweepEnd, SweepError> {
    let mut early = BTreeMap::new();
    let mut tally = Tally::default();
    let mut done = 0;
    while done < left.len() {
        let ended = receiver
            .recv()
            .expect("every run is sent while somebody waits for it");
        let took = Seconds::from(ended.took);
        early.insert(ended.place, ended.outcome);
        while let Some(outcome) = early.remove(&done) {
            let (index, run) = left[done];
            let faults = outcome?;
            observer.run_begins(run, index + 1);
            observer.run_ended(run, &faults);
            tally.count(faults.first())?;
            done += 1;
        }
        if done < left.len() && !budget.allows(took) {
            return Ok(SweepEnd::BudgetSpent {
                left: left.len() - done + tally.failed,
            });
        }
    }
    Ok(tally.end())
}
