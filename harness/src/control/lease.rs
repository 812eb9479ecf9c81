//! A GPU for this process alone, with settings that come back.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::units::Milliwatts;

use super::give_back::{give_back, not_done};
use super::replay::{Replay, replay};
use super::watchdog::Watchdog;
use super::{
    ClockRange, ControlError, Folder, GpuLock, KnobError, Knobs, Ledger, Prior, PriorLock, Setting,
    Wish, ledger,
};
use crate::process::started;

/// The sole use of a GPU. Dropped, it gives back what it changed; [`Lease::end`] does the same and
/// says what went wrong.
pub struct Lease {
    held: Mutex<Held>,
}

struct Held {
    gpu: String,
    ledger_file: PathBuf,
    knobs: Box<dyn Knobs>,
    ledger: Option<Ledger>,
    /// Number and start of the worker of this run, or of the last one.
    worker: Option<(u32, u64)>,
    // Last, and in this order: the lock is let go when nothing is left to be done.
    watchdog: Watchdog,
    lock: GpuLock,
}

impl Lease {
    /// Takes a GPU. Gives back first what an earlier harness left, where its watchdog died with it.
    /// With a wish, everything is ready for changes afterwards: the prior state is on disk, a
    /// watchdog holds it, and writing it has been proved to work.
    ///
    /// # Errors
    /// Where another harness has the GPU, a right is missing, or the prior state is not known well
    /// enough to be given back. Nothing is changed then.
    pub fn take(
        folder: &Folder,
        gpu: &str,
        mut knobs: Box<dyn Knobs>,
        wish: Option<(&Wish, PriorLock)>,
    ) -> Result<Self, ControlError> {
        folder.make_for_locks()?;
        if wish.is_some() {
            folder.make_for_ledgers()?;
        }
        let lock = GpuLock::take(&folder.lock_of(gpu), gpu)?;
        let ledger_file = folder.ledger_of(gpu);
        let replayed = replay(knobs.as_mut(), &ledger_file)?;
        let watchdog = Watchdog::start(gpu, &ledger_file, &lock)?;
        let mut held = Held {
            gpu: gpu.to_owned(),
            ledger_file,
            knobs,
            ledger: None,
            worker: None,
            watchdog,
            lock,
        };
        if let Some((wish, stated)) = wish {
            let known = match (stated, replayed) {
                (PriorLock::Unstated, Replay::Done(ledger))
                    if ledger.touches.contains(&Setting::SmClock) =>
                {
                    PriorLock::Replayed(ledger.prior.sm_clock_lock)
                }
                (stated, _) => stated,
            };
            held.prepare(wish, known)?;
        }
        Ok(Self {
            held: Mutex::new(held),
        })
    }

    /// Whether settings may be changed under this lease.
    pub fn allows_control(&self) -> bool {
        self.lock().ledger.is_some()
    }

    /// Locks the multiprocessor clock.
    ///
    /// # Errors
    /// Where there is no ledger for it, the driver refuses, or no watchdog can be had.
    pub fn lock_sm_clock(&self, range: ClockRange) -> Result<(), ControlError> {
        self.lock()
            .change(Setting::SmClock, |knobs| knobs.lock_sm_clock(range))
    }

    /// Sets the power limit.
    ///
    /// # Errors
    /// As [`Lease::lock_sm_clock`], and where the limit does not take.
    pub fn set_power_limit(&self, limit: Milliwatts) -> Result<(), ControlError> {
        self.lock().change(Setting::PowerLimit, |knobs| {
            knobs.set_power_limit(limit)?;
            match knobs.read()?.power_limit {
                Some(now) if now == limit => Ok(()),
                now => Err(KnobError::Refused {
                    call: "power limit",
                    reason: format!("was set to {limit} and reads {now:?}"),
                }),
            }
        })
    }

    /// Puts everything back, and stays ready for more changes.
    ///
    /// # Errors
    /// [`ControlError::NotGivenBack`] or a missing right.
    pub fn give_back(&self) -> Result<(), ControlError> {
        self.lock().give_back()
    }

    /// Names the process group of the worker of this run: it ends with the harness.
    ///
    /// # Errors
    /// Where no watchdog can be had.
    pub fn watch_worker(&self, pid: u32) -> Result<(), ControlError> {
        let mut held = self.lock();
        // A worker that is gone already needs nobody to end it.
        held.worker = started(pid).map(|started| (pid, started));
        if held.watchdog.is_alive() && held.name_worker().is_ok() {
            return Ok(());
        }
        held.replace_watchdog()
    }

    /// Puts everything back and ends the lease.
    ///
    /// # Errors
    /// As [`Lease::give_back`].
    pub fn end(&self) -> Result<(), ControlError> {
        self.lock().end()
    }

    /// Puts everything back and keeps the other threads from changing anything until the process
    /// ends: for signals. The watchdog ends the worker.
    pub(super) fn end_for_ever(&self) -> Result<(), ControlError> {
        let mut held = self.lock();
        let ended = held.end();
        std::mem::forget(held);
        ended
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // A panic inside a change leaves a ledger behind, and that is all that is needed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The watchdog tries again, and the ledger stays where it fails too.
        let _ = self.end();
    }
}

impl Held {
    fn prepare(&mut self, wish: &Wish, known: PriorLock) -> Result<(), ControlError> {
        let touches = wish.touches();
        let read = |error: KnobError| ControlError::Refused {
            setting: Setting::SmClock,
            gpu: self.gpu.clone(),
            reason: error,
        };
        let sm_clock_lock = if touches.contains(&Setting::SmClock) && known == PriorLock::Unstated {
            let evidence = self.knobs.lock_evidence().map_err(read)?;
            known
                .settle(&evidence)
                .map_err(|evidence| ControlError::UnknownLock {
                    gpu: self.gpu.clone(),
                    evidence,
                })?
        } else {
            match known {
                PriorLock::Stated(lock) | PriorLock::Replayed(lock) => lock,
                PriorLock::Unstated => None,
            }
        };
        let readable = self.knobs.read().map_err(read)?;
        let prior = Prior::of(&readable, sm_clock_lock);
        if let Some(setting) = prior.unknown_among(&touches) {
            return Err(ControlError::Unreadable {
                setting,
                gpu: self.gpu.clone(),
            });
        }
        let ledger = Ledger::new(&self.gpu, touches, prior);
        ledger
            .save(&self.ledger_file)
            .map_err(|reason| self.of_ledger(reason))?;
        self.ledger = Some(ledger);
        // What cannot be given back is not changed: writing the prior state proves the right to.
        let proved = self.watchdog.hold().and_then(|()| self.give_back());
        if proved.is_err() {
            // Nothing was changed. Of two errors the first one is told.
            let _ = self.forget();
        }
        proved
    }

    fn change(
        &mut self,
        setting: Setting,
        change: impl FnOnce(&mut dyn Knobs) -> Result<(), KnobError>,
    ) -> Result<(), ControlError> {
        let is_noted = self
            .ledger
            .as_ref()
            .is_some_and(|ledger| ledger.touches.contains(&setting));
        if !is_noted {
            return Err(ControlError::NotAllowed {
                asks: setting.to_string(),
            });
        }
        self.ensure_watchdog()?;
        change(self.knobs.as_mut()).map_err(|reason| not_done(setting, &self.gpu, reason))
    }

    fn give_back(&mut self) -> Result<(), ControlError> {
        let Some(ledger) = &self.ledger else {
            return Ok(());
        };
        give_back(self.knobs.as_mut(), ledger).map_err(|kept| kept.into_error(&self.gpu))
    }

    /// A watchdog that was killed is replaced before anything else is changed.
    fn ensure_watchdog(&mut self) -> Result<(), ControlError> {
        if self.watchdog.is_alive() {
            return Ok(());
        }
        self.replace_watchdog()
    }

    fn replace_watchdog(&mut self) -> Result<(), ControlError> {
        self.watchdog = Watchdog::start(&self.gpu, &self.ledger_file, &self.lock)?;
        if self.ledger.is_some() {
            self.watchdog.hold()?;
        }
        self.name_worker()
    }

    fn name_worker(&mut self) -> Result<(), ControlError> {
        match self.worker {
            Some((pid, started)) => self.watchdog.name_worker(pid, started),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), ControlError> {
        self.give_back()?;
        if self.ledger.is_some() {
            self.forget()?;
        }
        Ok(())
    }

    /// Nothing is changed any more: ledger and watchdog forget.
    fn forget(&mut self) -> Result<(), ControlError> {
        ledger::remove(&self.ledger_file).map_err(|reason| self.of_ledger(reason))?;
        self.ledger = None;
        if self.watchdog.is_alive() {
            self.watchdog.released()?;
        }
        Ok(())
    }

    fn of_ledger(&self, reason: super::LedgerError) -> ControlError {
        ControlError::Ledger {
            file: self.ledger_file.clone(),
            reason,
        }
    }
}
