//! Events as bytes: records of one size, little-endian, each with a check over itself.
//!
//! | bytes | what |
//! |---|---|
//! | 0–8 | time, ns on `CLOCK_MONOTONIC` |
//! | 8–12, 12–16 | GPU, process that wrote it |
//! | 16–18 | kind |
//! | 18 | 1 where a schedule wrote it |
//! | 24–184 | what the kind needs, else zeros |
//! | 184–192 | FNV-1a over the bytes before |

use gpu_sim::{Repeat, SensorFault, Work};
use model::cost::{PerPipe, PhaseCost, Pipe};
use model::units::{Nanos, Seconds};

use super::{Event, EventKind};

/// Bytes of a record.
pub(super) const RECORD_BYTES: usize = 192;
const PAYLOAD: usize = 24;
const CHECK: usize = 184;

/// Numbers of the kinds in a file; they never change their meaning within a layout version.
mod kind {
    pub(super) const LOCK_CORE: u16 = 1;
    pub(super) const RESET_CORE: u16 = 2;
    pub(super) const LOCK_MEMORY: u16 = 3;
    pub(super) const RESET_MEMORY: u16 = 4;
    pub(super) const SET_APPLICATION: u16 = 5;
    pub(super) const RESET_APPLICATION: u16 = 6;
    pub(super) const POWER_LIMIT: u16 = 7;
    pub(super) const PERSISTENCE: u16 = 8;
    pub(super) const NO_WORK: u16 = 9;
    pub(super) const WORK: u16 = 10;
    pub(super) const CONTEXT: u16 = 11;
    pub(super) const CANCEL_SCHEDULE: u16 = 12;
    pub(super) const INJECT: u16 = 13;
}

/// An event as a record.
pub(super) fn encode(event: &Event) -> [u8; RECORD_BYTES] {
    let mut record = [0; RECORD_BYTES];
    let number = {
        let mut payload = Payload {
            bytes: &mut record[PAYLOAD..CHECK],
            at: 0,
        };
        write_kind(&event.kind, &mut payload)
    };
    record[0..8].copy_from_slice(&event.at.get().to_le_bytes());
    record[8..12].copy_from_slice(&event.gpu.to_le_bytes());
    record[12..16].copy_from_slice(&event.writer_pid.to_le_bytes());
    record[16..18].copy_from_slice(&number.to_le_bytes());
    record[18] = u8::from(event.scheduled);
    let check = fnv1a(&record[..CHECK]);
    record[CHECK..].copy_from_slice(&check.to_le_bytes());
    record
}

/// The event of a record; says what is wrong with it.
pub(super) fn decode(record: &[u8; RECORD_BYTES]) -> Result<Event, String> {
    let check = fnv1a(&record[..CHECK]);
    if record[CHECK..] != check.to_le_bytes() {
        return Err("its bytes were changed".to_owned());
    }
    let mut head = Reader(record);
    let (at, gpu, writer_pid) = (head.u64(), head.u32(), head.u32());
    let number = u16::from_le_bytes([record[16], record[17]]);
    Ok(Event {
        at: Nanos::new(at),
        gpu,
        writer_pid,
        scheduled: record[18] != 0,
        kind: read_kind(number, &mut Reader(&record[PAYLOAD..CHECK]))?,
    })
}

fn write_kind(event: &EventKind, payload: &mut Payload<'_>) -> u16 {
    match *event {
        EventKind::LockCoreClocks { min_mhz, max_mhz } => {
            payload.u32(min_mhz).u32(max_mhz);
            kind::LOCK_CORE
        }
        EventKind::ResetCoreClocks => kind::RESET_CORE,
        EventKind::LockMemoryClocks { min_mhz, max_mhz } => {
            payload.u32(min_mhz).u32(max_mhz);
            kind::LOCK_MEMORY
        }
        EventKind::ResetMemoryClocks => kind::RESET_MEMORY,
        EventKind::SetApplicationClocks {
            memory_mhz,
            core_mhz,
        } => {
            payload.u32(memory_mhz).u32(core_mhz);
            kind::SET_APPLICATION
        }
        EventKind::ResetApplicationClocks => kind::RESET_APPLICATION,
        EventKind::SetPowerLimit { watts } => {
            payload.f64(watts);
            kind::POWER_LIMIT
        }
        EventKind::SetPersistence { on } => {
            payload.u32(u32::from(on));
            kind::PERSISTENCE
        }
        EventKind::SetWork(None) => kind::NO_WORK,
        EventKind::SetWork(Some(work)) => {
            write_work(&work, payload);
            kind::WORK
        }
        EventKind::SetContext {
            pid,
            open,
            memory_bytes,
        } => {
            payload.u32(pid).u32(u32::from(open)).u64(memory_bytes);
            kind::CONTEXT
        }
        EventKind::CancelSchedule => kind::CANCEL_SCHEDULE,
        EventKind::Inject { fault, on } => {
            payload.u32(u32::from(on));
            write_fault(fault, payload);
            kind::INJECT
        }
    }
}

fn read_kind(number: u16, payload: &mut Reader<'_>) -> Result<EventKind, String> {
    Ok(match number {
        kind::LOCK_CORE => EventKind::LockCoreClocks {
            min_mhz: payload.u32(),
            max_mhz: payload.u32(),
        },
        kind::RESET_CORE => EventKind::ResetCoreClocks,
        kind::LOCK_MEMORY => EventKind::LockMemoryClocks {
            min_mhz: payload.u32(),
            max_mhz: payload.u32(),
        },
        kind::RESET_MEMORY => EventKind::ResetMemoryClocks,
        kind::SET_APPLICATION => EventKind::SetApplicationClocks {
            memory_mhz: payload.u32(),
            core_mhz: payload.u32(),
        },
        kind::RESET_APPLICATION => EventKind::ResetApplicationClocks,
        kind::POWER_LIMIT => EventKind::SetPowerLimit {
            watts: payload.f64(),
        },
        kind::PERSISTENCE => EventKind::SetPersistence {
            on: payload.u32() != 0,
        },
        kind::NO_WORK => EventKind::SetWork(None),
        kind::WORK => EventKind::SetWork(Some(read_work(payload))),
        kind::CONTEXT => EventKind::SetContext {
            pid: payload.u32(),
            open: payload.u32() != 0,
            memory_bytes: payload.u64(),
        },
        kind::CANCEL_SCHEDULE => EventKind::CancelSchedule,
        kind::INJECT => EventKind::Inject {
            on: payload.u32() != 0,
            fault: read_fault(payload)?,
        },
        unknown => return Err(format!("kind {unknown} is unknown")),
    })
}

/// Endless work, where the number of times stands.
const ENDLESS: u64 = 0;

fn write_work(work: &Work, payload: &mut Payload<'_>) {
    // Taken apart by name, so that a new field cannot be left out.
    let PhaseCost {
        operations,
        dram_bytes,
        cache_bytes,
        kernels,
        host,
        toggle,
        serial_share,
    } = work.cost;
    for (_, count) in operations.iter() {
        payload.f64(count);
    }
    payload
        .f64(dram_bytes)
        .f64(cache_bytes)
        .f64(kernels)
        .f64(host.get())
        .f64(toggle)
        .f64(serial_share)
        .u64(match work.repeat {
            Repeat::Endless => ENDLESS,
            Repeat::Times(times) => times,
        });
}

fn read_work(payload: &mut Reader<'_>) -> Work {
    let operations = Pipe::ALL.into_iter().fold(PerPipe::default(), |all, pipe| {
        all.with(pipe, payload.f64())
    });
    let cost = PhaseCost {
        operations,
        dram_bytes: payload.f64(),
        cache_bytes: payload.f64(),
        kernels: payload.f64(),
        host: Seconds::new(payload.f64()),
        toggle: payload.f64(),
        serial_share: payload.f64(),
    };
    match payload.u64() {
        ENDLESS => Work::endless(cost),
        times => Work::times(cost, times),
    }
}

/// Numbers of the faults in a file.
mod fault {
    pub(super) const FROZEN_SENSOR: u32 = 1;
    pub(super) const COUNTER_RESET: u32 = 2;
    pub(super) const COUNTER_BACKWARDS: u32 = 3;
    pub(super) const CLOCK_NOT_HONOURED: u32 = 4;
    pub(super) const ECC: u32 = 5;
}

fn write_fault(injected: SensorFault, payload: &mut Payload<'_>) {
    match injected {
        SensorFault::FrozenSensor => payload.u32(fault::FROZEN_SENSOR),
        SensorFault::CounterReset => payload.u32(fault::COUNTER_RESET),
        SensorFault::CounterBackwards { by_mj } => payload.u32(fault::COUNTER_BACKWARDS).u64(by_mj),
        SensorFault::ClockNotHonoured => payload.u32(fault::CLOCK_NOT_HONOURED),
        SensorFault::Ecc { single, double } => payload.u32(fault::ECC).u64(single).u64(double),
    };
}

fn read_fault(payload: &mut Reader<'_>) -> Result<SensorFault, String> {
    Ok(match payload.u32() {
        fault::FROZEN_SENSOR => SensorFault::FrozenSensor,
        fault::COUNTER_RESET => SensorFault::CounterReset,
        fault::COUNTER_BACKWARDS => SensorFault::CounterBackwards {
            by_mj: payload.u64(),
        },
        fault::CLOCK_NOT_HONOURED => SensorFault::ClockNotHonoured,
        fault::ECC => SensorFault::Ecc {
            single: payload.u64(),
            double: payload.u64(),
        },
        unknown => return Err(format!("fault {unknown} is unknown")),
    })
}

/// Fields one after the other into a record.
struct Payload<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Payload<'_> {
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
        self
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_le_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.put(&value.to_le_bytes())
    }

    fn f64(&mut self, value: f64) -> &mut Self {
        self.u64(value.to_bits())
    }
}

/// Fields one after the other out of a record.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self
            .0
            .split_first_chunk()
            .expect("no kind reads more than a record holds");
        self.0 = rest;
        *field
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn f64(&mut self) -> f64 {
        f64::from_bits(self.u64())
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv): guards against accidents, not malice.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds() -> impl Strategy<Value = EventKind> {
        let counts = proptest::array::uniform11(0.0_f64..1e18);
        let work = (counts, 0.0_f64..1.0, 0_u64..9).prop_map(|(counts, share, times)| {
            let mut operations = PerPipe::default();
            for (pipe, count) in Pipe::ALL.into_iter().zip(counts) {
                operations = operations.with(pipe, count);
            }
            let cost = PhaseCost {
                operations,
                dram_bytes: counts[6],
                cache_bytes: counts[7],
                kernels: counts[8],
                host: Seconds::new(counts[9]),
                toggle: share,
                serial_share: 1.0 - share,
            };
            EventKind::SetWork(Some(match times {
                0 => Work::endless(cost),
                times => Work::times(cost, times),
            }))
        });
        let simple = (
            any::<[u32; 2]>(),
            any::<[u64; 2]>(),
            any::<bool>(),
            0_u8..16,
        )
            .prop_map(|([a, b], [c, d], on, which)| match which {
                0 => EventKind::LockCoreClocks {
                    min_mhz: a,
                    max_mhz: b,
                },
                1 => EventKind::ResetCoreClocks,
                2 => EventKind::LockMemoryClocks {
                    min_mhz: a,
                    max_mhz: b,
                },
                3 => EventKind::ResetMemoryClocks,
                4 => EventKind::SetApplicationClocks {
                    memory_mhz: a,
                    core_mhz: b,
                },
                5 => EventKind::ResetApplicationClocks,
                6 => EventKind::SetPowerLimit {
                    watts: f64::from(a) / 7.0,
                },
                7 => EventKind::SetPersistence { on },
                8 => EventKind::SetWork(None),
                9 => EventKind::SetContext {
                    pid: a,
                    open: on,
                    memory_bytes: c,
                },
                10 => EventKind::CancelSchedule,
                11 => EventKind::Inject {
                    fault: SensorFault::FrozenSensor,
                    on,
                },
                12 => EventKind::Inject {
                    fault: SensorFault::CounterReset,
                    on,
                },
                13 => EventKind::Inject {
                    fault: SensorFault::CounterBackwards { by_mj: c },
                    on,
                },
                14 => EventKind::Inject {
                    fault: SensorFault::ClockNotHonoured,
                    on,
                },
                _ => EventKind::Inject {
                    fault: SensorFault::Ecc {
                        single: c,
                        double: d,
                    },
                    on,
                },
            });
        prop_oneof![work, simple]
    }

    proptest! {
        #[test]
        fn an_event_survives_its_record(
            at in any::<u64>(), gpu in any::<u32>(), writer_pid in any::<u32>(),
            scheduled in any::<bool>(), kind in kinds(),
        ) {
            let event = Event { at: Nanos::new(at), gpu, writer_pid, scheduled, kind };
            prop_assert_eq!(decode(&encode(&event)), Ok(event));
        }

        #[test]
        fn a_changed_byte_is_noticed(kind in kinds(), place in 0..RECORD_BYTES, change in 1_u8..) {
            let event = Event { at: Nanos::new(7), gpu: 1, writer_pid: 2, scheduled: true, kind };
            let mut record = encode(&event);
            record[place] ^= change;
            prop_assert_eq!(decode(&record), Err("its bytes were changed".to_owned()));
        }
    }
}
