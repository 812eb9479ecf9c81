//! Numbers as sinusoids (Vaswani et al. 2017), cosines first as these models have it.

/// `width` values: the cosines and the sines of the number at frequencies from 1 down to 1/10,000,
/// which itself is not reached. An odd width has no last value.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a width is small, and networks see single precision"
)]
pub fn sinusoids(number: f64, width: usize) -> Vec<f32> {
    let half = width / 2;
    let angle = |index: usize| {
        let exponent = -libm::log(10_000.0) * index as f64 / half as f64;
        number * libm::exp(exponent)
    };
    let cosines = (0..half).map(|index| libm::cos(angle(index)) as f32);
    let sines = (0..half).map(|index| libm::sin(angle(index)) as f32);
    cosines.chain(sines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_cosines_of_one_and_sines_of_zero() {
        assert_eq!(sinusoids(0.0, 4), [1.0, 1.0, 0.0, 0.0]);
        let one = sinusoids(1.0, 4);
        let expected = [1f64.cos(), 0.01f64.cos(), 1f64.sin(), 0.01f64.sin()];
        for (found, expected) in one.into_iter().zip(expected) {
            assert!((f64::from(found) - expected).abs() < 1e-7);
        }
    }
}
