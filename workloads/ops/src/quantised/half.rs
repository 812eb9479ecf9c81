//! f16 to and from f32 by their bits (IEEE 754, binary16), for the scales inside blocks.

/// The value of an f16 given by its bits.
pub(super) fn widen(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10) & 31;
    let fraction = u32::from(bits & 0x3ff);
    match exponent {
        // A subnormal: a whole number of steps of 2^-24.
        0 => {
            #[expect(clippy::cast_precision_loss, reason = "ten bits fit an f32")]
            let magnitude = fraction as f32 / 16_777_216.0;
            f32::from_bits(magnitude.to_bits() | sign)
        }
        31 => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        _ => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

/// The bits of the f16 nearest to a positive value below 65,504, ties away from zero.
///
/// Scales of made-up weights are such values; the sign and what lies beyond are not provided for.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and below 2^15 by the bound on the value"
)]
pub(super) fn narrow_scale(value: f32) -> u16 {
    assert!(
        (0.0..65_504.0).contains(&value),
        "{value} is no scale that f16 can hold"
    );
    if value < f32::from_bits(0x3880_0000) {
        // Below 2^-14: whole steps of 2^-24. A carry gives the smallest normal value, as it should.
        return (value * 16_777_216.0).round() as u16;
    }
    // Half a step of the ten bits that stay, then the exponent's new offset.
    (((value.to_bits() + 0x1000) >> 13) - (112 << 10)) as u16
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;

    #[test]
    fn every_f16_widens_to_what_candle_says() {
        let bits: Vec<u16> = (0..0x7c00).collect();
        let bytes: Vec<u8> = bits.iter().flat_map(|b| b.to_le_bytes()).collect();
        let expected = Tensor::from_raw_buffer(&bytes, DType::F16, &[bits.len()], &Device::Cpu)
            .and_then(|t| t.to_dtype(DType::F32)?.to_vec1::<f32>())
            .unwrap();
        for (bits, expected) in bits.into_iter().zip(expected) {
            assert_eq!(widen(bits), expected, "{bits:#x}");
            assert_eq!(widen(bits | 0x8000), -expected);
            if expected < 65_504.0 {
                assert_eq!(narrow_scale(expected), bits, "{expected}");
            }
        }
        assert!(widen(0x7c01).is_nan() && widen(0xfc00) == f32::NEG_INFINITY);
    }

    #[test]
    fn narrowing_takes_the_nearest() {
        for value in [1e-7_f32, 3.3e-5, 6.1e-5, 0.1, 1.0 / 3.0, 17.01, 40_000.0] {
            let there = f64::from(widen(narrow_scale(value)));
            let step = (f64::from(value) / 1024.0).max(1.0 / 16_777_216.0);
            assert!(
                (there - f64::from(value)).abs() <= step / 2.0,
                "{value} {there}"
            );
        }
    }
}
