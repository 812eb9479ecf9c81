//! A stand-in for `nvidia-smi`: an ordinary client of `libnvidia-ml.so.1`.
//!
//! `joulebench emulate` puts it on the path under that name, for programs that call `nvidia-smi`
//! instead of NVML. It knows nothing of the emulation; with a real driver it shows real GPUs.
//!
//! Start with [`arguments`] (what was asked) and `run` (who answers). The formatters are pure: they
//! see a [`card::Card`], which `nvml_card` implements with NVML and the tests with fixed values.

mod arguments;
mod card;
mod control;
mod csv;
mod dmon;
mod exit;
mod field;
mod gpu_fields;
mod help;
mod item;
mod log;
mod numbers;
mod nvml_card;
mod pmon;
mod raw;
mod run;
mod samples;
mod sections;
#[cfg(test)]
mod synthetic;
mod table;
mod targets;
mod timestamp;
mod value;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    // The real tool prints its complaints to standard output; clients look for them there.
    let exit_code = match arguments::parse(&arguments) {
        Ok(request) => run::run(&request).unwrap_or_else(|error| {
            eprintln!("cannot write the output: {error}");
            u8::MAX
        }),
        Err(refusal) => {
            print!("{}", refusal.text);
            refusal.exit_code
        }
    };
    ExitCode::from(exit_code)
}
