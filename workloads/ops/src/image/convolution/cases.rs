//! Convolutions as cases. cuDNN itself answers on a GPU only; on the emulated one of unit tests the
//! plain convolution takes its place, and everything around it is the real thing.

use std::fmt::Write as _;

use candle_core::{DType, Result, Tensor, bail};

use super::super::{Activation, Geometry};
use super::Conv2d;
use crate::case::{Bound, Case, Pipe, Purpose, Tolerance, Work};
use crate::linear::Math;

/// What is added before the activation.
#[derive(Clone, Copy, PartialEq)]
enum Addend {
    Nothing,
    Apart,
    /// What lies where the result goes.
    InPlace,
}

/// A convolution at one shape.
#[derive(Clone, Copy)]
struct Layer {
    /// Batch, height, width, channels.
    x: [usize; 4],
    outputs: usize,
    kernel: (usize, usize),
    geometry: Geometry,
    /// Zeros after the picture, where there are others than before it.
    trailing: Option<(usize, usize)>,
    has_bias: bool,
    activation: Option<Activation>,
    addend: Addend,
    math: Math,
    purpose: Purpose,
}

impl Layer {
    const fn new(x: [usize; 4], outputs: usize, kernel: usize, stride: usize) -> Self {
        Self {
            x,
            outputs,
            kernel: (kernel, kernel),
            geometry: Geometry::square(stride, kernel / 2),
            trailing: None,
            has_bias: true,
            activation: None,
            addend: Addend::Nothing,
            math: Math::Default,
            purpose: Purpose::Check,
        }
    }

    const fn activated(self, activation: Activation) -> Self {
        Self {
            activation: Some(activation),
            ..self
        }
    }

    const fn plus(self, addend: Addend) -> Self {
        Self { addend, ..self }
    }

    const fn timed(self) -> Self {
        Self {
            purpose: Purpose::Bench,
            ..self
        }
    }

    /// Each channel by itself.
    const fn depthwise(self) -> Self {
        Self {
            geometry: self.geometry.grouped(self.x[3]),
            ..self
        }
    }

    const fn op(&self) -> &'static str {
        if self.geometry.groups > 1 && self.geometry.groups == self.x[3] {
            "depthwise"
        } else {
            "conv2d"
        }
    }

    /// What a filter can name: picture, outputs, kernel, and what is not usual.
    fn shape(&self) -> String {
        let [batch, height, width, channels] = self.x;
        let Geometry {
            stride,
            padding,
            dilation,
            groups,
        } = self.geometry;
        let (high, wide) = self.kernel;
        let mut text = format!(
            "{batch}x{height}x{width}x{channels}->{} {high}x{wide}",
            self.outputs
        );
        let mut say = |said: bool, what: std::fmt::Arguments<'_>| {
            // A string grows without fail.
            let _ = said.then(|| text.write_fmt(what));
        };
        say(
            stride != (1, 1),
            format_args!(" stride {}x{}", stride.0, stride.1),
        );
        say(
            padding != (high / 2, wide / 2),
            format_args!(" padding {}x{}", padding.0, padding.1),
        );
        say(dilation != (1, 1), format_args!(" dilation {}", dilation.0));
        say(groups > 1, format_args!(" groups {groups}"));
        if self.trailing.is_some() {
            text += " same";
        }
        text += match (self.has_bias, self.addend) {
            (true, Addend::Nothing) => " bias",
            (true, Addend::Apart) => " bias+addend",
            (true, Addend::InPlace) => " bias+out",
            (false, Addend::Nothing) => "",
            (false, Addend::Apart) => " addend",
            (false, Addend::InPlace) => " out",
        };
        text += match self.activation {
            None => "",
            Some(Activation::Relu) => " relu",
            Some(Activation::Relu6) => " relu6",
            Some(Activation::LeakyRelu(_)) => " leaky",
            Some(Activation::Silu) => " silu",
            Some(Activation::Sigmoid) => " sigmoid",
            Some(Activation::Gelu) => " gelu",
        };
        if self.math == Math::Tf32 {
            text += " tf32";
        }
        text
    }

    /// The layer with these operands.
    fn build(&self, weight: &Tensor, bias: &Tensor) -> Result<Conv2d> {
        let bias = self.has_bias.then(|| bias.clone());
        let mut layer = Conv2d::new(weight.clone(), bias, self.geometry)?.with_math(self.math);
        if let Some(activation) = self.activation {
            layer = layer.with_activation(activation);
        }
        if let Some(trailing) = self.trailing {
            layer = layer.with_trailing_padding(trailing);
        }
        Ok(layer)
    }

    /// Batch, height, width and channels of the result.
    fn result(&self) -> [usize; 4] {
        let along = |place: usize, kernel, stride, padding: usize, trailing, dilation| {
            let padded: usize = self.x[place] + padding + trailing;
            (padded - ((kernel - 1) * dilation + 1)) / stride + 1
        };
        let Geometry {
            stride,
            padding,
            dilation,
            ..
        } = self.geometry;
        let trailing = self.trailing.unwrap_or(padding);
        [
            self.x[0],
            along(
                1,
                self.kernel.0,
                stride.0,
                padding.0,
                trailing.0,
                dilation.0,
            ),
            along(
                2,
                self.kernel.1,
                stride.1,
                padding.1,
                trailing.1,
                dilation.1,
            ),
            self.outputs,
        ]
    }

    fn work(&self, dtype: DType) -> Work {
        let share = self.x[3] / self.geometry.groups * self.kernel.0 * self.kernel.1;
        let results: usize = self.result().iter().product();
        let passes = if self.addend == Addend::Nothing { 1 } else { 2 };
        let values = self.x.iter().product::<usize>() + self.outputs * share + passes * results;
        Work {
            bytes: (values * dtype.size_in_bytes()) as u64,
            flops: (2 * results * share) as u64,
            pipe: match (dtype, self.math) {
                _ if self.op() == "depthwise" => Pipe::F32,
                (DType::F32, Math::Default) => Pipe::F32,
                (DType::F32, Math::Tf32) => Pipe::Tf32,
                _ => Pipe::Tensor16,
            },
        }
    }

    fn tolerance(&self, dtype: DType) -> Tolerance {
        let once = Tolerance::rounded_once(dtype);
        if dtype == DType::F32 && self.math == Math::Tf32 {
            return Tolerance {
                relative: 1e-3,
                reason: "factors are rounded to 2^-11; the errors of a sum of products average out",
            };
        }
        if self.activation.is_some() || self.addend != Addend::Nothing {
            return Tolerance {
                relative: 2.0 * once.relative,
                reason: "the sums may be rounded before what follows",
            };
        }
        once
    }

    fn case(self, dtype: DType) -> Case {
        Case {
            op: self.op(),
            shape: self.shape(),
            dtype,
            purpose: self.purpose,
            tolerance: self.tolerance(dtype),
            work: self.work(dtype),
            inputs: Box::new(move |draw| {
                let share = self.x[3] / self.geometry.groups;
                let (height, width) = self.kernel;
                #[expect(clippy::cast_precision_loss, reason = "windows are small")]
                let deviation = 1.0 / ((share * height * width) as f32).sqrt();
                Ok(vec![
                    draw.normal(self.x.to_vec(), 1.0)?,
                    draw.normal((self.outputs, share, height, width), deviation)?,
                    draw.normal(self.outputs, 1.0)?,
                    draw.normal(self.result().to_vec(), 1.0)?,
                ])
            }),
            bind: Box::new(move |operands| self.bind(operands)),
            plain: Box::new(move |operands| {
                let [x, weight, bias, addend] = operands else {
                    bail!("four operands");
                };
                let addend = (self.addend != Addend::Nothing).then_some(addend);
                Ok(vec![self.build(weight, bias)?.plain(x, addend)?])
            }),
        }
    }

    /// Operands: x, weight, bias, addend.
    fn bind(self, operands: &[Tensor]) -> Result<Bound> {
        let [x, weight, bias, addend] = operands else {
            bail!("four operands");
        };
        let layer = self.build(weight, bias)?;
        let out = match self.addend {
            Addend::InPlace => addend.clone(),
            _ => addend.zeros_like()?,
        };
        let (x, addend) = (x.clone(), addend.clone());
        Ok(Bound {
            outputs: vec![out.clone()],
            call: Box::new(move || match self.addend {
                Addend::Nothing => layer.forward(&x, &out),
                _ => layer.forward_residual(&x, &addend, &out),
            }),
        })
    }
}

/// Each way that a convolution is computed, in each format; then layers of models in bf16.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        cases.extend(checked().into_iter().map(|layer| layer.case(dtype)));
    }
    let tf32 = Layer {
        math: Math::Tf32,
        ..Layer::new([2, 9, 7, 16], 24, 3, 1)
    };
    cases.push(tf32.case(DType::F32));
    cases.extend(timed().into_iter().map(|layer| layer.case(DType::BF16)));
    let unet = Layer::new([2, 64, 64, 320], 320, 3, 1).timed();
    cases.push(unet.case(DType::F16));
    cases.push(unet.case(DType::F32));
    let tf32 = Layer {
        math: Math::Tf32,
        ..unet
    };
    cases.push(tf32.case(DType::F32));
    cases
}

/// Small shapes: a library's, pixels, windows written out, few outputs, each channel by itself.
fn checked() -> Vec<Layer> {
    use Activation::{Gelu, LeakyRelu, Relu, Relu6, Sigmoid, Silu};
    let library = Layer::new([2, 9, 7, 16], 24, 3, 1);
    let pixels = Layer::new([2, 5, 4, 12], 20, 1, 1);
    let picture = Layer::new([2, 13, 10, 3], 8, 7, 2);
    let few = Layer::new([2, 5, 7, 40], 3, 3, 1);
    let each = Layer::new([2, 9, 11, 24], 24, 3, 1).depthwise();
    vec![
        library,
        library.activated(Relu),
        library.plus(Addend::Apart),
        library.plus(Addend::Apart).activated(Relu),
        library.plus(Addend::InPlace).activated(Relu),
        library.plus(Addend::Apart).activated(Silu),
        library.activated(LeakyRelu(0.2)),
        Layer {
            has_bias: false,
            ..library.activated(Relu)
        },
        Layer::new([2, 8, 9, 16], 24, 3, 2),
        Layer {
            geometry: Geometry::square(1, 2).dilated(2),
            ..library
        },
        // Inception: windows in one direction.
        Layer {
            kernel: (1, 7),
            geometry: Geometry {
                padding: (0, 3),
                ..Geometry::default()
            },
            ..library.activated(Relu)
        },
        Layer {
            kernel: (7, 1),
            geometry: Geometry {
                stride: (2, 1),
                padding: (3, 0),
                ..Geometry::default()
            },
            ..library
        },
        Layer {
            geometry: Geometry::square(1, 1).grouped(2),
            ..library
        },
        Layer::new([2, 5, 4, 16], 24, 1, 1).activated(Relu),
        Layer::new([2, 5, 4, 16], 24, 1, 1)
            .plus(Addend::Apart)
            .activated(Relu),
        Layer::new([2, 6, 4, 16], 24, 1, 2),
        pixels,
        pixels.activated(Silu),
        pixels.plus(Addend::Apart),
        pixels.plus(Addend::InPlace).activated(Relu),
        Layer::new([1, 3, 3, 21], 5, 1, 1).activated(Sigmoid),
        picture.activated(Relu),
        picture.plus(Addend::InPlace),
        picture.plus(Addend::Apart).activated(Gelu),
        Layer::new([1, 6, 5, 4], 16, 3, 1),
        Layer::new([1, 6, 5, 16], 21, 3, 1),
        // As TensorFlow pads a stride of 2.
        Layer {
            geometry: Geometry::square(2, 0),
            trailing: Some((1, 1)),
            ..Layer::new([2, 8, 10, 3], 8, 3, 2)
        },
        Layer {
            geometry: Geometry::square(2, 0),
            trailing: Some((1, 1)),
            ..Layer::new([2, 8, 10, 16], 8, 3, 2)
        },
        few,
        few.plus(Addend::Apart).activated(Sigmoid),
        few.plus(Addend::InPlace),
        Layer::new([1, 6, 9, 16], 4, 5, 2),
        Layer::new([1, 3, 3, 264], 1, 3, 1),
        each,
        each.activated(Relu6),
        each.plus(Addend::Apart).activated(Silu),
        each.plus(Addend::InPlace),
        Layer {
            has_bias: false,
            ..Layer::new([2, 9, 8, 24], 24, 3, 2).depthwise()
        },
        Layer::new([2, 9, 11, 24], 24, 5, 1)
            .depthwise()
            .activated(Gelu),
        Layer {
            geometry: Geometry::square(2, 1).grouped(24),
            trailing: Some((2, 2)),
            ..Layer::new([2, 10, 12, 24], 24, 5, 2)
        },
        Layer {
            geometry: Geometry::square(1, 2).dilated(2).grouped(24),
            ..each
        },
        Layer::new([1, 7, 5, 7], 7, 3, 1)
            .depthwise()
            .activated(Relu),
        Layer::new([1, 7, 5, 24], 24, 7, 1).depthwise(),
    ]
}

/// Layers of models, in their sizes.
fn timed() -> Vec<Layer> {
    use Activation::{LeakyRelu, Relu, Silu};
    let mut layers = Vec::new();
    // Stable Diffusion 1.5, both halves of guidance: the UNet's levels, its first and last layer; the
    // decoder's at 512².
    for (size, channels) in [(64, 320), (32, 640), (16, 1280), (8, 1280)] {
        let level = Layer::new([2, size, size, channels], channels, 3, 1);
        layers.push(level);
        layers.push(level.plus(Addend::Apart));
    }
    layers.push(Layer::new([2, 64, 64, 960], 320, 3, 1));
    layers.push(Layer::new([2, 64, 64, 4], 320, 3, 1));
    layers.push(Layer::new([2, 64, 64, 320], 4, 3, 1));
    layers.push(Layer::new([1, 512, 512, 128], 128, 3, 1));
    layers.push(Layer::new([1, 512, 512, 128], 3, 3, 1));
    // ResNet-50, 32 pictures.
    layers.push(Layer::new([32, 224, 224, 3], 64, 7, 2).activated(Relu));
    for (size, channels) in [(56, 64), (28, 128), (14, 256), (7, 512)] {
        layers.push(Layer::new([32, size, size, channels], channels, 3, 1).activated(Relu));
    }
    layers.push(Layer::new([32, 56, 56, 256], 64, 1, 1).activated(Relu));
    layers.push(
        Layer::new([32, 56, 56, 64], 256, 1, 1)
            .plus(Addend::Apart)
            .activated(Relu),
    );
    // RRDB of Real-ESRGAN at 256²: dense layers, the last one at 1024².
    let leaky = LeakyRelu(0.2);
    layers.push(Layer::new([1, 256, 256, 64], 64, 3, 1));
    layers.push(Layer::new([1, 256, 256, 64], 32, 3, 1).activated(leaky));
    layers.push(Layer::new([1, 256, 256, 192], 64, 3, 1));
    layers.push(Layer::new([1, 1024, 1024, 64], 3, 3, 1));
    // YOLOv8-m at 640².
    layers.push(Layer::new([1, 640, 640, 3], 48, 3, 2).activated(Silu));
    layers.push(Layer::new([1, 80, 80, 96], 96, 3, 1).activated(Silu));
    // EfficientDet-D0, SegFormer-B0.
    layers.push(
        Layer::new([1, 256, 256, 96], 96, 3, 1)
            .depthwise()
            .activated(Silu),
    );
    layers.push(
        Layer::new([1, 64, 64, 240], 240, 5, 1)
            .depthwise()
            .activated(Silu),
    );
    layers.push(
        Layer::new([1, 128, 128, 128], 128, 3, 1)
            .depthwise()
            .activated(Activation::Gelu),
    );
    layers.into_iter().map(Layer::timed).collect()
}
