//! Seeded tensors for architectures with biases.

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use crate::seeded::SeededWeights;

/// Tensors from a seed, for a model with this many parameters.
pub fn seeded(seed: u64, parameters: u64, dtype: DType, device: &Device) -> VarBuilder<'static> {
    let backend = WithBiases(SeededWeights::new(seed, parameters));
    VarBuilder::from_backend(Box::new(backend), dtype, device.clone())
}

/// Gives biases the deviation of a matrix row of their length, 1/√length. A bias that starts at
/// zero in an untrained network does not stay there, and zeros falsify power.
struct WithBiases(SeededWeights);

impl SimpleBackend for WithBiases {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let constant = matches!(init, Init::Const(value) if value != 0.0);
        let &[length] = shape.dims() else {
            return self.0.get(shape, name, init, dtype, device);
        };
        if constant {
            return self.0.get(shape, name, init, dtype, device);
        }
        let row = Shape::from((1, length));
        let random = candle_nn::init::DEFAULT_KAIMING_NORMAL;
        self.0.get(row, name, random, dtype, device)?.reshape(shape)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        self.0.get_unchecked(name, dtype, device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.contains_tensor(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn biases_are_small_and_never_zero_and_constants_stay() {
        let weights = seeded(1, 1000, DType::F32, &Device::Cpu);
        let get = |name: &str, init: Init| {
            weights
                .get_with_hints(4096, name, init)
                .and_then(|tensor| tensor.to_vec1::<f32>())
                .expect("made")
        };
        let bias = get("bias", Init::Const(0.0));
        let variance = bias.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / 4096.0;
        // Five standard errors of a variance over 4,096 values.
        assert!((variance * 4096.0 - 1.0).abs() < 0.11, "{variance}");
        assert!(bias.iter().all(|value| *value != 0.0));
        assert!(get("norm", Init::Const(1.0)).iter().all(|v| *v == 1.0));
    }

    #[test]
    fn matrices_are_those_of_the_seeded_weights() {
        let random = candle_nn::init::DEFAULT_KAIMING_NORMAL;
        let ours = seeded(1, 1000, DType::F32, &Device::Cpu).get_with_hints((4, 8), "w", random);
        let theirs =
            SeededWeights::new(1, 1000).get((4, 8).into(), "w", random, DType::F32, &Device::Cpu);
        let values =
            |tensor: Result<Tensor>| tensor.and_then(|t| t.to_vec2::<f32>()).expect("made");
        assert_eq!(values(ours), values(theirs));
    }
}
