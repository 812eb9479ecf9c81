//! A machine for the tests of this folder, and calls that must succeed.
//!
//! The library has one session for each process, so a test that needs it holds it alone.

use std::ffi::{c_char, c_uint};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gpu_sim::Work;
use nvml_wrapper_sys::bindings::{nvmlDevice_t, nvmlReturn_t};

use super::pointer::{Out, TextOut};
use super::{handle, init};
use crate::state::{Emulator, EventKind, Identity, Machine, MachineConfig, Permission, StateError};

/// The state file that `nvmlInit` opens in this test; none stands for an unset environment.
static STATE_FILE: Mutex<Option<PathBuf>> = Mutex::new(None);
/// Held by the test that uses the library.
static ALONE: Mutex<()> = Mutex::new(());

/// Instead of the environment, which all tests of a process share.
pub(super) fn open_machine() -> Result<Machine, StateError> {
    let path = STATE_FILE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    Machine::open(&path.ok_or(StateError::NotSet)?)
}

/// Nobody else uses the library, and the environment names this file.
pub(super) fn alone_with(state_file: Option<PathBuf>) -> MutexGuard<'static, ()> {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // A test that failed may have left the library in use.
    while init::nvmlShutdown() == 0 {}
    *STATE_FILE.lock().unwrap_or_else(PoisonError::into_inner) = state_file;
    alone
}

/// An emulated machine with the library initialised on it.
pub(super) struct Bench {
    machine: Machine,
    _emulator: Emulator,
    _folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Bench {
    /// A machine of these boards that lets everybody change settings.
    pub(super) fn of(boards: &[&str]) -> Self {
        Self::with(boards, Permission::Anyone, "")
    }

    /// A machine that lets nobody change settings.
    pub(super) fn without_permission(boards: &[&str]) -> Self {
        Self::with(boards, Permission::Nobody, "")
    }

    /// A machine with a fault plan.
    pub(super) fn with_faults(boards: &[&str], faults: &str) -> Self {
        Self::with(boards, Permission::Anyone, faults)
    }

    fn with(boards: &[&str], permission: Permission, faults: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("machine.state");
        let config = MachineConfig {
            permission,
            faults: faults.to_owned(),
            ..MachineConfig::of_boards(boards.iter().copied(), 7)
        };
        let emulator = Emulator::create(&path, &config).unwrap();
        let alone = alone_with(Some(path));
        assert_eq!(init::nvmlInit_v2(), 0);
        Self {
            machine: emulator.machine().unwrap(),
            _emulator: emulator,
            _folder: folder,
            _alone: alone,
        }
    }

    #[expect(
        clippy::unused_self,
        reason = "a handle means nothing without its machine"
    )]
    pub(super) fn device(&self, gpu: u32) -> nvmlDevice_t {
        handle::of_device(gpu)
    }

    pub(super) fn identity(&self, gpu: u32) -> &Identity {
        self.machine.identity(gpu)
    }

    pub(super) fn driver_version(&self) -> &str {
        self.machine.driver_version()
    }

    /// Another process gives a GPU a named kernel to run for ever.
    pub(super) fn run(&mut self, gpu: u32, kernel: &str) {
        let work = Work::endless(gpu_sim::kernels::named(kernel).unwrap());
        self.machine
            .apply(gpu, EventKind::SetWork(Some(work)))
            .unwrap();
    }

    /// This process opens a context.
    pub(super) fn open_context(&mut self, gpu: u32, memory_bytes: u64) {
        let context = EventKind::SetContext {
            pid: std::process::id(),
            open: true,
            memory_bytes,
        };
        self.machine.apply(gpu, context).unwrap();
    }

    /// Lets emulated time, which is real time here, pass.
    #[expect(clippy::unused_self, reason = "only a machine has time that can pass")]
    pub(super) fn wait(&self, seconds: f64) {
        let until = Instant::now() + Duration::from_secs_f64(seconds);
        while let Some(left) = until
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
        {
            std::thread::park_timeout(left);
        }
    }

    /// Waits until something is the case; three seconds are more than any sensor needs.
    pub(super) fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_secs(3);
        while !is_so() {
            assert!(Instant::now() < end, "{what} did not come");
            self.wait(0.005);
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // The next test begins with a library that nobody uses.
        while init::nvmlShutdown() == 0 {}
    }
}

/// A call that must succeed.
#[track_caller]
pub(super) fn ok(code: nvmlReturn_t) {
    assert_eq!(code, 0, "{:?}", super::refusal::text(code));
}

/// The value that a call gives.
#[track_caller]
pub(super) fn read<T: Copy>(call: impl FnOnce(Out<T>) -> nvmlReturn_t) -> T {
    let mut value = std::mem::MaybeUninit::<T>::uninit();
    ok(call(Out::into(&mut value)));
    initialised(value)
}

#[expect(
    unsafe_code,
    reason = "the call above wrote the value, or the test has failed"
)]
fn initialised<T: Copy>(value: std::mem::MaybeUninit<T>) -> T {
    // SAFETY: a call that succeeds has written its value.
    unsafe { value.assume_init() }
}

/// The text that a call gives.
#[track_caller]
pub(super) fn text(length: c_uint, call: impl FnOnce(TextOut, c_uint) -> nvmlReturn_t) -> String {
    let mut buffer: Vec<c_char> = vec![1; length as usize];
    ok(call(TextOut::to(&mut buffer), length));
    let bytes = buffer.iter().map(|c| c.to_ne_bytes()[0]);
    String::from_utf8(bytes.take_while(|byte| *byte != 0).collect()).unwrap()
}
