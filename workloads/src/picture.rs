//! Pictures that nobody took: smooth, with edges and grain, and the same on every machine.
//!
//! Energy depends on the values that are multiplied. White noise toggles more bits than any picture,
//! and a constant none; photographs lie between, with most of their contrast in coarse structure. So
//! a picture here is noise of several octaves, each of half the contrast of the one before it, on
//! which discs of one colour lie, under a little grain. Only sums and products are used, which every
//! processor rounds alike.

use candle_core::{DType, Device, Result, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Colours of a pixel: red, green, blue.
pub const CHANNELS: usize = 3;

/// Cells of the coarsest octave along an edge; each further one has twice as many.
const COARSEST_CELLS: usize = 3;
/// Contrast of the coarsest octave.
const CONTRAST: f32 = 0.5;
const OCTAVES: usize = 5;
const DISCS: usize = 4;
const GRAIN: f32 = 0.04;
/// No pixel is black or white: zeros cost less than values do.
const RANGE: (f32, f32) = (0.02, 0.98);

/// How a model wants its pixels, which lie between 0 and 1: less a mean, in units of a deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// Means of red, green and blue.
    pub mean: [f32; CHANNELS],
    /// Deviations of red, green and blue.
    pub deviation: [f32; CHANNELS],
}

impl Normalisation {
    /// As they are.
    pub const NONE: Self = Self {
        mean: [0.0; CHANNELS],
        deviation: [1.0; CHANNELS],
    };
    /// From −1 to 1, as vision transformers and autoencoders have it.
    pub const SYMMETRIC: Self = Self {
        mean: [0.5; CHANNELS],
        deviation: [0.5; CHANNELS],
    };
    /// The statistics of `ImageNet`, as torchvision has them.
    pub const IMAGENET: Self = Self {
        mean: [0.485, 0.456, 0.406],
        deviation: [0.229, 0.224, 0.225],
    };
    /// The statistics of the pictures that CLIP was trained on (Radford et al. 2021, code).
    pub const CLIP: Self = Self {
        mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
        deviation: [0.268_629_54, 0.261_302_6, 0.275_777_1],
    };
}

/// So many square pictures of one edge, channels last, as they come from a file: 0 to 1.
pub fn seeded(seed: u64, batch: usize, edge_px: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut pixels = Vec::with_capacity(batch * edge_px * edge_px * CHANNELS);
    for _ in 0..batch {
        pixels.extend(one(&mut rng, edge_px));
    }
    pixels
}

/// A batch of seeded pictures on a device: `[batch, edge, edge, 3]`.
///
/// # Errors
/// The device is out of memory.
pub fn batch(
    seed: u64,
    (batch, edge_px): (usize, usize),
    normalisation: Normalisation,
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    let mut pixels = seeded(seed, batch, edge_px);
    for pixel in pixels.chunks_exact_mut(CHANNELS) {
        for (channel, value) in pixel.iter_mut().enumerate() {
            *value = (*value - normalisation.mean[channel]) / normalisation.deviation[channel];
        }
    }
    Tensor::from_vec(pixels, (batch, edge_px, edge_px, CHANNELS), &Device::Cpu)?
        .to_dtype(dtype)?
        .to_device(device)
}

fn one(rng: &mut ChaCha8Rng, edge_px: usize) -> Vec<f32> {
    let mut pixels = vec![0.5f32; edge_px * edge_px * CHANNELS];
    let mut contrast = CONTRAST;
    for octave in 0..OCTAVES {
        let cells = COARSEST_CELLS << octave;
        // Finer noise than pixels is grain, which comes below.
        if cells > edge_px {
            break;
        }
        add_noise(&mut pixels, rng, edge_px, cells, contrast);
        contrast /= 2.0;
    }
    for _ in 0..DISCS {
        paint_disc(&mut pixels, rng, edge_px);
    }
    for value in &mut pixels {
        *value = (*value + GRAIN * centred(rng)).clamp(RANGE.0, RANGE.1);
    }
    pixels
}

/// Adds values that are drawn on a lattice and interpolated between its points.
fn add_noise(pixels: &mut [f32], rng: &mut ChaCha8Rng, edge_px: usize, cells: usize, scale: f32) {
    let points = cells + 1;
    let lattice: Vec<f32> = (0..points * points * CHANNELS)
        .map(|_| scale * centred(rng))
        .collect();
    let places: Vec<(usize, f32)> = (0..edge_px).map(|at| place(at, edge_px, cells)).collect();
    for (row, line) in pixels.chunks_exact_mut(edge_px * CHANNELS).enumerate() {
        let (top, down) = places[row];
        for (column, pixel) in line.chunks_exact_mut(CHANNELS).enumerate() {
            let (left, right) = places[column];
            for (channel, value) in pixel.iter_mut().enumerate() {
                let at = |y: usize, x: usize| lattice[(y * points + x) * CHANNELS + channel];
                let upper = between(at(top, left), at(top, left + 1), right);
                let lower = between(at(top + 1, left), at(top + 1, left + 1), right);
                *value += between(upper, lower, down);
            }
        }
    }
}

/// The cell that a pixel lies in, and how far, smoothed so that the noise has no creases.
fn place(at: usize, edge_px: usize, cells: usize) -> (usize, f32) {
    let scaled = at * cells;
    let share = small(scaled % edge_px) / small(edge_px);
    (scaled / edge_px, share * share * (3.0 - 2.0 * share))
}

fn between(low: f32, high: f32, share: f32) -> f32 {
    low + (high - low) * share
}

/// Paints a disc of one colour with a sharp edge somewhere.
fn paint_disc(pixels: &mut [f32], rng: &mut ChaCha8Rng, edge_px: usize) {
    let edge = small(edge_px);
    let (x, y) = (unit(rng) * edge, unit(rng) * edge);
    let radius = (0.05 + 0.15 * unit(rng)) * edge;
    let colour = [unit(rng), unit(rng), unit(rng)];
    for (row, line) in pixels.chunks_exact_mut(edge_px * CHANNELS).enumerate() {
        let down = small(row) - y;
        for (column, pixel) in line.chunks_exact_mut(CHANNELS).enumerate() {
            let right = small(column) - x;
            if down * down + right * right < radius * radius {
                // Translucent, so that the structure below stays.
                for (value, colour) in pixel.iter_mut().zip(colour) {
                    *value = 0.3 * *value + 0.7 * colour;
                }
            }
        }
    }
}

/// Uniform from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "24 bits are exact")]
fn unit(rng: &mut ChaCha8Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1u32 << 24) as f32
}

/// Uniform from −1 to 1.
fn centred(rng: &mut ChaCha8Rng) -> f32 {
    2.0 * unit(rng) - 1.0
}

#[expect(clippy::cast_precision_loss, reason = "edges are far below 2^24")]
fn small(number: usize) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f32]) -> f32 {
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let square = |value: &f32| (value - mean).powi(2);
        (values.iter().map(square).sum::<f32>() / values.len() as f32).sqrt()
    }

    #[test]
    fn pictures_depend_on_their_seed_alone_and_differ() {
        let pictures = seeded(7, 2, 32);
        assert_eq!(pictures, seeded(7, 2, 32));
        assert_ne!(pictures, seeded(8, 2, 32));
        let (first, second) = pictures.split_at(32 * 32 * CHANNELS);
        assert_ne!(first, second);
        assert_eq!(first, seeded(7, 1, 32));
    }

    /// Contrast as in photographs, and neighbours that are alike: most of it is coarse.
    #[test]
    fn pictures_are_smooth_and_have_contrast_and_no_zeros() {
        let edge = 64;
        let picture = seeded(3, 1, edge);
        assert!(
            picture
                .iter()
                .all(|value| (RANGE.0..=RANGE.1).contains(value))
        );
        let contrast = spread(&picture);
        assert!((0.1..0.4).contains(&contrast), "{contrast}");
        let steps: Vec<f32> = picture
            .chunks_exact(edge * CHANNELS)
            .flat_map(|line| line.iter().zip(&line[CHANNELS..]).map(|(a, b)| a - b))
            .collect();
        assert!(spread(&steps) < 0.4 * contrast, "{}", spread(&steps));
    }

    #[test]
    fn a_batch_is_normalised_by_channel() {
        let raw = seeded(5, 1, 8);
        let tensor = batch(5, (1, 8), Normalisation::IMAGENET, DType::F32, &Device::Cpu)
            .and_then(|tensor| tensor.flatten_all()?.to_vec1::<f32>())
            .expect("on the CPU");
        assert!((tensor[1] - (raw[1] - 0.456) / 0.224).abs() < 1e-6);
    }
}
