//! The library as a client sees it: through `nvml-wrapper`, in a process of its own.
//!
//! A library reads its environment, and a process has only one; so each test starts itself again
//! with `JOULEBENCH_EMULATOR` set, and the second process is the client.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};
use std::time::Duration;

use nvml_sim::state::{ENVIRONMENT, Emulator, EventKind, MachineConfig, Permission};
use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::InitFlags;
use nvml_wrapper::enum_wrappers::device::{Clock, ClockId, TemperatureSensor};
use nvml_wrapper::enums::device::GpuLockedClocksSetting;
use nvml_wrapper::error::NvmlError;

mod library;

/// Set in the second process.
const IS_CLIENT: &str = "NVML_SIM_TEST_CLIENT";

fn is_client() -> bool {
    std::env::var_os(IS_CLIENT).is_some()
}

fn nvml() -> Nvml {
    loaded().unwrap()
}

fn loaded() -> Result<Nvml, NvmlError> {
    Nvml::builder().lib_path(library::path().as_os_str()).init()
}

fn start_again(test: &str, state_file: &std::path::Path) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(IS_CLIENT, "yes")
        .env(ENVIRONMENT, state_file)
        .output()
        .unwrap()
}

/// Makes the machine and runs the client on it, or is the client.
fn on(config: &MachineConfig, test: &str, client: impl FnOnce(&Nvml)) {
    if is_client() {
        client(&nvml());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("machine.state");
    let _emulator = Emulator::create(&path, config).unwrap();
    let output = start_again(test, &path);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("1 passed"), "the client ran: {stdout}");
}

fn machine(boards: &[&str]) -> MachineConfig {
    MachineConfig {
        permission: Permission::Anyone,
        ..MachineConfig::of_boards(boards.iter().copied(), 3)
    }
}

#[test]
fn a_client_reads_what_the_board_is() {
    on(
        &machine(&["v100", "h100-sxm"]),
        "a_client_reads_what_the_board_is",
        |nvml| {
            assert_eq!(nvml.device_count().unwrap(), 2);
            assert!(nvml.sys_driver_version().unwrap().starts_with("580."));
            let device = nvml.device_by_index(1).unwrap();
            assert!(device.name().unwrap().contains("H100"));
            assert_eq!(device.index().unwrap(), 1);
            let uuid = device.uuid().unwrap();
            assert_eq!(nvml.device_by_uuid(uuid).unwrap().index().unwrap(), 1);
            let bus_id = device.pci_info().unwrap().bus_id;
            assert_eq!(
                nvml.device_by_pci_bus_id(bus_id).unwrap().index().unwrap(),
                1
            );
            assert_eq!(device.memory_info().unwrap().total >> 20, 81_559);
            assert_eq!(device.supported_memory_clocks().unwrap(), [2_619, 1_593]);
            assert_eq!(device.supported_graphics_clocks(2_619).unwrap().len(), 110);
            assert!(device.running_compute_processes().unwrap().is_empty());
            assert!(device.running_graphics_processes().unwrap().is_empty());
            assert_eq!(
                device.clock(Clock::SM, ClockId::CustomerMaxBoost).unwrap(),
                1_980
            );
            assert!(device.temperature(TemperatureSensor::Gpu).unwrap() < 80);
            assert!(matches!(device.fan_speed(0), Err(NvmlError::NotSupported)));
            let limits = device.power_management_limit_constraints().unwrap();
            assert_eq!((limits.min_limit, limits.max_limit), (200_000, 700_000));
        },
    );
}

#[test]
fn a_client_controls_clocks_and_power() {
    on(
        &machine(&["a100-80"]),
        "a_client_controls_clocks_and_power",
        |nvml| {
            let mut device = nvml.device_by_index(0).unwrap();
            device
                .set_gpu_locked_clocks(GpuLockedClocksSetting::Numeric {
                    min_clock_mhz: 1_110,
                    max_clock_mhz: 1_110,
                })
                .unwrap();
            device.set_power_management_limit(200_000).unwrap();
            std::thread::park_timeout(Duration::from_millis(700));
            assert_eq!(device.clock_info(Clock::SM).unwrap(), 1_110);
            assert_eq!(device.power_management_limit().unwrap(), 200_000);
            device.reset_gpu_locked_clocks().unwrap();
            assert!(matches!(
                device.set_power_management_limit(1),
                Err(NvmlError::InvalidArg)
            ));
        },
    );
}

#[test]
fn energy_grows_with_power() {
    on(&machine(&["h200"]), "energy_grows_with_power", |nvml| {
        let device = nvml.device_by_index(0).unwrap();
        std::thread::park_timeout(Duration::from_millis(1_200));
        let before = device.total_energy_consumption().unwrap();
        std::thread::park_timeout(Duration::from_secs(1));
        let after = device.total_energy_consumption().unwrap();
        let power_mw = f64::from(device.power_usage().unwrap());
        #[expect(clippy::cast_precision_loss, reason = "a hundred joules")]
        let ratio = (after - before) as f64 / power_mw;
        // The counter moves each 100 ms, and the sleep may be late by some more.
        assert!(
            (0.85..1.3).contains(&ratio),
            "{ratio} s of idle power in about 1 s"
        );
    });
}

#[test]
fn control_is_refused_without_permission() {
    let config = MachineConfig {
        permission: Permission::Nobody,
        ..machine(&["h100"])
    };
    on(&config, "control_is_refused_without_permission", |nvml| {
        let mut device = nvml.device_by_index(0).unwrap();
        let refused = device.set_power_management_limit(350_000);
        assert!(
            matches!(refused, Err(NvmlError::NoPermission)),
            "{refused:?}"
        );
        assert!(matches!(
            device.reset_gpu_locked_clocks(),
            Err(NvmlError::NoPermission)
        ));
        assert!(device.power_usage().is_ok(), "reading needs none");
    });
}

#[test]
fn without_a_machine_the_driver_is_not_loaded_and_the_reason_is_told() {
    let test = "without_a_machine_the_driver_is_not_loaded_and_the_reason_is_told";
    if is_client() {
        let refused = loaded().err();
        assert!(
            matches!(refused, Some(NvmlError::DriverNotLoaded)),
            "{refused:?}"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.state");
    std::fs::write(&bad, "this is no state file").unwrap();
    for (path, reason) in [
        (bad.as_path(), "bad.state"),
        (std::path::Path::new(""), ENVIRONMENT),
    ] {
        let output = start_again(test, path);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let lines: Vec<&str> = stderr
            .lines()
            .filter(|line| line.contains("emulated"))
            .collect();
        assert_eq!(lines.len(), 1, "{stderr}");
        assert!(
            lines[0].starts_with("emulated libnvidia-ml: ") && lines[0].contains(reason),
            "{stderr}"
        );
    }
}

#[test]
fn the_last_shutdown_ends_the_library() {
    on(
        &machine(&["h100"]),
        "the_last_shutdown_ends_the_library",
        |nvml| {
            let second = Nvml::builder()
                .lib_path(library::path().as_os_str())
                .flags(InitFlags::NO_GPUS)
                .init()
                .unwrap();
            assert_eq!(second.device_count().unwrap(), 1);
            second.shutdown().unwrap();
            assert_eq!(nvml.device_count().unwrap(), 1, "one use is left");
        },
    );
}

#[test]
fn another_process_changes_a_setting_and_this_one_sees_it() {
    on(
        &machine(&["h100-sxm"]),
        "another_process_changes_a_setting_and_this_one_sees_it",
        |nvml| {
            let device = nvml.device_by_index(0).unwrap();
            assert_eq!(device.power_management_limit().unwrap(), 700_000);
            // A second view of the machine stands for the other process: it has no memory in common
            // with the library.
            let mut other = nvml_sim::state::Machine::from_environment().unwrap();
            other
                .apply(0, EventKind::SetPowerLimit { watts: 500.0 })
                .unwrap();
            assert_eq!(device.power_management_limit().unwrap(), 500_000);
        },
    );
}

/// Every error that NVML has, injected into calls of every kind.
#[test]
fn every_error_code_can_be_injected_into_any_call() {
    let test = "every_error_code_can_be_injected_into_any_call";
    let codes: Vec<u32> = (1..=30).chain([999]).collect();
    let calls = [
        "nvmlDeviceGetTotalEnergyConsumption",
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetClockInfo",
        "nvmlDeviceSetPowerManagementLimit",
        "nvmlDeviceGetFanSpeed",
        "nvmlDeviceGetFieldValues",
    ];
    // Sixteen GPUs at most in a machine: two machines hold all codes, a GPU for each.
    for part in codes.chunks(16) {
        let faults: String = (0..)
            .zip(part)
            .flat_map(|(gpu, code)| calls.map(|call| fault(gpu, call, *code)))
            .collect();
        let config = MachineConfig {
            faults,
            ..machine(&vec!["h100"; part.len()])
        };
        on(&config, test, |nvml| {
            for gpu in 0..nvml.device_count().unwrap() {
                inject_check(nvml, gpu);
            }
        });
        if is_client() {
            return;
        }
    }
}

fn fault(gpu: u32, call: &str, code: u32) -> String {
    format!(
        "[[fault]]\nat_s = 0.0\ngpu = {gpu}\nkind = \"error\"\ncall = \"{call}\"\ncode = {code}\n"
    )
}

/// All calls of the list fail alike on this GPU; calls that are not in it do not fail.
fn inject_check(nvml: &Nvml, gpu: u32) {
    let mut device = nvml.device_by_index(gpu).unwrap();
    let told = [
        device.total_energy_consumption().map(drop),
        device.power_usage().map(drop),
        device.clock_info(Clock::SM).map(drop),
        device.set_power_management_limit(400_000),
        device.fan_speed(0).map(drop),
        device.field_values_for(&[]).map(drop),
    ];
    let first = format!("{:?}", told[0].as_ref().unwrap_err());
    for (place, answer) in told.iter().enumerate().filter(|(place, _)| *place != 4) {
        let error = answer.as_ref().expect_err("an error was injected");
        assert_eq!(format!("{error:?}"), first, "call {place} of GPU {gpu}");
    }
    device.name().unwrap();
    device.power_management_limit().unwrap();
}
