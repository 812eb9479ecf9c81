//! One call of the C interface, and what every call needs: the GPU behind a handle, the fault that
//! was asked for, permission to change settings.

use gpu_sim::{Board, Gpu, Readings};
use nvml_wrapper_sys::bindings::nvmlDevice_t;

use super::events::EventSet;
use super::gpm::ActivitySample;
use super::handle::{self, Handles};
use super::refusal::{Answer, Refusal};
use super::wall_clock::WallClock;
use crate::state::{EventKind, Machine};

/// One call of an initialised library.
pub(super) struct Call<'session> {
    /// Name of the C function.
    pub(super) name: &'static str,
    pub(super) machine: &'session mut Machine,
    pub(super) wall_clock: WallClock,
    pub(super) activity_samples: &'session mut Handles<Option<ActivitySample>>,
    pub(super) event_sets: &'session mut Handles<EventSet>,
}

/// A name that no function has: a fault that answers it is meant for every call of a GPU.
const NO_FUNCTION: &str = "nvml";

impl Call<'_> {
    /// The GPU of a handle. A fault that was planned for this call comes first.
    pub(super) fn gpu(&mut self, device: nvmlDevice_t) -> Answer<u32> {
        let gpu = handle::device(device)
            .filter(|gpu| *gpu < self.machine.count())
            .ok_or(Refusal::INVALID_ARGUMENT)?;
        self.check(gpu)?;
        Ok(gpu)
    }

    /// Refuses the call if a fault is planned for it on this GPU.
    pub(super) fn check(&mut self, gpu: u32) -> Answer {
        match self.machine.fault(gpu, self.name) {
            Some(code) => Err(Refusal(code)),
            None => Ok(()),
        }
    }

    /// For calls about the whole system: refuses if a fault names this very call. A fault of all
    /// calls of one GPU leaves them alone, as a lost GPU leaves a real driver standing.
    pub(super) fn named_fault(&mut self) -> Answer {
        for gpu in 0..self.machine.count() {
            if self.machine.fault(gpu, NO_FUNCTION).is_none() {
                self.check(gpu)?;
            }
        }
        Ok(())
    }

    /// The GPU of a handle at this moment.
    pub(super) fn emulated(&mut self, device: nvmlDevice_t) -> Answer<&Gpu> {
        let gpu = self.gpu(device)?;
        Ok(self.machine.gpu(gpu))
    }

    /// What the driver would show of a GPU at this moment.
    pub(super) fn readings(&mut self, device: nvmlDevice_t) -> Answer<Readings> {
        Ok(self.emulated(device)?.read())
    }

    /// The board of a GPU.
    pub(super) fn board(&mut self, device: nvmlDevice_t) -> Answer<&Board> {
        Ok(self.emulated(device)?.board())
    }

    /// The GPU of a handle, for a change that needs permission.
    pub(super) fn controlled(&mut self, device: nvmlDevice_t) -> Answer<u32> {
        let gpu = self.gpu(device)?;
        if self.machine.may_control() {
            Ok(gpu)
        } else {
            Err(Refusal::NO_PERMISSION)
        }
    }

    /// Changes a setting of a GPU for all processes.
    pub(super) fn apply(&mut self, gpu: u32, event: EventKind) -> Answer {
        self.machine
            .apply(gpu, event)
            .map_err(|_| Refusal::OPERATING_SYSTEM)
    }
}

/// Exports functions of an initialised library under their C names.
macro_rules! exports {
    ($(
        $(#[$doc:meta])+
        fn $name:ident($call:ident $(, $argument:ident: $type:ty)* $(,)?) $body:block
    )+) => {$(
        $(#[$doc])+
        #[expect(unsafe_code, reason = "the symbol that clients look up")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $type),*) -> nvml_wrapper_sys::bindings::nvmlReturn_t {
            $crate::abi::session::answer(stringify!($name), |$call| $body)
        }
    )+};
}
pub(super) use exports;
