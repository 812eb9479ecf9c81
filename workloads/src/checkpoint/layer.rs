//! The tensors of the layers that architectures share.

use candle_core::{Result, Tensor};
use candle_nn::{Init, LayerNorm, Linear, VarBuilder};

/// A matrix with a bias.
#[derive(Clone, Debug)]
pub struct Affine {
    /// `[out, in]`.
    pub weight: Tensor,
    /// `[out]`.
    pub bias: Tensor,
}

impl Affine {
    /// Takes `weight`, which lies as `[out, in]`, and `bias` from here.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(input: usize, output: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            weight: weights.get_with_hints((output, input), "weight", random(input))?,
            bias: weights.get_with_hints(output, "bias", Init::Const(0.0))?,
        })
    }

    /// Takes `weight`, which lies as `[in, out]` (the `Conv1D` of GPT-2), and `bias` from here.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load_transposed(input: usize, output: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        let weight = weights.get_with_hints((input, output), "weight", random(input))?;
        Ok(Self {
            weight: weight.t()?.contiguous()?,
            bias: weights.get_with_hints(output, "bias", Init::Const(0.0))?,
        })
    }

    /// Several that read the same input, as one whose outputs lie side by side.
    ///
    /// # Errors
    /// Their inputs differ, or the device is out of memory.
    pub fn side_by_side(parts: &[&Self]) -> Result<Self> {
        let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
        let biases: Vec<&Tensor> = parts.iter().map(|part| &part.bias).collect();
        Ok(Self {
            weight: Tensor::cat(&weights, 0)?,
            bias: Tensor::cat(&biases, 0)?,
        })
    }

    /// As a layer of candle.
    pub fn plain(&self) -> Linear {
        Linear::new(self.weight.clone(), Some(self.bias.clone()))
    }
}

/// A layer norm.
#[derive(Clone, Debug)]
pub struct NormWeights {
    /// `[width]`.
    pub weight: Tensor,
    /// `[width]`.
    pub bias: Tensor,
}

impl NormWeights {
    /// Takes `weight` and `bias` from here.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub fn load(width: usize, weights: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            weight: weights.get_with_hints(width, "weight", Init::Const(1.0))?,
            bias: weights.get_with_hints(width, "bias", Init::Const(0.0))?,
        })
    }

    /// As a layer of candle.
    pub fn plain(&self, epsilon: f64) -> LayerNorm {
        LayerNorm::new(self.weight.clone(), self.bias.clone(), epsilon)
    }
}

/// Normal with variance 1/fan-in.
fn random(fan_in: usize) -> Init {
    #[expect(clippy::cast_precision_loss, reason = "a fan-in is far below 2^53")]
    Init::Randn {
        mean: 0.0,
        stdev: 1.0 / (fan_in as f64).sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn transposed_and_joined_matrices_hold_what_was_stored() {
        let device = Device::Cpu;
        let tensors = [
            (
                "a.weight",
                Tensor::arange(0f32, 6., &device).and_then(|t| t.reshape((2, 3))),
            ),
            ("a.bias", Tensor::new(&[1f32, 2., 3.], &device)),
            (
                "b.weight",
                Tensor::arange(0f32, 6., &device).and_then(|t| t.reshape((3, 2))),
            ),
            ("b.bias", Tensor::new(&[4f32, 5., 6.], &device)),
        ];
        let tensors = tensors
            .into_iter()
            .map(|(name, tensor)| (name.to_owned(), tensor.expect("made")))
            .collect();
        let weights = VarBuilder::from_tensors(tensors, DType::F32, &device);
        let a = Affine::load_transposed(2, 3, &weights.pp("a")).expect("there");
        let b = Affine::load(2, 3, &weights.pp("b")).expect("there");
        let rows = |affine: &Affine| affine.weight.to_vec2::<f32>().expect("a matrix");
        assert_eq!(rows(&a), [[0., 3.], [1., 4.], [2., 5.]]);
        assert_eq!(rows(&b), [[0., 1.], [2., 3.], [4., 5.]]);
        let both = Affine::side_by_side(&[&a, &b]).expect("same inputs");
        assert_eq!(rows(&both)[2..4], [[2., 5.], [0., 1.]]);
        let biases = both.bias.to_vec1::<f32>().expect("a vector");
        assert_eq!(biases, [1., 2., 3., 4., 5., 6.]);
    }
}
