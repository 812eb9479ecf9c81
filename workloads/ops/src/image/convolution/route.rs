//! Which kernel or library computes a convolution on a GPU.

use candle_core::{Result, Tensor, bail};

use super::super::{Activation, elementwise};
use super::kernels::{FEW, Operands};
use super::{Conv2d, Done, Product, Weight, backend, kernels};
use crate::cuda::{Gpu, lanes, wide};

/// The ways a convolution with all inputs for all outputs is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// A window of one value: a linear layer.
    Pixels,
    /// Few outputs: our own kernel.
    Few,
    /// What windows see is written out, then a linear layer: channels that no vector fits, and
    /// padding that the library does not have.
    Windows,
    /// cuDNN.
    Library,
}

impl Conv2d {
    pub(super) fn run_on(
        &self,
        gpu: Gpu<'_>,
        x: &Tensor,
        addend: Option<&Tensor>,
        out: &Tensor,
    ) -> Result<()> {
        let operands = Operands {
            x,
            weight: self.weight.tensor(),
            bias: self.bias.as_ref(),
            addend,
            activation: self.activation,
            window: &self.window,
        };
        let (weight, columns) = match &self.weight {
            Weight::Depthwise(_) => return kernels::depthwise(gpu, &operands, out),
            Weight::Grouped(weight) => (weight, None),
            Weight::Full(weight, columns) => (weight, Some(columns)),
        };
        let route = match columns {
            Some(_) => self.route(x, addend.is_some()),
            None => Route::Library,
        };
        if route == Route::Few {
            return kernels::few(gpu, &operands, out);
        }
        // An addend where the result goes is added to there, before anything overwrites it.
        let in_place = addend.is_some_and(|addend| same_memory(addend, out));
        let addend = addend.filter(|_| !in_place);
        let done = match (route, columns) {
            (Route::Pixels, Some(columns)) => {
                columns.multiply_pixels(x, in_place, out)?;
                return self.finish(None, addend, out);
            }
            (Route::Windows, _) => Done::Nothing,
            _ => {
                let product = Product {
                    x,
                    weight,
                    bias: self.bias.as_ref(),
                    addend,
                    activation: self.activation,
                    window: &self.window,
                    groups: self.groups,
                    math: self.math,
                    accumulates: in_place,
                };
                backend::convolve(gpu, &product, out)?
            }
        };
        match (done, columns) {
            (Done::Everything, _) => Ok(()),
            (Done::Sums, _) => self.finish(self.bias.as_ref(), addend, out),
            (Done::Nothing, Some(columns)) => {
                columns.multiply_windows(gpu, x, &self.window, in_place, out)?;
                self.finish(None, addend, out)
            }
            (Done::Nothing, None) => bail!(
                "conv2d: cuDNN has no algorithm for {} groups of weight {:?} on x {:?}",
                self.groups,
                weight.dims(),
                x.dims()
            ),
        }
    }

    fn route(&self, x: &Tensor, has_addend: bool) -> Route {
        let vector = lanes(x.dtype(), true);
        let fits = self.inputs.is_multiple_of(vector) && wide(&[x], self.inputs);
        let result_fits = self.outputs.is_multiple_of(vector);
        if self.window.is_one_value() {
            // The library has bias, addend and ReLU in the same kernel, the linear layer the bias.
            let more = has_addend || self.activation == Some(Activation::Relu);
            if !(more && self.bias.is_some() && fits && result_fits) {
                return Route::Pixels;
            }
        }
        let padding_differs = self.window.trailing != self.window.padding;
        if fits && self.outputs <= FEW {
            Route::Few
        } else if !fits || !result_fits || padding_differs {
            Route::Windows
        } else {
            Route::Library
        }
    }

    /// What is left to do after the sums, in place.
    fn finish(&self, bias: Option<&Tensor>, addend: Option<&Tensor>, out: &Tensor) -> Result<()> {
        if bias.is_none() && addend.is_none() && self.activation.is_none() {
            return Ok(());
        }
        elementwise::finish("conv2d", [out, out], bias, addend, self.activation)
    }
}

/// Whether two tensors begin at the same place of the same storage.
fn same_memory(a: &Tensor, b: &Tensor) -> bool {
    let (of_a, layout_a) = a.storage_and_layout();
    let (of_b, layout_b) = b.storage_and_layout();
    std::ptr::eq(&raw const *of_a, &raw const *of_b)
        && layout_a.start_offset() == layout_b.start_offset()
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::image::Geometry;

    fn route(
        [outputs, inputs, kernel]: [usize; 3],
        geometry: Geometry,
        activation: Option<Activation>,
        addend: bool,
    ) -> Route {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::BF16, &Device::Cpu).unwrap();
        let weight = zeros(&[outputs, inputs, kernel, kernel]);
        let mut layer = Conv2d::new(weight, Some(zeros(&[outputs])), geometry).unwrap();
        layer.activation = activation;
        layer.route(&zeros(&[1, 8, 8, inputs]), addend)
    }

    #[test]
    fn each_layer_of_known_models_takes_its_way() {
        let same = Geometry::square(1, 1);
        let one = Geometry::default();
        let relu = Some(Activation::Relu);
        // ResNet-50: the first layer, a middle one, the first and the last of a block.
        let first = Geometry::square(2, 3);
        assert_eq!(route([64, 3, 7], first, relu, false), Route::Windows);
        assert_eq!(route([64, 64, 3], same, relu, false), Route::Library);
        assert_eq!(route([64, 256, 1], one, relu, false), Route::Library);
        assert_eq!(route([256, 64, 1], one, relu, true), Route::Library);
        // Its downsampling 1×1 with a stride is none of a linear layer.
        let strided = Geometry::square(2, 0);
        assert_eq!(route([512, 256, 1], strided, None, false), Route::Library);
        // Stable Diffusion: first and last layer, a projection.
        assert_eq!(route([320, 4, 3], same, None, false), Route::Windows);
        assert_eq!(route([4, 320, 3], same, None, false), Route::Few);
        assert_eq!(route([320, 320, 1], one, None, false), Route::Pixels);
        // YOLOv8: SiLU comes after, whoever multiplies.
        let silu = Some(Activation::Silu);
        assert_eq!(route([80, 96, 1], one, silu, false), Route::Pixels);
        assert_eq!(route([48, 48, 3], same, silu, false), Route::Library);
        // Classes: 21 fit no vector.
        assert_eq!(route([21, 256, 1], one, None, false), Route::Pixels);
        assert_eq!(route([21, 256, 3], same, None, false), Route::Windows);
    }

    #[test]
    fn memory_is_the_same_only_at_the_same_place() {
        let a = Tensor::zeros((4, 2), DType::F32, &Device::Cpu).unwrap();
        assert!(same_memory(&a, &a.clone()));
        assert!(!same_memory(&a, &a.copy().unwrap()));
        assert!(!same_memory(&a, &a.narrow(0, 1, 2).unwrap()));
    }
}
