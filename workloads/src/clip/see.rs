//! Looking at pairs again and again with the stock model, and what either composition puts out.

use candle_core::{Device, Result, Tensor, bail};

use super::stock::Stock;
use crate::seeing::{Output, Seer};

/// What work is counted in.
pub(super) const UNIT: &str = "pair";

/// The reference.
pub struct Reference {
    stock: Stock,
    /// Embeddings of pictures and captions of the last pass.
    last: Option<[Tensor; 2]>,
}

impl Reference {
    /// Looks with the stock model.
    pub const fn new(stock: Stock) -> Self {
        Self { stock, last: None }
    }
}

impl Seer for Reference {
    fn device(&self) -> &Device {
        self.stock.device()
    }

    fn batch(&self) -> usize {
        self.stock.batch()
    }

    fn unit(&self) -> &'static str {
        UNIT
    }

    fn see(&mut self, _phase: usize) -> Result<()> {
        self.last = Some(self.stock.forward()?);
        Ok(())
    }

    fn outputs(&self) -> Result<Vec<Output>> {
        let Some([pictures, captions]) = &self.last else {
            bail!("nothing was looked at yet");
        };
        outputs(pictures, captions, self.stock.scale())
    }
}

/// The embeddings, and how similar those of each pair are: their product times the model's factor.
pub(super) fn outputs(pictures: &Tensor, captions: &Tensor, scale: f32) -> Result<Vec<Output>> {
    let pictures = Output::of("picture_embeddings", pictures)?;
    let captions = Output::of("caption_embeddings", captions)?;
    let width = pictures.shape[1];
    let pairs = pictures
        .values
        .chunks_exact(width)
        .zip(captions.values.chunks_exact(width));
    let similarity = |(picture, caption): (&[f32], &[f32])| {
        scale * picture.iter().zip(caption).map(|(a, b)| a * b).sum::<f32>()
    };
    let similarities = Output {
        name: "similarities",
        shape: vec![pictures.shape[0]],
        values: pairs.map(similarity).collect(),
    };
    Ok(vec![pictures, captions, similarities])
}
