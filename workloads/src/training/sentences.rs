//! BERT in small, over words: it learns to class a review and to guess hidden words.

use std::collections::BTreeMap;

use candle_core::{D, Device, Tensor};
use candle_nn::{VarBuilder, loss};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use serde_json::{Value, json};

use super::batch::{draw, tokenise};
use super::{Course, Data, Recipe};
use crate::Error;
use crate::corpus::{self, Document};
use crate::encoder::config::{Config, Family};
use crate::encoder::inputs::Inputs;
use crate::encoder::plain::{Plain, PlainInputs};
use crate::encoder::weights::Weights;
use crate::job::word::Head;

/// Tokens of a sequence in training, with those that begin and end it.
const LENGTH: usize = 64;

/// Held-out documents that the model is judged on, but for those that are too long.
const JUDGED: usize = 512;

/// Reviews with their classes.
pub(super) struct Sentences {
    config: Config,
    training: Labelled,
    held_out: Labelled,
}

/// Token ids of each review, and its class.
struct Labelled {
    texts: Vec<Vec<u32>>,
    classes: Vec<u32>,
}

impl Labelled {
    /// Those that fit the length, the shortest first, so that neighbours need little padding.
    fn new(documents: &[Document]) -> Result<Self, Error> {
        let texts = tokenise(&corpus::words(), documents)?;
        let mut pairs: Vec<(Vec<u32>, u32)> = texts
            .into_iter()
            .zip(documents.iter().map(|document| document.sentiment.class()))
            .filter(|(text, _)| text.len() + 2 <= LENGTH)
            .collect();
        pairs.sort_by_key(|(text, _)| text.len());
        let (texts, classes) = pairs.into_iter().unzip();
        Ok(Self { texts, classes })
    }

    /// Neighbours in the order of their lengths.
    fn batch(&self, first: usize, count: usize) -> (Vec<&[u32]>, &[u32]) {
        let texts = self.texts[first..first + count].iter();
        (
            texts.map(Vec::as_slice).collect(),
            &self.classes[first..first + count],
        )
    }
}

impl Sentences {
    pub(super) fn new() -> Result<Self, Error> {
        let data = Data::draw();
        Ok(Self {
            config: Config::tiny(Family::Bert),
            training: Labelled::new(&data.training)?,
            held_out: Labelled::new(&data.held_out[..JUDGED])?,
        })
    }

    fn logits(
        &self,
        weights: &VarBuilder<'static>,
        head: Head,
        inputs: &Inputs,
    ) -> Result<Tensor, Error> {
        let weights = Weights::load(&self.config, head, weights)?;
        let read = PlainInputs::new(&self.config, inputs, &Device::Cpu)?;
        let selected = inputs.selected(head);
        let selected = Tensor::from_slice(&selected, selected.len(), &Device::Cpu)?;
        Ok(Plain::new(self.config.clone(), weights).logits(&read, &selected)?)
    }

    fn texts(&self, head: Head, texts: &[&[u32]], rng: &mut ChaCha8Rng) -> Result<Inputs, Error> {
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        Inputs::texts(&self.config, head, texts, longest + 2, rng)
    }
}

/// How many texts, the shortest first, are drawn from: a fifth at first, all from the middle on.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count of documents"
)]
fn reached(way: f64, texts: usize) -> usize {
    let share = (0.2 + 1.6 * way).min(1.0);
    (texts as f64 * share) as usize
}

fn ids(ids: Vec<u32>) -> Result<Tensor, Error> {
    let count = ids.len();
    Ok(Tensor::from_vec(ids, count, &Device::Cpu)?)
}

fn hidden(inputs: &Inputs) -> Vec<u32> {
    inputs.guesses().iter().map(|guess| guess.token).collect()
}

impl Course for Sentences {
    fn recipe(&self) -> Recipe {
        Recipe {
            steps: 1800,
            batch: 48,
            learning_rate: 1e-3,
            weight_decay: 0.01,
            clip: 1.0,
        }
    }

    /// Two thirds of a batch are classed, the others have words to guess.
    /// Short reviews, with one opinion, come first: what turns an opinion around is learned on
    /// these in a fraction of the time.
    fn loss(
        &self,
        weights: &VarBuilder<'static>,
        rng: &mut ChaCha8Rng,
        way: f64,
    ) -> Result<Tensor, Error> {
        let batch = self.recipe().batch;
        let (classed, guessed) = (batch - batch / 3, batch / 3);
        let places = draw(rng, 2, reached(way, self.training.texts.len()) - classed);
        let (texts, classes) = self.training.batch(places[0], classed);
        let class = Head::Classification;
        let inputs = self.texts(class, &texts, rng)?;
        let classed = self.logits(weights, class, &inputs)?;
        let classed = loss::cross_entropy(&classed, &ids(classes.to_vec())?)?;
        let (texts, _) = self.training.batch(places[1], guessed);
        let inputs = self.texts(Head::MaskedLm, &texts, rng)?;
        let guessed = self.logits(weights, Head::MaskedLm, &inputs)?;
        let guessed = loss::cross_entropy(&guessed, &ids(hidden(&inputs))?)?;
        Ok((classed + guessed)?)
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of documents")]
    fn judge(&self, weights: &VarBuilder<'static>) -> Result<BTreeMap<String, f64>, Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let (mut right, mut sum, mut guesses) = (0usize, 0.0, 0usize);
        let judged = self.held_out.texts.len();
        for first in (0..judged).step_by(64) {
            let (texts, classes) = self.held_out.batch(first, (judged - first).min(64));
            let class = Head::Classification;
            let inputs = self.texts(class, &texts, &mut rng)?;
            let found = self.logits(weights, class, &inputs)?.argmax(D::Minus1)?;
            let found: Vec<u32> = found.to_vec1()?;
            right += found.iter().zip(classes).filter(|(a, b)| a == b).count();
            let inputs = self.texts(Head::MaskedLm, &texts, &mut rng)?;
            let guessed = self.logits(weights, Head::MaskedLm, &inputs)?;
            let count = inputs.guesses().len();
            let loss = loss::cross_entropy(&guessed, &ids(hidden(&inputs))?)?;
            sum += f64::from(loss.to_scalar::<f32>()?) * count as f64;
            guesses += count;
        }
        Ok([
            ("accuracy".to_owned(), right as f64 / judged as f64),
            (
                "masked_pseudo_perplexity".to_owned(),
                (sum / guesses as f64).exp(),
            ),
        ]
        .into())
    }

    fn config(&self) -> Value {
        json!({
            "architectures": ["BertForSequenceClassification", "BertForMaskedLM"],
            "model_type": "bert",
            "vocab_size": self.config.vocab_size,
            "max_position_embeddings": self.config.positions,
            "type_vocab_size": self.config.segments,
            "hidden_size": self.config.hidden_size,
            "intermediate_size": self.config.inner_size,
            "num_hidden_layers": self.config.layers,
            "num_attention_heads": self.config.heads,
            "layer_norm_eps": self.config.layer_norm_epsilon,
            "hidden_act": "gelu",
            "pad_token_id": self.config.special.pad,
            "id2label": { "0": "negative", "1": "positive" }
        })
    }

    fn tokenizer(&self) -> Option<Value> {
        Some(corpus::words())
    }

    fn what(&self) -> &'static str {
        "an encoder over words with two heads, sentiment and hidden words: two blocks of BERT with \
         a width of 128"
    }
}
