//! Pictures that look at text, on rows as projections leave them.

use candle_core::DType;

use super::{scale_of, tolerance, work};
use crate::attention::cross;
use crate::case::{Bound, Case, Purpose};
use crate::plain;

/// Queries of a picture, places of a text.
#[derive(Clone, Copy)]
pub(super) struct Cross {
    batch: usize,
    heads: usize,
    d: usize,
    length: usize,
    places: usize,
    purpose: Purpose,
}

impl Cross {
    /// Odd lengths; then the layers of Stable Diffusion 1.5 at 512² (two predictions) and of XL at
    /// 1024².
    pub(super) fn all() -> Vec<Self> {
        let new = |batch, heads, d, length, places, purpose| Self {
            batch,
            heads,
            d,
            length,
            places,
            purpose,
        };
        vec![
            new(2, 3, 40, 65, 77, Purpose::Check),
            new(17, 8, 40, 257, 5, Purpose::Check),
            new(3, 2, 64, 7, 130, Purpose::Check),
            new(2, 2, 80, 129, 77, Purpose::Check),
            new(2, 2, 160, 64, 77, Purpose::Check),
            new(1, 1, 512, 66, 70, Purpose::Check),
            new(2, 8, 40, 4096, 77, Purpose::Bench),
            new(2, 8, 80, 1024, 77, Purpose::Bench),
            new(2, 8, 160, 256, 77, Purpose::Bench),
            new(2, 10, 64, 4096, 77, Purpose::Bench),
            new(2, 20, 64, 1024, 77, Purpose::Bench),
        ]
    }

    pub(super) fn case(self, dtype: DType) -> Case {
        let Self {
            batch,
            heads,
            d,
            length,
            places,
            purpose,
        } = self;
        let values = 2 * batch * heads * d * (length + places);
        Case {
            op: "attention_cross",
            shape: format!("{batch}x{heads}x{length} d{d} to {places}"),
            dtype,
            purpose,
            tolerance: tolerance(dtype),
            work: work(batch * heads * length * places, d, values, dtype),
            inputs: Box::new(move |draw| {
                Ok(vec![
                    draw.normal((batch * length, heads * d), 1.0)?,
                    draw.normal((batch * places, 2 * heads * d), 1.0)?,
                ])
            }),
            bind: Box::new(move |operands| {
                let (query, both) = (operands[0].clone(), operands[1].clone());
                let out = query.zeros_like()?;
                Ok(Bound {
                    outputs: vec![out.clone()],
                    call: Box::new(move || cross(&query, &both, batch, heads, scale_of(d), &out)),
                })
            }),
            plain: Box::new(move |operands| {
                let (query, both) = (&operands[0], &operands[1]);
                let scale = scale_of(d);
                Ok(vec![plain::attention::cross(
                    query, both, batch, heads, scale,
                )?])
            }),
        }
    }
}
