//! The norm over groups of channels, for pictures `[batch, height, width, channels]`.

mod cases;
mod plan;

use candle_core::{Result, Tensor, bail};

use crate::contract::{floating, operand, write};
use crate::cuda::Argument::{Count, Maybe, Number, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name, lanes, wide};
use crate::plain;

pub(crate) use cases::cases;
use plan::Plan;

/// `out = (x − mean) / √(variance + ε) · weight + bias`, with mean and variance over all places of
/// a group of neighbouring channels of one picture; with `silu`, `y · σ(y)` of that.
///
/// `x` is `[batch, …, channels]`. `out` may be `x`.
///
/// # Errors
/// Shapes or formats differ, the channels do not form so many groups, or the device failed.
pub fn group_norm(
    x: &Tensor,
    groups: usize,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f32,
    silu: bool,
    out: &Tensor,
) -> Result<()> {
    let vectors = (weight, bias);
    Call::new(x, None, groups, vectors, epsilon, silu, out)?.run()
}

/// A norm with its weights, for models: [`group_norm`], with what a block of a U-Net adds before.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    /// Groups that the channels form, in order.
    pub groups: usize,
    /// `[channels]`.
    pub weight: Tensor,
    /// `[channels]`.
    pub bias: Tensor,
    /// Keeps the divisor from zero.
    pub epsilon: f32,
    /// Whether `y · σ(y)` follows.
    pub silu: bool,
}

impl GroupNorm {
    /// Without an activation.
    ///
    /// # Errors
    /// Weight and bias differ in shape or format, or do not form so many groups.
    pub fn new(groups: usize, weight: Tensor, bias: Tensor, epsilon: f32) -> Result<Self> {
        let channels = weight.dims1()?;
        floating("group_norm", weight.dtype())?;
        operand("group_norm", "bias", &bias).is(channels, weight.dtype())?;
        check_groups(channels, groups)?;
        Ok(Self {
            groups,
            weight,
            bias,
            epsilon,
            silu: false,
        })
    }

    /// With `y · σ(y)` after the norm.
    #[must_use]
    pub fn with_silu(self) -> Self {
        Self { silu: true, ..self }
    }

    /// [`group_norm`] of `x`. `out` may be `x`.
    ///
    /// # Errors
    /// As [`group_norm`].
    pub fn forward(&self, x: &Tensor, out: &Tensor) -> Result<()> {
        self.call(x, None, out)?.run()
    }

    /// [`group_norm`] of `x + addend`, where `addend` `[batch, channels]` is added to each place of
    /// its picture and the sum is not rounded: the embedding of the time step. `out` may be `x`.
    ///
    /// # Errors
    /// As [`group_norm`].
    pub fn forward_added(&self, x: &Tensor, addend: &Tensor, out: &Tensor) -> Result<()> {
        self.call(x, Some(addend), out)?.run()
    }

    fn call<'a>(
        &'a self,
        x: &'a Tensor,
        addend: Option<&'a Tensor>,
        out: &'a Tensor,
    ) -> Result<Call<'a>> {
        let vectors = (&self.weight, &self.bias);
        Call::new(
            x,
            addend,
            self.groups,
            vectors,
            self.epsilon,
            self.silu,
            out,
        )
    }
}

fn check_groups(channels: usize, groups: usize) -> Result<()> {
    if groups == 0 || channels == 0 || !channels.is_multiple_of(groups) {
        bail!("group_norm: {channels} channels cannot form {groups} groups");
    }
    Ok(())
}

/// A checked call.
struct Call<'a> {
    x: &'a Tensor,
    addend: Option<&'a Tensor>,
    groups: usize,
    weight: &'a Tensor,
    bias: &'a Tensor,
    epsilon: f32,
    silu: bool,
    out: &'a Tensor,
    batch: usize,
    /// Of a picture.
    places: usize,
    channels: usize,
}

impl<'a> Call<'a> {
    fn new(
        x: &'a Tensor,
        addend: Option<&'a Tensor>,
        groups: usize,
        (weight, bias): (&'a Tensor, &'a Tensor),
        epsilon: f32,
        silu: bool,
        out: &'a Tensor,
    ) -> Result<Self> {
        const OP: &str = "group_norm";
        let dtype = x.dtype();
        floating(OP, dtype)?;
        operand(OP, "x", x).contiguous()?;
        let [batch, places @ .., channels] = x.dims() else {
            bail!("{OP}: x is {:?}, expected [batch, …, channels]", x.dims());
        };
        let (batch, channels) = (*batch, *channels);
        check_groups(channels, groups)?;
        operand(OP, "weight", weight).is(channels, dtype)?;
        operand(OP, "bias", bias).is(channels, dtype)?;
        if let Some(addend) = addend {
            operand(OP, "addend", addend).holds(batch * channels, dtype)?;
        }
        operand(OP, "out", out).holds(x.elem_count(), dtype)?;
        let places = places.iter().product();
        if batch * places == 0 {
            bail!("{OP}: x {:?} is empty", x.dims());
        }
        Ok(Self {
            x,
            addend,
            groups,
            weight,
            bias,
            epsilon,
            silu,
            out,
            batch,
            places,
            channels,
        })
    }

    fn run(&self) -> Result<()> {
        if let Some(gpu) = Gpu::of(self.out) {
            return self.launch(gpu);
        }
        let vectors = (self.weight, self.bias);
        let (addend, groups) = (self.addend, self.groups);
        let computed = plain::group_norm::group_norm(
            self.x,
            addend,
            groups,
            vectors,
            self.epsilon,
            self.silu,
        )?;
        write(self.out, &computed)
    }

    /// One kernel that leaves sums of each chunk of places, and one that adds them up and writes.
    fn launch(&self, gpu: Gpu<'_>) -> Result<()> {
        let dtype = self.x.dtype();
        let mut tensors = vec![self.x, self.weight, self.bias, self.out];
        tensors.extend(self.addend);
        let wide = wide(&tensors, self.channels);
        let lanes = lanes(dtype, wide);
        let plan = Plan::new(self.batch, self.places, self.channels, self.groups, lanes)?;
        let shape = [
            Count(self.places),
            Count(self.channels),
            Count(self.groups),
            Count(plan.vectors),
            Count(plan.rows),
            Count(plan.chunk_places),
        ];
        let grid = [plan.chunks, self.batch, 1];
        let name = kernel_name("group_norm_sums", dtype, wide)?;
        let sums = Kernel::new("group_norm", &name)
            .grid(grid)
            .threads(plan.threads);
        let tensors = [Read(self.x), Maybe(self.addend)];
        gpu.launch(&sums, &[&tensors[..], &shape].concat())?;

        let name = kernel_name("group_norm_apply", dtype, wide)?;
        let apply = Kernel::new("group_norm", &name)
            .grid(grid)
            .threads(plan.threads);
        let tensors = [
            Read(self.x),
            Maybe(self.addend),
            Read(self.weight),
            Read(self.bias),
            Write(self.out),
        ];
        let rest = [Number(self.epsilon), Count(usize::from(self.silu))];
        gpu.launch(&apply, &[&tensors[..], &shape, &rest].concat())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
        Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn a_picture_is_normalised_by_groups_and_the_addend_shifts_channels() {
        // Groups of one channel: mean 2 and 6, deviation 1 and 2.
        let x = tensor(&[1.0, 4.0, 3.0, 8.0], &[1, 1, 2, 2]);
        let (weight, bias) = (tensor(&[1.0, 2.0], &[2]), tensor(&[0.0, 0.5], &[2]));
        let out = x.zeros_like().unwrap();
        let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        group_norm(&x, 2, &weight, &bias, 0.0, false, &out).unwrap();
        assert_eq!(values(&out), [-1.0, -1.5, 1.0, 2.5]);
        // One group of both: a shift of one channel changes all.
        let norm = GroupNorm::new(1, weight, bias, 0.0).unwrap();
        let addend = tensor(&[3.0, -1.0], &[1, 2]);
        norm.forward_added(&x, &addend, &out).unwrap();
        let sum = tensor(&[4.0, 3.0, 6.0, 7.0], &[1, 1, 2, 2]);
        let expected = x.zeros_like().unwrap();
        norm.forward(&sum, &expected).unwrap();
        assert_eq!(values(&out), values(&expected));
        assert!(values(&out) != values(&sum));
        // In place, with the activation.
        norm.with_silu().forward(&sum, &sum).unwrap();
        for (found, y) in values(&sum).iter().zip(values(&expected)) {
            assert!((found - y / (1.0 + (-y).exp())).abs() < 1e-6);
        }
    }

    #[test]
    fn operands_that_do_not_fit_are_named() {
        let x = Tensor::zeros((2, 3, 3, 4), DType::F32, &Device::Cpu).unwrap();
        let four = Tensor::zeros(4, DType::F32, &Device::Cpu).unwrap();
        let message = |result: Result<()>| result.unwrap_err().to_string();
        let refused = message(group_norm(&x, 3, &four, &four, 0.0, false, &x));
        assert!(
            refused.contains("4 channels cannot form 3 groups"),
            "{refused}"
        );
        let norm = GroupNorm::new(2, four.clone(), four.clone(), 0.0).unwrap();
        let refused = message(norm.forward_added(&x, &four, &x));
        assert!(
            refused.contains("addend is F32 [4], expected F32 with 8"),
            "{refused}"
        );
        let refused = message(norm.forward(&x, &four));
        assert!(refused.contains("out is"), "{refused}");
        assert!(GroupNorm::new(3, four.clone(), four, 0.0).is_err());
    }
}
