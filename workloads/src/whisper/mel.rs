//! Log-mel features of a sound (Radford et al. 2022, section 2.2): power spectra of windows of
//! 25 ms every 10 ms, summed over mel bands, as logarithms near one.
//!
//! Windows are Hann's (periodic), the sound is mirrored at both ends, and bands are those of
//! Slaney's Auditory Toolbox, each of unit area.

use std::f64::consts::{LN_10, TAU};

use super::config::HOP;

/// Samples of a window: 25 ms at 16 kHz.
const WINDOW: usize = 400;
/// A window is transformed as a square of this side (Cooley and Tukey).
const SIDE: usize = 20;
/// Frequencies from 0 to half the sampling rate.
const FREQUENCIES: usize = WINDOW / 2 + 1;
const HIGHEST_HZ: f64 = 8_000.0;
/// Powers below are taken for silence.
const LEAST_POWER: f64 = 1e-10;
/// Decades below the loudest that are kept.
const DECADES: f64 = 8.0;

/// The features of a sound at 16 kHz, `[bins, samples / 160]`.
///
/// # Panics
/// The sound is shorter than half a window, over which it has to be mirrored.
pub fn log_mel(sound: &[f32], bins: usize) -> Vec<f32> {
    assert!(
        sound.len() > WINDOW / 2,
        "a sound of {} samples",
        sound.len()
    );
    let (transform, bands) = (Transform::new(), bands(bins));
    let frames = sound.len() / HOP;
    let mut logs = vec![0.0; bins * frames];
    for frame in 0..frames {
        let powers = transform.powers(sound, frame * HOP);
        for (bin, band) in bands.iter().enumerate() {
            let power: f64 = band
                .iter()
                .zip(powers)
                .map(|(share, power)| share * power)
                .sum();
            logs[bin * frames + frame] = power.max(LEAST_POWER).log10();
        }
    }
    let loudest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    #[expect(clippy::cast_possible_truncation, reason = "features are kept in f32")]
    logs.into_iter()
        .map(|log| ((log.max(loudest - DECADES) + 4.0) / 4.0) as f32)
        .collect()
}

/// The discrete Fourier transform of a window.
struct Transform {
    window: Vec<f64>,
    /// Cosines and sines of all whole parts of a turn.
    turns: Vec<(f64, f64)>,
}

impl Transform {
    fn new() -> Self {
        let part = |index: usize| TAU * small(index) / small(WINDOW);
        Self {
            window: (0..WINDOW).map(|i| 0.5 - 0.5 * part(i).cos()).collect(),
            turns: (0..WINDOW)
                .map(|i| (part(i).cos(), part(i).sin()))
                .collect(),
        }
    }

    /// Powers of the frequencies of the window around a sample.
    ///
    /// With n = 20·a + b and k = c + 20·d, the transform of 400 values is one of 20 over a for each
    /// b, a turn by b·c parts, and one of 20 over b.
    fn powers(&self, sound: &[f32], centre: usize) -> [f64; FREQUENCIES] {
        let value = |n: usize| {
            let place = mirrored(centre + n, sound.len());
            f64::from(sound[place]) * self.window[n]
        };
        let values: Vec<f64> = (0..WINDOW).map(value).collect();
        let mut inner = vec![(0.0, 0.0); WINDOW];
        for b in 0..SIDE {
            for c in 0..SIDE {
                let (mut real, mut imaginary) = (0.0, 0.0);
                for a in 0..SIDE {
                    let (cos, sin) = self.turns[SIDE * a * c % WINDOW];
                    real += values[SIDE * a + b] * cos;
                    imaginary -= values[SIDE * a + b] * sin;
                }
                inner[SIDE * c + b] = times((real, imaginary), self.turns[b * c]);
            }
        }
        let mut powers = [0.0; FREQUENCIES];
        for (k, power) in powers.iter_mut().enumerate() {
            let (c, d) = (k % SIDE, k / SIDE);
            let (mut real, mut imaginary) = (0.0, 0.0);
            for b in 0..SIDE {
                let turned = times(inner[SIDE * c + b], self.turns[SIDE * b * d % WINDOW]);
                real += turned.0;
                imaginary += turned.1;
            }
            *power = real * real + imaginary * imaginary;
        }
        powers
    }
}

/// A complex number, turned backwards.
fn times((real, imaginary): (f64, f64), (cos, sin): (f64, f64)) -> (f64, f64) {
    (real * cos + imaginary * sin, imaginary * cos - real * sin)
}

/// The sample at a place of the sound with half a window mirrored before and behind it.
const fn mirrored(place: usize, samples: usize) -> usize {
    let half = WINDOW / 2;
    if place < half {
        half - place
    } else if place - half < samples {
        place - half
    } else {
        2 * (samples - 1) - (place - half)
    }
}

/// Share of each frequency in each band: triangles of unit area between neighbours of their peak.
fn bands(bins: usize) -> Vec<Vec<f64>> {
    let last = mel(HIGHEST_HZ);
    let corners: Vec<f64> = (0..bins + 2)
        .map(|corner| hertz(last * small(corner) / small(bins + 1)))
        .collect();
    let share = |corners: &[f64], frequency: usize| {
        let hertz = HIGHEST_HZ * small(frequency) / small(FREQUENCIES - 1);
        let up = (hertz - corners[0]) / (corners[1] - corners[0]);
        let down = (corners[2] - hertz) / (corners[2] - corners[1]);
        up.min(down).max(0.0) * 2.0 / (corners[2] - corners[0])
    };
    corners
        .windows(3)
        .map(|corners| (0..FREQUENCIES).map(|k| share(corners, k)).collect())
        .collect()
}

/// Slaney's scale: even to 1 kHz, then 27 mels for a factor of 6.4.
fn mel(hertz: f64) -> f64 {
    if hertz < 1_000.0 {
        hertz * 3.0 / 200.0
    } else {
        15.0 + 27.0 * (hertz / 1_000.0).ln() / SIX_POINT_FOUR_LN
    }
}

fn hertz(mel: f64) -> f64 {
    if mel < 15.0 {
        mel * 200.0 / 3.0
    } else {
        1_000.0 * ((mel - 15.0) * SIX_POINT_FOUR_LN / 27.0).exp()
    }
}

/// ln 6.4 = 6 ln 2 − ln 10.
const SIX_POINT_FOUR_LN: f64 = 6.0 * std::f64::consts::LN_2 - LN_10;

/// A small whole number.
#[expect(clippy::cast_precision_loss, reason = "counts here are below 2^53")]
const fn small(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parity::Fixture;

    #[test]
    fn features_are_those_of_transformers() {
        let fixture = Fixture::open("log-mel");
        let sounds: Vec<Vec<f32>> = fixture.tensor("input.waveform").to_vec2().expect("rows");
        for bins in [80, 128] {
            let expected = fixture.tensor(&format!("expected.features_{bins}"));
            let expected = expected.flatten_from(1).and_then(|rows| rows.to_vec2());
            let found: Vec<Vec<f32>> = sounds.iter().map(|sound| log_mel(sound, bins)).collect();
            let difference = Fixture::difference(&found, &expected.expect("rows"));
            assert!(difference < 1e-4, "{bins}: {difference}");
        }
    }

    /// The transform in two steps is the sum that defines it.
    #[test]
    fn powers_are_those_of_the_definition() {
        let value = |n: u16| f32::from(n % 251 * 37 % 251) / 251.0 - 0.5;
        let sound: Vec<f32> = (0..1000).map(value).collect();
        let transform = Transform::new();
        let powers = transform.powers(&sound, 480);
        for k in [0, 1, 19, 20, 77, 200] {
            let (mut real, mut imaginary) = (0.0, 0.0);
            for (n, window) in transform.window.iter().enumerate() {
                let value = f64::from(sound[480 - 200 + n]) * window;
                let angle = TAU * small(n * k) / 400.0;
                real += value * angle.cos();
                imaginary += value * angle.sin();
            }
            let expected = real * real + imaginary * imaginary;
            assert!(
                (powers[k] - expected).abs() < 1e-9 * (1.0 + expected),
                "{k}"
            );
        }
    }

    #[test]
    fn ends_are_mirrored_and_scales_are_inverse() {
        let places = [0, 199, 200, 1199, 1200, 1399].map(|place| mirrored(place, 1000));
        assert_eq!(places, [200, 1, 0, 999, 998, 799]);
        for frequency in [0.0, 440.0, 1_000.0, 6_400.0] {
            assert!((hertz(mel(frequency)) - frequency).abs() < 1e-9);
        }
        assert!((mel(6_400.0) - 42.0).abs() < 1e-12);
    }
}
