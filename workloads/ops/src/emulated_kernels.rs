//! Every case of every operation, run by its kernel on an emulated GPU.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::Device;

use crate::case::{self, Case, Purpose};
use crate::check::check;
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
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !suits(case) || !case.name().contains(&filter) {
                        continue;
                    }
                    let checked = on_emulated_gpu(|| check(case, &Device::Cpu));
                    let mut report = report.lock().unwrap();
                    report.0 += 1;
                    if !checked.passed() {
                        writeln!(report.1, "{checked:?}").unwrap();
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
