//! Activations.

use candle_core::{D, Result, Tensor};

use super::wide;
use crate::Gelu;

/// Gaussian error linear unit (Hendrycks and Gimpel, 2016), exactly or by the tanh formula.
///
/// # Errors
/// The device failed.
pub fn gelu(x: &Tensor, kind: Gelu) -> Result<Tensor> {
    let values = wide(x)?;
    match kind {
        Gelu::Erf => values.gelu_erf()?,
        Gelu::Tanh => values.gelu()?,
    }
    .to_dtype(x.dtype())
}

/// Sigmoid linear unit, `x · σ(x)` (Elfwing, Uchibe and Doya, 2017).
///
/// # Errors
/// The device failed.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    wide(x)?.silu()?.to_dtype(x.dtype())
}

/// Rectified linear unit, `max(x, 0)`.
///
/// # Errors
/// The device failed.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    wide(x)?.relu()?.to_dtype(x.dtype())
}

/// `x · σ(1.702 x)`, the quick approximation of GELU (Hendrycks and Gimpel, 2016).
///
/// # Errors
/// The device failed.
pub fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    let values = wide(x)?;
    let scaled = (&values * QUICK)?;
    (scaled.silu()? * (1.0 / QUICK))?.to_dtype(x.dtype())
}

/// The factor of [`quick_gelu`].
const QUICK: f64 = 1.702;

/// `value · gelu(gate)` of rows that hold value and gate side by side (Shazeer, 2020).
///
/// # Errors
/// The last dimension is odd.
pub fn geglu(value_gate: &Tensor) -> Result<Tensor> {
    let inner = value_gate.dim(D::Minus1)? / 2;
    let values = wide(value_gate)?;
    let value = values.narrow(D::Minus1, 0, inner)?;
    let gate = values.narrow(D::Minus1, inner, inner)?;
    (value * gate.gelu_erf()?)?.to_dtype(value_gate.dtype())
}

/// `silu(gate) · up` of rows that hold gate and up side by side (Shazeer, 2020).
///
/// # Errors
/// The last dimension is odd.
pub fn silu_mul(gate_up: &Tensor) -> Result<Tensor> {
    let inner = gate_up.dim(D::Minus1)? / 2;
    let values = wide(gate_up)?;
    let gate = values.narrow(D::Minus1, 0, inner)?;
    let up = values.narrow(D::Minus1, inner, inner)?;
    (gate.silu()? * up)?.to_dtype(gate_up.dtype())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use proptest::prelude::*;

    use super::*;

    /// erf by its Taylor series, in f64: good to 1e-12 for the small arguments that are tested.
    fn erf(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..60 {
            let n = f64::from(n);
            term *= -x * x / n;
            sum += term / (2.0 * n + 1.0);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    proptest! {
        #[test]
        fn activations_equal_the_formulas(x in -3.5..3.5_f64, up in -3.0..3.0_f64) {
            let one = |value: f64| Tensor::new(&[value as f32], &Device::Cpu).unwrap();
            let value = |t: Tensor| f64::from(t.to_vec1::<f32>().unwrap()[0]);
            let exact = 0.5 * x * (1.0 + erf(x / 2.0_f64.sqrt()));
            let found = value(gelu(&one(x), Gelu::Erf).unwrap());
            prop_assert!((found - exact).abs() < 2e-6, "{found} {exact}");

            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            let by_tanh = 0.5 * x * (1.0 + inner.tanh());
            let found = value(gelu(&one(x), Gelu::Tanh).unwrap());
            prop_assert!((found - by_tanh).abs() < 2e-6, "{found} {by_tanh}");
            // What using one for the other would cost.
            prop_assert!((exact - by_tanh).abs() < 1e-3);

            let gate_up = Tensor::new(&[[x as f32, up as f32]], &Device::Cpu).unwrap();
            let found = silu_mul(&gate_up).unwrap().to_vec2::<f32>().unwrap()[0][0];
            let expected = x / (1.0 + (-x).exp()) * up;
            prop_assert!((f64::from(found) - expected).abs() < 5e-6, "{found} {expected}");

            let found = value(silu(&one(x)).unwrap());
            prop_assert!((found - x / (1.0 + (-x).exp())).abs() < 2e-6, "{found}");
            let found = value(quick_gelu(&one(x)).unwrap());
            prop_assert!((found - x / (1.0 + (-1.702 * x).exp())).abs() < 2e-6, "{found}");
            let found = value(relu(&one(x)).unwrap());
            prop_assert!((found - x.max(0.0)).abs() < 1e-6, "{found}");
            let value_gate = Tensor::new(&[[up as f32, x as f32]], &Device::Cpu).unwrap();
            let found = geglu(&value_gate).unwrap().to_vec2::<f32>().unwrap()[0][0];
            prop_assert!((f64::from(found) - up * exact).abs() < 1e-5, "{found} {}", up * exact);
        }
    }
}
