//! The LSTM of sentiment: 5,000 words in 15 numbers, ten cells, one score.
//!
//! Of the 5,000 words the grammar uses some hundred; the others keep the values that they began
//! with. Shorter reviews have padding before them, as the last state is what is read.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor};
use candle_nn::rnn::{LSTMConfig, LSTMState, RNN, lstm};
use candle_nn::{Init, VarBuilder};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::Value;

use super::batch::{draw, tokenise};
use super::{Course, Data, Material, Recipe};
use crate::Error;
use crate::corpus::{self, Document};

/// Shape of the model, as its `config.json` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// Words that it knows.
    pub vocab_size: usize,
    /// Numbers for a word.
    pub width: usize,
    /// Cells.
    pub cells: usize,
    /// Words of a sequence, padding included.
    pub words: usize,
}

impl Shape {
    /// The one of the mission: 5,000 × 15, ten cells, 300 words.
    pub const SENTIMENT: Self = Self {
        vocab_size: 5000,
        width: 15,
        cells: 10,
        words: 300,
    };

    /// Every tensor by the name that PyTorch gives it, with its shape.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let gates = 4 * self.cells;
        [
            ("embedding.weight", vec![self.vocab_size, self.width]),
            ("lstm.weight_ih_l0", vec![gates, self.width]),
            ("lstm.weight_hh_l0", vec![gates, self.cells]),
            ("lstm.bias_ih_l0", vec![gates]),
            ("lstm.bias_hh_l0", vec![gates]),
            ("dense.weight", vec![1, self.cells]),
            ("dense.bias", vec![1]),
        ]
        .map(|(name, shape)| (name.to_owned(), shape))
        .into()
    }
}

/// Scores (`[batch]`) of words (`u32 [batch, words]`): above zero is praise. Of operations with a
/// derivative.
///
/// # Errors
/// A tensor is missing or has another shape, or the device failed.
pub fn logits(shape: Shape, weights: &VarBuilder<'_>, words: &Tensor) -> Result<Tensor> {
    let (batch, length) = words.dims2()?;
    let normal = Init::Randn {
        mean: 0.0,
        stdev: 0.3,
    };
    let table =
        weights.get_with_hints((shape.vocab_size, shape.width), "embedding.weight", normal)?;
    let uniform = Init::Uniform { lo: -0.3, up: 0.3 };
    let config = LSTMConfig {
        w_ih_init: uniform,
        w_hh_init: uniform,
        b_ih_init: Some(uniform),
        b_hh_init: Some(uniform),
        ..LSTMConfig::default()
    };
    let cells = lstm(shape.width, shape.cells, config, weights.pp("lstm"))?;
    // Words first, so that a step reads rows that lie together.
    let embedded = table
        .index_select(&words.t()?.flatten_all()?, 0)?
        .reshape((length, batch, shape.width))?;
    let mut state: LSTMState = cells.zero_state(batch)?;
    for step in 0..length {
        state = cells.step(&embedded.get(step)?, &state)?;
    }
    let dense = weights.pp("dense");
    let weight = dense.get_with_hints((1, shape.cells), "weight", uniform)?;
    let bias = dense.get_with_hints(1, "bias", uniform)?;
    state
        .h()
        .matmul(&weight.t()?)?
        .broadcast_add(&bias)?
        .squeeze(1)
}

/// Mean of −ln p of the wanted classes, 0 or 1, in the form that no score overflows:
/// max(x, 0) − x·y + ln(1 + exp(−|x|)).
fn cross_entropy(scores: &Tensor, wanted: &Tensor) -> Result<Tensor> {
    let tail = ((scores.abs()?.neg()?.exp()? + 1.0)?).log()?;
    ((scores.relu()? - (scores * wanted)?)? + tail)?.mean_all()
}

/// Words with padding before the shorter texts, `u32 [texts, length]`; of longer ones the end.
///
/// # Errors
/// The device is out of memory.
pub fn padded(texts: &[&[u32]], length: usize) -> Result<Tensor> {
    let mut ids = Vec::with_capacity(texts.len() * length);
    for text in texts {
        let kept = &text[text.len().saturating_sub(length)..];
        ids.extend(std::iter::repeat_n(0, length - kept.len()));
        ids.extend_from_slice(kept);
    }
    Tensor::from_vec(ids, (texts.len(), length), &Device::Cpu)
}

/// Padding before the longest review of a batch, at most.
const MOST_PADDING: usize = 12;

/// Held-out documents that the model is judged on.
const JUDGED: usize = 512;

/// Reviews with their classes.
pub(super) struct Recurrent {
    shape: Shape,
    training: Labelled,
    held_out: Labelled,
}

struct Labelled {
    texts: Vec<Vec<u32>>,
    classes: Vec<u32>,
}

impl Labelled {
    fn new(documents: &[Document]) -> std::result::Result<Self, Error> {
        // By length, so that those of a batch need little padding.
        let texts = tokenise(&corpus::words(), documents)?;
        let mut pairs: Vec<(Vec<u32>, u32)> = texts
            .into_iter()
            .zip(documents.iter().map(|document| document.sentiment.class()))
            .collect();
        pairs.sort_by_key(|(text, _)| text.len());
        let (texts, classes) = pairs.into_iter().unzip();
        Ok(Self { texts, classes })
    }
}

impl Recurrent {
    pub(super) fn new() -> std::result::Result<Self, Error> {
        let data = Data::draw();
        Ok(Self {
            shape: Shape::SENTIMENT,
            training: Labelled::new(&data.training)?,
            held_out: Labelled::new(&data.held_out[..JUDGED])?,
        })
    }
}

impl Course for Recurrent {
    /// Stopped before it makes no more mistakes: a metric at its end would show no difference
    /// between number formats.
    fn recipe(&self) -> Recipe {
        Recipe {
            steps: 500,
            batch: 64,
            learning_rate: 1e-2,
            weight_decay: 1e-4,
            clip: 1.0,
        }
    }

    fn loss(
        &self,
        weights: &VarBuilder<'static>,
        rng: &mut ChaCha8Rng,
        _way: f64,
    ) -> std::result::Result<Tensor, Error> {
        let batch = self.recipe().batch;
        let place = draw(rng, 1, self.training.texts.len() - batch)[0];
        let padding = draw(rng, 1, MOST_PADDING + 1)[0];
        let texts: Vec<&[u32]> = self.training.texts[place..place + batch]
            .iter()
            .map(Vec::as_slice)
            .collect();
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let words = padded(&texts, longest + padding)?;
        let classes = &self.training.classes[place..place + batch];
        #[expect(clippy::cast_precision_loss, reason = "classes are 0 and 1")]
        let wanted: Vec<f32> = classes.iter().map(|class| *class as f32).collect();
        let wanted = Tensor::from_vec(wanted, batch, &Device::Cpu)?;
        let scores = logits(self.shape, weights, &words)?;
        Ok(cross_entropy(&scores, &wanted)?)
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of documents")]
    fn judge(
        &self,
        weights: &VarBuilder<'static>,
    ) -> std::result::Result<BTreeMap<String, f64>, Error> {
        let mut right = 0usize;
        let pairs = self.held_out.texts.chunks(64);
        for (texts, classes) in pairs.zip(self.held_out.classes.chunks(64)) {
            let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            let words = padded(&texts, self.shape.words)?;
            let scores = logits(self.shape, weights, &words)?.to_vec1::<f32>()?;
            right += scores
                .iter()
                .zip(classes)
                .filter(|(score, class)| u32::from(**score > 0.0) == **class)
                .count();
        }
        Ok([("accuracy".to_owned(), right as f64 / JUDGED as f64)].into())
    }

    fn config(&self) -> Value {
        serde_json::json!(self.shape)
    }

    fn tokenizer(&self) -> Option<Value> {
        Some(corpus::words())
    }

    fn what(&self) -> &'static str {
        "a classifier of sentiment over words: 5,000 words in 15 numbers, ten LSTM cells, one score"
    }

    fn material(&self) -> Material {
        Material::reviews()
    }
}
