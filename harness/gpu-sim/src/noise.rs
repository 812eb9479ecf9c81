//! Random numbers as a function of a seed and a place, so that the order of questions never matters.

/// A stream of draws that belongs to one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noise {
    seed: u64,
}

impl Noise {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Uniform in (0, 1), the same for the same name and index.
    pub(crate) fn uniform(self, name: &str, index: u64) -> f64 {
        let mut state = self.seed ^ mix(index.wrapping_add(0x9E37_79B9_7F4A_7C15));
        for byte in name.bytes() {
            state = mix(state ^ u64::from(byte));
        }
        let bits = mix(state) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let count = bits as f64;
        (count + 0.5) / 9_007_199_254_740_992.0
    }

    /// Standard normal, by Box and Muller.
    pub(crate) fn normal(self, name: &str, index: u64) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(self.uniform(name, 2 * index)));
        let angle = std::f64::consts::TAU * self.uniform(name, 2 * index + 1);
        radius * libm::cos(angle)
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood 2014).
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_those_of_their_place_and_look_normal() {
        let noise = Noise::new(7);
        assert_eq!(
            noise.normal("gain", 3).to_bits(),
            noise.normal("gain", 3).to_bits()
        );
        assert_ne!(
            noise.normal("gain", 3).to_bits(),
            noise.normal("gain", 4).to_bits()
        );
        assert_ne!(
            noise.normal("gain", 3).to_bits(),
            noise.normal("offset", 3).to_bits()
        );
        let draws: Vec<f64> = (0..20_000).map(|i| noise.normal("x", i)).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / 20_000.0;
        assert!(
            mean.abs() < 0.02 && (variance - 1.0).abs() < 0.04,
            "{mean} {variance}"
        );
    }
}
