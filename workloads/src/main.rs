//! `joulebench-worker`: runs a model and tells the harness what it does.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that people and harnesses read"
)]

mod args;
mod kernels;

use std::io::{self, BufReader, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use model::mark::{REQUEST_VARIABLE, RunRequest};
use workloads::describe::Description;
use workloads::job::{self, Job};
use workloads::llama::work::LlamaWork;
use workloads::worker::{self, Marks};
use workloads::{Error, clock, demo, device};

use args::{Arguments, DemoArguments, DescribeArguments, Verb, WEIGHTS_VARIABLE};

fn main() -> ExitCode {
    let result = match Arguments::parse().verb {
        None => protocol(),
        Some(Verb::Describe(arguments)) => describe(&arguments),
        Some(Verb::Demo(arguments)) => demonstrate(&arguments),
        Some(Verb::Kernels(arguments)) => kernels::kernels(&arguments, wanted_device()),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Works for a harness.
fn protocol() -> Result<ExitCode> {
    let Ok(request) = std::env::var(REQUEST_VARIABLE) else {
        bail!(
            "{REQUEST_VARIABLE} is not set; this program is started by `joulebench run`. To try a \
             model by hand: joulebench-worker demo --model llama-tiny. All else: --help"
        );
    };
    if io::stdin().is_terminal() {
        eprintln!(r#"waiting for {{"command":"go"}} and {{"command":"stop"}} on standard input"#);
    }
    let mut marks = Marks::new(io::stdout(), clock::monotonic);
    match work(&request, &mut marks) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("error: {error}");
            marks.failed(&error)?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn work(request: &str, marks: &mut Marks<io::Stdout>) -> Result<(), Error> {
    let request: RunRequest = serde_json::from_str(request).map_err(|error| {
        Error::Request(format!("{REQUEST_VARIABLE} is no run request: {error}"))
    })?;
    let job = Job::from_request(&request)?;
    let device = device::choose(wanted_device().as_deref())?;
    let folder = std::env::var_os(WEIGHTS_VARIABLE).map(PathBuf::from);
    let mut workload = LlamaWork::load(&job, folder.as_deref(), &device)?;
    let commands = worker::listen(BufReader::new(io::stdin()));
    worker::serve(&mut workload, job.warmup_s, &commands, marks)
}

fn wanted_device() -> Option<String> {
    std::env::var(device::DEVICE_VARIABLE)
        .ok()
        .filter(|word| !word.is_empty())
}

fn describe(arguments: &DescribeArguments) -> Result<ExitCode> {
    let extent = arguments.extent.into();
    let description = Description::of(&arguments.model, &arguments.precision, extent)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&description)?);
    } else {
        print!("{description}");
    }
    Ok(ExitCode::SUCCESS)
}

fn demonstrate(arguments: &DemoArguments) -> Result<ExitCode> {
    let device = device::choose(arguments.device.clone().or_else(wanted_device).as_deref())?;
    let folder = arguments
        .weights
        .clone()
        .or_else(|| std::env::var_os(WEIGHTS_VARIABLE).map(PathBuf::from));
    let default_precision = if device.is_cpu() { "f32" } else { "bf16" };
    let job = Job {
        model: arguments.model.clone(),
        precision: job::precision(arguments.precision.as_deref().unwrap_or(default_precision))?,
        extent: arguments.extent.into(),
        weights_seed: arguments.weights_seed,
        input_seed: arguments.input_seed,
        warmup_s: 0.0,
    };
    let shown = demo::run(
        &job,
        folder.as_deref(),
        &device,
        arguments.iterations,
        clock::monotonic,
    )
    .with_context(|| format!("model '{}' did not run", arguments.model))?;
    println!("{}", serde_json::to_string(&shown)?);
    Ok(ExitCode::SUCCESS)
}
