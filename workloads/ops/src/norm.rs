//! `RMSNorm` and `LayerNorm`, with the sum that precedes them in a transformer; [`group_norm`] of
//! pictures, with the sum before it and the activation behind it in a block of a U-Net.
//!
//! Floor: one read and one write of each value; with a residual, two of each.

mod cases;
mod group;

use candle_core::{Result, Tensor, bail};

use crate::contract::{floating, operand, rows_and_columns, write};
use crate::cuda::Argument::{Count, Number, Read, Write};
use crate::cuda::{Argument, Gpu, Kernel, kernel_name, wide};
use crate::plain;

pub(crate) use cases::cases;
pub(crate) use group::cases as group_cases;
pub use group::{GroupNorm, group_norm};

/// Vectors of a row that one thread of the kernel can hold.
const HELD: usize = 4;

/// `out = x / √(mean(x²) + ε) · weight`, over the last dimension. `out` may be `x`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f32, out: &Tensor) -> Result<()> {
    let row = Row::new("rms_norm", x, &[("weight", weight)], &[("out", out)])?;
    if let Some(gpu) = Gpu::of(out) {
        let operands = [Read(x), Read(weight), Write(out)];
        return row.launch(gpu, epsilon, &[x, weight, out], &operands);
    }
    write(out, &plain::norm::rms_norm(x, weight, epsilon)?)
}

/// `residual += delta; out = rms_norm(residual)`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn add_rms_norm(
    residual: &Tensor,
    delta: &Tensor,
    weight: &Tensor,
    epsilon: f32,
    out: &Tensor,
) -> Result<()> {
    let row = Row::new(
        "add_rms_norm",
        residual,
        &[("weight", weight)],
        &[("delta", delta), ("out", out)],
    )?;
    if let Some(gpu) = Gpu::of(out) {
        let operands = [Write(residual), Read(delta), Read(weight), Write(out)];
        return row.launch(gpu, epsilon, &[residual, delta, weight, out], &operands);
    }
    let sum = plain::norm::sum(residual, delta)?;
    write(out, &plain::norm::rms_norm(&sum, weight, epsilon)?)?;
    write(residual, &sum)
}

/// `out = (x − mean) / √(variance + ε) · weight + bias`, over the last dimension. `out` may be `x`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn layer_norm(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f32,
    out: &Tensor,
) -> Result<()> {
    let row = Row::new(
        "layer_norm",
        x,
        &[("weight", weight), ("bias", bias)],
        &[("out", out)],
    )?;
    if let Some(gpu) = Gpu::of(out) {
        let operands = [Read(x), Read(weight), Read(bias), Write(out)];
        return row.launch(gpu, epsilon, &[x, weight, bias, out], &operands);
    }
    write(out, &plain::norm::layer_norm(x, weight, bias, epsilon)?)
}

/// `residual += delta; out = layer_norm(residual)`: models that normalise before each part.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn add_layer_norm(
    residual: &Tensor,
    delta: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f32,
    out: &Tensor,
) -> Result<()> {
    let row = Row::new(
        "add_layer_norm",
        residual,
        &[("weight", weight), ("bias", bias)],
        &[("delta", delta), ("out", out)],
    )?;
    if let Some(gpu) = Gpu::of(out) {
        let tensors = [residual, delta, weight, bias, out];
        let operands = [
            Write(residual),
            Read(delta),
            Read(weight),
            Read(bias),
            Write(out),
        ];
        return row.launch(gpu, epsilon, &tensors, &operands);
    }
    let sum = plain::norm::sum(residual, delta)?;
    write(out, &plain::norm::layer_norm(&sum, weight, bias, epsilon)?)?;
    write(residual, &sum)
}

/// `out = layer_norm(x + delta)`: models that normalise after each part, such as BERT. `out` may be
/// `x` or `delta`.
///
/// # Errors
/// Shapes or formats differ, or the device failed.
pub fn add_layer_norm_post(
    x: &Tensor,
    delta: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f32,
    out: &Tensor,
) -> Result<()> {
    let row = Row::new(
        "add_layer_norm_post",
        x,
        &[("weight", weight), ("bias", bias)],
        &[("delta", delta), ("out", out)],
    )?;
    if let Some(gpu) = Gpu::of(out) {
        let tensors = [x, delta, weight, bias, out];
        let operands = [Read(x), Read(delta), Read(weight), Read(bias), Write(out)];
        return row.launch(gpu, epsilon, &tensors, &operands);
    }
    write(
        out,
        &plain::norm::layer_norm_of_sum(x, delta, weight, bias, epsilon)?,
    )
}

/// A checked call: which operation, over how many rows of how many columns.
struct Row {
    op: &'static str,
    rows: usize,
    columns: usize,
}

impl Row {
    /// Checks `x`, the vectors along its rows and the tensors of its shape.
    fn new(
        op: &'static str,
        x: &Tensor,
        vectors: &[(&'static str, &Tensor)],
        alike: &[(&'static str, &Tensor)],
    ) -> Result<Self> {
        floating(op, x.dtype())?;
        operand(op, "x", x).contiguous()?;
        let (rows, columns) = rows_and_columns(op, x)?;
        for (name, tensor) in vectors {
            operand(op, name, tensor).is(columns, x.dtype())?;
        }
        for (name, tensor) in alike {
            operand(op, name, tensor).holds(x.elem_count(), x.dtype())?;
        }
        Ok(Self { op, rows, columns })
    }

    /// Launches one block per row.
    fn launch(
        &self,
        gpu: Gpu<'_>,
        epsilon: f32,
        tensors: &[&Tensor],
        operands: &[Argument<'_>],
    ) -> Result<()> {
        let Self { op, rows, columns } = *self;
        let Some(x) = tensors.first() else {
            bail!("{op}: no operands");
        };
        let wide = wide(tensors, columns);
        let lanes = if wide {
            16 / x.dtype().size_in_bytes()
        } else {
            1
        };
        let threads = threads(columns / lanes);
        if columns > HELD * lanes * threads {
            bail!(
                "{op}: rows have {columns} values, the kernel holds {} of {:?}",
                HELD * lanes * threads,
                x.dtype()
            );
        }
        let name = kernel_name(op, x.dtype(), wide)?;
        let kernel = Kernel::new("norm", &name)
            .grid([rows, 1, 1])
            .threads(threads);
        gpu.launch(
            &kernel,
            &[operands, &[Count(columns), Number(epsilon)]].concat(),
        )
    }
}

/// Threads for a row of so many vectors: two vectors each, so that there are several loads under
/// way, in whole warps.
const fn threads(vectors: usize) -> usize {
    let wanted = vectors.div_ceil(2).next_multiple_of(32);
    if wanted > 1024 { 1024 } else { wanted }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    fn values(tensor: &Tensor) -> Vec<f32> {
        let tensor = tensor.to_dtype(DType::F32).unwrap();
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn blocks_are_whole_warps_that_hold_the_row() {
        for (vectors, expected) in [
            (1, 32),
            (64, 32),
            (65, 64),
            (512, 256),
            (1024, 512),
            (4096, 1024),
        ] {
            assert_eq!(threads(vectors), expected, "{vectors} vectors");
            assert!(HELD * threads(vectors) >= vectors);
        }
    }

    #[test]
    fn the_residual_keeps_the_sum_and_the_norm_is_of_it() {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let new = |values: &[f32]| {
                Tensor::new(values, &Device::Cpu)
                    .unwrap()
                    .to_dtype(dtype)
                    .unwrap()
            };
            let (residual, delta) = (new(&[3.0, -1.0]), new(&[0.0, 5.0]));
            let (weight, bias) = (new(&[1.0, 2.0]), new(&[0.5, 0.25]));
            let out = new(&[9.0, 9.0]);
            add_rms_norm(&residual, &delta, &weight, 0.0, &out).unwrap();
            assert_eq!(values(&residual), [3.0, 4.0]);
            let rms = 12.5_f32.sqrt();
            for (found, expected) in values(&out).iter().zip([3.0 / rms, 8.0 / rms]) {
                assert!((found - expected).abs() < 0.01, "{found} {expected}");
            }
            // mean 3.5, deviation 0.5
            let zero = new(&[0.0, 0.0]);
            add_layer_norm(&residual, &zero, &weight, &bias, 0.0, &out).unwrap();
            assert_eq!(values(&out), [-0.5, 2.25]);
            assert_eq!(values(&residual), [3.0, 4.0]);
        }
    }

    #[test]
    fn the_result_may_take_the_place_of_the_input() {
        let x = Tensor::new(&[[1f32, 3.0], [5.0, 1.0]], &Device::Cpu).unwrap();
        let delta = Tensor::new(&[[1f32, 1.0], [0.0, 0.0]], &Device::Cpu).unwrap();
        let one = Tensor::new(&[1f32, 1.0], &Device::Cpu).unwrap();
        let zero = Tensor::new(&[0f32, 0.0], &Device::Cpu).unwrap();
        add_layer_norm_post(&x, &delta, &one, &zero, 0.0, &x).unwrap();
        assert_eq!(values(&x), [-1.0, 1.0, 1.0, -1.0]);
    }

    #[test]
    fn operands_that_do_not_fit_are_named() {
        let x = Tensor::zeros((2, 4), DType::F32, &Device::Cpu).unwrap();
        let weight = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
        let message = rms_norm(&x, &weight, 0.0, &x).unwrap_err().to_string();
        assert!(
            message.contains("rms_norm: weight is F32 [3], expected F32 [4]"),
            "{message}"
        );
        let gaps = Tensor::zeros((4, 4), DType::F32, &Device::Cpu).unwrap();
        let gaps = gaps.narrow(1, 0, 3).unwrap();
        let message = rms_norm(&gaps, &weight, 0.0, &x).unwrap_err().to_string();
        assert!(message.contains("x [4, 3] has gaps"), "{message}");
    }
}
