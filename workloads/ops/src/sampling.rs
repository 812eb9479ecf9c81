//! A random token, chosen where the logits are, from a seed.
//!
//! The largest of `logit / temperature + g`, with `g` from the standard Gumbel distribution, is a
//! draw from the softmax (Gumbel, 1954; Maddison, Tarlow and Minka, 2014): no sum, no sorting. The
//! random numbers are a function of seed, row, position and place in the vocabulary (Philox), so a
//! text is the same in every process, and in a recorded step, where only the position changes.

mod cases;
pub mod philox;

use candle_core::{DType, Result, Tensor, bail};

use crate::argmax::{THREADS, splits};
use crate::contract::{floating, operand, write};
use crate::cuda::Argument::{Count, Long, Number, Position, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name};
use crate::{Start, plain};

pub(crate) use cases::cases;

/// How tokens are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Divides the logits; above zero.
    pub temperature: f32,
    /// Only logits not below the `top_k`-th largest may be chosen; 0: all. Logits that equal the
    /// `top_k`-th may be chosen as well.
    pub top_k: usize,
    /// Where the random numbers begin.
    pub seed: u64,
}

impl Sampling {
    /// Refuses a temperature that divides by nothing.
    ///
    /// # Errors
    /// The temperature is not a positive number.
    pub fn check(&self) -> Result<()> {
        if self.temperature.is_finite() && self.temperature > 0.0 {
            Ok(())
        } else {
            bail!(
                "temperature is {}, expected a number above 0; for the most likely token use argmax",
                self.temperature
            )
        }
    }
}

/// `out[row]` = a token drawn from `softmax(logits[row] / temperature)` for the token at `position`.
///
/// # Errors
/// Shapes or formats differ, the temperature is not positive, or the device failed.
pub fn sample(
    logits: &Tensor,
    sampling: &Sampling,
    position: Start<'_>,
    out: &Tensor,
) -> Result<()> {
    const OP: &str = "sample";
    let (rows, columns) = logits.dims2()?;
    sampling.check()?;
    floating(OP, logits.dtype())?;
    position.check()?;
    operand(OP, "logits", logits).contiguous()?;
    operand(OP, "out", out).holds(rows, DType::U32)?;
    if let Some(gpu) = Gpu::of(out) {
        let whole = sampling.top_k == 0 || sampling.top_k >= columns;
        // The k-th largest is known only to a block that sees the whole row.
        let (splits, threads) = if whole {
            let splits = splits(rows, columns.div_ceil(4), gpu.multiprocessors()?);
            (splits, THREADS)
        } else {
            (1, 1024)
        };
        let name = kernel_name(OP, logits.dtype(), true)?;
        let kernel = Kernel::new("choice", &name)
            .grid([splits, rows, 1])
            .threads(threads);
        return gpu.launch(
            &kernel,
            &[
                Read(logits),
                Write(out),
                Count(columns),
                Number(1.0 / sampling.temperature),
                Count(if whole { 0 } else { sampling.top_k }),
                Long(sampling.seed),
                Position(position),
            ],
        );
    }
    write(
        out,
        &plain::choice::sample(logits, sampling, position.resolve()?)?,
    )
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_position_counts_wherever_it_lies_and_the_temperature_is_checked() {
        let logits = Tensor::zeros((4, 500), DType::F32, &Device::Cpu).unwrap();
        let sampling = Sampling {
            temperature: 1.0,
            top_k: 0,
            seed: 9,
        };
        let drawn = |position| {
            let out = Tensor::zeros(4, DType::U32, &Device::Cpu).unwrap();
            sample(&logits, &sampling, position, &out).unwrap();
            out.to_vec1::<u32>().unwrap()
        };
        let place = Tensor::new(&[12_u32], &Device::Cpu).unwrap();
        assert_eq!(drawn(Start::At(12)), drawn(Start::Device(&place)));
        assert_ne!(drawn(Start::At(12)), drawn(Start::At(13)));
        for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let message = Sampling {
                temperature,
                ..sampling
            }
            .check()
            .unwrap_err()
            .to_string();
            assert!(message.contains("expected a number above 0"), "{message}");
        }
    }
}
