//! `joulebench train`: the worker trains, as it is the only program that computes.

use std::process::Command;

use anyhow::Context as _;
use harness::worker::own_worker;

use crate::args::train::TrainArguments;
use crate::exit::Exit;

pub(crate) fn run(arguments: &TrainArguments) -> anyhow::Result<Exit> {
    let worker = own_worker();
    let status = command(arguments).status().with_context(|| {
        format!(
            "{} cannot be started; build the workspace, or install it beside joulebench",
            worker.display()
        )
    })?;
    Ok(match status.code() {
        Some(0) => Exit::Success,
        Some(2) => Exit::Usage,
        // The worker has said why.
        _ => Exit::OfCommand(1),
    })
}

fn command(arguments: &TrainArguments) -> Command {
    let mut command = Command::new(own_worker());
    command.arg("train").arg(&arguments.name);
    command.arg("--out").arg(&arguments.out);
    command.args(["--seed", &arguments.seed.to_string()]);
    if let Some(steps) = arguments.steps {
        command.args(["--steps", &steps.to_string()]);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_reaches_the_worker() {
        let arguments = TrainArguments {
            name: "gpt2-tiny".into(),
            out: "there".into(),
            steps: Some(3),
            seed: 7,
        };
        let command = command(&arguments);
        let words: Vec<_> = command
            .get_args()
            .filter_map(|word| word.to_str())
            .collect();
        let expected = "train gpt2-tiny --out there --seed 7 --steps 3";
        assert_eq!(words.join(" "), expected);
    }
}
