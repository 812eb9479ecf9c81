//! The composition that is trained: every operation has a derivative.

use candle_core::{Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};

use super::normalise::Normalise;
use super::unfold::Unfold;
use super::{Activation, Compose, Conv};

/// Operations that make new tensors, in f32 on the CPU.
pub struct Trainable {
    weights: VarBuilder<'static>,
}

impl Trainable {
    /// Over these tensors; variables of a training are made when a network first asks for them.
    pub const fn new(weights: VarBuilder<'static>) -> Self {
        Self { weights }
    }

    fn weight(&self, name: &str, shape: &[usize], gain: f64) -> Result<Tensor> {
        let inputs: usize = shape[1..].iter().product();
        #[expect(clippy::cast_precision_loss, reason = "inputs are far fewer than 2^53")]
        let stdev = gain / (inputs as f64).sqrt();
        let init = Init::Randn { mean: 0.0, stdev };
        self.weights
            .get_with_hints(shape, &format!("{name}.weight"), init)
    }

    fn bias(&self, name: &str, length: usize) -> Result<Tensor> {
        self.weights
            .get_with_hints(length, &format!("{name}.bias"), Init::Const(0.0))
    }
}

fn activate(x: Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::None => Ok(x),
        Activation::Relu => x.relu(),
        Activation::Silu => x.silu(),
    }
}

impl Compose for Trainable {
    fn begin(&mut self) {}

    fn conv(&mut self, name: &str, x: &Tensor, conv: Conv) -> Result<Tensor> {
        let (batch, height, width, channels) = x.dims4()?;
        let Conv {
            outputs,
            kernel,
            stride,
            activation,
            gain,
        } = conv;
        let weight = self.weight(name, &[outputs, channels, kernel, kernel], gain)?;
        let bias = self.bias(name, outputs)?;
        let rows = match (kernel, stride) {
            (3, stride) => x.contiguous()?.apply_op1(Unfold { stride })?,
            (1, 1) => x.reshape((batch * height * width, channels))?,
            _ => bail!("conv {name}: a kernel of {kernel} with a stride of {stride} is not here"),
        };
        let matrix = weight
            .permute((2, 3, 1, 0))?
            .reshape((kernel * kernel * channels, outputs))?;
        let out = rows.matmul(&matrix)?.broadcast_add(&bias)?;
        let (height, width) = ((height - 1) / stride + 1, (width - 1) / stride + 1);
        activate(out.reshape((batch, height, width, outputs))?, activation)
    }

    fn linear(
        &mut self,
        name: &str,
        x: &Tensor,
        outputs: usize,
        activation: Activation,
    ) -> Result<Tensor> {
        let (_, inputs) = x.dims2()?;
        let gain = match activation {
            Activation::Relu => std::f64::consts::SQRT_2,
            Activation::None | Activation::Silu => 1.0,
        };
        let weight = self.weight(name, &[outputs, inputs], gain)?;
        let bias = self.bias(name, outputs)?;
        activate(x.matmul(&weight.t()?)?.broadcast_add(&bias)?, activation)
    }

    fn group_norm_silu(
        &mut self,
        name: &str,
        x: &Tensor,
        addend: Option<&Tensor>,
        groups: usize,
    ) -> Result<Tensor> {
        let (batch, _, _, channels) = x.dims4()?;
        let x = match addend {
            Some(addend) => x.broadcast_add(&addend.reshape((batch, 1, 1, channels))?)?,
            None => x.clone(),
        };
        let one = Init::Const(1.0);
        let weight = self
            .weights
            .get_with_hints(channels, &format!("{name}.weight"), one)?;
        let bias = self.bias(name, channels)?;
        x.contiguous()?
            .apply_op1(Normalise { groups })?
            .broadcast_mul(&weight)?
            .broadcast_add(&bias)?
            .silu()
    }

    fn upsample(&mut self, x: &Tensor, factor: usize) -> Result<Tensor> {
        let (b, h, w, c) = x.dims4()?;
        x.reshape((b, h, 1, w, 1, c))?
            .broadcast_as((b, h, factor, w, factor, c))?
            .reshape((b, h * factor, w * factor, c))
    }

    fn patches(&mut self, x: &Tensor, size: usize) -> Result<Tensor> {
        let (b, h, w, c) = x.dims4()?;
        x.reshape((b, h / size, size, w / size, size, c))?
            .permute((0, 1, 3, 2, 4, 5))?
            .reshape((b, h / size, w / size, size * size * c))
    }

    fn pixel_shuffle(&mut self, x: &Tensor, factor: usize) -> Result<Tensor> {
        let (b, h, w, c) = x.dims4()?;
        let channels = c / (factor * factor);
        x.reshape((b, h, w, channels, factor, factor))?
            .permute((0, 1, 4, 2, 5, 3))?
            .reshape((b, h * factor, w * factor, channels))
    }

    fn concat(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        Tensor::cat(&[a, b], 3)
    }

    fn add(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        a + b
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::training::Variables;

    fn input(shape: (usize, usize, usize, usize)) -> Tensor {
        let count = shape.0 * shape.1 * shape.2 * shape.3;
        let values: Vec<f32> = (0..count)
            .map(|i| ((i * 37 % 101) as f32 - 50.0) / 29.0)
            .collect();
        Tensor::from_vec(values, shape, &Device::Cpu).expect("a tensor")
    }

    fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
        assert_eq!(a.shape(), b.shape());
        a.sub(b)
            .and_then(|d| d.abs()?.max_all()?.to_scalar())
            .expect("a number")
    }

    /// Against candle's own convolution, with the channels first, value and both gradients.
    #[test]
    fn a_convolution_is_that_of_candle_in_both_directions() {
        for stride in [1, 2] {
            let variables = Variables::seeded(3);
            let x = Var::from_tensor(&input((2, 6, 8, 3))).expect("a variable");
            let conv = Conv {
                stride,
                ..Conv::new(3, 5)
            };
            let ours = Trainable::new(variables.builder())
                .conv("c", x.as_tensor(), conv)
                .expect("computes");
            let sorted = variables.sorted();
            let (bias, weight) = (sorted[0].1.as_tensor(), sorted[1].1.as_tensor());
            let theirs = x
                .permute((0, 3, 1, 2))
                .and_then(|x| x.contiguous()?.conv2d(weight, 1, stride, 1, 1))
                .and_then(|y| y.permute((0, 2, 3, 1))?.broadcast_add(bias))
                .expect("computes");
            assert!(largest_difference(&ours, &theirs) < 1e-5);
            let gradients = |y: &Tensor| {
                let loss = y.sqr().and_then(|y| y.sum_all()).expect("a sum");
                let gradients = loss.backward().expect("goes back");
                [x.as_tensor(), weight].map(|v| gradients.get(v).expect("there").clone())
            };
            for (ours, theirs) in gradients(&ours).iter().zip(&gradients(&theirs)) {
                assert!(largest_difference(ours, theirs) < 1e-3, "stride {stride}");
            }
        }
    }

    /// Against the norm said in candle's operations, value and gradient.
    #[test]
    fn a_norm_is_the_formula_in_both_directions() {
        let x = Var::from_tensor(&input((2, 3, 4, 6))).expect("a variable");
        let (groups, target) = (2, input((2, 3, 4, 6)).sin().expect("computes"));
        let ours = x.apply_op1(Normalise { groups }).expect("computes");
        let formula = || -> Result<Tensor> {
            // [batch, pixels, groups, channels] to [batch, groups, all]
            let grouped = x
                .reshape((2, 12, 2, 3))?
                .permute((0, 2, 1, 3))?
                .reshape((2, 2, 36))?;
            let centred = grouped.broadcast_sub(&grouped.mean_keepdim(2)?)?;
            let variance = centred.sqr()?.mean_keepdim(2)?;
            let y = centred.broadcast_div(&(variance + 1e-5)?.sqrt()?)?;
            y.reshape((2, 2, 12, 3))?
                .permute((0, 2, 1, 3))?
                .reshape((2, 3, 4, 6))
        };
        let theirs = formula().expect("computes");
        assert!(largest_difference(&ours, &theirs) < 1e-5);
        let gradient = |y: &Tensor| {
            let loss = (y * &target).and_then(|y| y.sum_all()).expect("a sum");
            let gradients = loss.backward().expect("goes back");
            gradients.get(&x).expect("there").clone()
        };
        assert!(largest_difference(&gradient(&ours), &gradient(&theirs)) < 1e-4);
    }

    #[test]
    fn a_shuffle_undoes_patches_of_one_channel_and_upsampling_repeats() {
        let mut compose = Trainable::new(Variables::seeded(1).builder());
        let x = input((2, 4, 6, 1));
        let patches = compose.patches(&x, 2).expect("computes");
        assert_eq!(patches.dims(), [2, 2, 3, 4]);
        let back = compose.pixel_shuffle(&patches, 2).expect("computes");
        assert_eq!(largest_difference(&back, &x), 0.0);
        let large = compose.upsample(&x, 2).expect("computes");
        let at = |t: &Tensor, y, x| -> f32 {
            t.get(1)
                .and_then(|t| t.get(y)?.get(x)?.get(0)?.to_scalar())
                .expect("a number")
        };
        assert_eq!(large.dims(), [2, 8, 12, 1]);
        assert_eq!(at(&large, 5, 8), at(&x, 2, 4));
        assert_eq!(x.dtype(), DType::F32);
    }
}
