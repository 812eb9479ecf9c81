//! Norms over groups of channels.

use candle_core::{D, Result, Tensor, bail};

use super::wide;

/// `(v − mean(v)) / √(var(v) + ε) · weight + bias` for `v = x + addend`, with mean and variance of
/// all places of a group of neighbouring channels of one picture (Wu and He, 2018); with `silu`,
/// `y · σ(y)` of that. `x` is `[batch, …, channels]`, `addend` `[batch, channels]`.
///
/// # Errors
/// The shapes do not fit.
pub fn group_norm(
    x: &Tensor,
    addend: Option<&Tensor>,
    groups: usize,
    (weight, bias): (&Tensor, &Tensor),
    epsilon: f32,
    silu: bool,
) -> Result<Tensor> {
    let (batch, channels) = (x.dim(0)?, x.dim(D::Minus1)?);
    if groups == 0 || !channels.is_multiple_of(groups) {
        bail!("group_norm: {channels} channels cannot form {groups} groups");
    }
    let places = x.elem_count() / (batch * channels).max(1);
    let mut values = wide(x)?.reshape((batch, places, channels))?;
    if let Some(addend) = addend {
        values = values.broadcast_add(&wide(addend)?.reshape((batch, 1, channels))?)?;
    }
    // A row for each group, so that sums are over neighbours.
    let grouped = (batch, places, groups, channels / groups);
    let rows = values.reshape(grouped)?.transpose(1, 2)?.contiguous()?;
    let rows = rows.reshape((batch, groups, ()))?;
    let centred = rows.broadcast_sub(&rows.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let scale = (variance + f64::from(epsilon))?.sqrt()?;
    let normal = centred
        .broadcast_div(&scale)?
        .reshape((batch, groups, places, channels / groups))?
        .transpose(1, 2)?
        .reshape((batch, places, channels))?
        .broadcast_mul(&wide(weight)?)?
        .broadcast_add(&wide(bias)?)?;
    let normal = if silu { normal.silu()? } else { normal };
    normal.reshape(x.shape())?.to_dtype(x.dtype())
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use proptest::prelude::*;

    use super::*;
    use crate::case::Draw;

    proptest! {
        #[test]
        fn the_norm_equals_the_formula(
            batch in 1..3_usize, places in 1..6_usize, groups in 1..4_usize, width in 1..5_usize,
            added in any::<bool>(), silu in any::<bool>(), seed in any::<u64>(),
        ) {
            prop_assume!(places * width > 2);
            let channels = groups * width;
            let mut draw = Draw::new(seed);
            let x = draw.normal((batch, places, channels), 2.0).unwrap();
            let addend = draw.normal((batch, channels), 1.0).unwrap();
            let weight = draw.normal(channels, 1.0).unwrap();
            let bias = draw.normal(channels, 1.0).unwrap();
            let found = group_norm(
                &x, added.then_some(&addend), groups, (&weight, &bias), 1e-2, silu,
            );
            let found = found.unwrap().to_vec3::<f32>().unwrap();
            let x = x.to_vec3::<f32>().unwrap();
            let addend = addend.to_vec2::<f32>().unwrap();
            let (weight, bias) = (weight.to_vec1::<f32>().unwrap(), bias.to_vec1::<f32>().unwrap());
            for picture in 0..batch {
                for group in 0..groups {
                    let value = |place: usize, channel: usize| {
                        let extra = if added { addend[picture][channel] } else { 0.0 };
                        f64::from(x[picture][place][channel]) + f64::from(extra)
                    };
                    let all: Vec<f64> = (0..places)
                        .flat_map(|place| (0..width).map(move |i| (place, group * width + i)))
                        .map(|(place, channel)| value(place, channel))
                        .collect();
                    let count = all.len() as f64;
                    let mean = all.iter().sum::<f64>() / count;
                    let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
                    let deviation = (variance + 1e-2).sqrt();
                    for place in 0..places {
                        for channel in group * width..(group + 1) * width {
                            let normal = (value(place, channel) - mean) / deviation;
                            let y = normal * f64::from(weight[channel]) + f64::from(bias[channel]);
                            let expected = if silu { y / (1.0 + (-y).exp()) } else { y };
                            let found = f64::from(found[picture][place][channel]);
                            prop_assert!((found - expected).abs() < 1e-4, "{found} {expected}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn channels_that_form_no_groups_are_refused() {
        let x = Tensor::zeros((1, 2, 6), DType::F32, &Device::Cpu).unwrap();
        let one = Tensor::zeros(6, DType::F32, &Device::Cpu).unwrap();
        for groups in [0, 4] {
            let refused = group_norm(&x, None, groups, (&one, &one), 1e-5, false);
            let message = refused.unwrap_err().to_string();
            assert!(message.contains("6 channels"), "{message}");
        }
    }
}
