//! A quantised weight on a device, and its products.

use candle_core::quantized::QTensor;
use candle_core::{DType, Device, Result, Tensor, bail};

use super::{Format, pack};
use crate::contract::{floating, operand, write};
use crate::cuda::Argument::{Count, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name};
use crate::gemv::{Job, Plan, Problem, Projection, RmsNorm, Scratch, launch, suits};
use crate::linear::Linear;

/// A weight `[out, in]` in quantised blocks.
#[derive(Clone, Debug)]
pub struct QuantisedLinear {
    packed: Tensor,
    format: Format,
    outputs: usize,
    inputs: usize,
}

impl QuantisedLinear {
    /// From the blocks of a GGUF file, row by row. `name` is for messages.
    ///
    /// # Errors
    /// The number of bytes is not that of the shape, or the device's memory is short.
    pub fn from_blocks(
        name: &str,
        format: Format,
        blocks: &[u8],
        (outputs, inputs): (usize, usize),
        device: &Device,
    ) -> Result<Self> {
        let values = format.block_values();
        if outputs == 0 || inputs == 0 || !inputs.is_multiple_of(values) {
            bail!(
                "{name}: {} weights have rows of a multiple of {values} values, the shape is \
                 [{outputs}, {inputs}]",
                format.name()
            );
        }
        let expected = outputs * format.row_bytes(inputs);
        if blocks.len() != expected {
            bail!(
                "{name}: {} bytes of {} blocks, expected {expected} for [{outputs}, {inputs}]; \
                 the file may be cut short",
                blocks.len(),
                format.name()
            );
        }
        let packed = pack::pack(format, blocks, outputs, inputs);
        let bytes = packed.len();
        let packed = Tensor::from_vec(packed, bytes, device)?;
        Self::from_packed(format, packed, (outputs, inputs))
    }

    /// From bytes in the kernels' order.
    pub(super) fn from_packed(
        format: Format,
        packed: Tensor,
        (outputs, inputs): (usize, usize),
    ) -> Result<Self> {
        let bytes = pack::packed_bytes(format, outputs, inputs);
        operand("quantised", "packed", &packed).is(bytes, DType::U8)?;
        Ok(Self {
            packed,
            format,
            outputs,
            inputs,
        })
    }

    /// From tensors of a GGUF file, read to the CPU, one below the other: query, key and value as
    /// one weight, or gate over up.
    ///
    /// # Errors
    /// There are none, their widths or formats differ, a format has no kernel, or the device's
    /// memory is short.
    pub fn from_tensors(parts: &[(&str, &QTensor)], device: &Device) -> Result<Self> {
        let Some((first_name, first)) = parts.first() else {
            bail!("a weight of no tensors");
        };
        let format = Format::try_from(first.dtype())
            .map_err(|error| candle_core::Error::Msg(format!("{first_name}: {error}")))?;
        let (_, inputs) = first.shape().dims2()?;
        let mut blocks = Vec::new();
        let mut outputs = 0;
        for (name, part) in parts {
            let (rows, columns) = part.shape().dims2()?;
            if columns != inputs || part.dtype() != first.dtype() {
                bail!(
                    "{name} is {:?} [{rows}, {columns}], expected {} [_, {inputs}] as {first_name}",
                    part.dtype(),
                    format.name()
                );
            }
            outputs += rows;
            blocks.extend_from_slice(&part.data()?);
        }
        Self::from_blocks(first_name, format, &blocks, (outputs, inputs), device)
    }

    /// Bytes on a device of a weight `[outputs, inputs]`: those of its blocks, with rows filled up
    /// to a multiple of 256 values.
    pub const fn bytes_of(format: Format, outputs: usize, inputs: usize) -> usize {
        pack::packed_bytes(format, outputs, inputs)
    }

    /// The format of the blocks.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Values of the weight: what [`Scratch::new`] needs to know of the largest one.
    pub const fn values(&self) -> usize {
        self.outputs * self.inputs
    }

    /// Writes the weight `[out, in]` in the format of `out`.
    ///
    /// # Errors
    /// The shapes differ, or the device failed.
    pub fn expand(&self, out: &Tensor) -> Result<()> {
        const OP: &str = "quantised_expand";
        floating(OP, out.dtype())?;
        operand(OP, "out", out).is((self.outputs, self.inputs), out.dtype())?;
        let Some(gpu) = Gpu::of(out) else {
            return write(out, &self.plain()?);
        };
        let root = format!(
            "{OP}_{}",
            self.format.name().to_lowercase().replace('_', "")
        );
        let name = kernel_name(&root, out.dtype(), true)?;
        let kernel = Kernel::new("quantised_expand", &name)
            .grid([8 * gpu.multiprocessors()?, 1, 1])
            .threads(256);
        let arguments = [
            Read(&self.packed),
            Write(out),
            Count(self.outputs),
            Count(self.inputs),
        ];
        gpu.launch(&kernel, &arguments)
    }

    /// The weight in f32, on the CPU.
    fn plain(&self) -> Result<Tensor> {
        let packed = self.packed.to_device(&Device::Cpu)?.to_vec1::<u8>()?;
        let weights = pack::expand(self.format, &packed, self.outputs, self.inputs);
        Tensor::from_vec(weights, (self.outputs, self.inputs), &Device::Cpu)
    }

    fn problem(&self, x: &Tensor, gated: bool) -> Problem {
        Problem {
            rows: x.elem_count() / self.inputs,
            outputs: self.outputs,
            inputs: self.inputs,
            dtype: x.dtype(),
            gated,
        }
    }

    /// The launch for these rows, where the kernel takes them.
    fn plan(&self, x: &Tensor, gated: bool, norm: bool) -> Option<(Gpu<'_>, Problem, Plan)> {
        let gpu = Gpu::of(&self.packed)?;
        let problem = self.problem(x, gated);
        let plan =
            Plan::quantised(&problem, self.format, norm, gpu.multiprocessors().ok()?).ok()?;
        Some((gpu, problem, plan))
    }

    /// Runs the kernel, or says that it does not take these rows.
    fn fused(&self, op: &'static str, job: &Job<'_>) -> Result<()> {
        let Some((gpu, problem, plan)) = self.plan(job.x, job.gated, job.norm.is_some()) else {
            bail!(
                "{op}: no kernel for {} rows of {:?} with a {} weight",
                job.x.elem_count() / self.inputs,
                job.x.dtype(),
                self.format.name()
            );
        };
        launch(op, gpu, &plan, &problem, &self.packed, job)
    }

    /// The weight in the format of x, as a dense layer; on a GPU in the scratch.
    fn widened(&self, x: &Tensor, scratch: &Scratch) -> Result<Linear> {
        let weight = if Gpu::of(x).is_some() {
            let weight = scratch.weight((self.outputs, self.inputs))?;
            self.expand(&weight)?;
            weight
        } else {
            self.plain()?.to_dtype(x.dtype())?
        };
        Linear::new(weight, None)
    }

    /// Multiplies with the widened weight, adding to `out` or not.
    fn dense(&self, x: &Tensor, scratch: &Scratch, out: &Tensor, residual: bool) -> Result<()> {
        let layer = self.widened(x, scratch)?;
        let problem = self.problem(x, false);
        let Problem {
            rows,
            outputs,
            inputs,
            dtype,
            ..
        } = problem;
        match Gpu::of(x) {
            // The kernel for few rows would read the weight before it is there.
            Some(gpu) if suits(rows, outputs, inputs, dtype) => {
                let job = Job {
                    residual: residual.then_some(out),
                    fresh: true,
                    ..Job::new(x, out)
                };
                let plan = Plan::dense(&problem, false, gpu.multiprocessors()?)?;
                launch("quantised", gpu, &plan, &problem, &layer.weight, &job)
            }
            _ if residual => layer.forward_residual(x, out),
            _ => layer.forward(x, out),
        }
    }
}

/// The weight that these tensors of a GGUF file make up, one below the other: quantised where a
/// kernel has their format, otherwise (mixed formats, `Q6_K` and so on) widened to `dtype` once.
///
/// # Errors
/// There are no tensors, their widths differ, or the device's memory is short.
pub fn projection(
    parts: &[(&str, &QTensor)],
    dtype: DType,
    device: &Device,
) -> Result<Box<dyn Projection>> {
    let Some((first_name, first)) = parts.first() else {
        bail!("a weight of no tensors");
    };
    let alike = parts.iter().all(|(_, part)| part.dtype() == first.dtype());
    if alike && Format::try_from(first.dtype()).is_ok() {
        return Ok(Box::new(QuantisedLinear::from_tensors(parts, device)?));
    }
    let (_, inputs) = first.shape().dims2()?;
    let mut widened = Vec::with_capacity(parts.len());
    for (name, part) in parts {
        let (rows, columns) = part.shape().dims2()?;
        if columns != inputs {
            bail!("{name} is [{rows}, {columns}], expected [_, {inputs}] as {first_name}");
        }
        widened.push(part.dequantize(&Device::Cpu)?.to_dtype(dtype)?);
    }
    let weight = Tensor::cat(&widened, 0)?.to_device(device)?;
    Ok(Box::new(Linear::new(weight, None)?))
}

impl Projection for QuantisedLinear {
    fn dims(&self) -> (usize, usize) {
        (self.outputs, self.inputs)
    }

    fn bytes(&self) -> usize {
        self.packed.elem_count()
    }

    fn forward(&self, x: &Tensor, scratch: &Scratch, out: &Tensor) -> Result<()> {
        if self.plan(x, false, false).is_some() {
            return self.fused("quantised", &Job::new(x, out));
        }
        self.dense(x, scratch, out, false)
    }

    fn forward_residual(&self, x: &Tensor, scratch: &Scratch, residual: &Tensor) -> Result<()> {
        if self.plan(x, false, false).is_some() {
            let job = Job {
                residual: Some(residual),
                ..Job::new(x, residual)
            };
            return self.fused("quantised_residual", &job);
        }
        self.dense(x, scratch, residual, true)
    }

    fn takes_norm(&self, x: &Tensor) -> bool {
        self.plan(x, false, true).is_some()
    }

    fn forward_fused(&self, x: &Tensor, norm: RmsNorm<'_>, out: &Tensor) -> Result<()> {
        let job = Job {
            norm: Some(norm),
            ..Job::new(x, out)
        };
        self.fused("quantised_normed", &job)
    }

    fn takes_gate(&self, x: &Tensor) -> bool {
        self.plan(x, true, false).is_some()
    }

    fn gated_fused(&self, x: &Tensor, norm: Option<RmsNorm<'_>>, out: &Tensor) -> Result<()> {
        let job = Job {
            norm,
            gated: true,
            ..Job::new(x, out)
        };
        self.fused("quantised_gated", &job)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::GgmlDType;

    use super::super::seeded;
    use super::*;
    use crate::case::Draw;
    use crate::plain;

    const CPU: Device = Device::Cpu;

    fn scratch() -> Scratch {
        Scratch::new(4, 256, 8, 0, DType::F32, &CPU).unwrap()
    }

    #[test]
    fn products_are_those_of_the_widened_weight() {
        let x = Draw::new(1).normal((4, 256), 1.0).unwrap();
        for format in Format::ALL {
            let tensor = seeded::tensor(format, 9, 12, 256).unwrap();
            let layer = QuantisedLinear::from_tensors(&[("w", &tensor)], &CPU).unwrap();
            assert_eq!((layer.dims(), layer.values()), ((12, 256), 3072));
            assert_eq!(layer.bytes(), 12 * format.row_bytes(256));
            let weight = tensor.dequantize(&CPU).unwrap();
            let expected = plain::linear::linear(&x, &weight, None, None).unwrap();
            let out = Tensor::ones((4, 12), DType::F32, &CPU).unwrap();
            layer.forward(&x, &scratch(), &out).unwrap();
            assert_eq!(
                out.to_vec2::<f32>().unwrap(),
                expected.to_vec2::<f32>().unwrap()
            );
            layer.forward_residual(&x, &scratch(), &out).unwrap();
            assert_eq!(
                out.to_vec2::<f32>().unwrap(),
                (&expected + &expected).unwrap().to_vec2::<f32>().unwrap()
            );
        }
    }

    #[test]
    fn tensors_are_put_one_below_the_other() {
        let parts = [1, 2].map(|seed| seeded::tensor(Format::Q4K, seed, 3, 256).unwrap());
        let layer = QuantisedLinear::from_tensors(&[("a", &parts[0]), ("b", &parts[1])], &CPU);
        let out = Tensor::zeros((6, 256), DType::F32, &CPU).unwrap();
        layer.unwrap().expand(&out).unwrap();
        let each = parts.map(|part| part.dequantize(&CPU).unwrap());
        let expected = Tensor::cat(&each, 0).unwrap();
        assert_eq!(
            out.to_vec2::<f32>().unwrap(),
            expected.to_vec2::<f32>().unwrap()
        );
    }

    #[test]
    fn mixed_and_unknown_formats_are_widened() {
        let q4 = seeded::tensor(Format::Q4K, 1, 3, 256).unwrap();
        let q6 = QTensor::quantize(&q4.dequantize(&CPU).unwrap(), GgmlDType::Q6K).unwrap();
        let message = QuantisedLinear::from_tensors(&[("v", &q6)], &CPU)
            .unwrap_err()
            .to_string();
        assert!(message.starts_with("v: no kernel for Q6K"), "{message}");
        let message = QuantisedLinear::from_tensors(&[("q", &q4), ("v", &q6)], &CPU)
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("v is Q6K [3, 256], expected Q4_K"),
            "{message}"
        );
        let mixed = projection(&[("q", &q4), ("v", &q6)], DType::F32, &CPU).unwrap();
        assert_eq!((mixed.dims(), mixed.bytes()), ((6, 256), 6 * 256 * 4));
        let alike = projection(&[("q", &q4), ("k", &q4)], DType::F32, &CPU).unwrap();
        assert_eq!(alike.bytes(), 6 * 144);
    }

    #[test]
    fn blocks_that_are_cut_short_are_named() {
        let blocks = seeded::blocks(Format::Q80, 1, 2, 64);
        let message = QuantisedLinear::from_blocks(
            "blk.0.attn_q.weight",
            Format::Q80,
            &blocks[..blocks.len() - 1],
            (2, 64),
            &CPU,
        )
        .unwrap_err()
        .to_string();
        let expected = "blk.0.attn_q.weight: 135 bytes of Q8_0 blocks, expected 136 for [2, 64]";
        assert!(message.starts_with(expected), "{message}");
        let shape = QuantisedLinear::from_blocks("w", Format::Q4K, &blocks, (2, 64), &CPU);
        assert!(
            shape
                .unwrap_err()
                .to_string()
                .contains("multiple of 256 values")
        );
    }
}
