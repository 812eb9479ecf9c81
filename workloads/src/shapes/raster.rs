//! Scenes as pixels: sixteen points of each pixel are asked what covers them, in integers, so that
//! a picture has the same bytes on every machine.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::scene::{SIDE_UNITS, Scene};

/// Points along each side of a pixel.
const POINTS: i32 = 4;

/// A square picture: rows from the top, three bytes a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels along a side.
    pub side: usize,
    /// Red, green and blue of each pixel.
    pub rgb: Vec<u8>,
}

/// Draws a scene with this many pixels along a side.
///
/// # Panics
/// The side does not divide a quarter of [`SIDE_UNITS`] by a whole number of units.
pub fn picture(scene: &Scene, side: usize) -> Picture {
    let mut rgb = Vec::with_capacity(side * side * 3);
    for_each_pixel(side, |points| {
        let mut sums = [0u32; 3];
        for [x, y] in points {
            let shape = scene.shapes.iter().rev().find(|shape| shape.covers(x, y));
            let colour = shape.map_or([scene.background; 3], |shape| shape.rgb);
            for (sum, part) in sums.iter_mut().zip(colour) {
                *sum += u32::from(part);
            }
        }
        // The mean of sixteen, rounded to the nearest.
        rgb.extend(sums.map(|sum| u8::try_from((sum + 8) / 16).expect("a mean of bytes")));
    });
    Picture { side, rgb }
}

/// The class of each pixel: 0 for the background, otherwise one more than the kind of the shape
/// that covers at least half of its points; of two shapes the one before.
pub fn mask(scene: &Scene, side: usize) -> Vec<u8> {
    let mut mask = Vec::with_capacity(side * side);
    for_each_pixel(side, |points| {
        let mut counts = [0u8; 5];
        for [x, y] in points {
            let shape = scene.shapes.iter().rev().find(|shape| shape.covers(x, y));
            counts[shape.map_or(0, |shape| shape.kind as usize + 1)] += 1;
        }
        let class = (1..5usize).find(|class| counts[*class] >= 8).unwrap_or(0);
        mask.push(u8::try_from(class).expect("below five"));
    });
    mask
}

/// Calls `each` with the sixteen points of each pixel, row by row.
fn for_each_pixel(side: usize, mut each: impl FnMut([[i32; 2]; 16])) {
    let pixels = i32::try_from(side).expect("a small picture");
    let pixel = SIDE_UNITS / pixels;
    assert!(
        pixel * pixels == SIDE_UNITS && pixel % (2 * POINTS) == 0,
        "a picture of {side} pixels has no whole units between points"
    );
    let step = pixel / POINTS;
    for row in 0..pixels {
        for column in 0..pixels {
            each(std::array::from_fn(|index| {
                let index = i32::try_from(index).expect("sixteen");
                let [i, j] = [index % POINTS, index / POINTS];
                [
                    column * pixel + i * step + step / 2,
                    row * pixel + j * step + step / 2,
                ]
            }));
        }
    }
}

impl Picture {
    /// Adds noise of up to `amplitude` to each byte: the difference of two uniform numbers.
    pub fn add_noise(&mut self, rng: &mut ChaCha8Rng, amplitude: u8) {
        let span = u32::from(amplitude) + 1;
        for byte in &mut self.rgb {
            let bits = rng.next_u32();
            let [a, b] = [(bits & 0xffff) % span, (bits >> 16) % span];
            let noisy = (u32::from(*byte) + a).saturating_sub(b).min(255);
            *byte = u8::try_from(noisy).expect("clamped");
        }
    }

    /// The picture with half the pixels along a side: means of four, rounded to the nearest.
    #[must_use]
    pub fn halved(&self) -> Self {
        let side = self.side / 2;
        let at = |row: usize, column: usize, part: usize| {
            u32::from(self.rgb[(row * self.side + column) * 3 + part])
        };
        let mut rgb = Vec::with_capacity(side * side * 3);
        for row in 0..side {
            for column in 0..side {
                for part in 0..3 {
                    let (row, column) = (2 * row, 2 * column);
                    let sum = at(row, column, part)
                        + at(row, column + 1, part)
                        + at(row + 1, column, part)
                        + at(row + 1, column + 1, part);
                    rgb.push(u8::try_from((sum + 2) / 4).expect("a mean of bytes"));
                }
            }
        }
        Self { side, rgb }
    }
}

#[cfg(test)]
mod tests {
    use model::run::hex;
    use rand_core::SeedableRng;
    use sha2::{Digest, Sha256};

    use super::super::scene::{Colour, Kind, Shape, Size};
    use super::*;
    use crate::corpus::Part;

    fn square() -> Scene {
        Scene {
            background: 40,
            shapes: vec![Shape {
                kind: Kind::Square,
                colour: Colour::Red,
                size: Size::Large,
                rgb: [200, 40, 41],
                // From 8 to 25 and a half pixels of a picture of 64: 7/8 of 80 units are 70.
                x: 134,
                y: 134,
                radius: 80,
            }],
            place: None,
        }
    }

    /// A pixel of 64 has points at 1, 3, 5 and 7 of 8 units.
    #[test]
    fn a_square_has_the_pixels_that_were_counted_by_hand() {
        let picture = picture(&square(), 64);
        let at = |row: usize, column: usize| &picture.rgb[(row * 64 + column) * 3..][..3];
        assert_eq!(at(12, 7), [40, 40, 40]);
        assert_eq!(at(12, 8), [200, 40, 41]);
        // Units 200 to 207: the points at 201 and 203 are inside, 205 and 207 are not.
        assert_eq!(at(12, 25), [120, 40, 41]);
        // Four of sixteen: (4 · 200 + 12 · 40) / 16.
        assert_eq!(at(25, 25), [80, 40, 40]);
        assert_eq!(at(12, 26), [40, 40, 40]);
        let mask = mask(&square(), 64);
        assert_eq!((mask[12 * 64 + 7], mask[12 * 64 + 8]), (0, 2));
        // Half of the points, and a quarter.
        assert_eq!((mask[12 * 64 + 25], mask[25 * 64 + 25]), (2, 0));
        let squares: Vec<&u8> = mask.iter().filter(|class| **class == 2).collect();
        assert_eq!(squares.len(), 18 * 18 - 1);
    }

    #[test]
    fn a_small_picture_is_nearly_the_large_one_halved() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for _ in 0..20 {
            let scene = Scene::crowded(&mut rng, Part::Training);
            let (small, halved) = (picture(&scene, 32), picture(&scene, 64).halved());
            let most = small
                .rgb
                .iter()
                .zip(&halved.rgb)
                .map(|(a, b)| a.abs_diff(*b))
                .max();
            // Other points are asked, so a few of them differ at an edge.
            assert!(most < Some(60), "{most:?}");
        }
    }

    /// Pins the bytes: weights were trained on these pictures.
    #[test]
    fn pictures_have_the_same_bytes_everywhere() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let mut hash = Sha256::new();
        for _ in 0..50 {
            let mut drawn = picture(&Scene::captioned(&mut rng, Part::HeldOut), 32);
            hash.update(&drawn.rgb);
            drawn.add_noise(&mut rng, 50);
            hash.update(&drawn.rgb);
            let crowd = Scene::crowded(&mut rng, Part::HeldOut);
            hash.update(&picture(&crowd, 64).rgb);
            hash.update(mask(&crowd, 32));
        }
        insta::assert_snapshot!(hex(&hash.finalize()), @"09a2eee38714309a5fe5a324b1c112830e99e291c0e89f0614a2ab6bafd201ec");
    }

    #[test]
    fn noise_has_no_bias_and_keeps_its_bound() {
        let mut picture = Picture {
            side: 64,
            rgb: vec![128; 64 * 64 * 3],
        };
        picture.add_noise(&mut ChaCha8Rng::seed_from_u64(7), 30);
        assert!(picture.rgb.iter().all(|byte| (98..=158).contains(byte)));
        let mean = picture.rgb.iter().map(|b| f64::from(*b)).sum::<f64>() / (64.0 * 64.0 * 3.0);
        // Five standard errors: √(30²/6 / 12288).
        assert!((mean - 128.0).abs() < 0.56, "{mean}");
    }
}
