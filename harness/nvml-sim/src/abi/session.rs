//! What stands behind all calls: whether the library is initialised, and the machine it shows.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use nvml_wrapper_sys::bindings::{nvmlReturn_enum_NVML_SUCCESS, nvmlReturn_t};

use super::call::Call;
use super::events::EventSet;
use super::gpm::ActivitySample;
use super::handle::Handles;
use super::refusal::{Answer, Refusal};
use super::wall_clock::WallClock;
use crate::state::{Machine, StateError};

/// The one session of this process.
static SESSION: Mutex<Session> = Mutex::new(Session {
    users: 0,
    open: None,
    activity_samples: Handles::beginning_at(0x4A43_0010),
    event_sets: Handles::beginning_at(0x4A44_0010),
});

/// State of the library in this process.
pub(super) struct Session {
    /// Calls of `nvmlInit` that no `nvmlShutdown` has answered.
    users: u32,
    open: Option<Open>,
    /// What `nvmlGpmSampleAlloc` gave out.
    pub(super) activity_samples: Handles<Option<ActivitySample>>,
    /// What `nvmlEventSetCreate` gave out.
    pub(super) event_sets: Handles<EventSet>,
}

/// The machine while the library is initialised.
pub(super) struct Open {
    pub(super) machine: Machine,
    pub(super) wall_clock: WallClock,
}

impl Session {
    fn call(&mut self, name: &'static str) -> Answer<Call<'_>> {
        let Open {
            machine,
            wall_clock,
        } = self.open.as_mut().ok_or(Refusal::UNINITIALIZED)?;
        Ok(Call {
            name,
            machine,
            wall_clock: *wall_clock,
            activity_samples: &mut self.activity_samples,
            event_sets: &mut self.event_sets,
        })
    }
}

/// Answers one call of an initialised library.
pub(super) fn answer(
    name: &'static str,
    body: impl FnOnce(&mut Call<'_>) -> Answer,
) -> nvmlReturn_t {
    code(|| body(&mut lock().call(name)?))
}

/// As [`answer`], for calls that must not hold the machine while they wait.
pub(super) fn answer_with<T>(
    name: &'static str,
    body: impl FnOnce(&mut Call<'_>) -> Answer<T>,
) -> Answer<T> {
    body(&mut lock().call(name)?)
}

/// The return code of a body. A panic must not cross the C interface, so it becomes one too.
pub(super) fn code(body: impl FnOnce() -> Answer) -> nvmlReturn_t {
    match panic::catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => nvmlReturn_enum_NVML_SUCCESS,
        Ok(Err(Refusal(code))) => code,
        Err(_) => Refusal::UNKNOWN.0,
    }
}

/// Opens the machine, or counts one more user of it.
pub(super) fn initialise(name: &'static str) -> Answer {
    let mut session = lock();
    if session.open.is_none() {
        let machine = open_machine().map_err(|error| {
            report_once(&error);
            Refusal::DRIVER_NOT_LOADED
        })?;
        session.open = Some(Open {
            machine,
            wall_clock: WallClock::now(),
        });
    }
    let refused = session.call(name)?.named_fault();
    if let Err(refusal) = refused {
        if session.users == 0 {
            session.open = None;
        }
        return Err(refusal);
    }
    session.users += 1;
    Ok(())
}

/// Counts one user less; the last one closes the machine.
pub(super) fn shut_down(name: &'static str) -> Answer {
    let mut session = lock();
    session.call(name)?.named_fault()?;
    session.users -= 1;
    if session.users == 0 {
        session.open = None;
    }
    Ok(())
}

fn lock() -> MutexGuard<'static, Session> {
    // A panic inside a call leaves nothing half-changed that the next call could not live with.
    SESSION.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(not(test))]
fn open_machine() -> Result<Machine, StateError> {
    Machine::from_environment()
}

#[cfg(test)]
fn open_machine() -> Result<Machine, StateError> {
    super::bench::open_machine()
}

/// A client sees the return code only, so the reason goes to the one place where people look.
fn report_once(error: &StateError) {
    static REPORTED: Once = Once::new();
    REPORTED.call_once(|| eprintln!("emulated libnvidia-ml: {error}"));
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::super::bench::{Bench, alone_with, ok};
    use super::super::init::{nvmlErrorString, nvmlInit_v2, nvmlInitWithFlags, nvmlShutdown};
    use super::super::pointer::{InOut, List, Out};
    use super::super::{clocks, control, fields, find, handle, power, system, unsupported};
    use super::*;

    #[test]
    fn before_init_every_call_is_refused() {
        let _alone = alone_with(None);
        let (device, mut number) = (handle::of_device(0), 0);
        let refused = [
            nvmlShutdown(),
            find::nvmlDeviceGetCount_v2(Out::to(&mut number)),
            power::nvmlDeviceGetPowerUsage(device, Out::to(&mut number)),
            control::nvmlDeviceResetGpuLockedClocks(device),
            unsupported::nvmlDeviceGetFanSpeed(device),
            unsupported::nvmlVgpuTypeGetName(),
        ];
        assert_eq!(refused, [Refusal::UNINITIALIZED.0; 6]);
    }

    #[test]
    fn without_a_machine_there_is_no_driver() {
        let folder = tempfile::tempdir().unwrap();
        let nothing = folder.path().join("nothing.state");
        for state_file in [None, Some(nothing)] {
            let _alone = alone_with(state_file);
            assert_eq!(nvmlInit_v2(), Refusal::DRIVER_NOT_LOADED.0);
            assert_eq!(nvmlInitWithFlags(0), Refusal::DRIVER_NOT_LOADED.0);
        }
    }

    #[test]
    fn the_library_ends_with_its_last_user() {
        let _bench = Bench::of(&["h100-nvl"]);
        ok(nvmlInitWithFlags(1));
        ok(nvmlShutdown());
        let mut count = 0;
        ok(find::nvmlDeviceGetCount_v2(Out::to(&mut count)));
        ok(nvmlShutdown());
        assert_eq!(nvmlShutdown(), Refusal::UNINITIALIZED.0);
        assert_eq!(
            find::nvmlDeviceGetCount_v2(Out::to(&mut count)),
            Refusal::UNINITIALIZED.0
        );
    }

    #[test]
    fn a_panic_becomes_a_return_code() {
        assert_eq!(code(|| panic!("a defect")), Refusal::UNKNOWN.0);
        let bench = Bench::of(&["h100-nvl"]);
        assert_eq!(
            answer("nvmlTest", |_| panic!("a defect")),
            Refusal::UNKNOWN.0
        );
        let mut power = 0;
        ok(power::nvmlDeviceGetPowerUsage(
            bench.device(0),
            Out::to(&mut power),
        ));
    }

    #[test]
    fn every_code_can_be_injected_into_calls_of_every_kind() {
        const CALLS: [&str; 6] = [
            "nvmlDeviceGetTotalEnergyConsumption",
            "nvmlDeviceGetClockInfo",
            "nvmlDeviceSetPowerManagementLimit",
            "nvmlDeviceGetSupportedMemoryClocks",
            "nvmlDeviceGetFieldValues",
            "nvmlDeviceGetFanSpeed",
        ];
        let codes: Vec<u32> = (1..=30).chain([999]).collect();
        for part in codes.chunks(16) {
            let plan: String = (0..)
                .zip(part)
                .flat_map(|(gpu, code)| CALLS.map(|call| planned(gpu, call, *code)))
                .collect();
            let bench = Bench::with_faults(&vec!["h100-nvl"; part.len()], &plan);
            for (gpu, code) in (0..).zip(part) {
                let device = bench.device(gpu);
                let (mut number, mut energy) = (0, 0);
                let answers = [
                    power::nvmlDeviceGetTotalEnergyConsumption(device, Out::to(&mut energy)),
                    clocks::nvmlDeviceGetClockInfo(device, 1, Out::to(&mut number)),
                    power::nvmlDeviceSetPowerManagementLimit(device, 300_000),
                    clocks::nvmlDeviceGetSupportedMemoryClocks(
                        device,
                        InOut::to(&mut number),
                        List::null(),
                    ),
                    fields::nvmlDeviceGetFieldValues(device, 0, List::null()),
                    unsupported::nvmlDeviceGetFanSpeed(device),
                ];
                assert_eq!(answers, [*code; 6], "GPU {gpu}");
                ok(power::nvmlDeviceGetPowerUsage(device, Out::to(&mut number)));
            }
        }
    }

    fn planned(gpu: u32, call: &str, code: u32) -> String {
        format!(
            "[[fault]]\nat_s = 0.0\ngpu = {gpu}\nkind = \"error\"\ncall = \"{call}\"\ncode = {code}\n"
        )
    }

    #[test]
    fn a_lost_gpu_leaves_the_system_and_the_other_gpus_standing() {
        let bench = Bench::with_faults(
            &["h100-nvl", "h100-nvl"],
            "[[fault]]\nat_s = 0.0\nkind = \"gpu_lost\"\n\
             [[fault]]\nat_s = 0.0\ngpu = 1\nkind = \"error\"\n\
             call = \"nvmlSystemGetCudaDriverVersion\"\ncode = 17\n",
        );
        let (mut count, mut version, mut device) = (0, 0, std::ptr::null_mut());
        ok(find::nvmlDeviceGetCount_v2(Out::to(&mut count)));
        assert_eq!(
            find::nvmlDeviceGetHandleByIndex_v2(0, Out::to(&mut device)),
            15
        );
        ok(find::nvmlDeviceGetHandleByIndex_v2(1, Out::to(&mut device)));
        assert_eq!(
            power::nvmlDeviceGetPowerUsage(bench.device(0), Out::to(&mut count)),
            15
        );
        ok(power::nvmlDeviceGetPowerUsage(
            bench.device(1),
            Out::to(&mut count),
        ));
        ok(system::nvmlSystemGetCudaDriverVersion_v2(Out::to(
            &mut version,
        )));
        assert_eq!(
            system::nvmlSystemGetCudaDriverVersion(Out::to(&mut version)),
            17
        );
    }

    #[test]
    #[expect(unsafe_code, reason = "the text comes as a C pointer")]
    fn every_code_has_a_text_of_its_own() {
        let text = |code| {
            // SAFETY: the library gives texts that live as long as it does.
            unsafe { CStr::from_ptr(nvmlErrorString(code)) }
                .to_str()
                .unwrap()
        };
        let mut texts: Vec<&str> = (0..=30).chain([999]).map(text).collect();
        assert_eq!((texts[0], texts[9]), ("Success", "Driver Not Loaded"));
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), 32);
        assert_eq!(text(12_345), text(999));
    }
}
