//! `shapes-diffusion`: what is noise in a picture of a captioned shape.
//!
//! A U-Net of two levels reads squares of 2×2 pixels with the noise level and the words of the
//! caption, and predicts the velocity v = √ᾱ · noise − √(1 − ᾱ) · picture (Salimans and Ho 2022).

use candle_core::{Device, Result, Tensor};

use super::batch::SIDE;
use super::caption::{Caption, WORDS};
use super::compose::{Activation, Compose, Conv};

/// Noise levels of the training.
pub const LEVELS: usize = 1000;

/// First and last variance of a step; their roots rise in a line between them ("scaled linear").
/// The last is larger than that of Stable Diffusion, so that hardly any picture is left at the end
/// and drawing may begin with pure noise.
pub const VARIANCES: [f64; 2] = [0.000_85, 0.02];

/// How much more the caption counts than it does by itself, in samples.
pub const GUIDANCE: f64 = 2.0;

/// Pixels along a side of the squares that the network reads.
const PATCH: usize = 2;

/// Channels at 16×16 and at 8×8.
const WIDTHS: [usize; 2] = [48, 72];

/// Groups of a norm.
const GROUPS: usize = 8;

/// Numbers that say the noise level.
const TIME: usize = 64;

/// Numbers that say level and caption together, inside.
const CONDITION: usize = 96;

/// Planes that say where a pixel is.
const PLACES: usize = 4;

/// ᾱ of each level: the share of the picture in the variance of what is seen.
pub fn signal_shares() -> Vec<f64> {
    let [first, last] = VARIANCES.map(f64::sqrt);
    let mut share = 1.0;
    (0..LEVELS)
        .map(|level| {
            #[expect(clippy::cast_precision_loss, reason = "levels are a thousand")]
            let way = level as f64 / (LEVELS - 1) as f64;
            share *= 1.0 - (first + (last - first) * way).powi(2);
            share
        })
        .collect()
}

/// What a picture is drawn by, `[batch, TIME + words]`: the noise level, which may lie between two,
/// as sines and cosines, and the words; `None` is no caption.
///
/// # Errors
/// The device is out of memory.
pub fn conditions(times: &[f64], captions: &[Option<Caption>]) -> Result<Tensor> {
    let mut values = Vec::with_capacity(times.len() * (TIME + WORDS.len()));
    for (time, caption) in times.iter().zip(captions) {
        values.extend(time_features(*time));
        values.extend(caption.map_or([0.0; WORDS.len()], |caption| caption.bag()));
    }
    Tensor::from_vec(values, (times.len(), TIME + WORDS.len()), &Device::Cpu)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "an index is small; features are in f32"
)]
fn time_features(time: f64) -> [f32; TIME] {
    std::array::from_fn(|index| {
        let frequency = 10_000f64.powf(-((index / 2) as f64) / (TIME / 2) as f64);
        let angle = time * frequency;
        (if index % 2 == 0 {
            angle.sin()
        } else {
            angle.cos()
        }) as f32
    })
}

/// Planes `[batch, 16, 16, PLACES]` that say where a square is: x, y and their squares.
///
/// # Errors
/// The device is out of memory.
pub fn places(batch: usize) -> Result<Tensor> {
    let side = SIDE / PATCH;
    #[expect(clippy::cast_precision_loss, reason = "a place is small")]
    let at = |place: usize| (2 * place + 1) as f32 / side as f32 - 1.0;
    let values: Vec<f32> = (0..batch * side * side)
        .flat_map(|index| {
            let (x, y) = (at(index % side), at(index / side % side));
            [x, y, x * x, y * y]
        })
        .collect();
    Tensor::from_vec(values, (batch, side, side, PLACES), &Device::Cpu)
}

/// The velocity `[batch, 32, 32, 3]` of noisy pictures, by their [`conditions`] and [`places`].
///
/// # Errors
/// A tensor is missing or has another shape, or the device failed.
pub fn network(
    compose: &mut dyn Compose,
    noisy: &Tensor,
    conditions: &Tensor,
    places: &Tensor,
) -> Result<Tensor> {
    let [fine, coarse] = WIDTHS;
    let asked = compose.linear("condition1", conditions, CONDITION, Activation::Silu)?;
    let asked = &compose.linear("condition2", &asked, CONDITION, Activation::Silu)?;
    let x = compose.patches(noisy, PATCH)?;
    let x = compose.concat(&x, places)?;
    let x = compose.conv("in", &x, Conv::new(3, fine))?;
    let kept = block(compose, "down", &x, asked, fine)?;
    let x = compose.conv("halve", &kept, Conv::new(3, coarse).halving())?;
    let x = block(compose, "middle1", &x, asked, coarse)?;
    let x = block(compose, "middle2", &x, asked, coarse)?;
    let x = compose.upsample(&x, 2)?;
    let x = compose.conv("double", &x, Conv::new(3, fine))?;
    let x = compose.concat(&x, &kept)?;
    let x = block(compose, "up", &x, asked, fine)?;
    let x = compose.group_norm_silu("out.norm", &x, None, GROUPS)?;
    let x = compose.conv("out.conv", &x, Conv::new(3, 3 * PATCH * PATCH).gain(0.3))?;
    compose.pixel_shuffle(&x, PATCH)
}

/// Adds what two convolutions make of pixels and condition.
fn block(
    compose: &mut dyn Compose,
    name: &str,
    x: &Tensor,
    asked: &Tensor,
    width: usize,
) -> Result<Tensor> {
    let (_, _, _, channels) = x.dims4()?;
    let inner = compose.group_norm_silu(&format!("{name}.norm1"), x, None, GROUPS)?;
    let inner = compose.conv(&format!("{name}.conv1"), &inner, Conv::new(3, width))?;
    let shift = compose.linear(&format!("{name}.condition"), asked, width, Activation::None)?;
    let norm = format!("{name}.norm2");
    let inner = compose.group_norm_silu(&norm, &inner, Some(&shift), GROUPS)?;
    let inner = compose.conv(
        &format!("{name}.conv2"),
        &inner,
        Conv::new(3, width).gain(0.3),
    )?;
    if channels == width {
        return compose.add(x, &inner);
    }
    let x = compose.conv(&format!("{name}.narrow"), x, Conv::new(1, width))?;
    compose.add(&x, &inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardly_any_picture_is_left_at_the_last_level() {
        let shares = signal_shares();
        assert_eq!(shares.len(), LEVELS);
        assert!(shares.is_sorted_by(|a, b| a > b));
        assert!((shares[0] - (1.0 - 0.000_85)).abs() < 1e-12);
        assert!(
            (1e-4..4e-4).contains(&shares[LEVELS - 1]),
            "{}",
            shares[LEVELS - 1]
        );
    }
}
