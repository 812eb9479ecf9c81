//! Arithmetic of the samplers of diffusion models: guidance, and sums of a few tensors whose
//! coefficients differ from step to step.
//!
//! Every sampler (DDIM, Euler, DPM-Solver++, `UniPC`) says its step as such sums. The coefficients of
//! all steps lie in one small tensor on the device, and so does the number of the step: one recorded
//! step ([`crate::graph`]) serves all of them. Random numbers are a function of seed, picture, step
//! and place (Philox), the same on every device up to the last bits.
//!
//! Floor: one read of each term and one write; at the size of latents, one launch.

mod cases;

use candle_core::{DType, Device, Result, Tensor, bail};

use crate::contract::{floating, operand, write};
use crate::cuda::Argument::{Count, Long, Maybe, Number, Position, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name};
use crate::{Start, plain};

pub(crate) use cases::cases;

/// Terms of a sum at most, noise not counted.
pub const MOST_TERMS: usize = 5;

/// `out = unconditional + scale · (conditional − unconditional)` in f32, rounded once.
///
/// Both predictions have one format; `out` may have another, and may be one of them.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn guide(unconditional: &Tensor, conditional: &Tensor, scale: f32, out: &Tensor) -> Result<()> {
    const OP: &str = "guide";
    let (count, dtype) = (unconditional.elem_count(), unconditional.dtype());
    floating(OP, dtype)?;
    floating(OP, out.dtype())?;
    operand(OP, "unconditional", unconditional).contiguous()?;
    operand(OP, "conditional", conditional).holds(count, dtype)?;
    operand(OP, "out", out).holds(count, out.dtype())?;
    if let Some(gpu) = Gpu::of(out) {
        let name = kernel_name(OP, out.dtype(), true)?;
        let kernel = Kernel::one_thread_each("sampler", &name, count);
        let operands = [
            Read(unconditional),
            Read(conditional),
            Count(format_code(dtype)),
            Number(scale),
            Write(out),
            Count(count),
        ];
        return gpu.launch(&kernel, &operands);
    }
    let conditional = conditional.reshape(unconditional.shape())?;
    write(
        out,
        &plain::sampler::guide(unconditional, &conditional, scale)?,
    )
}

/// The coefficients of all steps, on the device.
#[derive(Clone, Debug)]
pub struct Coefficients {
    /// f32 `[steps, terms]`.
    table: Tensor,
}

impl Coefficients {
    /// Of one row for each step.
    ///
    /// # Errors
    /// There is no step, rows differ in length, have none or too many coefficients, or a coefficient
    /// is no finite number.
    pub fn new(steps: &[Vec<f32>], device: &Device) -> Result<Self> {
        const OP: &str = "coefficients of a sampler";
        let Some(first) = steps.first() else {
            bail!("{OP}: there are no steps, expected at least one");
        };
        let terms = first.len();
        if terms == 0 || terms > MOST_TERMS + 1 {
            bail!("{OP}: a step has {terms}, expected 1 to {MOST_TERMS}, and one for noise");
        }
        for (number, step) in steps.iter().enumerate() {
            if step.len() != terms {
                bail!("{OP}: step {number} has {}, step 0 {terms}", step.len());
            }
            if let Some(wrong) = step.iter().find(|value| !value.is_finite()) {
                bail!("{OP}: step {number} has {wrong}, expected finite numbers");
            }
        }
        Ok(Self {
            table: Tensor::from_vec(steps.concat(), (steps.len(), terms), device)?,
        })
    }

    /// How many steps there are.
    pub fn steps(&self) -> usize {
        self.table.dims()[0]
    }

    /// Coefficients of a step.
    pub fn terms(&self) -> usize {
        self.table.dims()[1]
    }
}

/// Where random numbers begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    /// Same seed, same numbers.
    pub seed: u64,
    /// Number of the first picture of the batch: a picture has its own random numbers, whatever
    /// batch it is computed in.
    pub first: usize,
}

/// `out = Σ coefficients[index][i] · terms[i]`, plus, where there is noise, the last coefficient
/// times standard normal values drawn for this `index`; in f32, added in order, rounded once.
///
/// Terms have the size of `out` and any floating formats. `out` may be one of them; its first
/// dimension counts pictures. An index behind the last step is an error on the CPU; on a GPU the
/// last step is taken.
///
/// # Errors
/// Shapes differ, there are too many terms, the coefficients are for another number of terms, or
/// the device failed.
pub fn step(
    coefficients: &Coefficients,
    index: Start<'_>,
    terms: &[&Tensor],
    noise: Option<Noise>,
    out: &Tensor,
) -> Result<()> {
    const OP: &str = "sampler_step";
    let expected = terms.len() + usize::from(noise.is_some());
    if coefficients.terms() != expected {
        bail!(
            "{OP}: {} coefficients for {} terms{}",
            coefficients.terms(),
            terms.len(),
            if noise.is_some() { " and noise" } else { "" }
        );
    }
    if terms.len() > MOST_TERMS {
        bail!("{OP}: {} terms, expected at most {MOST_TERMS}", terms.len());
    }
    for term in terms {
        floating(OP, term.dtype())?;
        operand(OP, "a term", term).holds(out.elem_count(), term.dtype())?;
    }
    let drawn = Sum {
        table: Some(&coefficients.table),
        index,
        terms,
        noise,
    };
    drawn.write(OP, out)
}

/// `out` = standard normal values, drawn for this `index`: [`step`] without terms and with the
/// coefficient 1. The latents that a sampler begins with have a number of step that it never
/// reaches, such as how many there are.
///
/// # Errors
/// The format of `out` is no floating one, or the device failed.
pub fn noise(noise: Noise, index: Start<'_>, out: &Tensor) -> Result<()> {
    let drawn = Sum {
        table: None,
        index,
        terms: &[],
        noise: Some(noise),
    };
    drawn.write("sampler_noise", out)
}

/// Adds 1 to the number of the step (u32 `[1]`), as the last operation of a recorded step.
///
/// # Errors
/// `index` is something else, or the device failed.
pub fn advance(index: &Tensor) -> Result<()> {
    const OP: &str = "sampler_advance";
    operand(OP, "index", index).is(1, DType::U32)?;
    if let Some(gpu) = Gpu::of(index) {
        return gpu.launch(&Kernel::new("sampler", OP).threads(32), &[Write(index)]);
    }
    let next = index.to_vec1::<u32>()?.into_iter().map(|index| index + 1);
    write(index, &Tensor::from_vec(next.collect(), 1, index.device())?)
}

/// A sum with coefficients from a table; without a table all are 1.
struct Sum<'a> {
    table: Option<&'a Tensor>,
    index: Start<'a>,
    terms: &'a [&'a Tensor],
    noise: Option<Noise>,
}

impl Sum<'_> {
    fn write(&self, op: &'static str, out: &Tensor) -> Result<()> {
        floating(op, out.dtype())?;
        operand(op, "out", out).contiguous()?;
        self.index.check()?;
        if out.elem_count() == 0 {
            bail!("{op}: out {:?} is empty", out.dims());
        }
        match Gpu::of(out) {
            Some(gpu) => self.launch(gpu, out),
            None => write(out, &self.plain(op, out)?),
        }
    }

    fn launch(&self, gpu: Gpu<'_>, out: &Tensor) -> Result<()> {
        let batch = out.dim(0)?;
        let size = out.elem_count() / batch;
        let name = kernel_name("sampler_step", out.dtype(), true)?;
        // One thread for the four values that come from one call of Philox.
        let threads = batch * size.div_ceil(4);
        let kernel = Kernel::one_thread_each("sampler", &name, threads);
        let formats = self
            .terms
            .iter()
            .rev()
            .fold(0, |codes, term| codes << 2 | format_code(term.dtype()));
        let terms: [_; MOST_TERMS] = std::array::from_fn(|i| Maybe(self.terms.get(i).copied()));
        let steps = self.table.map_or(0, |table| table.dims()[0]);
        let Noise { seed, first } = self.noise.unwrap_or(Noise { seed: 0, first: 0 });
        let sum = [
            Count(formats),
            Count(self.terms.len()),
            Maybe(self.table),
            Count(steps),
            Position(self.index),
            Count(usize::from(self.noise.is_some())),
            Long(seed),
            Count(first),
            Write(out),
            Count(size),
            Count(batch),
        ];
        gpu.launch(&kernel, &[&terms[..], &sum].concat())
    }

    fn plain(&self, op: &str, out: &Tensor) -> Result<Tensor> {
        let index = self.index.resolve()?;
        let coefficients = match self.table {
            None => vec![1.0; self.terms.len() + usize::from(self.noise.is_some())],
            Some(table) if index < table.dims()[0] => table.get(index)?.to_vec1::<f32>()?,
            Some(table) => bail!(
                "{op}: there is no step {index}, the coefficients are those of {} steps",
                table.dims()[0]
            ),
        };
        let mut terms = Vec::with_capacity(coefficients.len());
        for term in self.terms {
            terms.push(term.reshape(out.shape())?);
        }
        if let Some(noise) = self.noise {
            terms.push(plain::sampler::noise(noise, index, out)?);
        }
        plain::sampler::combine(&coefficients, &terms)
    }
}

/// What kernels call a format.
const fn format_code(dtype: DType) -> usize {
    match dtype {
        DType::F16 => 1,
        DType::BF16 => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: Device = Device::Cpu;

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()
    }

    #[test]
    fn a_step_takes_the_coefficients_of_its_number_and_may_write_over_a_term() {
        let table = Coefficients::new(&[vec![1.0, 2.0], vec![0.5, -1.0]], &CPU).unwrap();
        assert_eq!((table.steps(), table.terms()), (2, 2));
        let sample = Tensor::new(&[[2.0_f32, 4.0]], &CPU).unwrap();
        let slope = Tensor::new(&[[1.0_f32, 0.0]], &CPU).unwrap();
        let index = Tensor::new(&[1_u32], &CPU).unwrap();
        step(
            &table,
            Start::Device(&index),
            &[&sample, &slope],
            None,
            &sample,
        )
        .unwrap();
        assert_eq!(values(&sample), [0.0, 2.0]);
        step(&table, Start::At(0), &[&sample, &slope], None, &sample).unwrap();
        assert_eq!(values(&sample), [2.0, 2.0]);
        advance(&index).unwrap();
        assert_eq!(index.to_vec1::<u32>().unwrap(), [2]);
        let late = step(
            &table,
            Start::Device(&index),
            &[&sample, &slope],
            None,
            &sample,
        );
        let message = late.unwrap_err().to_string();
        assert!(message.contains("there is no step 2"), "{message}");
    }

    #[test]
    fn noise_has_the_last_coefficient() {
        let table = Coefficients::new(&[vec![0.0, 1.0], vec![1.0, 0.5]], &CPU).unwrap();
        let x = Tensor::full(3_f32, (2, 7), &CPU).unwrap();
        let (alone, mixed) = (x.zeros_like().unwrap(), x.zeros_like().unwrap());
        let seed = Noise { seed: 11, first: 4 };
        for index in [0, 1] {
            noise(seed, Start::At(index), &alone).unwrap();
            step(&table, Start::At(index), &[&x], Some(seed), &mixed).unwrap();
            let expected = match index {
                0 => alone.clone(),
                _ => ((&alone * 0.5).unwrap() + &x).unwrap(),
            };
            assert_eq!(values(&mixed), values(&expected), "step {index}");
        }
    }

    #[test]
    fn guidance_may_change_the_format() {
        let half = |values: &[f32]| Tensor::new(values, &CPU).unwrap().to_dtype(DType::BF16);
        let (without, with) = (half(&[1.0, 2.0]).unwrap(), half(&[3.0, 1.0]).unwrap());
        let out = Tensor::zeros(2, DType::F32, &CPU).unwrap();
        guide(&without, &with, 7.5, &out).unwrap();
        assert_eq!(values(&out), [16.0, -5.5]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let message = |result: Result<()>| result.unwrap_err().to_string();
        let x = Tensor::zeros(4, DType::F32, &CPU).unwrap();
        let one = Coefficients::new(&[vec![1.0]], &CPU).unwrap();
        let refused = message(step(&one, Start::At(0), &[&x, &x], None, &x));
        assert!(refused.contains("1 coefficients for 2 terms"), "{refused}");
        let short = x.narrow(0, 0, 3).unwrap();
        let refused = message(step(&one, Start::At(0), &[&short], None, &x));
        assert!(refused.contains("a term is F32 [3]"), "{refused}");
        for (steps, expected) in [
            (vec![], "there are no steps"),
            (vec![vec![]], "a step has 0"),
            (vec![vec![1.0; 7]], "a step has 7"),
            (vec![vec![1.0], vec![1.0, 2.0]], "step 1 has 2"),
            (vec![vec![1.0], vec![f32::NAN]], "step 1 has NaN"),
        ] {
            let refused = Coefficients::new(&steps, &CPU).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
