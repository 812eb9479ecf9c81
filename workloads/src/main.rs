//! `joulebench-worker`: runs a model and tells the harness what it does.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that people and harnesses read"
)]

mod args;
mod kernels;

use std::io::{self, BufReader, IsTerminal};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use model::mark::{REQUEST_VARIABLE, RunRequest};
use workloads::describe::{self, Table};
use workloads::job::Job;
use workloads::quality::study;
use workloads::registry::Registry;
use workloads::weights::Places;
use workloads::worker::{self, Marks};
use workloads::{Error, clock, demo, device, shapes, training};

use args::{Arguments, DemoArguments, ListArguments, QualityArguments, TrainArguments, Verb};

fn main() -> ExitCode {
    let result = match Arguments::parse().verb {
        None => protocol(),
        Some(Verb::List(arguments)) => list(&arguments),
        Some(Verb::Demo(arguments)) => demonstrate(&arguments),
        Some(Verb::Kernels(arguments)) => kernels::kernels(&arguments, wanted_device()),
        Some(Verb::Train(arguments)) => train(&arguments),
        Some(Verb::Quality(arguments)) => quality(&arguments),
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
    let (registry, places) = (Registry::own(), Places::from_environment());
    let job = Job::from_request(&request, &registry, &places)?;
    let device = device::choose(wanted_device().as_deref())?;
    device::check_graph(&device, &request.point)?;
    let mut workload = registry.load(&job, &places, &device)?;
    let commands = worker::listen(BufReader::new(io::stdin()));
    worker::serve(workload.as_mut(), job.warmup_s, &commands, marks)
}

fn wanted_device() -> Option<String> {
    std::env::var(device::DEVICE_VARIABLE)
        .ok()
        .filter(|word| !word.is_empty())
}

fn list(arguments: &ListArguments) -> Result<ExitCode> {
    let catalogue = describe::catalogue(
        &Registry::own(),
        &Places::from_environment(),
        arguments.model.as_deref(),
        &arguments.point.point(),
    )?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&catalogue)?);
    } else {
        print!("{}", Table(&catalogue));
    }
    Ok(ExitCode::SUCCESS)
}

fn demonstrate(arguments: &DemoArguments) -> Result<ExitCode> {
    let device = device::choose(arguments.device.clone().or_else(wanted_device).as_deref())?;
    let registry = Registry::own();
    let mut places = Places::from_environment();
    places.file = arguments.weights.clone().or(places.file);
    let summary = registry.summary(&arguments.model)?;
    let point = demo::point(
        &arguments.model,
        &summary,
        &device,
        &arguments.point.point(),
    );
    device::check_graph(&device, &point)?;
    let job = Job {
        weights_seed: arguments.weights_seed,
        input_seed: arguments.input_seed,
        ..Job::from_point(&point, &registry, &places)?
    };
    let shown = demo::run(
        &job,
        &registry,
        &places,
        &device,
        arguments.iterations,
        clock::monotonic,
    )
    .with_context(|| format!("model '{}' did not run", arguments.model))?;
    println!("{}", serde_json::to_string(&shown)?);
    Ok(ExitCode::SUCCESS)
}

fn train(arguments: &TrainArguments) -> Result<ExitCode> {
    let course = training::course(&arguments.name)?;
    let steps = match arguments.steps {
        Some(steps) => usize::try_from(steps)?,
        None => course.recipe().steps,
    };
    let style = "{bar:30} {pos}/{len} steps, {elapsed} so far, {eta} to go, loss {msg}";
    let bar = ProgressBar::new(steps as u64).with_style(ProgressStyle::with_template(style)?);
    let trained = training::run(course.as_ref(), steps, arguments.seed, &mut |progress| {
        bar.set_message(format!("{:.4}", progress.loss));
        bar.set_position(progress.step as u64);
    });
    bar.finish_and_clear();
    let trained = trained?;
    let folder = training::export(course.as_ref(), &trained, &arguments.name, &arguments.out)?;
    println!("{}: {} steps", folder.display(), trained.losses.len());
    for (metric, value) in &trained.held_out {
        println!("  {metric} on held-out documents: {value:.4}");
    }
    Ok(ExitCode::SUCCESS)
}

fn quality(arguments: &QualityArguments) -> Result<ExitCode> {
    let bar = ProgressBar::new_spinner();
    if let (true, Some(file)) = (arguments.shapes, &arguments.out) {
        let record = shapes::study::run(&Places::from_environment(), file.parent(), &mut |part| {
            bar.set_message(part.to_owned());
            bar.tick();
        });
        bar.finish_and_clear();
        let text = serde_json::to_string(&record?)?;
        std::fs::write(file, format!("{text}\n"))
            .with_context(|| format!("{} cannot be written", file.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let outcomes = study::run(
        &Places::from_environment(),
        &study::MODELS,
        &mut |model, format| {
            bar.set_message(format!("{model}, {format}"));
            bar.tick();
        },
    );
    bar.finish_and_clear();
    let outcomes = outcomes?;
    if let Some(file) = &arguments.check {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("{} cannot be read", file.display()))?;
        let recorded = serde_json::from_str(&text)
            .with_context(|| format!("{} holds no outcomes", file.display()))?;
        let differences = study::differences(&outcomes, &recorded);
        if !differences.is_empty() {
            bail!("{}: {}", file.display(), differences.join("; "));
        }
        println!("{}: as recorded", file.display());
        return Ok(ExitCode::SUCCESS);
    }
    let text = serde_json::to_string(&outcomes)?;
    match &arguments.out {
        Some(file) => std::fs::write(file, format!("{text}\n"))
            .with_context(|| format!("{} cannot be written", file.display()))?,
        None => println!("{text}"),
    }
    Ok(ExitCode::SUCCESS)
}
