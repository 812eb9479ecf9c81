//! The log of events: appended by one process at a time, read by all without a system call.
//!
//! A reader takes the time **before** it looks at the log. A writer announces itself, lets a moment
//! pass and takes the time **after** that. So no event is ever stamped before a moment that some
//! reader has already simulated past, and all processes see one history.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering;

use model::units::Nanos;

use super::file::StateFile;
use super::lock::WriterLock;
use super::record::{RECORD_BYTES, decode, encode};
use super::{Event, MachineConfig, StateError, monotonic};

/// Events that a log can hold: 200 MB.
pub(crate) const CAPACITY: u64 = 1 << 20;

/// From announcing a writer to its time stamp. Covers what a processor may reorder around reading
/// its time-stamp counter.
const ANNOUNCEMENT: Nanos = Nanos::new(1_000);

/// Looks at the writer's word before a reader asks the kernel for the lock. An append takes some
/// microseconds.
const PATIENCE: u32 = 2_000;

/// The log of one machine.
pub struct Log {
    file: StateFile,
}

/// What was complete at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The moment, on `CLOCK_MONOTONIC`.
    pub at: Nanos,
    /// Records of the log.
    pub length: u64,
}

impl Log {
    /// Opens the log of a state file.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let file = StateFile::open(path)?;
        let log = Self { file };
        let now = monotonic::now();
        if now < log.origin() {
            return Err(StateError::damaged(
                path,
                "it was made before this host was started the last time",
            ));
        }
        Ok(log)
    }

    /// What the machine is made of.
    pub fn config(&self) -> &MachineConfig {
        self.file.config()
    }

    /// When the machine was made, on `CLOCK_MONOTONIC`.
    pub fn origin(&self) -> Nanos {
        self.file.origin()
    }

    /// The state file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The moment, and how many records are certain to hold everything before it.
    pub fn snapshot(&self) -> Result<Snapshot, StateError> {
        let words = self.file.words();
        for look in 0_u32.. {
            let at = monotonic::now();
            if words.writer().load(Ordering::Acquire) == 0 {
                let length = words.length().load(Ordering::Acquire);
                return Ok(Snapshot { at, length });
            }
            if look < PATIENCE {
                std::hint::spin_loop();
            } else {
                // A slow writer, or a dead one: the kernel knows. Whoever holds the lock may
                // clear the word, for then nobody is writing.
                let _lock = WriterLock::wait(self.file.reopen()?, self.path())?;
                words.writer().store(0, Ordering::Release);
            }
        }
        unreachable!("the loop has no end but its return")
    }

    /// Appends what `events` makes of the time stamp; either all of it or nothing.
    ///
    /// No event may lie before the stamp; one that does is moved to it.
    pub fn append(
        &self,
        events: impl FnOnce(Nanos) -> Vec<Event>,
    ) -> Result<Vec<Event>, StateError> {
        let lock = WriterLock::wait(self.file.reopen()?, self.path())?;
        let announced = Announced::new(self);
        let stamp = stamp_after(&announced);
        let mut events = events(stamp);
        for event in &mut events {
            event.at = event.at.max(stamp);
            self.check_gpu(event.gpu)?;
        }
        let length = self.file.words().length();
        let used = length.load(Ordering::Acquire);
        let wanted = events.len() as u64;
        if used + wanted > CAPACITY {
            return Err(StateError::Full {
                path: self.path().to_path_buf(),
                capacity: CAPACITY,
                used,
                wanted,
            });
        }
        let bytes: Vec<u8> = events.iter().flat_map(encode).collect();
        lock.file()
            .file()
            .write_all_at(&bytes, self.file.record_offset(used))
            .map_err(|source| StateError::io("appending to", self.path(), source))?;
        length.store(used + wanted, Ordering::Release);
        Ok(events)
    }

    /// The records from one number up to another, which must be complete.
    pub fn read(&self, from: u64, until: u64) -> Result<Vec<Event>, StateError> {
        if until <= from {
            return Ok(Vec::new());
        }
        let count = usize::try_from(until - from).unwrap_or(usize::MAX);
        if until > CAPACITY {
            return Err(StateError::damaged(
                self.path(),
                format!("it claims {until} events, at most {CAPACITY} fit"),
            ));
        }
        let mut bytes = vec![0; count * RECORD_BYTES];
        self.file
            .reopen()?
            .file()
            .read_exact_at(&mut bytes, self.file.record_offset(from))
            .map_err(|error| {
                StateError::damaged(self.path(), format!("its log ends early: {error}"))
            })?;
        (from..)
            .zip(bytes.chunks_exact(RECORD_BYTES))
            .map(|(number, record)| {
                let event = decode(record.try_into().expect("chunks have the exact size"))
                    .map_err(|what| {
                        StateError::damaged(self.path(), format!("event {number}: {what}"))
                    })?;
                self.check_gpu(event.gpu)?;
                Ok(event)
            })
            .collect()
    }

    /// Refuses a GPU that the machine does not have.
    pub fn check_gpu(&self, gpu: u32) -> Result<(), StateError> {
        let count = self.count();
        if gpu < count {
            Ok(())
        } else {
            Err(StateError::NoSuchGpu { gpu, count })
        }
    }

    /// GPUs of the machine.
    pub fn count(&self) -> u32 {
        u32::try_from(self.config().gpus.len()).expect("a machine has at most sixteen GPUs")
    }
}

/// The writer's word is set as long as this lives; the holder of the lock alone may make one.
struct Announced<'a>(&'a Log);

impl<'a> Announced<'a> {
    fn new(log: &'a Log) -> Self {
        let pid = u64::from(std::process::id());
        log.file.words().writer().store(pid, Ordering::SeqCst);
        Self(log)
    }
}

/// The time, a moment after the writer was announced.
fn stamp_after(_: &Announced<'_>) -> Nanos {
    let earliest = monotonic::now() + ANNOUNCEMENT;
    loop {
        let now = monotonic::now();
        if now >= earliest {
            return now;
        }
        std::hint::spin_loop();
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        self.0.file.words().writer().store(0, Ordering::Release);
    }
}
