//! Group norms as cases.

use candle_core::{DType, Tensor};

use super::GroupNorm;
use crate::case::{Bound, Case, Purpose, Tolerance, Work};
use crate::plain;

const EPSILON: f32 = 1e-5;

/// Pictures, places, channels, groups; whether something is added before, and `SiLU` follows.
#[derive(Clone, Copy)]
struct Shape {
    batch: usize,
    places: usize,
    channels: usize,
    groups: usize,
    added: bool,
    silu: bool,
    purpose: Purpose,
}

const fn check([batch, places, channels, groups]: [usize; 4], added: bool, silu: bool) -> Shape {
    Shape {
        batch,
        places,
        channels,
        groups,
        added,
        silu,
        purpose: Purpose::Check,
    }
}

/// A layer of Stable Diffusion, in 32 groups and with `SiLU`.
const fn layer(batch: usize, side: usize, channels: usize, added: bool) -> Shape {
    Shape {
        purpose: Purpose::Bench,
        ..check([batch, side * side, channels, 32], added, true)
    }
}

/// Odd widths and places, a group of everything and groups of one channel, then the layers of Stable
/// Diffusion 1.5 at 512² (two predictions), its decoder at 512² and 1024².
const SHAPES: [Shape; 17] = [
    check([2, 35, 6, 3], false, false),
    check([3, 7, 21, 7], true, true),
    check([2, 1, 64, 32], false, true),
    check([1, 1000, 32, 1], true, false),
    check([2, 900, 64, 64], false, false),
    check([2, 121, 320, 32], true, true),
    check([1, 333, 960, 32], false, true),
    check([2, 64, 2560, 32], false, true),
    check([3, 9, 1024, 1], true, false),
    layer(2, 64, 320, false),
    layer(2, 64, 320, true),
    layer(2, 64, 960, false),
    layer(2, 32, 640, false),
    layer(2, 16, 1280, true),
    layer(2, 8, 1280, true),
    layer(1, 512, 128, false),
    layer(1, 1024, 128, false),
];

/// Every shape and format.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in SHAPES {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            cases.push(case(shape, dtype));
        }
    }
    cases
}

fn case(shape: Shape, dtype: DType) -> Case {
    let Shape {
        batch,
        places,
        channels,
        groups,
        added,
        silu,
        purpose,
    } = shape;
    let word = |given: bool, word: &'static str| if given { word } else { "" };
    Case {
        op: "group_norm",
        shape: format!(
            "{batch}x{places}x{channels}/{groups}{}{}",
            word(added, " added"),
            word(silu, " silu")
        ),
        dtype,
        purpose,
        tolerance: Tolerance {
            reason: "f32 sums in another order, then one rounding",
            ..Tolerance::rounded_once(dtype)
        },
        work: Work::traffic((2 * batch * places * channels * dtype.size_in_bytes()) as u64),
        inputs: Box::new(move |draw| {
            // Far from zero, as channels of trained models are: a sum of squares alone would not do.
            let x = (draw.normal((batch, places, channels), 1.0)? + 20.0)?;
            Ok(vec![
                x,
                draw.normal((batch, channels), 1.0)?,
                draw.normal(channels, 1.0)?,
                draw.normal(channels, 1.0)?,
            ])
        }),
        bind: Box::new(move |operands| {
            let [x, addend, weight, bias] = operands else {
                candle_core::bail!("four operands");
            };
            let norm = GroupNorm::new(groups, weight.clone(), bias.clone(), EPSILON)?;
            let norm = if silu { norm.with_silu() } else { norm };
            let (x, added) = (x.clone(), added.then(|| addend.clone()));
            // In place, too; but a timed case must not feed on its own results.
            let out = match purpose {
                Purpose::Check if added.is_some() => x.clone(),
                _ => x.zeros_like()?,
            };
            Ok(Bound {
                outputs: vec![out.clone()],
                call: Box::new(move || match &added {
                    Some(addend) => norm.forward_added(&x, addend, &out),
                    None => norm.forward(&x, &out),
                }),
            })
        }),
        plain: Box::new(move |operands| {
            let [x, addend, weight, bias] = operands else {
                candle_core::bail!("four operands");
            };
            let addend = added.then_some(addend);
            let vectors: (&Tensor, &Tensor) = (weight, bias);
            Ok(vec![plain::group_norm::group_norm(
                x, addend, groups, vectors, EPSILON, silu,
            )?])
        }),
    }
}
