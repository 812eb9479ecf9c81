//! Events of a GPU: registered, then waited for.
//!
//! Nobody pushes events to this process; a waiting call looks at the machine every few
//! milliseconds, without holding it in between.

use std::collections::BTreeMap;
use std::ffi::{c_uint, c_ulonglong};
use std::time::Duration;

use model::units::Nanos;
use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::{nvmlDevice_t, nvmlEventData_t, nvmlEventSet_t, nvmlReturn_t};
use rustix::thread::{NanosleepRelativeResult, nanosleep};

use super::call::{Call, exports};
use super::handle;
use super::pointer::Out;
use super::refusal::{Answer, Refusal};
use super::session::{answer_with, code};

const SINGLE_BIT: u64 = nvml::nvmlEventTypeSingleBitEccError as u64;
const DOUBLE_BIT: u64 = nvml::nvmlEventTypeDoubleBitEccError as u64;
const XID: u64 = nvml::nvmlEventTypeXidCriticalError as u64;
const CLOCK: u64 = nvml::nvmlEventTypeClock as u64;
/// Kinds of event that an emulated GPU has.
pub(super) const SUPPORTED: u64 = SINGLE_BIT | DOUBLE_BIT | XID | CLOCK;

/// Time between two looks at the machine.
const LOOK: Duration = Duration::from_millis(5);
/// What stands where an event belongs to no MIG instance.
const NO_INSTANCE: u32 = u32::MAX;

/// What a caller waits for, by GPU.
#[derive(Debug, Default)]
pub(super) struct EventSet {
    watched: BTreeMap<u32, Watched>,
}

/// A GPU that is waited for, and what was already told of it.
#[derive(Debug)]
struct Watched {
    types: u64,
    told: Seen,
}

/// What of a GPU can make an event.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    xids: usize,
    single_bit: u64,
    double_bit: u64,
    core_clock_mhz: u32,
}

/// An event: its kind, and the number that goes with it.
type Happened = (u64, u64);

impl Seen {
    fn of(call: &mut Call<'_>, gpu: u32) -> (Self, Vec<u64>) {
        let xids = call.machine.xids(gpu);
        let readings = call.machine.gpu(gpu).read();
        let seen = Self {
            xids: xids.len(),
            single_bit: readings.ecc_single,
            double_bit: readings.ecc_double,
            core_clock_mhz: readings.sm_clock.get(),
        };
        (seen, xids)
    }

    /// The first thing of the wanted kinds that is new in `now`; it counts as told.
    fn tell(&mut self, now: &Self, xids: &[u64], types: u64) -> Option<Happened> {
        if types & XID != 0
            && let Some(code) = xids.get(self.xids)
        {
            self.xids += 1;
            return Some((XID, *code));
        }
        let counters = [
            (DOUBLE_BIT, &mut self.double_bit, now.double_bit),
            (SINGLE_BIT, &mut self.single_bit, now.single_bit),
        ];
        for (kind, told, count) in counters {
            if types & kind != 0 && *told != count {
                *told = count;
                return Some((kind, 0));
            }
        }
        if types & CLOCK != 0 && self.core_clock_mhz != now.core_clock_mhz {
            self.core_clock_mhz = now.core_clock_mhz;
            return Some((CLOCK, 0));
        }
        None
    }
}

/// What the first version of `nvmlEventSetWait` wrote.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LegacyEventData {
    /// The GPU.
    pub device: nvmlDevice_t,
    /// Kind of the event.
    pub event_type: c_ulonglong,
    /// Number of the Xid, or zero.
    pub event_data: c_ulonglong,
}

exports! {
    /// Makes an empty set.
    fn nvmlEventSetCreate(call, set: Out<nvmlEventSet_t>) {
        call.named_fault()?;
        set.given()?;
        set.put(call.event_sets.insert(EventSet::default()).cast())
    }

    /// Adds kinds of event of a GPU to a set.
    fn nvmlDeviceRegisterEvents(
        call,
        device: nvmlDevice_t,
        types: c_ulonglong,
        set: nvmlEventSet_t,
    ) {
        let gpu = call.gpu(device)?;
        if types & !SUPPORTED != 0 {
            return Err(Refusal::NOT_SUPPORTED);
        }
        let (told, _) = Seen::of(call, gpu);
        let set = call.event_sets.get_mut(set).ok_or(Refusal::INVALID_ARGUMENT)?;
        let watched = set.watched.entry(gpu).or_insert(Watched { types: 0, told });
        watched.types |= types;
        Ok(())
    }

    /// Frees a set.
    fn nvmlEventSetFree(call, set: nvmlEventSet_t) {
        call.named_fault()?;
        call.event_sets.remove(set).map(drop).ok_or(Refusal::INVALID_ARGUMENT)
    }
}

/// Waits for the next event of a set, at most so many milliseconds.
#[expect(unsafe_code, reason = "the symbol that clients look up")]
#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetWait(
    set: nvmlEventSet_t,
    data: Out<LegacyEventData>,
    timeout_ms: c_uint,
) -> nvmlReturn_t {
    code(|| {
        let (gpu, (event_type, event_data)) = wait("nvmlEventSetWait", set, &data, timeout_ms)?;
        data.put(LegacyEventData {
            device: handle::of_device(gpu),
            event_type,
            event_data,
        })
    })
}

/// Waits for the next event of a set, at most so many milliseconds.
#[expect(unsafe_code, reason = "the symbol that clients look up")]
#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetWait_v2(
    set: nvmlEventSet_t,
    data: Out<nvmlEventData_t>,
    timeout_ms: c_uint,
) -> nvmlReturn_t {
    code(|| {
        let (gpu, (event_type, event_data)) = wait("nvmlEventSetWait_v2", set, &data, timeout_ms)?;
        data.put(nvmlEventData_t {
            device: handle::of_device(gpu),
            eventType: event_type,
            eventData: event_data,
            gpuInstanceId: NO_INSTANCE,
            computeInstanceId: NO_INSTANCE,
        })
    })
}

/// Looks at the machine until something happened or the time is over.
fn wait<T>(
    name: &'static str,
    set: nvmlEventSet_t,
    data: &Out<T>,
    timeout_ms: u32,
) -> Answer<(u32, Happened)> {
    let timeout = Nanos::from_millis(u64::from(timeout_ms));
    let end = answer_with(name, |call| {
        data.given()?;
        Ok(call.machine.now() + timeout)
    })?;
    loop {
        let (found, now) = answer_with(name, |call| {
            call.named_fault()?;
            Ok((next_event(call, set)?, call.machine.now()))
        })?;
        if let Some(event) = found {
            return Ok(event);
        }
        let left = Duration::from_nanos(end.saturating_sub(now).get());
        if left.is_zero() {
            return Err(Refusal::TIMEOUT);
        }
        pause(left.min(LOOK));
    }
}

fn next_event(call: &mut Call<'_>, set: nvmlEventSet_t) -> Answer<Option<(u32, Happened)>> {
    let watched = call
        .event_sets
        .get_mut(set)
        .ok_or(Refusal::INVALID_ARGUMENT)?;
    let gpus: Vec<u32> = watched.watched.keys().copied().collect();
    for gpu in gpus {
        call.check(gpu)?;
        let (now, xids) = Seen::of(call, gpu);
        let watched = call
            .event_sets
            .get_mut(set)
            .and_then(|set| set.watched.get_mut(&gpu));
        let told = watched.and_then(|watched| watched.told.tell(&now, &xids, watched.types));
        if let Some(happened) = told {
            return Ok(Some((gpu, happened)));
        }
    }
    Ok(None)
}

/// An emulated GPU lives in real time here, so this wait is real.
fn pause(length: Duration) {
    let mut left = rustix::time::Timespec::try_from(length).unwrap_or(rustix::time::Timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    });
    while let NanosleepRelativeResult::Interrupted(rest) = nanosleep(&left) {
        left = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok, read};
    use super::*;

    #[test]
    fn an_xid_comes_as_event_with_its_number() {
        let bench = Bench::with_faults(
            &["h100-nvl", "h100-nvl"],
            "[[fault]]\nat_s = 0.15\ngpu = 1\nkind = \"xid\"\ncode = 79\n",
        );
        let set = read(|out| nvmlEventSetCreate(out));
        for gpu in 0..2 {
            ok(nvmlDeviceRegisterEvents(bench.device(gpu), XID, set));
        }
        let event = read(|out| nvmlEventSetWait_v2(set, out, 2_000));
        assert_eq!(
            (event.device, event.eventType, event.eventData),
            (bench.device(1), XID, 79)
        );
        let mut again = event;
        assert_eq!(
            nvmlEventSetWait_v2(set, Out::to(&mut again), 20),
            Refusal::TIMEOUT.0
        );
        ok(nvmlEventSetFree(set));
        assert_eq!(nvmlEventSetFree(set), Refusal::INVALID_ARGUMENT.0);
        assert_eq!(
            nvmlEventSetWait_v2(set, Out::to(&mut again), 0),
            Refusal::INVALID_ARGUMENT.0
        );
    }

    #[test]
    fn every_kind_is_told_once() {
        let before = Seen {
            xids: 1,
            single_bit: 0,
            double_bit: 0,
            core_clock_mhz: 345,
        };
        let now = Seen {
            xids: 2,
            single_bit: 3,
            double_bit: 1,
            core_clock_mhz: 1_980,
        };
        let mut told = before.clone();
        let mut events = Vec::new();
        while let Some(event) = told.tell(&now, &[31, 79], SUPPORTED) {
            events.push(event);
        }
        assert_eq!(
            events,
            [(XID, 79), (DOUBLE_BIT, 0), (SINGLE_BIT, 0), (CLOCK, 0)]
        );
        assert_eq!(told, now);
        assert_eq!(before.clone().tell(&now, &[31, 79], 0), None);
    }

    #[test]
    fn kinds_that_no_emulated_gpu_has_are_refused() {
        let bench = Bench::of(&["h100-nvl"]);
        let set = read(|out| nvmlEventSetCreate(out));
        let refused = nvmlDeviceRegisterEvents(bench.device(0), 1 << 20, set);
        assert_eq!(refused, Refusal::NOT_SUPPORTED.0);
    }
}
