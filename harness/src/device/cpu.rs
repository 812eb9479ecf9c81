//! This machine's processor as an instrument: time always, energy where RAPL can be read.

use std::path::Path;

use model::machine::{Device, Machine};
use model::plan::DeviceKind;
use model::provenance::Provenance;
use model::reason::Absence;
use model::run::Run;
use model::sample::{SAMPLE_COLUMNS, Sample};
use model::units::{Joules, Nanos};

use super::powercap::{POWERCAP_ROOT, Packages};
use super::{Control, DeviceError, Instrument, Sense};
use crate::clock::{Clock, MonotonicClock};
use crate::host;
use crate::worker::{ChildWorker, Grouping, LaunchError, Worker};

/// The processor and, where readable, its energy counters.
pub(super) struct CpuInstrument {
    clock: MonotonicClock,
    packages: Result<Packages, Absence>,
}

impl CpuInstrument {
    pub(super) fn open() -> Self {
        Self {
            clock: MonotonicClock,
            packages: Packages::find(Path::new(POWERCAP_ROOT)),
        }
    }
}

impl Instrument for CpuInstrument {
    fn sense(&mut self) -> &mut dyn Sense {
        self
    }

    fn control(&mut self) -> Option<&mut dyn Control> {
        None
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn provenance(&self) -> Provenance {
        Provenance::Measured
    }

    fn launch(&mut self, run: &Run) -> Result<Box<dyn Worker>, LaunchError> {
        ChildWorker::start(run, Grouping::OfHarness)
            .map(|worker| Box::new(worker) as Box<dyn Worker>)
    }

    fn true_energy(&self, _from: Nanos, _to: Nanos) -> Option<Joules> {
        None
    }
}

impl Sense for CpuInstrument {
    fn sample(&mut self) -> Result<Sample, DeviceError> {
        let at = self.clock.now();
        let package_energy_uj = self.packages.as_ref().ok().and_then(Packages::energy);
        Ok(Sample {
            at_ns: at,
            read_ns: self.clock.now().saturating_sub(at),
            package_energy_uj,
            ..Sample::default()
        })
    }

    fn machine(&self) -> Machine {
        let host = host::describe();
        let package_absence = self.packages.as_ref().err().copied();
        let absent = SAMPLE_COLUMNS
            .iter()
            .filter(|column| column.is_optional())
            .filter_map(|column| {
                let reason = match column.name {
                    "package_energy_uj" => package_absence?,
                    _ => Absence::NoDevice,
                };
                Some((column.name.to_owned(), reason))
            })
            .collect();
        Machine {
            harness: host::harness_version(),
            kernel: host.kernel,
            device: Device {
                kind: DeviceKind::Cpu,
                name: host.cpu.clone(),
                board_id: None,
                driver: None,
                cuda: None,
                vbios: None,
                memory_mib: Some(host.memory_mib),
                power_limit_mw: None,
                max_sm_clock_mhz: None,
                max_memory_clock_mhz: None,
                ecc: None,
                mig: None,
                persistence: None,
                package_energy_range_uj: self.packages.as_ref().ok().map(Packages::range_uj),
                true_window_energy_mj: None,
            },
            cpu: host.cpu,
            cpu_count: host.cpu_count,
            memory_mib: host.memory_mib,
            absent,
        }
    }

    fn has_ticking_counter(&self) -> bool {
        false
    }

    fn process_count(&self) -> Result<Option<u32>, DeviceError> {
        Ok(None)
    }
}
