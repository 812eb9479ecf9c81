//! `joulebench`: parse, call, print. Every verb is one file below [`verb`].

mod args;
mod derive;
mod exit;
mod layout;
mod output;
mod progress;
mod reproduction;
mod verb;
mod verdicts;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Verb};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.verb {
        Verb::Doctor(doctor) => verb::doctor::run(&doctor),
        Verb::Measure(measure) => verb::measure::run(&measure),
        Verb::Compare(compare) => verb::compare::run(&compare),
        Verb::Watch(watch) => verb::watch::run(&watch),
        Verb::Calibrate(calibrate) => verb::calibrate::run(&calibrate),
        Verb::Plan(plan) => verb::plan::run(&plan),
        Verb::Run(run) => verb::run::run(&run),
        Verb::Workloads(workloads) => verb::workloads::run(&workloads),
        Verb::Status(status) => verb::status::run(&status),
        Verb::Analyze(analyze) => verb::analyze::run(&analyze),
        Verb::Figures(figures) => verb::figures::run(&figures),
        Verb::Claims(claims) => verb::claims::run(&claims),
        Verb::Paper(paper) => verb::paper::run(&paper),
        Verb::Dataset(dataset) => verb::dataset::run(&dataset),
        Verb::Reproduce(reproduce) => verb::reproduce::run(&reproduce),
        Verb::Study(study) => verb::study::run(&study),
        Verb::Train(train) => verb::train::run(&train),
        Verb::Overhead(overhead) => verb::overhead::run(&overhead),
        Verb::Emulate(emulate) => verb::emulate::run(&emulate),
        Verb::Completions(completions) => verb::shell::completions(&completions),
        Verb::Man(man) => verb::shell::man(&man),
    };
    exit::report(result)
}
