//! A picture beside the one that it should be: PSNR and SSIM.
//!
//! Paired with the full-precision output of the same seed, these have far more power than a distance
//! between sets. [`mean`] and [`difference`] turn the numbers of many pairs into intervals.

mod ssim;

use statistics::interval::{Interval, Level, Method};
use statistics::location::{mean_t, t_interval};
use statistics::moments::Moments;
use statistics::sum::number;

pub use ssim::{Border, WINDOW, ssim};

use crate::ScoringError;
use crate::error::require_same_length;
use crate::picture::{Picture, require_same_shape};

/// Mean of the squared differences of all values.
///
/// # Errors
/// Pictures of different shape.
pub fn mean_squared_error<T: Copy + Into<f64>>(
    a: &Picture<T>,
    b: &Picture<T>,
) -> Result<f64, ScoringError> {
    require_same_shape(a, b)?;
    let squares = a.values().iter().zip(b.values()).map(|(a, b)| {
        let apart: f64 = (*a).into() - (*b).into();
        apart * apart
    });
    Ok(squares.sum::<f64>() / number(a.values().len()))
}

/// Peak signal-to-noise ratio in decibels, `10 log₁₀(peak² / MSE)`, over all channels; `peak` is 255
/// for bytes and 1 for values in [0, 1]. Infinite where the pictures are equal: [`mean`] refuses it
/// by name, as no mean says anything then; average the squared errors and take [`decibels`].
///
/// # Errors
/// Pictures of different shape.
pub fn psnr<T: Copy + Into<f64>>(
    a: &Picture<T>,
    b: &Picture<T>,
    peak: f64,
) -> Result<f64, ScoringError> {
    Ok(decibels(mean_squared_error(a, b)?, peak))
}

/// A mean squared error in decibels below the peak.
pub fn decibels(mean_squared_error: f64, peak: f64) -> f64 {
    10.0 * libm::log10(peak * peak / mean_squared_error)
}

/// The mean over pairs, with pairs as the sample.
///
/// # Errors
/// Fewer than two values, or one that is not finite.
pub fn mean(values: &[f64], level: Level) -> Result<Interval, ScoringError> {
    Ok(mean_t(values, level)?)
}

/// The mean of `left − right` over pairs of the same picture, seed or prompt.
///
/// # Errors
/// As [`mean`]; lists of unequal length.
pub fn difference(left: &[f64], right: &[f64], level: Level) -> Result<Interval, ScoringError> {
    require_same_length("values of the two systems", left.len(), right.len())?;
    let apart: Vec<f64> = left.iter().zip(right).map(|(a, b)| a - b).collect();
    let moments = Moments::of("paired differences", &apart)?;
    Ok(t_interval(&moments, level, Method::PairedDifferenceT))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::{self, close, count, number as value};
    use crate::picture::Size;

    fn pairs(case: &serde_json::Value) -> (Picture<u8>, Picture<u8>) {
        let size = Size::new(count(case, "height"), count(case, "width"));
        let (ramp, noise) = (
            fixture::picture("ramp", size),
            fixture::picture("noise", size),
        );
        if case["other"] == "noise" {
            return (ramp, noise);
        }
        let shifted = ramp.values().iter().zip(noise.values());
        let shifted = shifted.map(|(a, b)| a.saturating_add(b / 16)).collect();
        let shifted = Picture::new(size, 3, shifted).unwrap();
        (ramp, shifted)
    }

    #[test]
    fn values_are_those_of_skimage_and_torchmetrics() {
        let cases = fixture::expected("pair");
        for case in cases.as_array().unwrap() {
            let (a, b) = pairs(case);
            let found = psnr(&a, &b, 255.0).unwrap();
            assert!(close(found, value(case, "psnr"), 1e-12), "{case}");
            // torchmetrics takes logarithms in single precision.
            assert!(close(found, value(case, "psnr_torchmetrics"), 1e-6));
            for (border, key) in [
                (Border::Valid, "ssim_skimage"),
                (Border::Reflect, "ssim_torchmetrics"),
            ] {
                let found = ssim(&a, &b, 255.0, border).unwrap();
                let apart = (found - value(case, key)).abs();
                assert!(apart < 1e-9, "{found} {key}: {case}");
            }
        }
    }

    #[test]
    fn equal_pictures_are_equal() {
        let picture = fixture::picture("ramp", Size::new(16, 12));
        assert_eq!(psnr(&picture, &picture, 255.0), Ok(f64::INFINITY));
        assert_eq!(ssim(&picture, &picture, 255.0, Border::Valid), Ok(1.0));
        let refusal = mean(&[30.0, f64::INFINITY], Level::P95).unwrap_err();
        assert!(refusal.to_string().contains("value 1 is inf"), "{refusal}");
    }

    #[test]
    fn pictures_smaller_than_the_window_are_refused() {
        let small = fixture::picture("ramp", Size::new(10, 40));
        let refusal = ssim(&small, &small, 255.0, Border::Valid).unwrap_err();
        assert!(refusal.to_string().contains("10 × 40"), "{refusal}");
        assert!(ssim(&small, &small, 255.0, Border::Reflect).is_ok());
    }

    #[test]
    fn pairs_have_less_scatter_than_their_parts() {
        let a = [30.0, 25.0, 40.0, 35.0];
        let b = [29.9, 24.8, 39.9, 34.9];
        let found = difference(&a, &b, Level::P95).unwrap();
        assert!(found.low > 0.0 && found.high < 0.3, "{found:?}");
        assert!(difference(&a, &b[..3], Level::P95).is_err());
    }

    proptest! {
        #[test]
        fn scores_are_symmetric(seed in 0usize..500) {
            let a = fixture::picture("noise", Size::new(12 + seed % 7, 13));
            let b = fixture::picture("ramp", a.size());
            for border in [Border::Valid, Border::Reflect] {
                let forth = ssim(&a, &b, 255.0, border).unwrap();
                prop_assert!((forth - ssim(&b, &a, 255.0, border).unwrap()).abs() < 1e-12);
                prop_assert!((-1.0..=1.0).contains(&forth));
            }
            prop_assert_eq!(psnr(&a, &b, 255.0), psnr(&b, &a, 255.0));
        }
    }
}
