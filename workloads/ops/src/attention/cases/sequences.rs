//! Sequences of an encoder: those of language, speech and pictures.

use candle_core::{DType, Device, Tensor};

use super::{scale_of, tolerance, work};
use crate::attention::{encoder, encoder_causal};
use crate::case::{Bound, Case, Purpose, Work};
use crate::plain;

/// What the places of a sequence see.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    All,
    /// Sequences of many lengths.
    Ragged,
    /// What is before them.
    Before,
}

/// Sequences of an encoder.
#[derive(Clone, Copy)]
pub(super) struct Sequences {
    batch: usize,
    heads: usize,
    d: usize,
    length: usize,
    seen: Seen,
    purpose: Purpose,
}

impl Sequences {
    /// Odd lengths, with every head; then BERT-large, Whisper large, ViT-H; text encoders of CLIP;
    /// layers of Stable Diffusion 1.5 at 512² (two predictions), of 2.1 at 768², and the autoencoder
    /// at 512² and 1024².
    pub(super) fn all() -> Vec<Self> {
        use Seen::{All, Before, Ragged};
        let new = |batch, heads, d, length, seen, purpose| Self {
            batch,
            heads,
            d,
            length,
            seen,
            purpose,
        };
        vec![
            new(3, 2, 64, 7, Ragged, Purpose::Check),
            new(3, 4, 16, 65, Ragged, Purpose::Check),
            new(2, 2, 128, 130, All, Purpose::Check),
            new(9, 16, 80, 257, Ragged, Purpose::Check),
            new(9, 16, 64, 300, Ragged, Purpose::Check),
            new(2, 3, 40, 67, Ragged, Purpose::Check),
            new(9, 16, 40, 290, All, Purpose::Check),
            new(2, 2, 160, 129, Ragged, Purpose::Check),
            new(2, 2, 160, 64, All, Purpose::Check),
            new(2, 1, 512, 130, All, Purpose::Check),
            new(3, 2, 512, 65, Ragged, Purpose::Check),
            new(2, 3, 64, 77, Before, Purpose::Check),
            new(1, 16, 64, 128, All, Purpose::Bench),
            new(32, 16, 64, 384, All, Purpose::Bench),
            new(32, 16, 64, 384, Ragged, Purpose::Bench),
            new(8, 20, 64, 1500, All, Purpose::Bench),
            new(32, 16, 80, 257, All, Purpose::Bench),
            new(2, 12, 64, 77, Before, Purpose::Bench),
            new(2, 8, 40, 4096, All, Purpose::Bench),
            new(2, 8, 80, 1024, All, Purpose::Bench),
            new(2, 8, 160, 256, All, Purpose::Bench),
            new(2, 5, 64, 9216, All, Purpose::Bench),
            new(2, 10, 64, 4096, All, Purpose::Bench),
            new(1, 1, 512, 4096, All, Purpose::Bench),
            new(1, 1, 512, 16_384, All, Purpose::Bench),
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
                if self.seen == Seen::Ragged {
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
        let pairs = if self.seen == Seen::Before {
            batch * length * (length + 1) / 2
        } else {
            let places = self.lengths().into_iter();
            length * places.map(|places| places as usize).sum::<usize>()
        };
        work(heads * pairs, d, 4 * batch * length * heads * d, dtype)
    }

    pub(super) fn case(self, dtype: DType) -> Case {
        let Self {
            batch,
            heads,
            d,
            length,
            seen,
            purpose,
        } = self;
        let word = match seen {
            Seen::All => "",
            Seen::Ragged => " ragged",
            Seen::Before => " causal",
        };
        let given = move |lengths: &Tensor| (seen == Seen::Ragged).then(|| lengths.clone());
        Case {
            op: "attention_encoder",
            shape: format!("{batch}x{heads}x{length} d{d}{word}"),
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
                    call: Box::new(move || match seen {
                        Seen::Before => encoder_causal(&qkv, heads, scale_of(d), &out),
                        _ => encoder(&qkv, lengths.as_ref(), heads, scale_of(d), &out),
                    }),
                })
            }),
            plain: Box::new(move |operands| {
                let (qkv, lengths) = (&operands[0], given(&operands[1]));
                let scale = scale_of(d);
                Ok(vec![match seen {
                    Seen::Before => plain::attention::encoder_causal(qkv, heads, scale)?,
                    _ => plain::attention::encoder(qkv, lengths.as_ref(), heads, scale)?,
                }])
            }),
        }
    }
}
