//! Three functions beside those of NVML, usable from any language: a load begins, a load ends, how
//! much energy it truly took. `include/joulebench_emulator.h` documents them for C.

use std::ffi::{CStr, c_char, c_int, c_uint};
use std::panic::catch_unwind;
use std::sync::Mutex;

use gpu_sim::Work;
use model::units::{Joules, Nanos};

use crate::schedule::parse_work;
use crate::state::{EventKind, Log, StateError, path_of_environment, true_energy};

/// What the functions answer; the same names and numbers as in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
enum Answer {
    Ok = 0,
    NoEmulator = 1,
    NoSuchGpu = 2,
    BadWork = 3,
    BadInterval = 4,
    NullPointer = 5,
    State = 6,
}

impl From<StateError> for Answer {
    fn from(error: StateError) -> Self {
        match error {
            StateError::NotSet => Self::NoEmulator,
            StateError::NoSuchGpu { .. } => Self::NoSuchGpu,
            StateError::Interval { .. } => Self::BadInterval,
            _ => Self::State,
        }
    }
}

/// Memory that a process with a load holds on the board: a context and its kernels.
const MEMORY_BYTES: u64 = 512 << 20;

/// From now on the GPU does the work that the text names, for this process, until
/// [`joulebench_load_end`] or another load.
///
/// # Safety
/// `work` is null or the address of a string that ends with a zero byte.
#[expect(unsafe_code, reason = "exported to other languages; see the header")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn joulebench_load_begin(gpu: c_uint, work: *const c_char) -> c_int {
    answer(|| {
        if work.is_null() {
            return Err(Answer::NullPointer);
        }
        // SAFETY: not null, and by the header a string that ends with a zero byte.
        let text = unsafe { CStr::from_ptr(work) };
        let text = text.to_str().map_err(|_| Answer::BadWork)?;
        let source = parse_work(text).map_err(|_| Answer::BadWork)?;
        let cost = source.cost().map_err(|_| Answer::BadWork)?;
        let pid = std::process::id();
        with_log(|log| {
            log.append_each_now([
                (
                    gpu,
                    EventKind::SetContext {
                        pid,
                        open: true,
                        memory_bytes: MEMORY_BYTES,
                    },
                ),
                (gpu, EventKind::SetWork(cost.map(Work::endless))),
            ])
        })
    })
}

/// The load of this process on the GPU ends, and its context with it.
#[expect(unsafe_code, reason = "exported to other languages; see the header")]
#[unsafe(no_mangle)]
pub extern "C" fn joulebench_load_end(gpu: c_uint) -> c_int {
    answer(|| {
        let pid = std::process::id();
        with_log(|log| {
            log.append_now(
                gpu,
                EventKind::SetContext {
                    pid,
                    open: false,
                    memory_bytes: 0,
                },
            )
        })
    })
}

/// Writes the true energy of an interval on `CLOCK_MONOTONIC`, in millijoules. `from_ns` 0 is the
/// begin of the machine, `to_ns` 0 is now.
///
/// # Safety
/// `out` is null or the address of a double that may be written.
#[expect(unsafe_code, reason = "exported to other languages; see the header")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn joulebench_true_energy_mj(
    gpu: c_uint,
    from_ns: u64,
    to_ns: u64,
    out: *mut f64,
) -> c_int {
    answer(|| {
        if out.is_null() {
            return Err(Answer::NullPointer);
        }
        let moment = |ns: u64| (ns != 0).then(|| Nanos::new(ns));
        let truth = true_energy(&path_of_environment()?, gpu, moment(from_ns), moment(to_ns))?;
        // SAFETY: not null, and by the header the address of a double.
        unsafe { out.write(truth.energy / Joules::new(1e-3)) };
        Ok(())
    })
}

/// The log of this process's machine, opened at the first call.
static LOG: Mutex<Option<Log>> = Mutex::new(None);

fn with_log(f: impl FnOnce(&Log) -> Result<(), StateError>) -> Result<(), Answer> {
    let path = path_of_environment()?;
    let mut log = LOG
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if log.as_ref().is_none_or(|log| log.path() != path) {
        *log = Some(Log::open(&path)?);
    }
    let log = log.as_ref().expect("it was opened above");
    f(log).map_err(Answer::from)
}

/// No panic may leave through another language's frames.
fn answer(f: impl FnOnce() -> Result<(), Answer> + std::panic::UnwindSafe) -> c_int {
    let answer = match catch_unwind(f) {
        Ok(Ok(())) => Answer::Ok,
        Ok(Err(answer)) => answer,
        Err(_) => Answer::State,
    };
    answer as c_int
}
