//! Tensors by their names, as the stock modules ask for them.

use std::collections::HashMap;

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

/// All of the wanted tensors. Where weights are seeded, those of norms are ones.
///
/// # Errors
/// One is missing or has another shape.
pub fn by_name(
    wanted: Vec<(String, Vec<usize>)>,
    weights: &VarBuilder<'_>,
) -> Result<HashMap<String, Tensor>> {
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let is_norm = name.contains("norm") && name.ends_with("weight");
        let init = if is_norm {
            Init::Const(1.0)
        } else {
            candle_nn::init::DEFAULT_KAIMING_NORMAL
        };
        let tensor = weights.get_with_hints(shape, &name, init)?;
        Ok((name, tensor))
    };
    wanted.into_iter().map(tensor).collect()
}
