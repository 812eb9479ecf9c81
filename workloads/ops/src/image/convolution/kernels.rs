//! Convolutions by kernels of our own: depthwise ones, and those with few outputs.

use candle_core::{Result, Tensor};

use super::super::{Activation, Window};
use crate::cuda::Argument::{Count, Maybe, Number, Read, Write};
use crate::cuda::{Gpu, Kernel, kernel_name, lanes, wide};

/// Outputs that the kernel for few of them has at most.
pub(super) const FEW: usize = 4;

/// Neighbouring results of a row that one thread of the depthwise kernel makes.
const RESULTS: usize = 4;

/// Pixels that the lanes of the kernel for few outputs take at once.
const PIXELS: usize = 2;

/// What both kernels get.
#[derive(Clone, Copy)]
pub(super) struct Operands<'a> {
    pub(super) x: &'a Tensor,
    pub(super) weight: &'a Tensor,
    pub(super) bias: Option<&'a Tensor>,
    pub(super) addend: Option<&'a Tensor>,
    pub(super) activation: Option<Activation>,
    pub(super) window: &'a Window,
}

impl<'a> Operands<'a> {
    fn tensors(&self, out: &'a Tensor) -> Vec<&'a Tensor> {
        let mut tensors = vec![self.x, self.weight, out];
        tensors.extend(self.bias);
        tensors.extend(self.addend);
        tensors
    }
}

/// Each channel by itself; the weight is `[kernel h, kernel w, c]`.
pub(super) fn depthwise(gpu: Gpu<'_>, operands: &Operands<'_>, out: &Tensor) -> Result<()> {
    let Operands {
        x,
        weight,
        bias,
        addend,
        activation,
        window,
    } = *operands;
    let (_, height, width, channels) = x.dims4()?;
    let (batch, out_height, out_width, _) = out.dims4()?;
    let wide = wide(&operands.tensors(out), channels);
    let row_vectors = channels / lanes(x.dtype(), wide);
    let known = [((3, 3), 1), ((3, 3), 2), ((5, 5), 1), ((5, 5), 2)]
        .into_iter()
        .find(|(kernel, stride)| {
            let plain = Window::new(*kernel, (*stride, *stride), window.padding);
            wide && Window {
                trailing: window.trailing,
                ..plain
            } == *window
        });
    let (root, results) = match known {
        Some(((size, _), stride)) => (format!("depthwise_{size}_{stride}"), RESULTS),
        None => ("depthwise".into(), 1),
    };
    let vectors = batch * out_height * out_width.div_ceil(results) * row_vectors;
    let name = kernel_name(&root, x.dtype(), wide)?;
    let kernel = Kernel::one_thread_each("depthwise", &name, vectors);
    let mut arguments = vec![
        Read(x),
        Read(weight),
        Maybe(bias),
        Maybe(addend),
        Write(out),
        Count(vectors),
        Count(row_vectors),
        Count(height),
        Count(width),
        Count(out_height),
        Count(out_width),
        Count(window.padding.0),
        Count(window.padding.1),
    ];
    if known.is_none() {
        arguments.extend([
            Count(window.kernel.0),
            Count(window.kernel.1),
            Count(window.stride.0),
            Count(window.stride.1),
            Count(window.dilation.0),
            Count(window.dilation.1),
        ]);
    }
    let (activation, slope) = Activation::code(activation);
    arguments.extend([Count(activation), Number(slope)]);
    gpu.launch(&kernel, &arguments)
}

/// At most [`FEW`] outputs; the weight is `[out, kernel h, kernel w, in]`, and vectors of 16 bytes
/// fit the channels.
pub(super) fn few(gpu: Gpu<'_>, operands: &Operands<'_>, out: &Tensor) -> Result<()> {
    let Operands {
        x,
        weight,
        bias,
        addend,
        activation,
        window,
    } = *operands;
    let (_, height, width, channels) = x.dims4()?;
    let (batch, out_height, out_width, outputs) = out.dims4()?;
    let pixels = batch * out_height * out_width;
    let row_vectors = channels / lanes(x.dtype(), true);
    let together = row_vectors.next_power_of_two().min(32);
    let name = kernel_name("conv_few", x.dtype(), true)?;
    // Whole warps, because lanes add up across a warp.
    let threads = (pixels.div_ceil(PIXELS) * together).next_multiple_of(32);
    let kernel = Kernel::one_thread_each("conv_few", &name, threads);
    let (activation, slope) = Activation::code(activation);
    let arguments = [
        Read(x),
        Read(weight),
        Maybe(bias),
        Maybe(addend),
        Write(out),
        Count(pixels),
        Count(together),
        Count(outputs),
        Count(row_vectors),
        Count(height),
        Count(width),
        Count(out_height),
        Count(out_width),
    ];
    let finish = [Count(activation), Number(slope)];
    gpu.launch(
        &kernel,
        &[&arguments[..], &window.arguments(), &finish].concat(),
    )
}
