//! Perceptual distance of two pictures from the feature maps of a network, as in LPIPS.
//!
//! Channels of each place are brought to unit length, differences are squared and weighted by the
//! head of the layer, averaged over places and added over layers. What a published LPIPS is of has
//! two versions, which differ where features are small:
//!
//! | version | unit length |
//! |---|---|
//! | lpips 0.1.4 | `x / (√Σx² + 1e-10)` |
//! | torchmetrics 1.9 | `x / √(Σx² + 1e-8)` |

use serde::{Deserialize, Serialize};

use crate::ScoringError;
use crate::error::require_same_length;
use crate::picture::{Picture, require_same_shape};
use statistics::sum::number;

/// What a picture in [−1, 1] is scaled by before the network: shift and scale of each channel.
pub const INPUT_SHIFT: [f64; 3] = [-0.030, -0.088, -0.188];
/// See [`INPUT_SHIFT`].
pub const INPUT_SCALE: [f64; 3] = [0.458, 0.448, 0.450];

/// Where the small number stands that keeps a division by zero away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitLength {
    /// Beside the length, 1e-10: the program of the authors, `lpips` 0.1.4.
    BesideLength,
    /// Under the root, 1e-8: torchmetrics 1.9.
    UnderRoot,
}

impl UnitLength {
    fn divisor(self, squares: f64) -> f64 {
        match self {
            Self::BesideLength => squares.sqrt() + 1e-10,
            Self::UnderRoot => (squares + 1e-8).sqrt(),
        }
    }
}

/// The features of one layer for a picture, and the head's weight of each channel.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// Feature map of the first picture.
    pub first: &'a Picture<f32>,
    /// Feature map of the second.
    pub second: &'a Picture<f32>,
    /// Weight of each channel, not negative.
    pub head: &'a [f32],
}

/// The distance that one layer adds.
///
/// # Errors
/// Maps of different shape, or a head with another number of weights than there are channels.
pub fn of_layer(layer: Layer<'_>, unit_length: UnitLength) -> Result<f64, ScoringError> {
    let Layer {
        first,
        second,
        head,
    } = layer;
    require_same_shape(first, second)?;
    require_same_length(
        "channels and weights of the head",
        first.channels(),
        head.len(),
    )?;
    let channels = first.channels();
    let divisor = |pixel: &[f32]| {
        let square = |value: &f32| f64::from(*value) * f64::from(*value);
        unit_length.divisor(pixel.iter().map(square).sum())
    };
    let pixels = first.values().chunks_exact(channels);
    let total: f64 = pixels
        .zip(second.values().chunks_exact(channels))
        .map(|(a, b)| {
            let (of_a, of_b) = (divisor(a), divisor(b));
            let weighted = a.iter().zip(b).zip(head).map(|((a, b), weight)| {
                let apart = f64::from(*a) / of_a - f64::from(*b) / of_b;
                f64::from(*weight) * apart * apart
            });
            weighted.sum::<f64>()
        })
        .sum();
    let distance = total / number(first.size().pixels());
    if distance.is_finite() {
        return Ok(distance);
    }
    Err(ScoringError::Value {
        what: "perceptual distance",
        found: distance.to_string(),
        expected: "a finite number; a feature map overflowed".into(),
    })
}

/// The distance of two pictures: the sum over layers. Means over pairs take
/// [`crate::pair::mean`].
///
/// # Errors
/// As [`of_layer`]; no layer.
pub fn distance(layers: &[Layer<'_>], unit_length: UnitLength) -> Result<f64, ScoringError> {
    if layers.is_empty() {
        return Err(ScoringError::TooFew {
            score: "perceptual distance",
            units: "layers",
            needed: 1,
            got: 0,
            instead: "take the maps of the network",
        });
    }
    layers
        .iter()
        .map(|layer| of_layer(*layer, unit_length))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, close, count, number as value};
    use crate::picture::Size;

    #[test]
    fn both_versions_are_those_of_their_programs() {
        let expected = fixture::expected("perceptual");
        let layers = expected["layers"].as_array().unwrap();
        let mut totals = [0.0, 0.0];
        for (index, layer) in layers.iter().enumerate() {
            let size = Size::new(count(layer, "height"), count(layer, "width"));
            let channels = count(layer, "channels");
            let index = index as u64;
            let map = |side: u64| {
                let draws = fixture::uniform(31_000_000 + 10_000 * (2 * index + side));
                let values = draws.take(size.pixels() * channels).enumerate();
                let values = values.map(|(place, value)| {
                    let value = (value - 0.4).max(0.0);
                    #[expect(clippy::cast_possible_truncation, reason = "maps are f32")]
                    let value = if place < channels {
                        value * 1e-5
                    } else {
                        value
                    } as f32;
                    value
                });
                Picture::new(size, channels, values.collect()).unwrap()
            };
            let (first, second) = (map(0), map(1));
            #[expect(clippy::cast_possible_truncation, reason = "heads are f32")]
            let head: Vec<f32> = fixture::uniform(32_000_000 + 1000 * index)
                .take(channels)
                .map(|weight| weight as f32)
                .collect();
            let layer_of = Layer {
                first: &first,
                second: &second,
                head: &head,
            };
            for (slot, (version, key)) in [
                (UnitLength::UnderRoot, "torchmetrics"),
                (UnitLength::BesideLength, "lpips"),
            ]
            .into_iter()
            .enumerate()
            {
                let found = of_layer(layer_of, version).unwrap();
                totals[slot] += found;
                // Inputs were rounded to f32 here and not there.
                assert!(close(found, value(layer, key), 1e-6), "{found}: {layer}");
                assert!(
                    of_layer(
                        Layer {
                            second: &first,
                            ..layer_of
                        },
                        version
                    )
                    .unwrap()
                        == 0.0
                );
                let back = Layer {
                    first: &second,
                    second: &first,
                    head: &head,
                };
                assert!(close(of_layer(back, version).unwrap(), found, 1e-12));
            }
        }
        assert!(close(totals[0], value(&expected, "torchmetrics"), 1e-6));
        assert!(close(totals[1], value(&expected, "lpips"), 1e-6));
        // The two are not the same number.
        assert!(!close(totals[0], totals[1], 0.01));
    }

    #[test]
    fn maps_that_do_not_fit_are_refused() {
        let map = |size| Picture::new(size, 2, vec![1f32; size.pixels() * 2]).unwrap();
        let (a, b) = (map(Size::new(2, 2)), map(Size::new(4, 1)));
        let layer = |second, head| Layer {
            first: &a,
            second,
            head,
        };
        assert!(of_layer(layer(&b, &[1.0, 1.0]), UnitLength::UnderRoot).is_err());
        assert!(of_layer(layer(&a, &[1.0]), UnitLength::UnderRoot).is_err());
        assert!(distance(&[], UnitLength::UnderRoot).is_err());
    }
}
