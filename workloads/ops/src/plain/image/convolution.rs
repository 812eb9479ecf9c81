//! Convolutions.

use candle_core::{D, Result, Tensor};

use super::super::wide;
use super::windows::windows;
use crate::image::Window;

/// `x` `[b, h, w, in]` with a weight `[out, kernel h, kernel w, in / groups]` and a bias `[out]`:
/// what the windows see, side by side, times the weight as a matrix.
///
/// # Errors
/// The shapes do not fit.
pub fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    window: &Window,
    groups: usize,
) -> Result<Tensor> {
    let (batch, height, width, _) = x.dims4()?;
    let (outputs, _, _, inputs) = weight.dims4()?;
    let (out_height, out_width) = window.output_size((height, width))?;
    let seen = windows(&wide(x)?, window, 0.0)?;
    let weight = wide(weight)?.reshape((outputs, window.taps() * inputs))?;
    let mut parts = Vec::with_capacity(groups);
    for group in 0..groups {
        let own = seen
            .iter()
            .map(|place| place.narrow(3, group * inputs, inputs)?.contiguous())
            .collect::<Result<Vec<_>>>()?;
        let columns = Tensor::cat(&own, 3)?
            .contiguous()?
            .reshape((batch * out_height * out_width, window.taps() * inputs))?;
        let share = outputs / groups;
        let weight = weight.narrow(0, group * share, share)?;
        parts.push(columns.matmul(&weight.t()?)?);
    }
    let mut product = Tensor::cat(&parts, 1)?;
    if let Some(bias) = bias {
        product = product.broadcast_add(&wide(bias)?)?;
    }
    product
        .reshape((batch, out_height, out_width, outputs))?
        .to_dtype(x.dtype())
}

/// Each channel by itself: `x` `[b, h, w, c]`, weight `[kernel h, kernel w, c]`, bias `[c]`.
///
/// # Errors
/// The shapes do not fit.
pub fn depthwise(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    window: &Window,
) -> Result<Tensor> {
    let channels = x.dim(D::Minus1)?;
    let weight = wide(weight)?.reshape((window.taps(), channels))?;
    let mut sum: Option<Tensor> = None;
    for (place, seen) in windows(&wide(x)?, window, 0.0)?.iter().enumerate() {
        let part = seen.broadcast_mul(&weight.get(place)?)?;
        sum = Some(match sum {
            Some(sum) => (sum + part)?,
            None => part,
        });
    }
    let Some(mut sum) = sum else {
        candle_core::bail!("depthwise: a window of no values");
    };
    if let Some(bias) = bias {
        sum = sum.broadcast_add(&wide(bias)?)?;
    }
    sum.to_dtype(x.dtype())
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};
    use proptest::prelude::*;

    use super::*;
    use crate::case::Draw;

    /// The definition, value by value, in f64; the picture is read by a function that knows nothing
    /// of windows.
    fn by_definition(x: &Tensor, weight: &Tensor, window: &Window, groups: usize) -> Vec<f64> {
        let (batch, height, width, inputs) = x.dims4().unwrap();
        let (outputs, rows, columns, share) = weight.dims4().unwrap();
        let (out_height, out_width) = window.output_size((height, width)).unwrap();
        let picture = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let weight = weight.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        // Zero before the picture (no number) and after it.
        let at = |b: usize, y: Option<usize>, x: Option<usize>, c: usize| match (y, x) {
            (Some(y), Some(x)) if y < height && x < width => {
                f64::from(picture[((b * height + y) * width + x) * inputs + c])
            }
            _ => 0.0,
        };
        let mut all = Vec::new();
        for b in 0..batch {
            for y in 0..out_height {
                for x in 0..out_width {
                    for o in 0..outputs {
                        let group = o / (outputs / groups);
                        let mut sum = 0.0;
                        for i in 0..rows {
                            for j in 0..columns {
                                for c in 0..share {
                                    let y = (y * window.stride.0 + i * window.dilation.0)
                                        .checked_sub(window.padding.0);
                                    let x = (x * window.stride.1 + j * window.dilation.1)
                                        .checked_sub(window.padding.1);
                                    let w = weight[((o * rows + i) * columns + j) * share + c];
                                    sum += at(b, y, x, group * share + c) * f64::from(w);
                                }
                            }
                        }
                        all.push(sum);
                    }
                }
            }
        }
        all
    }

    fn assert_near(found: &Tensor, expected: &[f64]) {
        let found = found.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-4,
                "{found} {expected}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn convolutions_equal_the_definition(
            size in (7..12_usize, 7..12_usize),
            kernel in (1..4_usize, 1..5_usize),
            stride in (1..4_usize, 1..4_usize),
            padding in (0..3_usize, 0..3_usize),
            trailing in (0..3_usize, 0..3_usize),
            dilation in (1..3_usize, 1..3_usize),
            groups in 1..4_usize,
            seed in any::<u64>(),
        ) {
            let window = Window { kernel, stride, padding, trailing, dilation };
            let mut draw = Draw::new(seed);
            let (inputs, outputs) = (2 * groups, 3 * groups);
            let x = draw.normal((2, size.0, size.1, inputs), 1.0).unwrap();
            let weight = draw.normal((outputs, kernel.0, kernel.1, 2), 0.5).unwrap();
            let found = conv2d(&x, &weight, None, &window, groups).unwrap();
            assert_near(&found, &by_definition(&x, &weight, &window, groups));
            // Depthwise is as many groups as channels.
            let each = draw.normal((inputs, kernel.0, kernel.1, 1), 0.5).unwrap();
            let expected = by_definition(&x, &each, &window, inputs);
            let turned = each.squeeze(3).unwrap().permute((1, 2, 0)).unwrap();
            let found = depthwise(&x, &turned.contiguous().unwrap(), None, &window).unwrap();
            assert_near(&found, &expected);
        }
    }

    #[test]
    fn ordinary_convolutions_equal_candles() {
        let mut draw = Draw::new(3);
        let x = draw.normal((2, 9, 8, 4), 1.0).unwrap();
        let weight = draw.normal((6, 4, 3, 3), 0.3).unwrap();
        let nchw = x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
        let expected = nchw.conv2d(&weight, 1, 2, 1, 1).unwrap();
        let expected = expected
            .permute((0, 2, 3, 1))
            .unwrap()
            .contiguous()
            .unwrap();
        let arranged = weight.permute((0, 2, 3, 1)).unwrap().contiguous().unwrap();
        let window = Window::new((3, 3), (2, 2), (1, 1));
        let found = conv2d(&x, &arranged, None, &window, 1).unwrap();
        let apart = (found - expected)
            .unwrap()
            .abs()
            .unwrap()
            .max_all()
            .unwrap();
        assert!(apart.to_scalar::<f32>().unwrap() < 1e-5, "{apart}");
    }

    #[test]
    fn they_have_gradients() {
        let x = Tensor::ones((1, 4, 4, 1), candle_core::DType::F32, &Device::Cpu).unwrap();
        let weight = Var::ones((1, 3, 3, 1), candle_core::DType::F32, &Device::Cpu).unwrap();
        let window = Window::new((3, 3), (1, 1), (1, 1));
        let sum = conv2d(&x, &weight, None, &window, 1)
            .unwrap()
            .sum_all()
            .unwrap();
        let gradients = sum.backward().unwrap();
        let gradient = gradients.get(&weight).unwrap().flatten_all().unwrap();
        // How often each place of the window lies inside the picture.
        assert_eq!(
            gradient.to_vec1::<f32>().unwrap(),
            [9.0, 12.0, 9.0, 12.0, 16.0, 12.0, 9.0, 12.0, 9.0]
        );
    }
}
