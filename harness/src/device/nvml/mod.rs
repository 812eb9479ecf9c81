//! NVIDIA GPUs through `libnvidia-ml.so.1`, which is loaded at run time. Settings are changed in
//! [`control`] alone, and only under a lease.

mod control;
mod fields;
mod gpm;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::machine::{Device as DeviceRecord, Machine};
use model::plan::DeviceKind;
use model::provenance::{EMULATOR_VARIABLE, Provenance};
use model::reason::Absence;
use model::run::{Run, hex};
use model::sample::Sample;
use model::units::{Joules, Megahertz, Millijoules, Milliwatts, Nanos};
use nvml_wrapper::enum_wrappers::device::{Clock as ClockDomain, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use sha2::{Digest, Sha256};

use self::control::NvmlControl;
pub(super) use self::control::NvmlKnobs;
use self::fields::FieldReader;
use self::gpm::GpmReader;
use super::{Control, DeviceError, Instrument, Sense};
use crate::clock::{Clock, MonotonicClock, monotonic_now};
use crate::control::Lease;
use crate::host;
use crate::worker::{ChildWorker, Grouping, LaunchError, Worker};

/// What stands among the absent sensors where nobody can say who else uses the device.
const PROCESSES: &str = "processes";

/// The loaded driver library.
pub struct NvmlDriver {
    nvml: Nvml,
    lease: Option<Arc<Lease>>,
}

impl NvmlDriver {
    /// Loads `libnvidia-ml.so.1` and initialises it.
    ///
    /// # Errors
    /// [`DeviceError::DriverAbsent`] or [`DeviceError::NoPermission`].
    pub fn load() -> Result<Self, DeviceError> {
        Nvml::init()
            .map(|nvml| Self { nvml, lease: None })
            .map_err(|error| match error {
                NvmlError::NoPermission => DeviceError::NoPermission {
                    reason: error.to_string(),
                },
                other => DeviceError::DriverAbsent {
                    reason: other.to_string(),
                },
            })
    }

    /// How many GPUs there are.
    ///
    /// # Errors
    /// Where the driver does not answer.
    pub fn device_count(&self) -> Result<u32, DeviceError> {
        self.nvml.device_count().map_err(call("nvmlDeviceGetCount"))
    }

    /// What tells the GPU of an index from every other one.
    pub(super) fn uuid(&self, index: u32) -> Result<String, DeviceError> {
        self.device(index)?
            .uuid()
            .map_err(call("nvmlDeviceGetUUID"))
    }

    /// Instruments that are opened from now on are used under this lease.
    pub(super) fn use_under(&mut self, lease: Arc<Lease>) {
        self.lease = Some(lease);
    }

    pub(super) fn open(&self, index: u32) -> Result<NvmlInstrument<'_>, DeviceError> {
        NvmlInstrument::new(&self.nvml, self.device(index)?, self.lease.clone())
    }

    fn device(&self, index: u32) -> Result<Device<'_>, DeviceError> {
        let count = self.device_count()?;
        if index >= count {
            return Err(DeviceError::NoSuchDevice { index, count });
        }
        self.nvml
            .device_by_index(index)
            .map_err(call("nvmlDeviceGetHandleByIndex"))
    }
}

/// One GPU.
pub(super) struct NvmlInstrument<'nvml> {
    clock: MonotonicClock,
    device: Device<'nvml>,
    fields: FieldReader,
    gpm: GpmReader<'nvml>,
    machine: Machine,
    lease: Option<Arc<Lease>>,
    control: Option<NvmlControl>,
    /// Sensors that answered when the device was opened and failed since.
    failed: BTreeMap<String, Absence>,
}

impl<'nvml> NvmlInstrument<'nvml> {
    fn new(
        nvml: &'nvml Nvml,
        device: Device<'nvml>,
        lease: Option<Arc<Lease>>,
    ) -> Result<Self, DeviceError> {
        let mut fields = FieldReader::new(&device)?;
        let mut gpm = GpmReader::new(nvml, &device);
        let machine = describe(nvml, &device, &mut fields, &mut gpm)?;
        let control = lease
            .as_ref()
            .filter(|lease| lease.allows_control())
            .map(|lease| NvmlControl::new(&device, Arc::clone(lease)));
        Ok(Self {
            clock: MonotonicClock,
            lease,
            control,
            device,
            fields,
            gpm,
            machine,
            failed: BTreeMap::new(),
        })
    }

    /// A reading that may be absent. A sensor that was there and fails now is remembered with the
    /// reason, so that no gap goes unexplained.
    fn reading<T>(
        &mut self,
        column: &'static str,
        answer: Result<T, NvmlError>,
    ) -> Result<Option<T>, DeviceError> {
        if let Some(reason) = absence(&answer)
            && !self.machine.absent.contains_key(column)
        {
            self.failed.insert(column.to_owned(), reason);
        }
        reading(answer)
    }

    /// The counter that energies come from. Where it was there and fails now, nothing that is
    /// measured after it would be whole.
    fn energy(&mut self) -> Result<Option<Millijoules>, DeviceError> {
        let answer = self.device.total_energy_consumption();
        match answer {
            Err(error) if self.has_ticking_counter() => {
                Err(call("nvmlDeviceGetTotalEnergyConsumption")(error))
            }
            answer => Ok(reading(answer)?.map(Millijoules::new)),
        }
    }
}

impl Instrument for NvmlInstrument<'_> {
    fn sense(&mut self) -> &mut dyn Sense {
        self
    }

    fn control(&mut self) -> Option<&mut dyn Control> {
        self.control.as_mut().map(|control| control as _)
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn provenance(&self) -> Provenance {
        if std::env::var_os(EMULATOR_VARIABLE).is_some() {
            Provenance::Emulated
        } else {
            Provenance::Measured
        }
    }

    fn launch(&mut self, run: &Run) -> Result<Box<dyn Worker>, LaunchError> {
        let Some(lease) = &self.lease else {
            let worker = ChildWorker::start(run, Grouping::OfHarness)?;
            return Ok(Box::new(worker));
        };
        let worker = ChildWorker::start(run, Grouping::OfItsOwn)?;
        lease
            .watch_worker(worker.pid())
            .map_err(|error| LaunchError {
                program: run.engine.command.join(" "),
                reason: error.to_string(),
            })?;
        Ok(Box::new(worker))
    }

    fn true_energy(&self, _from: Nanos, _to: Nanos) -> Option<Joules> {
        None
    }
}

impl Sense for NvmlInstrument<'_> {
    fn sample(&mut self) -> Result<Sample, DeviceError> {
        let at_ns = monotonic_now();
        // The counter first: the stamp belongs to it above all.
        let energy_mj = self.energy()?;
        let fields = self.fields.read(&self.device)?;
        let power = self.device.power_usage();
        let power_mw = self
            .reading("power_mw", power)?
            .map(u64::from)
            .map(Milliwatts::new);
        let sm_clock = self.device.clock_info(ClockDomain::SM);
        let sm_clock = self.reading("sm_clock_mhz", sm_clock)?;
        let memory_clock = self.device.clock_info(ClockDomain::Memory);
        let memory_clock = self.reading("memory_clock_mhz", memory_clock)?;
        let temperature = self.device.temperature(TemperatureSensor::Gpu);
        let temperature = self.reading("temperature_c", temperature)?;
        let event_reasons = self.fields.event_reasons(&self.device)?;
        let activity = self.gpm.read(&self.device, at_ns);
        Ok(Sample {
            at_ns,
            read_ns: monotonic_now().saturating_sub(at_ns),
            energy_mj,
            power_mw,
            power_average_mw: fields.power_average_mw,
            power_instant_mw: fields.power_instant_mw,
            memory_power_mw: fields.memory_power_mw,
            sm_clock_mhz: sm_clock.map(Megahertz::new),
            memory_clock_mhz: memory_clock.map(Megahertz::new),
            temperature_c: temperature.map(i64::from),
            event_reasons,
            sm_util_pct: activity.sm_util_pct,
            sm_occupancy_pct: activity.sm_occupancy_pct,
            tensor_util_pct: activity.tensor_util_pct,
            dram_util_pct: activity.dram_util_pct,
            ..Sample::default()
        })
    }

    fn machine(&self) -> Machine {
        let mut machine = self.machine.clone();
        let failed = [&self.failed, self.fields.failed(), self.gpm.failed()];
        for (column, reason) in failed.into_iter().flatten() {
            machine.absent.entry(column.clone()).or_insert(*reason);
        }
        machine
    }

    fn has_ticking_counter(&self) -> bool {
        !self.machine.absent.contains_key("energy_mj")
    }

    fn process_count(&self) -> Result<Option<u32>, DeviceError> {
        if self.machine.absent.contains_key(PROCESSES) {
            return Ok(None);
        }
        self.device
            .running_compute_processes_count()
            .map(Some)
            .map_err(call("nvmlDeviceGetComputeRunningProcesses"))
    }

    fn process_ids(&self) -> Result<Option<Vec<u32>>, DeviceError> {
        if self.machine.absent.contains_key(PROCESSES) {
            return Ok(None);
        }
        let processes = self
            .device
            .running_compute_processes()
            .map_err(call("nvmlDeviceGetComputeRunningProcesses"))?;
        let mut ids: Vec<u32> = processes.iter().map(|process| process.pid).collect();
        ids.sort_unstable();
        Ok(Some(ids))
    }
}

/// A reading that a device may lack is absent; an answer that means the device is gone is an error.
fn reading<T>(answer: Result<T, NvmlError>) -> Result<Option<T>, DeviceError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error @ (NvmlError::GpuLost | NvmlError::Uninitialized)) => Err(DeviceError::Call {
            call: "nvml read",
            reason: error.to_string(),
        }),
        Err(_) => Ok(None),
    }
}

fn absence<T>(answer: &Result<T, NvmlError>) -> Option<Absence> {
    answer.as_ref().err().map(absence_of)
}

fn absence_of(error: &NvmlError) -> Absence {
    match error {
        NvmlError::NotSupported => Absence::NotSupported,
        NvmlError::NoPermission => Absence::NoPermission,
        _ => Absence::ReadFailed,
    }
}

fn call(call: &'static str) -> impl Fn(NvmlError) -> DeviceError {
    move |error| DeviceError::Call {
        call,
        reason: error.to_string(),
    }
}

/// Asks the board once for everything that stands still, and which sensors give nothing.
fn describe(
    nvml: &Nvml,
    device: &Device<'_>,
    fields: &mut FieldReader,
    gpm: &mut GpmReader<'_>,
) -> Result<Machine, DeviceError> {
    let host = host::describe();
    let mut absent = fields.absences(device)?;
    absent.extend(gpm.absences());
    let sensors = [
        ("energy_mj", absence(&device.total_energy_consumption())),
        ("power_mw", absence(&device.power_usage())),
        ("sm_clock_mhz", absence(&device.clock_info(ClockDomain::SM))),
        (
            "memory_clock_mhz",
            absence(&device.clock_info(ClockDomain::Memory)),
        ),
        (
            "temperature_c",
            absence(&device.temperature(TemperatureSensor::Gpu)),
        ),
        ("package_energy_uj", Some(Absence::NotSupported)),
        (
            PROCESSES,
            absence(&device.running_compute_processes_count()),
        ),
    ];
    absent.extend(
        sensors
            .into_iter()
            .filter_map(|(sensor, reason)| Some((sensor.to_owned(), reason?))),
    );
    Ok(Machine {
        harness: host::harness_version(),
        kernel: host.kernel,
        cpu: host.cpu,
        cpu_count: host.cpu_count,
        memory_mib: host.memory_mib,
        device: record(nvml, device)?,
        absent,
    })
}

fn record(nvml: &Nvml, device: &Device<'_>) -> Result<DeviceRecord, DeviceError> {
    let name = device.name().map_err(call("nvmlDeviceGetName"))?;
    let cuda = nvml
        .sys_cuda_driver_version()
        .ok()
        .map(|version| format!("{}.{}", version / 1_000, version % 1_000 / 10));
    let ecc = device.is_ecc_enabled().ok();
    Ok(DeviceRecord {
        kind: DeviceKind::Nvml,
        name,
        board_id: device
            .uuid()
            .ok()
            .map(|uuid| hex(&Sha256::digest(uuid.as_bytes())[..8])),
        driver: nvml.sys_driver_version().ok(),
        cuda,
        vbios: device.vbios_version().ok(),
        memory_mib: device.memory_info().ok().map(|memory| memory.total >> 20),
        power_limit_mw: device.enforced_power_limit().ok().map(u64::from),
        max_sm_clock_mhz: device.max_clock_info(ClockDomain::SM).ok(),
        max_memory_clock_mhz: device.max_clock_info(ClockDomain::Memory).ok(),
        ecc: ecc.map(|state| state.currently_enabled),
        mig: device.mig_mode().ok().map(|mode| mode.current != 0),
        persistence: device.is_in_persistent_mode().ok(),
        package_energy_range_uj: None,
        true_window_energy_mj: None,
    })
}
