//! Steps of samplers as cases.

use candle_core::{DType, Device, Result, Tensor};

use super::{Coefficients, Noise, advance, guide, noise, step};
use crate::case::{Bound, Case, Purpose, Tolerance, Work};
use crate::{Start, plain};

const FORMATS: [DType; 3] = [DType::F32, DType::F16, DType::BF16];

/// Pictures and values of one: an odd size, then the latents of Stable Diffusion 1.5 at 512² and of
/// XL at 1024².
const SHAPES: [(usize, usize, Purpose); 3] = [
    (3, 77, Purpose::Check),
    (2, 16_384, Purpose::Both),
    (1, 65_536, Purpose::Bench),
];

/// The table of the cases: three steps, of which the second is taken.
const INDEX: usize = 1;
const INDEX_U32: u32 = 1;

const SEED: Noise = Noise {
    seed: 0x1234_5678_9abc_def0,
    first: 5,
};

/// Guidance, sums of one to five terms with and without noise, and noise, in every format.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![advance_case()];
    for shape in SHAPES {
        for dtype in FORMATS {
            cases.push(guide_case(shape, dtype, dtype));
            if dtype != DType::F32 {
                // From the format of the prediction to that of the latents.
                cases.push(guide_case(shape, dtype, DType::F32));
            }
            cases.push(noise_case(shape, dtype));
            for (terms, noisy) in [(1, false), (2, true), (3, false), (5, false), (5, true)] {
                cases.push(step_case(shape, terms, noisy, dtype));
            }
        }
    }
    cases
}

fn advance_case() -> Case {
    Case {
        op: "sampler_advance",
        shape: "1".into(),
        dtype: DType::U32,
        purpose: Purpose::Check,
        tolerance: Tolerance::EXACT,
        work: Work::traffic(8),
        inputs: Box::new(|_| Ok(vec![Tensor::new(&[41_u32], &Device::Cpu)?])),
        bind: Box::new(|operands| {
            let index = operands[0].clone();
            Ok(Bound {
                outputs: vec![index.clone()],
                call: Box::new(move || advance(&index)),
            })
        }),
        plain: Box::new(|_| Ok(vec![Tensor::new(&[42_u32], &Device::Cpu)?])),
    }
}

/// Rounded once, after logarithms and sines whose last bits differ.
fn tolerance(dtype: DType) -> Tolerance {
    Tolerance {
        reason: "f32 functions differ in the last bits, then one rounding",
        ..Tolerance::rounded_once(dtype)
    }
}

fn guide_case((batch, size, purpose): (usize, usize, Purpose), dtype: DType, into: DType) -> Case {
    let bytes = 2 * dtype.size_in_bytes() + into.size_in_bytes();
    Case {
        op: "guide",
        shape: format!("{batch}x{size} into {}", into.as_str()),
        dtype,
        purpose,
        tolerance: Tolerance::rounded_once(dtype),
        work: Work::traffic((bytes * batch * size) as u64),
        inputs: Box::new(move |draw| {
            Ok(vec![
                draw.normal((batch, size), 1.0)?,
                draw.normal((batch, size), 1.0)?,
            ])
        }),
        bind: Box::new(move |operands| {
            let (without, with) = (operands[0].clone(), operands[1].clone());
            let out = without.zeros_like()?.to_dtype(into)?;
            Ok(Bound {
                outputs: vec![out.clone()],
                call: Box::new(move || guide(&without, &with, 7.5, &out)),
            })
        }),
        plain: Box::new(|operands| {
            Ok(vec![plain::sampler::guide(
                &operands[0],
                &operands[1],
                7.5,
            )?])
        }),
    }
}

fn noise_case((batch, size, purpose): (usize, usize, Purpose), dtype: DType) -> Case {
    Case {
        op: "sampler_noise",
        shape: format!("{batch}x{size}"),
        dtype,
        purpose,
        tolerance: tolerance(dtype),
        work: Work::traffic((batch * size * dtype.size_in_bytes()) as u64),
        inputs: Box::new(move |_| {
            Ok(vec![
                Tensor::zeros((batch, size), DType::F32, &Device::Cpu)?,
                Tensor::new(&[INDEX_U32], &Device::Cpu)?,
            ])
        }),
        bind: Box::new(move |operands| {
            let (out, index) = (operands[0].clone(), operands[1].clone());
            Ok(Bound {
                outputs: vec![out.clone()],
                call: Box::new(move || noise(SEED, Start::Device(&index), &out)),
            })
        }),
        plain: Box::new(|operands| Ok(vec![plain::sampler::noise(SEED, INDEX, &operands[0])?])),
    }
}

/// Coefficients of step `INDEX`, and others around it.
fn table(count: usize) -> Vec<Vec<f32>> {
    const CHOSEN: [f32; 6] = [0.75, -1.5, 0.3, 2.0, -0.1, 0.6];
    let chosen = CHOSEN[..count].to_vec();
    vec![vec![9.0; count], chosen, vec![-9.0; count]]
}

fn step_case(
    (batch, size, purpose): (usize, usize, Purpose),
    terms: usize,
    noisy: bool,
    dtype: DType,
) -> Case {
    let word = if noisy { " and noise" } else { "" };
    let seed = noisy.then_some(SEED);
    let count = terms + usize::from(noisy);
    Case {
        op: "sampler_step",
        shape: format!("{batch}x{size} {terms} terms{word}"),
        dtype,
        purpose,
        tolerance: tolerance(dtype),
        work: Work::traffic(((terms + 1) * batch * size * dtype.size_in_bytes()) as u64),
        inputs: Box::new(move |draw| {
            let mut operands = (0..terms)
                .map(|_| draw.normal((batch, size), 1.0))
                .collect::<Result<Vec<_>>>()?;
            operands.push(Tensor::new(&[INDEX_U32], &Device::Cpu)?);
            Ok(operands)
        }),
        bind: Box::new(move |operands| {
            let mut terms = operands[..terms].to_vec();
            let index = operands[operands.len() - 1].clone();
            // The second has a format of its own. A timed case must not feed on its own results.
            let out = terms[0].zeros_like()?;
            if let Some(second) = terms.get_mut(1) {
                *second = second.to_dtype(DType::F32)?;
            }
            let table = Coefficients::new(&table(count), out.device())?;
            Ok(Bound {
                outputs: vec![out.clone()],
                call: Box::new(move || {
                    let terms: Vec<&Tensor> = terms.iter().collect();
                    step(&table, Start::Device(&index), &terms, seed, &out)
                }),
            })
        }),
        plain: Box::new(move |operands| {
            let mut terms = operands[..terms].to_vec();
            if noisy {
                terms.push(plain::sampler::noise(SEED, INDEX, &terms[0])?);
            }
            Ok(vec![plain::sampler::combine(&table(count)[INDEX], &terms)?])
        }),
    }
}
