//! What this machine can measure, what is missing, and how to fix it.

use std::path::Path;
use std::process::{Command, Stdio};

use model::reason::Absence;
use model::sample::SAMPLE_COLUMNS;
use serde::Serialize;

use crate::control::{Folder, holds_sys_admin, watchdog_program};
use crate::device::powercap::{POWERCAP_ROOT, Packages};
use crate::device::{Backend, DeviceError, NvmlDriver};
use crate::worker::own_worker;

/// Free space below which a campaign may not fit, in MiB.
const ENOUGH_SPACE_MIB: u64 = 512;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do about it; absent where nothing is to do.
    pub fix: Option<String>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Good,
    /// Absent, and only some measurements need it.
    Missing,
    /// Absent, and nothing works without it.
    Broken,
}

impl Check {
    fn good(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            state: State::Good,
            found: found.into(),
            fix: None,
        }
    }

    fn not(name: impl Into<String>, state: State, found: impl Into<String>, fix: &str) -> Self {
        Self {
            name: name.into(),
            state,
            found: found.into(),
            fix: Some(fix.to_owned()),
        }
    }
}

/// Looks at everything. `folder` is where traces would be written.
pub fn examine(folder: &Path) -> Vec<Check> {
    let mut checks = gpu_checks();
    checks.extend(ledger_checks(&Folder::of_this_process()));
    checks.push(package_check());
    checks.push(worker_check());
    checks.push(folder_check(folder));
    checks.push(Check::good(
        "emulated GPU",
        "always there; its traces are marked emulated",
    ));
    checks
}

fn gpu_checks() -> Vec<Check> {
    let driver = match NvmlDriver::load() {
        Ok(driver) => driver,
        Err(DeviceError::NoPermission { reason }) => {
            return vec![Check::not(
                "NVIDIA GPU",
                State::Missing,
                format!("no permission ({reason})"),
                "give this user read access to /dev/nvidiactl and /dev/nvidia0",
            )];
        }
        Err(_) => {
            return vec![Check::not(
                "NVIDIA GPU",
                State::Missing,
                "libnvidia-ml.so.1 cannot be loaded",
                "install the NVIDIA driver (libnvidia-ml.so.1); without it use device = \"cpu\" or \"emulated\"",
            )];
        }
    };
    let count = driver.device_count().unwrap_or(0);
    let backend = Backend::Nvml(driver);
    (0..count)
        .flat_map(|index| one_gpu(&backend, index))
        .chain((count > 0).then(control_check))
        .collect()
}

fn one_gpu(backend: &Backend, index: u32) -> Vec<Check> {
    let name = format!("GPU {index}");
    let mut instrument = match backend.open(index) {
        Ok(instrument) => instrument,
        Err(error) => {
            return vec![Check::not(
                name,
                State::Missing,
                error.to_string(),
                "see nvidia-smi",
            )];
        }
    };
    let machine = instrument.sense().machine();
    let device = &machine.device;
    let mut checks = vec![Check::good(
        &name,
        format!(
            "{}, driver {}",
            device.name,
            device.driver.as_deref().unwrap_or("unknown")
        ),
    )];
    for column in SAMPLE_COLUMNS.iter().filter(|column| column.is_optional()) {
        let sensor = format!("{name} {}", column.name);
        checks.push(match machine.absent.get(column.name) {
            None => Check::good(sensor, "readable"),
            Some(reason) => Check::not(
                sensor,
                State::Missing,
                reason.description(),
                sensor_fix(*reason),
            ),
        });
    }
    if device.mig == Some(true) {
        checks.push(Check::not(
            format!("{name} MIG"),
            State::Missing,
            "the board is split into instances, whose energy cannot be told apart",
            "measure a board without MIG",
        ));
    }
    if let Ok(Some(processes @ 1..)) = instrument.sense().process_count() {
        checks.push(Check::not(
            format!("{name} processes"),
            State::Missing,
            format!("{processes} processes use the board"),
            "end them (nvidia-smi lists them): they would be measured too",
        ));
    }
    checks
}

const fn sensor_fix(reason: Absence) -> &'static str {
    match reason {
        Absence::NotSupported => "nothing to do: this board or driver does not offer it",
        Absence::NoPermission => "run as a user who may read it",
        Absence::NoDevice | Absence::ReadFailed => "see nvidia-smi -q for the state of the board",
    }
}

/// What a harness left changed when it and its watchdog died.
fn ledger_checks(folder: &Folder) -> Vec<Check> {
    let name = "clocks and power limits";
    match folder.ledgers() {
        Ok(ledgers) => ledgers
            .into_iter()
            .map(|(gpu, file)| {
                Check::not(
                    name,
                    State::Missing,
                    format!("{gpu} may be as a harness left it, see {}", file.display()),
                    "where no joulebench uses the GPU: joulebench doctor --repair",
                )
            })
            .collect(),
        Err(error) => vec![Check::not(
            name,
            State::Missing,
            error.to_string(),
            "make the folder readable for this user",
        )],
    }
}

/// Whether plans with clocks and power caps can be run; only where there is a GPU.
fn control_check() -> Check {
    let name = "control of clocks and power limits";
    if !watchdog_program().is_file() {
        return Check::not(
            name,
            State::Broken,
            "joulebench-watchdog is not beside joulebench",
            "build it: make build",
        );
    }
    match holds_sys_admin() {
        Some(true) => Check::good(name, "this process has CAP_SYS_ADMIN"),
        _ => Check::not(
            name,
            State::Missing,
            "this process lacks CAP_SYS_ADMIN; reading needs no right",
            "see docs/control.md for the command that grants it",
        ),
    }
}

fn package_check() -> Check {
    let name = "processor energy (RAPL)";
    match Packages::find(Path::new(POWERCAP_ROOT)) {
        Ok(_) => Check::good(name, "readable"),
        Err(reason @ Absence::NoPermission) => Check::not(
            name,
            State::Missing,
            reason.description(),
            "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj",
        ),
        Err(reason) => Check::not(
            name,
            State::Missing,
            reason.description(),
            "nothing to do on a virtual machine; else load the kernel module intel_rapl_msr",
        ),
    }
}

fn worker_check() -> Check {
    let worker = own_worker();
    let answers = Command::new(&worker)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success());
    match answers {
        Some(output) => Check::good("worker", String::from_utf8_lossy(&output.stdout).trim()),
        None => Check::not(
            "worker",
            State::Broken,
            format!("{} does not answer", worker.display()),
            "build it: make build",
        ),
    }
}

/// Rights alone do not tell: kernel file systems and full disks refuse root as well.
fn takes_files(folder: &Path) -> bool {
    let probe = folder.join(".joulebench-probe");
    let written = fs_err::write(&probe, "probe").is_ok();
    // Where the probe could not be written, there may be nothing to take away.
    let _ = fs_err::remove_file(&probe);
    written
}

fn folder_check(folder: &Path) -> Check {
    let name = format!("folder {}", folder.display());
    // The nearest place that exists decides where a new folder would be made; the empty path at the
    // end of a relative one is the current folder.
    let place = folder
        .ancestors()
        .map(|part| {
            if part.as_os_str().is_empty() {
                Path::new(".")
            } else {
                part
            }
        })
        .find(|part| part.exists());
    let Some(existing) = place.filter(|place| place.is_dir()) else {
        return Check::not(
            name,
            State::Broken,
            "cannot be made",
            "choose another with --store",
        );
    };
    if !takes_files(existing) {
        return Check::not(
            name,
            State::Broken,
            "cannot be written",
            "choose another with --store",
        );
    }
    match rustix::fs::statvfs(existing) {
        Ok(space) => {
            let free_mib = space.f_bavail.saturating_mul(space.f_frsize) >> 20;
            if free_mib < ENOUGH_SPACE_MIB {
                return Check::not(
                    name,
                    State::Missing,
                    format!("{free_mib} MiB free"),
                    "free 512 MiB, or choose another with --store",
                );
            }
            Check::good(name, format!("can be written, {} GiB free", free_mib >> 10))
        }
        Err(error) => Check::not(name, State::Missing, error.to_string(), "see df"),
    }
}
