//! The LSTM of sentiment: 5,000 words in 15 numbers, ten cells, one score.
//!
//! Of the 5,000 words the grammar uses some hundred; the others keep the values that they began
//! with. Shorter reviews have padding before them, as the last state is what is read.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Init, VarBuilder};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::batch::{draw, tokenise};
use super::{Course, Data, Recipe};
use crate::Error;
use crate::corpus::{self, Document};
use crate::lstm::config::Config;
use crate::lstm::inputs::Inputs;
use crate::lstm::stock::Stock;
use crate::lstm::weights::Weights;

/// The tensors as a training begins: smaller than those of an untrained network that is measured,
/// so that ten cells learn in a few hundred steps.
fn weights(config: &Config, weights: &VarBuilder<'_>) -> Result<Weights> {
    let normal = Init::Randn {
        mean: 0.0,
        stdev: 0.3,
    };
    let uniform = Init::Uniform { lo: -0.3, up: 0.3 };
    let mut named = HashMap::new();
    for (name, shape) in config.tensors() {
        let init = if name.starts_with("embedding") {
            normal
        } else {
            uniform
        };
        named.insert(name.clone(), weights.get_with_hints(shape, &name, init)?);
    }
    let named = VarBuilder::from_tensors(named, DType::F32, &Device::Cpu);
    Weights::load(config, &named)
}

/// Mean of −ln p of the wanted classes, 0 or 1, in the form that no score overflows:
/// max(x, 0) − x·y + ln(1 + exp(−|x|)).
fn cross_entropy(scores: &Tensor, wanted: &Tensor) -> Result<Tensor> {
    let tail = ((scores.abs()?.neg()?.exp()? + 1.0)?).log()?;
    ((scores.relu()? - (scores * wanted)?)? + tail)?.mean_all()
}

/// Padding before the longest review of a batch, at most.
const MOST_PADDING: usize = 12;

/// Held-out documents that the model is judged on.
const JUDGED: usize = 512;

/// Reviews with their classes.
pub(super) struct Recurrent {
    config: Config,
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
            config: Config::SENTIMENT,
            training: Labelled::new(&data.training)?,
            held_out: Labelled::new(&data.held_out[..JUDGED])?,
        })
    }

    /// Scores of texts (`[texts]`), above zero for praise, through the stock composition: gradients
    /// pass through all of it.
    fn scores(
        &self,
        builder: &VarBuilder<'_>,
        texts: &[&[u32]],
        length: usize,
    ) -> std::result::Result<Tensor, Error> {
        let words = Inputs::texts(&self.config, texts, length)?.on_device(&Device::Cpu)?;
        let stock = Stock::new(&self.config, &weights(&self.config, builder)?)?;
        Ok(stock.forward(&words)?)
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
        let classes = &self.training.classes[place..place + batch];
        #[expect(clippy::cast_precision_loss, reason = "classes are 0 and 1")]
        let wanted: Vec<f32> = classes.iter().map(|class| *class as f32).collect();
        let wanted = Tensor::from_vec(wanted, batch, &Device::Cpu)?;
        let scores = self.scores(weights, &texts, longest + padding)?;
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
            let scores = self.scores(weights, &texts, self.config.words)?;
            let scores = scores.to_vec1::<f32>()?;
            right += scores
                .iter()
                .zip(classes)
                .filter(|(score, class)| u32::from(**score > 0.0) == **class)
                .count();
        }
        Ok([("accuracy".to_owned(), right as f64 / JUDGED as f64)].into())
    }

    fn config(&self) -> Value {
        serde_json::json!(self.config)
    }

    fn tokenizer(&self) -> Option<Value> {
        Some(corpus::words())
    }

    fn what(&self) -> &'static str {
        "a classifier of sentiment over words: 5,000 words in 15 numbers, ten LSTM cells, one score"
    }
}
