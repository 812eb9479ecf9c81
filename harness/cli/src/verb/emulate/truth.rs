//! `joulebench emulate truth`

use model::units::Nanos;
use nvml_sim::state::Truth;
use serde::Serialize;

use crate::args::emulate::TruthArguments;
use crate::exit::Exit;
use crate::output::say;

/// The true energy of an interval.
#[derive(Serialize)]
struct Answer {
    provenance: &'static str,
    gpu: u32,
    from_ns: Nanos,
    to_ns: Nanos,
    energy_j: f64,
}

pub(crate) fn run(arguments: &TruthArguments) -> anyhow::Result<Exit> {
    let mut truth = Truth::open(&std::path::absolute(&arguments.state)?)?;
    let [from, to] = [arguments.from, arguments.to].map(|moment| moment.map(Nanos::new));
    let energy = truth.energy(arguments.gpu, from, to)?;
    let answer = Answer {
        provenance: "emulated",
        gpu: arguments.gpu,
        from_ns: energy.from,
        to_ns: energy.to,
        energy_j: energy.energy.get(),
    };
    if arguments.json {
        say!("{}", serde_json::to_string(&answer)?);
    } else {
        let time = model::units::Seconds::from(energy.to.saturating_sub(energy.from));
        say!(
            "GPU {}: {:.3} J in {:.3} s (emulated, true)",
            answer.gpu,
            answer.energy_j,
            time.get()
        );
    }
    Ok(Exit::Success)
}
