//! Attention as cases.
//!
//! Places of a cache that no query sees hold NaN, so that a kernel which touches them is found out.

mod cross;
mod prompt;
mod sequences;
mod step;

use candle_core::{DType, Device, Result, Tensor, bail};

use crate::case::{Case, Draw, Pipe, Tolerance, Work};

use cross::Cross;
use prompt::Prompt;
use sequences::Sequences;
use step::Step;

const FORMATS: [DType; 3] = [DType::F32, DType::F16, DType::BF16];

/// Weights are rounded to 16 bits before they meet the values, with errors that partly cancel; the
/// outputs are rounded once more.
fn tolerance(dtype: DType) -> Tolerance {
    Tolerance {
        relative: 1.5 * Tolerance::rounded_once(dtype).relative,
        reason: "weights are rounded before they meet the values, and outputs after",
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a head is far narrower than 2^24"
)]
fn scale_of(d: usize) -> f32 {
    1.0 / (d as f32).sqrt()
}

/// Multiplications and additions for so many pairs of a query and a key, and bytes of so many
/// values that cross the bus once.
fn work(pairs: usize, d: usize, values: usize, dtype: DType) -> Work {
    Work {
        bytes: (values * dtype.size_in_bytes()) as u64,
        flops: (4 * pairs * d) as u64,
        pipe: match dtype {
            DType::F32 => Pipe::F32,
            _ => Pipe::Tensor16,
        },
    }
}

/// A cache `[batch, heads, capacity, d]` of which so many places hold numbers, the rest NaN.
fn cache(
    draw: &mut Draw,
    [batch, heads, capacity, d]: [usize; 4],
    filled: usize,
) -> Result<Tensor> {
    let numbers = draw.normal((batch, heads, filled, d), 1.0)?;
    if filled == capacity {
        return Ok(numbers);
    }
    let nothing = Tensor::full(f32::NAN, (batch, heads, capacity - filled, d), &Device::Cpu)?;
    Tensor::cat(&[numbers, nothing], 2)
}

/// Query, keys and values.
fn three(operands: &[Tensor]) -> Result<[Tensor; 3]> {
    match operands {
        [first, second, third, ..] => Ok([first.clone(), second.clone(), third.clone()]),
        _ => bail!("{} operands, expected three", operands.len()),
    }
}

/// Prompts, encoders, pictures that look at text, and steps in every format.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for dtype in FORMATS {
        cases.extend(
            Prompt::all()
                .into_iter()
                .filter(|prompt| prompt.concerns(dtype))
                .map(|prompt| prompt.case(dtype)),
        );
        cases.extend(
            Sequences::all()
                .into_iter()
                .map(|sequences| sequences.case(dtype)),
        );
        cases.extend(Cross::all().into_iter().map(|cross| cross.case(dtype)));
        cases.extend(Step::all().into_iter().map(|step| step.case(dtype)));
        cases.extend(Step::all().into_iter().map(|step| step.whole(dtype)));
    }
    cases
}
