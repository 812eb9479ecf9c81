//! Pictures and their labels as tensors.

use candle_core::{Device, Result, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::caption::{Caption, WORDS};
use super::raster::{self, Picture};
use super::scene::{Scene, below};
use crate::corpus::Part;

/// Pixels along a side of the pictures that networks see and draw.
pub const SIDE: usize = 32;

/// The largest noise of a picture that is to be judged, see [`Picture::add_noise`].
pub const MOST_NOISE: usize = 120;

/// Seed of the held-out pictures.
pub const HELD_OUT_SEED: u64 = crate::training::DATA_SEED;

/// Which scenes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One shape at a named place.
    Captioned,
    /// One to three shapes anywhere.
    Crowded,
}

/// Scenes, and pictures of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// What is to be seen.
    pub scenes: Vec<Scene>,
    /// What is seen.
    pub pictures: Vec<Picture>,
}

impl Batch {
    /// The next pictures without noise, of this many pixels along a side.
    pub fn clean(
        rng: &mut ChaCha8Rng,
        part: Part,
        layout: Layout,
        side: usize,
        count: usize,
    ) -> Self {
        let scenes: Vec<Scene> = (0..count)
            .map(|_| match layout {
                Layout::Captioned => Scene::captioned(rng, part),
                Layout::Crowded => Scene::crowded(rng, part),
            })
            .collect();
        let pictures = scenes
            .iter()
            .map(|scene| raster::picture(scene, side))
            .collect();
        Self { scenes, pictures }
    }

    /// The next pictures, each with noise of its own strength, from none to [`MOST_NOISE`].
    pub fn noisy(rng: &mut ChaCha8Rng, part: Part, layout: Layout, count: usize) -> Self {
        let mut batch = Self::clean(rng, part, layout, SIDE, count);
        for picture in &mut batch.pictures {
            let amplitude = below(rng, MOST_NOISE + 1);
            picture.add_noise(rng, u8::try_from(amplitude).expect("a byte"));
        }
        batch
    }

    /// Captions of captioned scenes.
    pub fn captions(&self) -> Vec<Caption> {
        self.scenes.iter().filter_map(Caption::of).collect()
    }
}

/// The generator of the held-out pictures of a purpose: other purposes see other pictures.
pub fn held_out(purpose: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(HELD_OUT_SEED);
    rng.set_stream(purpose);
    rng
}

/// Pictures as f32 `[batch, side, side, 3]` from −1 to 1.
///
/// # Errors
/// The pictures differ in size, or the device is out of memory.
pub fn tensor(pictures: &[Picture]) -> Result<Tensor> {
    let side = pictures.first().map_or(0, |picture| picture.side);
    let values: Vec<f32> = pictures
        .iter()
        .flat_map(|picture| &picture.rgb)
        .map(|byte| f32::from(*byte) / 127.5 - 1.0)
        .collect();
    Tensor::from_vec(values, (pictures.len(), side, side, 3), &Device::Cpu)
}

/// Pictures of f32 `[batch, side, side, 3]`: each value rounded to the nearest byte.
///
/// # Errors
/// The tensor has another shape, or the device failed.
pub fn pictures(tensor: &Tensor) -> Result<Vec<Picture>> {
    let (batch, side, _, _) = tensor.dims4()?;
    let values: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the bytes"
    )]
    let byte = |value: &f32| ((value + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8;
    Ok(values
        .chunks(side * side * 3)
        .take(batch)
        .map(|values| Picture {
            side,
            rgb: values.iter().map(byte).collect(),
        })
        .collect())
}

/// Captions as f32 `[batch, words]`; no caption is all zeros.
///
/// # Errors
/// The device is out of memory.
pub fn bags(captions: &[Option<Caption>]) -> Result<Tensor> {
    let values: Vec<f32> = captions
        .iter()
        .flat_map(|caption| caption.map_or([0.0; WORDS.len()], |caption| caption.bag()))
        .collect();
    Tensor::from_vec(values, (captions.len(), WORDS.len()), &Device::Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_tensors() {
        let batch = Batch::noisy(&mut held_out(0), Part::HeldOut, Layout::Crowded, 3);
        let back = tensor(&batch.pictures)
            .and_then(|t| pictures(&t))
            .expect("converts");
        assert_eq!(back, batch.pictures);
        assert!(batch.captions().is_empty());
    }

    #[test]
    fn purposes_have_other_pictures() {
        let of = |purpose| {
            Batch::clean(
                &mut held_out(purpose),
                Part::HeldOut,
                Layout::Captioned,
                SIDE,
                2,
            )
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert_eq!(of(1).captions().len(), 2);
    }
}
