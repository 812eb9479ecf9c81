//! Sequences of an encoder.

use candle_core::{DType, Device, Tensor};

use super::{scale_of, tolerance, work};
use crate::attention::encoder;
use crate::case::{Bound, Case, Purpose, Work};
use crate::plain;

/// Sequences of an encoder.
#[derive(Clone, Copy)]
pub(super) struct Sequences {
    batch: usize,
    heads: usize,
    d: usize,
    length: usize,
    /// Sequences of many lengths, or all whole.
    ragged: bool,
    purpose: Purpose,
}

impl Sequences {
    /// Odd lengths, then BERT-large, Whisper large, ViT-H.
    pub(super) fn all() -> Vec<Self> {
        let new = |batch, heads, d, length, ragged, purpose| Self {
            batch,
            heads,
            d,
            length,
            ragged,
            purpose,
        };
        vec![
            new(3, 2, 64, 7, true, Purpose::Check),
            new(3, 4, 16, 65, true, Purpose::Check),
            new(2, 2, 128, 130, false, Purpose::Check),
            new(9, 16, 80, 257, true, Purpose::Check),
            new(9, 16, 64, 300, true, Purpose::Check),
            new(1, 16, 64, 128, false, Purpose::Bench),
            new(32, 16, 64, 384, false, Purpose::Bench),
            new(32, 16, 64, 384, true, Purpose::Bench),
            new(8, 20, 64, 1500, false, Purpose::Bench),
            new(32, 16, 80, 257, false, Purpose::Bench),
        ]
    }

    /// From one place to all of them.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a sequence is far shorter than 2^32"
    )]
    fn lengths(&self) -> Vec<u32> {
        (0..self.batch)
            .map(|i| {
                if self.ragged {
                    (1 + i * (self.length - 1) / (self.batch - 1).max(1)) as u32
                } else {
                    self.length as u32
                }
            })
            .collect()
    }

    fn work(&self, dtype: DType) -> Work {
        let Self {
            batch,
            heads,
            d,
            length,
            ..
        } = *self;
        let seen: usize = self.lengths().iter().map(|&places| places as usize).sum();
        work(
            heads * length * seen,
            d,
            4 * batch * length * heads * d,
            dtype,
        )
    }

    pub(super) fn case(self, dtype: DType) -> Case {
        let Self {
            batch,
            heads,
            d,
            length,
            ragged,
            purpose,
        } = self;
        let ragged_word = if ragged { " ragged" } else { "" };
        let given = move |lengths: &Tensor| ragged.then(|| lengths.clone());
        Case {
            op: "attention_encoder",
            shape: format!("{batch}x{heads}x{length} d{d}{ragged_word}"),
            dtype,
            purpose,
            tolerance: tolerance(dtype),
            work: self.work(dtype),
            inputs: Box::new(move |draw| {
                Ok(vec![
                    draw.normal((batch, length, 3 * heads * d), 1.0)?,
                    Tensor::from_vec(self.lengths(), batch, &Device::Cpu)?,
                ])
            }),
            bind: Box::new(move |operands| {
                let (qkv, lengths) = (operands[0].clone(), given(&operands[1]));
                let out = Tensor::zeros((batch * length, heads * d), dtype, qkv.device())?;
                Ok(Bound {
                    outputs: vec![out.clone()],
                    call: Box::new(move || {
                        encoder(&qkv, lengths.as_ref(), heads, scale_of(d), &out)
                    }),
                })
            }),
            plain: Box::new(move |operands| {
                let lengths = given(&operands[1]);
                Ok(vec![plain::attention::encoder(
                    &operands[0],
                    lengths.as_ref(),
                    heads,
                    scale_of(d),
                )?])
            }),
        }
    }
}
