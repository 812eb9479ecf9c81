//! `joulebench overhead`

use harness::device::{Backend, DEFAULT_BOARD, NvmlDriver, board};
use harness::overhead::recording::recording_cost;
use harness::overhead::sampling::sampling_cost;
use harness::overhead::slowdown::{arithmetic, slowdown};
use harness::overhead::{BAR_HZ, Overhead};
use model::plan::DeviceKind;
use model::units::{Nanos, Seconds};

use crate::args::overhead::OverheadArguments;
use crate::exit::Exit;
use crate::output::say;

/// Readings per second at which the sampler is looked at.
const RATES_HZ: [u32; 3] = [10, BAR_HZ, 1_000];
/// Length of a piece of work of the comparison.
const WORK: Nanos = Nanos::from_millis(500);

pub(crate) fn run(arguments: &OverheadArguments) -> anyhow::Result<Exit> {
    let kind = arguments.device.kind();
    let backend = match kind {
        DeviceKind::Nvml => Backend::Nvml(NvmlDriver::load()?),
        DeviceKind::Cpu => Backend::Cpu,
        DeviceKind::Emulated => Backend::Emulated(board(DEFAULT_BOARD)?),
    };
    // First, while little memory is in use: what it takes shows as a new peak.
    let recording = match arguments.hours {
        0 => None,
        hours => Some(long_recording(f64::from(hours), arguments.recording_hz)?),
    };
    let mut instrument = backend.open(arguments.index)?;
    let sampling = RATES_HZ
        .into_iter()
        .map(|rate| sampling_cost(instrument.as_mut(), rate, Seconds::new(arguments.seconds)))
        .collect::<Result<_, _>>()?;
    let device = instrument.sense().machine().device.name;
    let provenance = instrument.provenance().to_string();
    drop(instrument);
    // In virtual time nothing happens beside the work.
    let slowdown = (arguments.pairs > 0 && !backend.is_virtual())
        .then(|| {
            let mut work = arithmetic(WORK);
            slowdown(
                &backend,
                arguments.index,
                BAR_HZ,
                arguments.pairs,
                &mut work,
            )
        })
        .transpose()?;
    let overhead = Overhead {
        device,
        provenance,
        sampling,
        slowdown,
        recording,
    };
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&overhead)?);
    } else {
        say!("{}", overhead.to_string().trim_end());
    }
    Ok(Exit::Success)
}

fn long_recording(hours: f64, rate_hz: u32) -> anyhow::Result<harness::overhead::RecordingCost> {
    let name = format!("joulebench-overhead-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let cost = recording_cost(&folder, hours, rate_hz);
    // What cannot be removed lies in the system's folder for temporary files.
    let _ = fs_err::remove_dir_all(&folder);
    Ok(cost?)
}
