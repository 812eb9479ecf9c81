//! Starting a schedule on a machine.

use std::collections::BTreeSet;

use model::units::Nanos;

use super::{LoadError, Schedule};
use crate::state::{Event, EventKind, Log};

/// A schedule that was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// When its first phase begins, on `CLOCK_MONOTONIC`.
    pub begin: Nanos,
    /// When its last phase ends.
    pub end: Nanos,
}

impl Schedule {
    /// Starts the schedule now, or at a moment of the future, in place of whatever an earlier
    /// schedule still has in store for the same GPUs.
    pub fn start(&self, log: &Log, at: Option<Nanos>) -> Result<Started, LoadError> {
        let planned = self.events(log.count())?;
        let gpus: BTreeSet<u32> = planned.iter().map(|event| event.gpu).collect();
        let lasts = planned.last().map_or(Nanos::new(0), |event| event.after);
        let writer_pid = std::process::id();
        let mut begin = Nanos::new(0);
        log.append(|stamp| {
            begin = at.map_or(stamp, |at| at.max(stamp));
            let cancels = gpus.iter().map(|&gpu| Event {
                at: stamp,
                gpu,
                writer_pid,
                scheduled: false,
                kind: EventKind::CancelSchedule,
            });
            let events = planned.iter().map(|event| Event {
                at: begin + event.after,
                gpu: event.gpu,
                writer_pid,
                scheduled: true,
                kind: event.kind,
            });
            cancels.chain(events).collect()
        })?;
        Ok(Started {
            begin,
            end: begin + lasts,
        })
    }
}
