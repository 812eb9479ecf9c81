//! The machines table: what each run was measured on.

use model::machine::Device;
use model::trace::{Stage, Trace, TraceHeader};

use super::column::Filled;

/// A run and its machine.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    header: &'a TraceHeader,
    samples: usize,
}

/// The machine of a trace.
pub(super) fn record(trace: &Trace) -> Record<'_> {
    Record {
        header: &trace.header,
        samples: trace.samples.len(),
    }
}

impl<'a> Record<'a> {
    fn device(&self) -> &'a Device {
        &self.header.machine.device
    }

    fn absent_sensors(&self) -> String {
        let absent = &self.header.machine.absent;
        let words: Vec<String> = absent
            .iter()
            .map(|(sensor, reason)| format!("{sensor}={reason}"))
            .collect();
        words.join(";")
    }

    fn window_ns(&self) -> Option<i64> {
        let window = self.header.span(Stage::Window)?;
        whole(window.end_ns.saturating_sub(window.begin_ns).get())
    }
}

fn whole(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}

/// The table for these records.
pub(super) fn columns(records: &[Record<'_>]) -> Vec<Filled> {
    let machine = || records.iter().map(|r| &r.header.machine);
    let session = || records.iter().map(|r| &r.header.run.session);
    let device = || records.iter().map(Record::device);
    vec![
        Filled::texts("run_id", records.iter().map(|r| Some(r.header.run.id.as_str())))
            .about("content hash of the run, key of the runs table")
            .required(),
        Filled::texts("provenance", records.iter().map(|r| Some(r.header.provenance.name())))
            .about("measured, emulated or imported")
            .required(),
        Filled::integers("samples", "1", records.iter().map(|r| i64::try_from(r.samples).ok()))
            .about("rows that the samples table has for the run")
            .required(),
        Filled::integers("marks", "1", records.iter().map(|r| i64::try_from(r.header.marks.len()).ok()))
            .about("rows that the marks table has for the run")
            .required(),
        Filled::integers("window_ns", "ns", records.iter().map(Record::window_ns))
            .about("length of the window, from one tick of the energy counter to another"),
        Filled::integers("sample_period_ms", "ms", session().map(|s| Some(i64::from(s.sample_period_ms))))
            .about("time between two samples that the plan asked for")
            .required(),
        Filled::texts("command", records.iter().map(|r| Some(r.header.run.engine.command.join(" "))))
            .about("program of the worker and its arguments, joined by spaces")
            .required(),
        Filled::integers("weights_seed", "1", records.iter().map(|r| whole(r.header.run.weights_seed)))
            .about("seed of the weights, the same for the whole sweep; null above 2^63-1"),
        Filled::integers("input_seed", "1", records.iter().map(|r| whole(r.header.run.input_seed)))
            .about("seed of the inputs, the same for all runs of a point"),
        Filled::integers("started_unix_s", "s", records.iter().map(|r| r.header.started_unix_s.and_then(whole)))
            .about("when the run began, in seconds since 1970 UTC; no result depends on it"),
        Filled::integers("trace_format", "1", records.iter().map(|r| Some(i64::from(r.header.format))))
            .about("version of the raw trace's format")
            .required(),
        Filled::texts("harness", machine().map(|m| Some(&m.harness)))
            .about("program that measured and its version")
            .required(),
        Filled::texts("kernel", machine().map(|m| Some(&m.kernel)))
            .about("operating system and kernel release")
            .required(),
        Filled::texts("cpu", machine().map(|m| Some(&m.cpu)))
            .about("processor model")
            .required(),
        Filled::integers("cpu_count", "1", machine().map(|m| Some(i64::from(m.cpu_count))))
            .about("processors that the process could use")
            .required(),
        Filled::integers("memory_mib", "MiBy", machine().map(|m| whole(m.memory_mib)))
            .about("main memory of the machine")
            .required(),
        Filled::texts("device_kind", device().map(|d| Some(d.kind.name())))
            .about("nvml, cpu or emulated")
            .required(),
        Filled::texts("device_name", device().map(|d| Some(&d.name)))
            .about("product name of the measured device")
            .required(),
        Filled::texts("board_id", device().map(|d| d.board_id.as_ref()))
            .about("hash of the board's identity: tells boards apart without naming them"),
        Filled::texts("driver", device().map(|d| d.driver.as_ref()))
            .about("driver version"),
        Filled::texts("cuda", device().map(|d| d.cuda.as_ref()))
            .about("CUDA version of the driver"),
        Filled::texts("vbios", device().map(|d| d.vbios.as_ref()))
            .about("firmware of the board"),
        Filled::integers("device_memory_mib", "MiBy", device().map(|d| d.memory_mib.and_then(whole)))
            .about("memory of the device"),
        Filled::integers("power_limit_mw", "mW", device().map(|d| d.power_limit_mw.and_then(whole)))
            .about("power limit in force"),
        Filled::integers("max_sm_clock_mhz", "MHz", device().map(|d| d.max_sm_clock_mhz.map(i64::from)))
            .about("highest clock of the streaming multiprocessors"),
        Filled::integers("max_memory_clock_mhz", "MHz", device().map(|d| d.max_memory_clock_mhz.map(i64::from)))
            .about("highest clock of the memory"),
        Filled::booleans("ecc", device().map(|d| d.ecc))
            .about("whether error correction of the memory was on"),
        Filled::booleans("mig", device().map(|d| d.mig))
            .about("whether the board was split into instances"),
        Filled::booleans("persistence", device().map(|d| d.persistence))
            .about("whether the driver stays loaded without clients"),
        Filled::integers("package_energy_range_uj", "uJ", device().map(|d| d.package_energy_range_uj.and_then(whole)))
            .about("where the energy counter of the processor packages wraps"),
        Filled::floats("true_window_energy_mj", "mJ", device().map(|d| d.true_window_energy_mj))
            .about("true energy over the window, known for emulated devices only"),
        Filled::texts("absent_sensors", records.iter().map(|r| Some(r.absent_sensors())))
            .about("sample columns that the device does not fill, each with its reason: column=reason, joined by ';'")
            .required(),
    ]
}
