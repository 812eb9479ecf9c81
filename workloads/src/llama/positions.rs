//! Rotary positions: the angle by which each pair of a head is turned at each position.

use candle_core::{Device, Result};
use ops::rope::Tables;
use serde::{Deserialize, Serialize};

use super::config::Config;

/// How Llama 3.1 stretches the slow rotations to contexts longer than those of its training
/// (Grattafiori et al. 2024, section 3.4.1; the constants are in `config.json`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RopeScaling {
    /// How much longer the context became.
    pub factor: f64,
    /// Rotations per original context below which a frequency is divided by the whole factor.
    pub low_freq_factor: f64,
    /// Rotations per original context above which a frequency stays.
    pub high_freq_factor: f64,
    /// Context of the training.
    pub original_max_position_embeddings: f64,
}

impl RopeScaling {
    /// The stretched frequency, in radians per position.
    fn apply(&self, frequency: f64) -> f64 {
        let wavelength = 2.0 * std::f64::consts::PI / frequency;
        let rotations = self.original_max_position_embeddings / wavelength;
        let kept =
            (rotations - self.low_freq_factor) / (self.high_freq_factor - self.low_freq_factor);
        let kept = kept.clamp(0.0, 1.0);
        (1.0 - kept) * frequency / self.factor + kept * frequency
    }
}

/// Radians per position of one pair of a head.
#[expect(
    clippy::cast_precision_loss,
    reason = "a head is far narrower than 2^53"
)]
fn frequency(config: &Config, pair: usize) -> f64 {
    let exponent = 2.0 * pair as f64 / config.head_dim() as f64;
    let frequency = config.rope_theta.powf(-exponent);
    config
        .rope_scaling
        .map_or(frequency, |scaling| scaling.apply(frequency))
}

/// Cosines and sines of every position up to `length`.
///
/// # Errors
/// The device is out of memory.
pub fn tables(config: &Config, length: usize, device: &Device) -> Result<Tables> {
    let frequencies: Vec<f64> = (0..config.head_dim() / 2)
        .map(|pair| frequency(config, pair))
        .collect();
    Tables::new(&frequencies, length, device)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The constants of Llama 3.1.
    const LLAMA_3_1: RopeScaling = RopeScaling {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 8192.0,
    };

    #[test]
    fn fast_rotations_stay_and_slow_ones_are_stretched() {
        assert_eq!(LLAMA_3_1.apply(1.0), 1.0);
        assert_eq!(LLAMA_3_1.apply(1e-5), 1e-5 / 8.0);
        // Two and a half rotations lie half-way between one and four.
        let middle = 2.5 * 2.0 * std::f64::consts::PI / 8192.0;
        let expected = middle * 0.5 * (1.0 + 1.0 / 8.0);
        assert!((LLAMA_3_1.apply(middle) / expected - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_first_position_is_not_turned_and_the_first_pair_turns_by_one_radian() {
        let tables = tables(&Config::tiny(), 3, &Device::Cpu).expect("fits");
        let cos: Vec<Vec<f32>> = tables.cos.to_vec2().expect("on the CPU");
        assert!(cos[0].iter().all(|value| *value == 1.0));
        assert!((f64::from(cos[2][0]) - 2f64.cos()).abs() < 1e-7);
        assert_eq!(cos[1].len(), Config::tiny().head_dim() / 2);
    }
}
