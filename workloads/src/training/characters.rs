//! GPT-2 in small, over characters: it learns to go on with a review.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use candle_nn::{VarBuilder, loss};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::batch::{draw, tokenise};
use super::{Course, Data, Recipe};
use crate::Error;
use crate::corpus::{self, Document};
use crate::gpt::config::{Config, Family};
use crate::gpt::plain::Plain;
use crate::gpt::weights::Weights;

/// Held-out windows that the model is judged on.
const JUDGED: usize = 64;

/// Text as one stream of characters, a line for each review.
pub(super) struct Characters {
    config: Config,
    training: Vec<u32>,
    held_out: Vec<u32>,
}

impl Characters {
    pub(super) fn new() -> Result<Self, Error> {
        let data = Data::draw();
        Ok(Self {
            config: Config::tiny(Family::Gpt2),
            training: stream(&data.training)?,
            held_out: stream(&data.held_out)?,
        })
    }

    /// Mean loss over windows that begin at these places.
    fn loss_of(
        &self,
        weights: &VarBuilder<'static>,
        stream: &[u32],
        places: &[usize],
    ) -> Result<Tensor, Error> {
        let length = self.config.positions;
        let rows = |offset: usize| {
            let ids: Vec<u32> = places
                .iter()
                .flat_map(|place| &stream[place + offset..place + offset + length])
                .copied()
                .collect();
            Tensor::from_vec(ids, (places.len(), length), &Device::Cpu)
        };
        let network = Plain::new(self.config.clone(), Weights::load(&self.config, weights)?);
        let logits = network.logits(&rows(0)?)?.flatten(0, 1)?;
        Ok(loss::cross_entropy(&logits, &rows(1)?.flatten_all()?)?)
    }
}

/// All texts with the end of a line behind each.
fn stream(documents: &[Document]) -> Result<Vec<u32>, Error> {
    let mut stream = Vec::new();
    for mut ids in tokenise(&corpus::characters(), documents)? {
        stream.append(&mut ids);
        stream.push('\n'.into());
    }
    Ok(stream)
}

impl Course for Characters {
    fn recipe(&self) -> Recipe {
        Recipe {
            steps: 1200,
            batch: 8,
            learning_rate: 3e-3,
            weight_decay: 0.01,
            clip: 1.0,
        }
    }

    fn loss(
        &self,
        weights: &VarBuilder<'static>,
        rng: &mut ChaCha8Rng,
        _way: f64,
    ) -> Result<Tensor, Error> {
        let end = self.training.len() - self.config.positions;
        let places = draw(rng, self.recipe().batch, end);
        self.loss_of(weights, &self.training, &places)
    }

    fn judge(&self, weights: &VarBuilder<'static>) -> Result<BTreeMap<String, f64>, Error> {
        let length = self.config.positions;
        let places: Vec<usize> = (0..JUDGED).map(|window| window * length).collect();
        let mut sum = 0.0;
        for places in places.chunks(16) {
            let loss = self.loss_of(weights, &self.held_out, places)?;
            #[expect(clippy::cast_precision_loss, reason = "few windows")]
            let windows = places.len() as f64;
            sum += f64::from(loss.to_scalar::<f32>()?) * windows;
        }
        #[expect(clippy::cast_precision_loss, reason = "few windows")]
        let loss = sum / JUDGED as f64;
        Ok([
            ("nats_per_character".to_owned(), loss),
            ("perplexity".to_owned(), loss.exp()),
        ]
        .into())
    }

    fn config(&self) -> Value {
        json!({
            "architectures": ["GPT2LMHeadModel"],
            "model_type": "gpt2",
            "vocab_size": self.config.vocab_size,
            "n_positions": self.config.positions,
            "n_embd": self.config.hidden_size,
            "n_inner": self.config.inner_size,
            "n_layer": self.config.layers,
            "n_head": self.config.heads,
            "layer_norm_epsilon": self.config.layer_norm_epsilon,
            "activation_function": "gelu_new",
            "tie_word_embeddings": true,
            "bos_token_id": null,
            "eos_token_id": u32::from('\n')
        })
    }

    fn tokenizer(&self) -> Option<Value> {
        Some(corpus::characters())
    }

    fn what(&self) -> &'static str {
        "a language model over characters: two blocks of GPT-2 with a width of 128"
    }
}
