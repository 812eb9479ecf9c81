//! The fault plan of a machine: which calls fail, which cards misbehave, and when.

use std::collections::BTreeMap;

use gpu_sim::{FaultKind, FaultPlan};
use model::units::Nanos;

use super::card::NO_PROCESS;
use super::{Event, EventKind, Process, StateError};

/// A fault plan, checked against the machine, and the calls that this process made under it.
pub(crate) struct Faults {
    plan: FaultPlan,
    calls: BTreeMap<(u32, String), u64>,
}

impl Faults {
    /// Reads a plan; an empty text is one without faults.
    pub(crate) fn parse(text: &str, gpus: usize) -> Result<Self, StateError> {
        let plan =
            FaultPlan::from_toml(text).map_err(|error| StateError::Faults(error.to_string()))?;
        match plan
            .faults()
            .iter()
            .find(|fault| fault.gpu as usize >= gpus)
        {
            Some(fault) => Err(StateError::Faults(format!(
                "the fault at_s = {} has gpu = {}: expected an index from 0 to {}",
                fault.at_s,
                fault.gpu,
                gpus.saturating_sub(1)
            ))),
            None => Ok(Self {
                plan,
                calls: BTreeMap::new(),
            }),
        }
    }

    /// Whether nothing ever goes wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.plan.is_empty()
    }

    /// What happens to the cards themselves, as events; sorted only by their replay.
    pub(crate) fn injections(&self, origin: Nanos) -> impl Iterator<Item = Event> + '_ {
        self.plan.faults().iter().flat_map(move |scheduled| {
            let ends_s = scheduled.for_s.map(|length| scheduled.at_s + length);
            let switches = [(Some(scheduled.at_s), true), (ends_s, false)];
            let event = move |at_s: f64, on| {
                scheduled.sensor_fault().map(|fault| Event {
                    at: origin + Nanos::from_seconds(at_s),
                    gpu: scheduled.gpu,
                    writer_pid: NO_PROCESS,
                    scheduled: false,
                    kind: EventKind::Inject { fault, on },
                })
            };
            switches
                .into_iter()
                .filter_map(move |(at_s, on)| event(at_s?, on))
        })
    }

    /// The number of the error that a call has to answer with.
    pub(crate) fn error(&mut self, gpu: u32, call: &str, since_origin: Nanos) -> Option<u32> {
        let calls = self.calls.entry((gpu, call.to_owned())).or_default();
        let before = *calls;
        *calls += 1;
        self.plan.error_of(gpu, since_origin, call, before)
    }

    /// Whether settings of a card may not be changed any more.
    pub(crate) fn permission_is_withdrawn(&self, gpu: u32, since_origin: Nanos) -> bool {
        self.plan
            .active(gpu, since_origin)
            .any(|kind| *kind == FaultKind::PermissionWithdrawn)
    }

    /// Processes of somebody else.
    pub(crate) fn foreign_processes(
        &self,
        gpu: u32,
        since_origin: Nanos,
    ) -> impl Iterator<Item = Process> + '_ {
        self.plan
            .active(gpu, since_origin)
            .filter_map(|kind| match *kind {
                FaultKind::ForeignProcess { pid, memory_mib } => Some(Process {
                    pid,
                    used_memory_bytes: memory_mib << 20,
                }),
                _ => None,
            })
    }

    /// Numbers of the Xid events that a card has had up to a time, in their order.
    pub(crate) fn xids(&self, gpu: u32, since_origin: Nanos) -> impl Iterator<Item = u64> + '_ {
        let due = move |at_s: f64| Nanos::from_seconds(at_s) <= since_origin;
        self.plan
            .faults()
            .iter()
            .filter(move |fault| fault.gpu == gpu && due(fault.at_s))
            .filter_map(|fault| match fault.kind {
                FaultKind::Xid { code } => Some(code),
                _ => None,
            })
    }
}
