//! Speech whose transcript is known: a voice says syllables, one on each beat of a quarter of a
//! second.
//!
//! A syllable is a vowel with a contour of the pitch, as in a language with tones. The voice is a
//! train of overtones; two resonances of the throat make the vowel (means of men's voices, Peterson
//! and Barney 1952, Journal of the Acoustical Society of America 24, table II). Voices differ in
//! pitch, size of the throat, loudness and noise around them. The part that an utterance belongs to
//! is a function of its transcript, so that none is in both parts.

use std::f64::consts::TAU;
use std::ops::RangeInclusive;

use model::run::hex;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use super::Part;

/// Samples in a second.
const RATE_HZ: f64 = 16_000.0;
/// From the begin of a syllable to that of the next.
const BEAT_SAMPLES: usize = 4_000;
/// Silence before the first syllable, at most.
const MOST_DELAY_SAMPLES: usize = 800;
/// Samples over which the voice is taken as steady: 5 ms.
const STEADY_SAMPLES: usize = 80;

/// Overtones of a voice below a quarter of the sampling rate: of the lowest pitch there are fewer.
const MOST_OVERTONES: usize = 100;

/// Syllables of an utterance, at most: as many as fit three seconds.
pub const MOST_SYLLABLES: usize = 11;
const LEAST_SYLLABLES: usize = 4;

/// Samples that an utterance of so many syllables has at most.
pub const fn samples_of(syllables: usize) -> usize {
    MOST_DELAY_SAMPLES + syllables * BEAT_SAMPLES
}

/// Vowels with the centres of their two resonances in hertz.
const VOWELS: [(&str, [f64; 2]); 8] = [
    ("i", [270.0, 2290.0]),
    ("e", [530.0, 1840.0]),
    ("ae", [660.0, 1720.0]),
    ("a", [730.0, 1090.0]),
    ("o", [570.0, 840.0]),
    ("u", [300.0, 870.0]),
    ("uh", [640.0, 1190.0]),
    ("er", [490.0, 1350.0]),
];

/// Contours: how far the pitch goes from the begin of a syllable to its end, as a factor.
const CONTOURS: [(&str, f64); 3] = [("1", 1.0), ("2", 1.45), ("4", 0.7)];

/// Syllables that there are.
pub const SYLLABLES: usize = VOWELS.len() * CONTOURS.len();

/// Syllables, a word each, in the order of their numbers.
pub fn syllables() -> impl Iterator<Item = String> {
    VOWELS.iter().flat_map(|(vowel, _)| {
        let with = move |(contour, _): &(&str, f64)| format!("{vowel}{contour}");
        CONTOURS.iter().map(with)
    })
}

/// What is said, and by what voice.
#[derive(Clone, Debug, PartialEq)]
pub struct Utterance {
    /// Numbers of the syllables, each below [`SYLLABLES`].
    pub syllables: Vec<usize>,
    voice: Voice,
}

#[derive(Clone, Debug, PartialEq)]
struct Voice {
    pitch_hz: f64,
    /// Factor of all resonances.
    throat: f64,
    loudness: f64,
    noise: f64,
    delay_samples: usize,
    /// Seed of the noise.
    seed: u64,
}

impl Utterance {
    /// The next utterance of a part.
    pub fn draw(part: Part, rng: &mut ChaCha8Rng) -> Self {
        Self::draw_within(part, LEAST_SYLLABLES..=MOST_SYLLABLES, rng)
    }

    /// The next utterance of a part, of so many syllables.
    ///
    /// # Panics
    /// The range is empty.
    pub fn draw_within(part: Part, range: RangeInclusive<usize>, rng: &mut ChaCha8Rng) -> Self {
        let syllables = loop {
            let more = below(rng, range.end() - range.start() + 1);
            let drawn: Vec<usize> = (0..range.start() + more)
                .map(|_| below(rng, SYLLABLES))
                .collect();
            if Part::of(&text(&drawn)) == part {
                break drawn;
            }
        };
        Self {
            syllables,
            voice: Voice {
                pitch_hz: 90.0 + 110.0 * uniform(rng),
                throat: 0.95 + 0.1 * uniform(rng),
                loudness: 0.02 + 0.08 * uniform(rng),
                noise: 0.001 + 0.01 * uniform(rng),
                delay_samples: below(rng, MOST_DELAY_SAMPLES),
                seed: rng.next_u64(),
            },
        }
    }

    /// The first utterances of a part, by a seed.
    pub fn list(part: Part, seed: u64, count: usize) -> Vec<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| Self::draw(part, &mut rng)).collect()
    }

    /// The transcript: the words of the syllables.
    pub fn text(&self) -> String {
        text(&self.syllables)
    }

    /// This many samples at 16 kHz, in steps of a 16-bit recording.
    pub fn sound(&self, samples: usize) -> Vec<f32> {
        let mut sound = vec![0.0; samples];
        for (beat, syllable) in self.syllables.iter().enumerate() {
            let first = (self.voice.delay_samples + beat * BEAT_SAMPLES).min(samples);
            let last = (first + BEAT_SAMPLES).min(samples);
            self.voice.say(*syllable, &mut sound[first..last]);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.voice.seed);
        sound
            .into_iter()
            .map(|value| {
                let noise = self.voice.noise * (2.0 * uniform(&mut rng) - 1.0);
                let steps = ((value + noise) * 32_768.0)
                    .round()
                    .clamp(-32_768.0, 32_767.0);
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "sixteen bits are exact in f32"
                )]
                let value = (steps / 32_768.0) as f32;
                value
            })
            .collect()
    }
}

impl Voice {
    /// A syllable that swells and fades over the whole of `sound`.
    fn say(&self, syllable: usize, sound: &mut [f64]) {
        let (_, centres) = VOWELS[syllable / CONTOURS.len()];
        let (_, rise) = CONTOURS[syllable % CONTOURS.len()];
        let mut phase = 0.0;
        for (index, steady) in sound.chunks_mut(STEADY_SAMPLES).enumerate() {
            let done = real(index * STEADY_SAMPLES) / real(BEAT_SAMPLES);
            let pitch_hz = self.pitch_hz * (1.0 + (rise - 1.0) * done);
            let overtones: Vec<f64> = (1..=MOST_OVERTONES)
                .map(|overtone| real(overtone) * pitch_hz)
                .take_while(|hertz| *hertz < RATE_HZ / 4.0)
                .map(|hertz| self.loudness * resonance(hertz, centres, self.throat))
                .collect();
            for (offset, value) in steady.iter_mut().enumerate() {
                phase = (phase + pitch_hz / RATE_HZ).fract();
                let place = real(index * STEADY_SAMPLES + offset) / real(BEAT_SAMPLES);
                // Silent for the last eighth of the beat.
                let swell = (0.5 * TAU * (place / 0.875).min(1.0)).sin();
                *value += swell * sum_of_overtones(phase, &overtones);
            }
        }
    }
}

/// How loud an overtone of this frequency is: two peaks 90 and 120 Hz wide, the second half as
/// high.
fn resonance(hertz: f64, centres: [f64; 2], throat: f64) -> f64 {
    let peak = |centre: f64, width: f64| 1.0 / (1.0 + ((hertz - throat * centre) / width).powi(2));
    peak(centres[0], 90.0) + 0.5 * peak(centres[1], 120.0)
}

/// Σ aₖ·sin(2πk·phase), by turning a pointer from one overtone to the next.
fn sum_of_overtones(phase: f64, loudness: &[f64]) -> f64 {
    let (sin, cos) = (TAU * phase).sin_cos();
    let (mut real, mut imaginary, mut sum) = (cos, sin, 0.0);
    for of_overtone in loudness {
        sum += of_overtone * imaginary;
        (real, imaginary) = (real * cos - imaginary * sin, real * sin + imaginary * cos);
    }
    sum
}

/// SHA-256 (hex) over the transcripts, a line each.
pub fn digest(utterances: &[Utterance]) -> String {
    let mut hash = Sha256::new();
    for utterance in utterances {
        hash.update(format!("{}\n", utterance.text()));
    }
    hex(&hash.finalize())
}

fn text(syllables: &[usize]) -> String {
    let words: Vec<String> = self::syllables().collect();
    let said: Vec<&str> = syllables.iter().map(|it| words[*it].as_str()).collect();
    said.join(" ")
}

/// A number below `end`; the bias of the remainder is below 2^-50.
fn below(rng: &mut ChaCha8Rng, end: usize) -> usize {
    let end = u64::try_from(end).expect("a count fits 64 bits");
    usize::try_from(rng.next_u64() % end).expect("less than a count")
}

/// From 0 to 1.
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / f64::from(u32::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of samples are far below 2^53"
)]
const fn real(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utterances_repeat_themselves_and_the_parts_share_no_transcript() {
        let training = Utterance::list(Part::Training, 1, 200);
        assert_eq!(training, Utterance::list(Part::Training, 1, 200));
        assert_ne!(training, Utterance::list(Part::Training, 2, 200));
        for part in [Part::Training, Part::HeldOut] {
            for utterance in Utterance::list(part, 1, 50) {
                assert_eq!(Part::of(&utterance.text()), part);
                assert!((LEAST_SYLLABLES..=MOST_SYLLABLES).contains(&utterance.syllables.len()));
            }
        }
        let texts: Vec<String> = training[..4].iter().map(Utterance::text).collect();
        insta::assert_snapshot!("first_utterances", texts.join("\n"));
    }

    #[test]
    fn sounds_repeat_and_end_with_the_last_syllable() {
        let utterance = &Utterance::list(Part::HeldOut, 3, 1)[0];
        let sound = utterance.sound(48_000);
        assert_eq!(sound, utterance.sound(48_000));
        let power = |sound: &[f32]| {
            sound.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / sound.len() as f64
        };
        let end = utterance.voice.delay_samples + utterance.syllables.len() * BEAT_SAMPLES;
        let noise = utterance.voice.noise.powi(2) / 3.0;
        assert!((power(&sound[end..]) / noise - 1.0).abs() < 0.1);
        assert!(
            power(&sound[..end]) > 2.0 * noise,
            "{}",
            power(&sound[..end])
        );
        let peak = sound.iter().fold(0f32, |peak, value| peak.max(value.abs()));
        assert!(peak < 1.0, "{peak}");
    }

    /// The sum that defines it.
    #[test]
    fn overtones_are_summed() {
        let loudness = [0.5, 0.25, 0.125];
        for phase in [0.0, 0.1, 0.77] {
            let expected = 0.5 * (TAU * phase).sin()
                + 0.25 * (2.0 * TAU * phase).sin()
                + 0.125 * (3.0 * TAU * phase).sin();
            assert!((sum_of_overtones(phase, &loudness) - expected).abs() < 1e-12);
        }
    }
}
