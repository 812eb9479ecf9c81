//! Holds operations against their plain versions.
//!
//! Both get the same numbers: operands are drawn from a seed and rounded to the case's format first.
//! The operation gets them in that format on the device; the plain version in f32 on the CPU.

use candle_core::{DType, Device, Result, Tensor};
use serde::Serialize;

use crate::case::{Case, Draw, Purpose, all};

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// Operation, format and shape.
    pub case: String,
    /// Largest difference as a share of the largest expected magnitude, over all outputs; `None`
    /// where the operation failed, or a result is not a number.
    pub difference: Option<f64>,
    /// What it may be.
    pub tolerance: f64,
    /// Why so much.
    pub reason: &'static str,
    /// Whether a second call with the same operands gave the same bits.
    pub repeats: bool,
    /// Why the operation failed.
    pub error: Option<String>,
}

impl Checked {
    /// Whether the operation does what it should.
    pub fn passed(&self) -> bool {
        self.repeats
            && self
                .difference
                .is_some_and(|difference| difference <= self.tolerance)
    }
}

/// Checks the cases whose name contains `filter`, one after the other.
pub fn run<'a>(device: &'a Device, filter: &'a str) -> impl Iterator<Item = Checked> + 'a {
    all()
        .into_iter()
        .filter(move |case| case.purpose != Purpose::Bench && case.name().contains(filter))
        .map(move |case| check(&case, device))
}

/// Checks one case.
pub fn check(case: &Case, device: &Device) -> Checked {
    let found = compare(case, device);
    let (difference, repeats, error) = match found {
        Ok((difference, repeats)) => (difference, repeats, None),
        Err(error) => (None, false, Some(first_line(&error))),
    };
    Checked {
        case: case.name(),
        difference,
        tolerance: case.tolerance.relative,
        reason: case.tolerance.reason,
        repeats,
        error,
    }
}

fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().into()
}

fn compare(case: &Case, device: &Device) -> Result<(Option<f64>, bool)> {
    let operands = operands(case)?;
    let found = call_once(case, &operands, device)?;
    let again = call_once(case, &operands, device)?;
    let bits = |outputs: &[Vec<f64>]| -> Vec<u64> {
        outputs
            .iter()
            .flatten()
            .map(|value| value.to_bits())
            .collect()
    };
    let largest = distance(case, &operands, &found)?;
    Ok((largest, bits(&found) == bits(&again)))
}

/// How far outputs lie from the plain ones, as [`Checked::difference`].
pub(crate) fn distance(
    case: &Case,
    operands: &[Tensor],
    found: &[Vec<f64>],
) -> Result<Option<f64>> {
    let wide = operands
        .iter()
        .map(|operand| in_format(operand, case.dtype, DType::F32))
        .collect::<Result<Vec<_>>>()?;
    let expected = (case.plain)(&wide)?;
    if found.len() != expected.len() {
        candle_core::bail!(
            "{} has {} outputs, the plain version {}",
            case.name(),
            found.len(),
            expected.len()
        );
    }
    let mut largest = Some(0.0_f64);
    for (found, expected) in found.iter().zip(&expected) {
        largest = match (largest, difference(found, &values(expected)?)) {
            (Some(a), Some(b)) => Some(a.max(b)),
            _ => None,
        };
    }
    Ok(largest)
}

/// The operands of a case on the CPU: drawn from a seed of its name, floating ones in its format.
pub(crate) fn operands(case: &Case) -> Result<Vec<Tensor>> {
    (case.inputs)(&mut Draw::new(seed(&case.name())))?
        .iter()
        .map(|operand| in_format(operand, DType::F32, case.dtype))
        .collect()
}

/// Operands of format `from` in format `to`; others (numbers of tokens, packed weights) as they are,
/// and all of them in a case of whole numbers.
fn in_format(operand: &Tensor, from: DType, to: DType) -> Result<Tensor> {
    if operand.dtype() == from && from.is_float() && to.is_float() {
        operand.to_dtype(to)
    } else {
        Ok(operand.clone())
    }
}

/// The outputs of one call with copies of the operands.
pub(crate) fn call_once(
    case: &Case,
    operands: &[Tensor],
    device: &Device,
) -> Result<Vec<Vec<f64>>> {
    let own = operands
        .iter()
        .map(|operand| operand.copy()?.to_device(device))
        .collect::<Result<Vec<_>>>()?;
    // What the operation reads must have arrived: kernels may read weights before their turn.
    device.synchronize()?;
    let bound = (case.bind)(&own)?;
    device.synchronize()?;
    (bound.call)()?;
    bound.outputs.iter().map(values).collect()
}

fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor
        .to_device(&Device::Cpu)?
        .flatten_all()?
        .to_dtype(DType::F64)?
        .to_vec1()
}

/// Largest difference as a share of the largest expected magnitude; `None` where a value is not
/// finite or the numbers of values differ.
fn difference(found: &[f64], expected: &[f64]) -> Option<f64> {
    if found.len() != expected.len() {
        return None;
    }
    let magnitude = expected.iter().fold(0.0_f64, |m, value| m.max(value.abs()));
    let mut largest = 0.0_f64;
    for (found, expected) in found.iter().zip(expected) {
        let apart = (found - expected).abs();
        if !apart.is_finite() {
            return None;
        }
        largest = largest.max(apart);
    }
    Some(if magnitude > 0.0 {
        largest / magnitude
    } else {
        largest
    })
}

/// The 64-bit FNV-1a hash of a name.
fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::case::{Bound, Tolerance, Work};

    #[test]
    fn every_case_holds_on_the_cpu() {
        let failed: Vec<Checked> = run(&Device::Cpu, "")
            .filter(|checked| !checked.passed())
            .collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }

    #[test]
    fn names_are_unique() {
        let cases = all();
        let names: BTreeSet<String> = cases.iter().map(Case::name).collect();
        assert_eq!(names.len(), cases.len());
    }

    /// An operation that adds `error` to one of its values.
    fn wrong_by(error: f64) -> Case {
        Case {
            op: "wrong",
            shape: "4".into(),
            dtype: DType::F32,
            purpose: Purpose::Check,
            tolerance: Tolerance {
                relative: 1e-3,
                reason: "a test",
            },
            work: Work::traffic(0),
            inputs: Box::new(|_| Ok(vec![Tensor::new(&[1f32, -2.0, 0.5, 0.0], &Device::Cpu)?])),
            bind: Box::new(move |operands| {
                let x = operands[0].clone();
                Ok(Bound {
                    outputs: vec![x.clone()],
                    call: Box::new(move || {
                        let off = Tensor::new(&[0.0, 0.0, error, 0.0], &Device::Cpu)?;
                        x.slice_set(&(&x + off.to_dtype(DType::F32)?)?, 0, 0)
                    }),
                })
            }),
            plain: Box::new(|operands| Ok(operands.to_vec())),
        }
    }

    #[test]
    fn a_wrong_result_is_seen_and_measured() {
        let right = check(&wrong_by(0.0), &Device::Cpu);
        assert!(right.passed() && right.difference == Some(0.0), "{right:?}");
        let slightly = check(&wrong_by(0.001), &Device::Cpu);
        assert!(slightly.passed(), "{slightly:?}");
        let wrong = check(&wrong_by(0.02), &Device::Cpu);
        assert!(!wrong.passed(), "{wrong:?}");
        assert!((wrong.difference.unwrap() - 0.01).abs() < 1e-6, "{wrong:?}");
        let nan = check(&wrong_by(f64::NAN), &Device::Cpu);
        assert!(!nan.passed() && nan.difference.is_none(), "{nan:?}");
    }
}
