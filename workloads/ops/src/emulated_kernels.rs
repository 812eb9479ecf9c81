//! Every case of every operation, run by its kernel on an emulated GPU.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{Device, Result, Tensor, bail};

use crate::case::{self, Case, Purpose};
use crate::check;
use crate::cuda::{
    depended_on_multiprocessors, is_available, kernels_never_launched, on_emulated_gpu,
    on_emulated_gpu_of,
};

/// What a case may cost here; larger ones are for a GPU.
const MOST_FLOPS: u64 = 200_000_000;
const MOST_BYTES: u64 = 64 << 20;

/// Kernels that only shapes take whose emulation is too slow: 8 rows of more than 9,000 values and
/// more than 60,000 outputs.
const TOO_LARGE: [&str; 2] = ["gemv_dense_8_direct_f16", "gemv_dense_8_direct_bf16"];

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
    if filter.is_empty() {
        let mut missed = kernels_never_launched().unwrap();
        missed.retain(|kernel| !TOO_LARGE.contains(&kernel.as_str()));
        assert!(missed.is_empty(), "kernels without a case: {missed:?}");
    }
}

fn suits(case: &Case) -> bool {
    case.purpose != Purpose::Bench && case.work.flops <= MOST_FLOPS && case.work.bytes <= MOST_BYTES
}

/// A GPU so small that each of its blocks has several tiles of even a small case.
const FEW_MULTIPROCESSORS: usize = 2;

/// Compares one call with the plain version; the emulator runs each kernel in two orders.
fn hold(case: &Case) -> Result<()> {
    let operands = check::operands(case)?;
    let call = || check::call_once(case, &operands, &Device::Cpu);
    let found = on_emulated_gpu(call)?;
    compare(case, &operands, &found)?;
    if depended_on_multiprocessors() && case.work.flops <= MOST_FLOPS / 10 {
        let found = on_emulated_gpu_of(FEW_MULTIPROCESSORS, call)?;
        compare(case, &operands, &found)?;
    }
    Ok(())
}

fn compare(case: &Case, operands: &[Tensor], found: &[Vec<f64>]) -> Result<()> {
    let allowed = case.tolerance.relative;
    match check::distance(case, operands, found)? {
        Some(difference) if difference <= allowed => Ok(()),
        Some(difference) => bail!("differs by {difference:e}, allowed are {allowed:e}"),
        None => bail!("a result is not finite"),
    }
}
