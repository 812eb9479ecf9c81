//! Every case of every operation, run by its kernel on an emulated GPU.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Device, Result, Tensor, bail};

use crate::case::{self, Case, Draw, Purpose};
use crate::cuda::{Order, is_available, on_emulated_gpu};

/// What a case may cost here; larger ones are for a GPU.
const MOST_FLOPS: u64 = 200_000_000;
const MOST_BYTES: u64 = 64 << 20;

#[test]
fn kernels_agree_with_plain_versions_in_any_order_of_threads() {
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
    assert!(failures.is_empty(), "of {count} cases, these failed:\n{failures}");
    assert!(count > 0, "no case matches OPS_CASE={filter}");
    eprintln!("{count} cases held");
}

fn suits(case: &Case) -> bool {
    case.purpose != Purpose::Bench
        && case.work.flops <= MOST_FLOPS
        && case.work.bytes <= MOST_BYTES
}

/// Runs a case in two orders and compares with each other and with the plain version.
fn hold(case: &Case) -> Result<()> {
    let inputs = (case.inputs)(&mut Draw::new(1))?;
    let rounded = inputs
        .iter()
        .map(|input| round(input, case.dtype))
        .collect::<Result<Vec<_>>>()?;
    let forward = outputs(case, &rounded, Order::Forward)?;
    let backward = outputs(case, &rounded, Order::Backward)?;
    for (number, (one, other)) in forward.iter().zip(&backward).enumerate() {
        if bits(one)? != bits(other)? {
            bail!("output {number} depends on the order of threads: data race");
        }
    }
    let widened = rounded
        .iter()
        .map(|input| round(input, DType::F32))
        .collect::<Result<Vec<_>>>()?;
    let expected = (case.plain)(&widened)?;
    if expected.len() != forward.len() {
        bail!("{} outputs, expected {}", forward.len(), expected.len());
    }
    for (number, (found, expected)) in forward.iter().zip(&expected).enumerate() {
        compare(case, number, found, expected)?;
    }
    Ok(())
}

/// Floating tensors in this format; a copy in any case.
fn round(tensor: &Tensor, dtype: DType) -> Result<Tensor> {
    if tensor.dtype().is_float() {
        tensor.to_dtype(dtype)?.copy()
    } else {
        tensor.copy()
    }
}

/// What two calls leave on operands of their own.
fn outputs(case: &Case, operands: &[Tensor], order: Order) -> Result<Vec<Tensor>> {
    let own = operands
        .iter()
        .map(Tensor::copy)
        .collect::<Result<Vec<_>>>()?;
    let bound = (case.bind)(&own)?;
    on_emulated_gpu(order, || (bound.call)())?;
    bound.outputs.iter().map(Tensor::copy).collect()
}

fn bits(tensor: &Tensor) -> Result<Vec<u32>> {
    let flat = tensor.flatten_all()?;
    if tensor.dtype().is_float() {
        let values = flat.to_dtype(DType::F32)?.to_vec1::<f32>()?;
        Ok(values.into_iter().map(f32::to_bits).collect())
    } else {
        flat.to_dtype(DType::U32)?.to_vec1()
    }
}

fn compare(case: &Case, number: usize, found: &Tensor, expected: &Tensor) -> Result<()> {
    let numbers = |tensor: &Tensor| -> Result<Vec<f64>> {
        tensor
            .to_device(&Device::Cpu)?
            .flatten_all()?
            .to_dtype(DType::F64)?
            .to_vec1()
    };
    let (found, expected) = (numbers(found)?, numbers(expected)?);
    if found.len() != expected.len() {
        bail!("output {number} has {} values, expected {}", found.len(), expected.len());
    }
    let magnitude = expected.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let allowed = case.tolerance.relative * magnitude;
    for (place, (x, y)) in found.iter().zip(&expected).enumerate() {
        // Not a number is not within.
        let within = (x - y).abs() <= allowed || x == y;
        if !within {
            bail!(
                "output {number}, value {place} of {}: {x}, expected {y} within {allowed:e}",
                found.len()
            );
        }
    }
    Ok(())
}
