//! Pools, resizes, copies, sums, regions and boxes as cases; convolutions have their own.

mod boxes;
mod regions;

use std::sync::Arc;

use candle_core::{DType, Result, Tensor, bail};

use super::Activation;
use crate::case::{Bound, Case, Purpose, Tolerance, Work};
use crate::image::Window;
use crate::plain;

type Call = Arc<dyn Fn(&[Tensor], &Tensor) -> Result<()>>;
type Plain = Arc<dyn Fn(&[Tensor]) -> Result<Tensor>>;

/// An operation of floating operands with one result.
struct Simple {
    op: &'static str,
    shape: String,
    purpose: Purpose,
    inputs: Vec<Vec<usize>>,
    out: Vec<usize>,
    call: Call,
    plain: Plain,
}

impl Simple {
    fn new(
        op: &'static str,
        inputs: &[&[usize]],
        out: &[usize],
        call: impl Fn(&[Tensor], &Tensor) -> Result<()> + 'static,
        plain: impl Fn(&[Tensor]) -> Result<Tensor> + 'static,
    ) -> Self {
        let words = |dims: &[usize]| {
            let words: Vec<String> = dims.iter().map(ToString::to_string).collect();
            words.join("x")
        };
        Self {
            op,
            shape: format!("{}->{}", words(inputs[0]), words(out)),
            purpose: Purpose::Check,
            inputs: inputs.iter().map(|dims| dims.to_vec()).collect(),
            out: out.to_vec(),
            call: Arc::new(call),
            plain: Arc::new(plain),
        }
    }

    fn named(self, more: &str) -> Self {
        Self {
            shape: format!("{} {more}", self.shape),
            ..self
        }
    }

    fn timed(self) -> Self {
        Self {
            purpose: Purpose::Bench,
            ..self
        }
    }

    fn case(&self, dtype: DType) -> Case {
        let values: usize = self
            .inputs
            .iter()
            .chain([&self.out])
            .map(|dims| dims.iter().product::<usize>())
            .sum();
        let (inputs, out) = (self.inputs.clone(), self.out.clone());
        let (call, plain) = (Arc::clone(&self.call), Arc::clone(&self.plain));
        Case {
            op: self.op,
            shape: self.shape.clone(),
            dtype,
            purpose: self.purpose,
            tolerance: Tolerance::rounded_once(dtype),
            work: Work::traffic((values * dtype.size_in_bytes()) as u64),
            inputs: Box::new(move |draw| {
                inputs
                    .iter()
                    .map(|dims| draw.normal(dims.clone(), 1.0))
                    .collect()
            }),
            bind: Box::new(move |operands| {
                let Some(first) = operands.first() else {
                    bail!("no operands");
                };
                let operands = operands.to_vec();
                let out = Tensor::zeros(out.clone(), dtype, first.device())?;
                let call = Arc::clone(&call);
                Ok(Bound {
                    outputs: vec![out.clone()],
                    call: Box::new(move || call(&operands, &out)),
                })
            }),
            plain: Box::new(move |operands| Ok(vec![plain(operands)?])),
        }
    }
}

/// Every operation: channels that vectors fit and such that they do not, in each format; sizes of
/// models in bf16.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = super::convolution::cases();
    for channels in [16, 5] {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let all = [
                pools(channels),
                sizes(channels),
                copies(channels),
                sums(channels),
            ];
            cases.extend(all.iter().flatten().map(|simple| simple.case(dtype)));
        }
    }
    cases.extend(timed().iter().map(|simple| simple.case(DType::BF16)));
    cases.extend(regions::cases());
    cases.extend(boxes::cases());
    cases
}

fn max_pool(x: [usize; 4], size: usize, stride: usize, padding: usize, out: [usize; 2]) -> Simple {
    let (kernel, stride, padding) = ((size, size), (stride, stride), (padding, padding));
    let hangs_over = Window {
        trailing: (padding.0 + stride.0, padding.1 + stride.1),
        ..Window::new(kernel, stride, padding)
    };
    Simple::new(
        "max_pool2d",
        &[&x],
        &[x[0], out[0], out[1], x[3]],
        move |operands, out| super::max_pool2d(&operands[0], kernel, stride, padding, out),
        move |operands| {
            let all = plain::image::max_pool2d(&operands[0], &hangs_over)?;
            all.narrow(1, 0, out[0])?.narrow(2, 0, out[1])
        },
    )
    .named(&format!("{size}x{size}"))
}

fn avg_pool(x: [usize; 4], window: Window, counts: bool, out: [usize; 2]) -> Simple {
    Simple::new(
        "avg_pool2d",
        &[&x],
        &[x[0], out[0], out[1], x[3]],
        move |operands, out| {
            let Window {
                kernel,
                stride,
                padding,
                ..
            } = window;
            super::avg_pool2d(&operands[0], kernel, stride, padding, counts, out)
        },
        move |operands| plain::image::avg_pool2d(&operands[0], &window, counts),
    )
    .named(if counts { "padding counts" } else { "" })
}

fn average(x: [usize; 4]) -> Simple {
    Simple::new(
        "global_average",
        &[&x],
        &[x[0], x[3]],
        |operands, out| super::global_average(&operands[0], out),
        |operands| plain::image::global_average(&operands[0]),
    )
}

fn pools(channels: usize) -> Vec<Simple> {
    let window = Window::new((3, 2), (2, 1), (1, 1));
    vec![
        max_pool([2, 9, 8, channels], 3, 2, 1, [5, 4]),
        // The last windows hang over.
        max_pool([2, 8, 10, channels], 3, 2, 0, [4, 5]),
        max_pool([1, 7, 6, channels], 5, 1, 2, [7, 6]),
        avg_pool([2, 9, 8, channels], window, true, [5, 9]),
        avg_pool([2, 9, 8, channels], window, false, [5, 9]),
        average([2, 7, 7, channels]),
        average([1, 40, 30, 3 * channels]),
        average([1, 1, 1, 60 * channels]),
    ]
}

fn nearest(x: [usize; 4], out: [usize; 2]) -> Simple {
    Simple::new(
        "resize_nearest",
        &[&x],
        &[x[0], out[0], out[1], x[3]],
        |operands, out| super::resize_nearest(&operands[0], out),
        move |operands| plain::image::resize_nearest(&operands[0], (out[0], out[1])),
    )
}

fn bilinear(x: [usize; 4], out: [usize; 2], corners: bool) -> Simple {
    Simple::new(
        "resize_bilinear",
        &[&x],
        &[x[0], out[0], out[1], x[3]],
        move |operands, out| super::resize_bilinear(&operands[0], corners, out),
        move |operands| plain::image::resize_bilinear(&operands[0], (out[0], out[1]), corners),
    )
    .named(if corners { "corners" } else { "" })
}

fn sizes(channels: usize) -> Vec<Simple> {
    vec![
        nearest([2, 5, 7, channels], [10, 14]),
        nearest([1, 13, 9, channels], [25, 7]),
        bilinear([2, 5, 7, channels], [20, 28], false),
        bilinear([1, 9, 8, channels], [4, 11], false),
        bilinear([2, 5, 7, channels], [9, 20], true),
        bilinear([2, 5, 7, channels], [1, 1], true),
    ]
}

fn shuffle(x: [usize; 4], factor: usize) -> Simple {
    let out = [x[0], x[1] * factor, x[2] * factor, x[3] / (factor * factor)];
    Simple::new(
        "pixel_shuffle",
        &[&x],
        &out,
        move |operands, out| super::pixel_shuffle(&operands[0], factor, out),
        move |operands| plain::image::pixel_shuffle(&operands[0], factor),
    )
}

fn concat(x: [usize; 3], channels: &[usize]) -> Simple {
    let inputs: Vec<Vec<usize>> = channels
        .iter()
        .map(|own| vec![x[0], x[1], x[2], *own])
        .collect();
    let inputs: Vec<&[usize]> = inputs.iter().map(Vec::as_slice).collect();
    Simple::new(
        "concat",
        &inputs,
        &[x[0], x[1], x[2], channels.iter().sum()],
        |operands, out| super::concat(&operands.iter().collect::<Vec<_>>(), out),
        |operands| plain::image::concat(&operands.iter().collect::<Vec<_>>()),
    )
}

fn patches(x: [usize; 4], size: usize) -> Simple {
    let count = (x[1] / size) * (x[2] / size);
    Simple::new(
        "patches",
        &[&x],
        &[x[0], count, size * size * x[3]],
        move |operands, out| super::patches(&operands[0], size, out),
        move |operands| plain::image::patches(&operands[0], size),
    )
}

fn copies(channels: usize) -> Vec<Simple> {
    vec![
        shuffle([2, 3, 5, 4 * channels], 2),
        shuffle([1, 2, 3, 9 * channels], 3),
        concat([2, 3, 5], &[channels, 2 * channels]),
        concat(
            [1, 2, 3],
            &[
                channels,
                channels,
                3 * channels,
                channels,
                2 * channels,
                channels,
            ],
        ),
        patches([2, 6, 4, channels], 2),
        patches([1, 48, 32, 3], 16).named(&format!("beside {channels}")),
    ]
}

fn finished(x: [usize; 4], activation: Activation) -> Simple {
    Simple::new(
        "add_bias_activation",
        &[&x, &[x[3]]],
        &x,
        move |operands, out| {
            super::add_bias_activation(&operands[0], Some(&operands[1]), Some(activation), out)
        },
        move |operands| {
            plain::image::finish(&operands[0], Some(&operands[1]), None, Some(activation))
        },
    )
    .named(&format!("{activation:?}"))
}

fn sum(x: [usize; 4]) -> Simple {
    Simple::new(
        "add",
        &[&x, &x],
        &x,
        |operands, out| super::add(&operands[0], &operands[1], out),
        |operands| plain::image::finish(&operands[0], None, Some(&operands[1]), None),
    )
}

fn weighted(x: [usize; 4], count: usize) -> Simple {
    const WEIGHTS: [f32; 3] = [0.5, -0.75, 1.25];
    let parts = |operands: &[Tensor]| -> Vec<(Tensor, f32)> {
        operands.iter().cloned().zip(WEIGHTS).collect()
    };
    let activation = Some(Activation::Silu);
    Simple::new(
        "weighted_sum",
        &vec![x.as_slice(); count],
        &x,
        move |operands, out| {
            let parts = parts(operands);
            let parts: Vec<_> = parts.iter().map(|(x, weight)| (x, *weight)).collect();
            super::weighted_sum(&parts, activation, out)
        },
        move |operands| {
            let parts = parts(operands);
            let parts: Vec<_> = parts.iter().map(|(x, weight)| (x, *weight)).collect();
            plain::image::weighted_sum(&parts, activation)
        },
    )
    .named(&format!("of {count}"))
}

fn sums(channels: usize) -> Vec<Simple> {
    use Activation::{Gelu, LeakyRelu, Relu, Relu6, Sigmoid, Silu};
    let x = [2, 3, 5, channels];
    let mut all: Vec<Simple> = [Relu, Relu6, LeakyRelu(0.2), Silu, Sigmoid, Gelu]
        .into_iter()
        .map(|activation| finished(x, activation))
        .collect();
    all.push(sum(x));
    all.extend([1, 2, 3].map(|count| weighted(x, count)));
    all.push(Simple::new(
        "scale_channels",
        &[&x, &[2, channels]],
        &x,
        |operands, out| super::scale_channels(&operands[0], &operands[1], out),
        |operands| plain::image::scale_channels(&operands[0], &operands[1]),
    ));
    all
}

/// Sizes of ResNet-50, Stable Diffusion, EDSR and detectors.
fn timed() -> Vec<Simple> {
    let all = vec![
        max_pool([32, 112, 112, 64], 3, 2, 1, [56, 56]),
        average([32, 7, 7, 2048]),
        average([1, 256, 256, 32]),
        nearest([2, 32, 32, 640], [64, 64]),
        nearest([1, 256, 256, 64], [512, 512]),
        bilinear([1, 65, 65, 256], [129, 129], false),
        shuffle([1, 256, 256, 256], 2),
        concat([2, 64, 64], &[320, 320]),
        concat([1, 256, 256], &[64, 32, 32, 32, 32]),
        patches([32, 224, 224, 3], 16),
        finished([32, 56, 56, 256], Activation::Relu),
        finished([1, 80, 80, 192], Activation::Silu),
        sum([2, 64, 64, 320]),
        weighted([1, 64, 64, 64], 3),
    ];
    all.into_iter().map(Simple::timed).collect()
}
