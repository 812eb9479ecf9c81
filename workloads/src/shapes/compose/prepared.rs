//! The composition that is measured: fused operations that write into memory of their own.
//!
//! The first pass loads the layers and allocates what each of them writes; later passes find both
//! by the order of the calls, which is that of the network, and allocate nothing.

use candle_core::{Result, Tensor, bail};
use candle_nn::VarBuilder;
use ops::activation;
use ops::image::{self, Geometry};
use ops::linear::Linear;
use ops::norm::GroupNorm;

use super::{Activation, Compose, Conv, EPSILON};

/// Operations of `ops`, in the format and on the device of the weights.
pub struct Prepared {
    weights: VarBuilder<'static>,
    steps: Vec<Step>,
    next: usize,
}

/// A call of the network: what it needs and where it writes.
struct Step {
    name: String,
    layer: Layer,
    out: Tensor,
}

/// What a call has loaded.
enum Layer {
    Conv(image::Conv2d),
    Linear(Linear),
    Norm(GroupNorm),
    Nothing,
}

impl Prepared {
    /// Over these weights; nothing is loaded yet.
    pub const fn new(weights: VarBuilder<'static>) -> Self {
        Self {
            weights,
            steps: Vec::new(),
            next: 0,
        }
    }

    /// Makes the next pass the first again: it may have other shapes.
    pub fn forget(&mut self) {
        self.steps.clear();
    }

    /// Bytes of all that calls write into.
    pub fn scratch_bytes(&self) -> usize {
        let bytes = |step: &Step| step.out.elem_count() * step.out.dtype().size_in_bytes();
        self.steps.iter().map(bytes).sum()
    }

    /// The next call, made ready if this is the first pass.
    fn step(
        &mut self,
        name: &str,
        shape: &[usize],
        load: impl FnOnce(&VarBuilder<'static>) -> Result<Layer>,
    ) -> Result<&Step> {
        if self.next == self.steps.len() {
            let layer = load(&self.weights)?;
            let (dtype, device) = (self.weights.dtype(), self.weights.device());
            let out = Tensor::zeros(shape, dtype, device)?;
            let name = name.to_owned();
            self.steps.push(Step { name, layer, out });
        }
        let step = &self.steps[self.next];
        if step.name != name || step.out.dims() != shape {
            bail!(
                "{name} of {shape:?} is asked for where the first pass had {} of {:?}",
                step.name,
                step.out.dims()
            );
        }
        self.next += 1;
        Ok(step)
    }
}

/// Weight and bias of a layer. Seeded ones are random numbers, for zeros falsify power.
fn both(weights: &VarBuilder<'_>, name: &str, shape: &[usize]) -> Result<(Tensor, Tensor)> {
    let (weights, random) = (weights.pp(name), candle_nn::init::DEFAULT_KAIMING_NORMAL);
    Ok((
        weights.get_with_hints(shape, "weight", random)?,
        weights.get_with_hints(shape[0], "bias", random)?,
    ))
}

impl Compose for Prepared {
    fn begin(&mut self) {
        self.next = 0;
    }

    fn conv(&mut self, name: &str, x: &Tensor, conv: Conv) -> Result<Tensor> {
        let (batch, height, width, channels) = x.dims4()?;
        let Conv {
            outputs,
            kernel,
            stride,
            ..
        } = conv;
        let side = |length: usize| (length - 1) / stride + 1;
        let shape = [batch, side(height), side(width), outputs];
        let step = self.step(name, &shape, |weights| {
            let (weight, bias) = both(weights, name, &[outputs, channels, kernel, kernel])?;
            let geometry = Geometry::square(stride, kernel / 2);
            let layer = image::Conv2d::new(weight, Some(bias), geometry)?;
            Ok(Layer::Conv(match conv.activation {
                Activation::None => layer,
                Activation::Relu => layer.with_activation(image::Activation::Relu),
                Activation::Silu => layer.with_activation(image::Activation::Silu),
            }))
        })?;
        if let Layer::Conv(conv) = &step.layer {
            conv.forward(x, &step.out)?;
        }
        Ok(step.out.clone())
    }

    fn linear(
        &mut self,
        name: &str,
        x: &Tensor,
        outputs: usize,
        activation: Activation,
    ) -> Result<Tensor> {
        let (rows, inputs) = x.dims2()?;
        let step = self.step(name, &[rows, outputs], |weights| {
            let (weight, bias) = both(weights, name, &[outputs, inputs])?;
            Ok(Layer::Linear(Linear::new(weight, Some(bias))?))
        })?;
        if let Layer::Linear(linear) = &step.layer {
            linear.forward(x, &step.out)?;
        }
        match activation {
            Activation::None => (),
            Activation::Relu => activation::relu(&step.out, &step.out)?,
            Activation::Silu => activation::silu(&step.out, &step.out)?,
        }
        Ok(step.out.clone())
    }

    fn group_norm_silu(
        &mut self,
        name: &str,
        x: &Tensor,
        addend: Option<&Tensor>,
        groups: usize,
    ) -> Result<Tensor> {
        let (_, _, _, channels) = x.dims4()?;
        let step = self.step(name, x.dims(), |weights| {
            let (weight, bias) = both(weights, name, &[channels])?;
            let norm = GroupNorm::new(groups, weight, bias, EPSILON)?;
            Ok(Layer::Norm(norm.with_silu()))
        })?;
        if let Layer::Norm(norm) = &step.layer {
            match addend {
                Some(addend) => norm.forward_added(x, addend, &step.out)?,
                None => norm.forward(x, &step.out)?,
            }
        }
        Ok(step.out.clone())
    }

    fn upsample(&mut self, x: &Tensor, factor: usize) -> Result<Tensor> {
        let (b, h, w, c) = x.dims4()?;
        let shape = [b, h * factor, w * factor, c];
        let step = self.step("upsample", &shape, |_| Ok(Layer::Nothing))?;
        image::upsample_nearest(x, factor, &step.out)?;
        Ok(step.out.clone())
    }

    fn patches(&mut self, x: &Tensor, size: usize) -> Result<Tensor> {
        let (b, h, w, c) = x.dims4()?;
        let (rows, columns, channels) = (h / size, w / size, size * size * c);
        let step = self.step("patches", &[b, rows * columns, channels], |_| {
            Ok(Layer::Nothing)
        })?;
        image::patches(x, size, &step.out)?;
        step.out.reshape((b, rows, columns, channels))
    }

    fn pixel_shuffle(&mut self, x: &Tensor, factor: usize) -> Result<Tensor> {
        let (b, h, w, c) = x.dims4()?;
        let shape = [b, h * factor, w * factor, c / (factor * factor)];
        let step = self.step("pixel_shuffle", &shape, |_| Ok(Layer::Nothing))?;
        image::pixel_shuffle(x, factor, &step.out)?;
        Ok(step.out.clone())
    }

    fn concat(&mut self, one: &Tensor, other: &Tensor) -> Result<Tensor> {
        let (b, h, w, c) = one.dims4()?;
        let shape = [b, h, w, c + other.dims()[3]];
        let step = self.step("concat", &shape, |_| Ok(Layer::Nothing))?;
        image::concat(&[one, other], &step.out)?;
        Ok(step.out.clone())
    }

    fn add(&mut self, one: &Tensor, other: &Tensor) -> Result<Tensor> {
        let step = self.step("add", one.dims(), |_| Ok(Layer::Nothing))?;
        image::add(one, other, &step.out)?;
        Ok(step.out.clone())
    }
}
