//! Every case of every operation, run by its kernel on an emulated GPU.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{Device, Result, bail};

use crate::case::{self, Case, Purpose};
use crate::check;
use crate::cuda::{is_available, on_emulated_gpu};

/// What a case may cost here; larger ones are for a GPU.
const MOST_FLOPS: u64 = 200_000_000;
const MOST_BYTES: u64 = 64 << 20;

#[test]
fn kernels_agree_with_plain_versions() {
    if !is_available() {
        return;
    }
    let filter = std::env::var("OPS_CASE").unwrap_or_default();
    let next = AtomicUsize::new(0);
    let report = Mutex::new((0, String::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let cases = case::all();
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= cases.len() {
                        break;
                    }
                    // From both ends, so that not all wait for the same file to be compiled.
                    let place = if turn.is_multiple_of(2) {
                        turn / 2
                    } else {
                        cases.len() - 1 - turn / 2
                    };
                    let case = &cases[place];
                    if !suits(case) || !case.name().contains(&filter) {
                        continue;
                    }
                    let outcome = hold(case);
                    let mut report = report.lock().unwrap();
                    report.0 += 1;
                    if let Err(error) = outcome {
                        writeln!(report.1, "{}: {error}", case.name()).unwrap();
                    }
                }
            });
        }
    });
    let (count, failures) = report.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "of {count} cases, these failed:\n{failures}"
    );
    assert!(count > 0, "no case matches OPS_CASE={filter}");
    eprintln!("{count} cases held");
}

fn suits(case: &Case) -> bool {
    case.purpose != Purpose::Bench && case.work.flops <= MOST_FLOPS && case.work.bytes <= MOST_BYTES
}

/// Compares one call with the plain version; the emulator runs each kernel in two orders.
fn hold(case: &Case) -> Result<()> {
    let operands = check::operands(case)?;
    let found = on_emulated_gpu(|| check::call_once(case, &operands, &Device::Cpu))?;
    let (difference, allowed) = (
        check::distance(case, &operands, &found)?,
        case.tolerance.relative,
    );
    match difference {
        Some(difference) if difference <= allowed => Ok(()),
        Some(difference) => bail!("differs by {difference:e}, allowed are {allowed:e}"),
        None => bail!("a result is not finite"),
    }
}
