//! A seeded sound that is somewhat like speech: syllables of a voiced tone with overtones that
//! glides, in noise.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

const RATE_HZ: f64 = 16_000.0;
/// A fifth of a second.
const SYLLABLE_SAMPLES: usize = 3_200;
/// Of the voice, each half as loud as the one before.
const OVERTONES: u8 = 5;
const NOISE: f64 = 0.02;

/// This many samples at 16 kHz, in steps of a 16-bit recording. `index` tells sounds of one seed
/// apart.
pub fn seeded(seed: u64, index: u64, samples: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index);
    let mut sound = Vec::with_capacity(samples);
    let mut phase = 0.0;
    while sound.len() < samples {
        let (first, last) = (pitch_hz(&mut rng), pitch_hz(&mut rng));
        let loudness = 0.3 * uniform(&mut rng);
        for sample in 0..SYLLABLE_SAMPLES.min(samples - sound.len()) {
            #[expect(clippy::cast_precision_loss, reason = "a syllable is short")]
            let done = sample as f64 / SYLLABLE_SAMPLES as f64;
            phase += (first + (last - first) * done) / RATE_HZ;
            phase -= phase.floor();
            let voice: f64 = (1..=OVERTONES)
                .map(|tone| (TAU * f64::from(tone) * phase).sin() * 0.5f64.powi(tone.into()))
                .sum();
            let swell = (0.5 * TAU * done).sin();
            let noise = NOISE * (2.0 * uniform(&mut rng) - 1.0);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "sixteen bits are exact in f32"
            )]
            sound.push(((loudness * swell * voice + noise) * 32_768.0).round() as f32 / 32_768.0);
        }
    }
    sound
}

/// A pitch of a voice.
fn pitch_hz(rng: &mut ChaCha8Rng) -> f64 {
    100.0 * 4f64.powf(uniform(rng))
}

/// From 0 to 1.
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_repeat_differ_and_stay_within_bounds() {
        let sound = seeded(1, 0, 10_000);
        assert_eq!(sound, seeded(1, 0, 10_000));
        assert_ne!(sound, seeded(1, 1, 10_000));
        assert_ne!(sound, seeded(2, 0, 10_000));
        assert_eq!(sound.len(), 10_000);
        let peak = sound.iter().fold(0f32, |peak, value| peak.max(value.abs()));
        assert!((0.02..1.0).contains(&peak), "{peak}");
    }
}
