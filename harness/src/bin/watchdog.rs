//! `joulebench-watchdog GPU LEDGER`: started by `joulebench run`, gives back the settings of a GPU
//! when the harness dies. Not for people.

use std::path::PathBuf;
use std::process::ExitCode;

use harness::control::watch::watch;
use harness::device::knobs_of;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(gpu), Some(ledger), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("joulebench-watchdog GPU LEDGER: 'joulebench run' starts this program");
        return ExitCode::from(2);
    };
    let gpu = gpu.to_string_lossy();
    let watched = watch(&PathBuf::from(ledger), || {
        knobs_of(&gpu).map_err(|error| error.to_string())
    });
    match watched {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // The terminal may be gone with the harness.
            let _ = std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("joulebench-watchdog: {reason}\n"),
            );
            ExitCode::FAILURE
        }
    }
}
