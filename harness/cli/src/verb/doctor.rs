//! `joulebench doctor`

use harness::doctor::{Check, State, examine};

use crate::args::DoctorArguments;
use crate::exit::Exit;
use crate::output::say;

pub(crate) fn run(arguments: &DoctorArguments) -> anyhow::Result<Exit> {
    let checks = examine(&arguments.store);
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&checks)?);
    } else {
        checks.iter().for_each(print);
    }
    let broken = checks.iter().any(|check| check.state == State::Broken);
    Ok(if broken { Exit::Failure } else { Exit::Success })
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
