//! What a call of the drop-in library costs its client, beside the same call answered by a constant.
//!
//! The library is loaded as clients load it, and called through the pointers that they get. The
//! GPU is idle, works, or gets 20 ms pulses; each call advances it to the moment of the call. In a
//! tight loop that is little; a client that polls at 100 Hz has 10 ms to catch up with.

use std::hint::black_box;
use std::os::raw::{c_uint, c_ulonglong};
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use nvml_sim::launch::Parts;
use nvml_sim::schedule::Schedule;
use nvml_sim::state::{ENVIRONMENT, Emulator, MachineConfig};
use nvml_wrapper_sys::bindings::{NvmlLib, nvmlDevice_t, nvmlReturn_t};

const LOADS: [(&str, &str); 3] = [
    ("idle", "[[phase]]\nfor_s = 1000\nwork = \"idle\"\n"),
    ("steady", "[[phase]]\nfor_s = 1000\nwork = \"gemm-bf16\"\n"),
    (
        "pulses",
        "[[phase]]\nrepeat = 25000\nphases = [{ for_s = 0.02, work = \"gemm-bf16\" }, { for_s = 0.02, work = \"idle\" }]\n",
    ),
];

/// A library that knows the answer: what a call costs at least.
extern "C" fn constant(_: nvmlDevice_t, answer: *mut c_ulonglong) -> nvmlReturn_t {
    #[expect(unsafe_code, reason = "the contract of the C interface")]
    // SAFETY: the caller below passes the address of a local variable.
    unsafe {
        answer.write(187_400);
    }
    0
}

fn calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("call");
    let by_constant: extern "C" fn(nvmlDevice_t, *mut c_ulonglong) -> nvmlReturn_t =
        black_box(constant);
    group.bench_function("constant", |bencher| {
        bencher.iter(|| {
            let mut answer = 0;
            by_constant(black_box(std::ptr::null_mut()), &raw mut answer);
            answer
        });
    });
    group.bench_function("constant/100 Hz", |bencher| {
        bencher.iter_custom(|calls| {
            polled(calls, || {
                let mut answer = 0;
                by_constant(black_box(std::ptr::null_mut()), &raw mut answer);
                answer
            })
        });
    });
    for (name, load) in LOADS {
        let folder = tempfile::tempdir().expect("a folder for the state file");
        let state = folder.path().join("machine.state");
        let config = MachineConfig::of_boards(["h100-sxm"], 1);
        let emulator = Emulator::create(&state, &config).expect("the machine is a good one");
        Schedule::parse(load, name)
            .and_then(|schedule| schedule.start(emulator.log(), None))
            .expect("the load is a good one");
        let client = Client::open(&state);
        group.bench_function(format!("energy/{name}"), |bencher| {
            bencher.iter(|| client.energy_mj());
        });
        group.bench_function(format!("power/{name}"), |bencher| {
            bencher.iter(|| client.power_mw());
        });
        // As clients poll: each call has 10 ms of physics to catch up with.
        group.bench_function(format!("energy/{name}/100 Hz"), |bencher| {
            bencher.iter_custom(|calls| polled(calls, || client.energy_mj()));
        });
    }
    group.finish();
}

/// Time between two calls of a client that polls at 100 Hz.
const PERIOD: Duration = Duration::from_millis(10);

/// The time of the calls alone, each some time after the last.
fn polled(calls: u64, mut call: impl FnMut() -> c_ulonglong) -> Duration {
    (0..calls)
        .map(|_| {
            wait(PERIOD);
            let begin = Instant::now();
            black_box(call());
            begin.elapsed()
        })
        .sum()
}

/// Keeps the processor awake, as only the call is to be timed.
fn wait(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// The loaded library with one device.
struct Client {
    nvml: NvmlLib,
    device: nvmlDevice_t,
}

#[expect(unsafe_code, reason = "a C interface, as its clients call it")]
impl Client {
    fn open(state: &Path) -> Self {
        let path = Parts::find()
            .expect("cargo builds the library beside the benchmark")
            .nvml_library;
        // SAFETY: one thread; and the functions have the signatures that the bindings declare.
        unsafe {
            std::env::set_var(ENVIRONMENT, state);
            let library = NvmlLib::new(path).expect("the library can be loaded");
            assert_eq!(library.nvmlInit_v2(), 0);
            let mut device = std::ptr::null_mut();
            assert_eq!(library.nvmlDeviceGetHandleByIndex_v2(0, &raw mut device), 0);
            Self {
                nvml: library,
                device,
            }
        }
    }

    fn energy_mj(&self) -> c_ulonglong {
        let mut answer = 0;
        // SAFETY: the device is of this library, the answer a local variable.
        let code = unsafe {
            self.nvml
                .nvmlDeviceGetTotalEnergyConsumption(self.device, &raw mut answer)
        };
        assert_eq!(code, 0);
        answer
    }

    fn power_mw(&self) -> c_uint {
        let mut answer = 0;
        // SAFETY: as above.
        let code = unsafe {
            self.nvml
                .nvmlDeviceGetPowerUsage(self.device, &raw mut answer)
        };
        assert_eq!(code, 0);
        answer
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "see above")]
        // SAFETY: initialised in `open`.
        unsafe {
            self.nvml.nvmlShutdown();
        }
    }
}

criterion_group!(benches, calls);
criterion_main!(benches);
