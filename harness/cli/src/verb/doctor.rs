//! `joulebench doctor`

use harness::control::Folder;
use harness::control::repair::{Repaired, repair};
use harness::device::knobs_of;
use harness::doctor::{Check, State, examine};

use crate::args::DoctorArguments;
use crate::exit::Exit;
use crate::output::say;

pub(crate) fn run(arguments: &DoctorArguments) -> anyhow::Result<Exit> {
    if arguments.repair {
        return give_back();
    }
    let checks = examine(&arguments.store);
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&checks)?);
    } else {
        checks.iter().for_each(print);
    }
    let broken = checks.iter().any(|check| check.state == State::Broken);
    Ok(if broken { Exit::Failure } else { Exit::Success })
}

/// `doctor --repair`
fn give_back() -> anyhow::Result<Exit> {
    let repaired = repair(&Folder::of_this_process(), |gpu| Ok(knobs_of(gpu)?))?;
    if repaired.is_empty() {
        say!("no ledger: nothing was left changed");
    }
    let mut exit = Exit::Success;
    for (gpu, repaired) in repaired {
        match repaired {
            Repaired::GivenBack => {
                say!("{gpu}: clocks and power limit are what they were before the harness died");
            }
            Repaired::ForgottenByRestart => {
                say!("{gpu}: this machine was started since, so the driver forgot the settings");
            }
            Repaired::AlreadyGone => say!("{gpu}: was given back in the meantime"),
            Repaired::Kept(error) => {
                eprintln!("error: {error}");
                exit = Exit::Failure;
            }
        }
    }
    Ok(exit)
}

fn print(check: &Check) {
    let sign = match check.state {
        State::Good => "ok     ",
        State::Missing => "missing",
        State::Broken => "broken ",
    };
    say!("{sign}  {}: {}", check.name, check.found);
    if let Some(fix) = &check.fix {
        say!("         fix: {fix}");
    }
}
