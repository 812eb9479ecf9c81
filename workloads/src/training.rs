//! The project trains its tiny models itself, on generated text, speech and pictures, in minutes on
//! two cores.
//!
//! A [`Course`] says what a model learns: its variables, the loss of a batch, and how it does on
//! text that it never saw. [`run()`] is the loop around it, [`export`] writes what came out in the
//! layout of Hugging Face, so that the loader of the user's weights reads it. Courses go through
//! the plain composition of a network: candle's fused norms and softmax pass no gradient on, and
//! say nothing. So after the first step every variable must have had a gradient, and have moved.

mod batch;
mod characters;
mod export;
mod material;
mod optimise;
mod recurrent;
mod sentences;
mod shapes;
mod speech;
mod variables;

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use candle_nn::VarBuilder;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::Value;

use crate::Error;
use crate::corpus::speech::Utterance;
use crate::corpus::{self, Document, Part};

pub use export::export;
pub use material::Material;
pub use optimise::{Progress, Trained, run};
pub use shapes::{Judged, SHAPES_MODELS};
pub use variables::Variables;

/// Seed of the documents, of training and held out alike.
pub const DATA_SEED: u64 = 20_261_124;

/// Documents that a model learns from.
const TRAINING_DOCUMENTS: usize = 20_000;

/// Documents that a model is judged on.
pub const HELD_OUT_DOCUMENTS: usize = 2_000;

/// Utterances that a model of speech is judged on.
pub const HELD_OUT_UTTERANCES: usize = 256;

/// What a model learns.
pub trait Course {
    /// How it is learned.
    fn recipe(&self) -> Recipe;

    /// Loss of the next batch, a scalar through which gradients flow to every variable. `way` is
    /// the share of the steps that were taken, for courses that begin with what is easy.
    ///
    /// # Errors
    /// The device failed.
    fn loss(
        &self,
        weights: &VarBuilder<'static>,
        rng: &mut ChaCha8Rng,
        way: f64,
    ) -> Result<Tensor, Error>;

    /// Metrics on held-out documents, by name.
    ///
    /// # Errors
    /// The device failed.
    fn judge(&self, weights: &VarBuilder<'static>) -> Result<BTreeMap<String, f64>, Error>;

    /// `config.json` of the model.
    fn config(&self) -> Value;

    /// `tokenizer.json` of the model, where it reads text.
    fn tokenizer(&self) -> Option<Value> {
        None
    }

    /// One sentence: what the model is.
    fn what(&self) -> &'static str;

    /// What it learns from.
    fn material(&self) -> Material {
        Material::Reviews
    }
}

/// Number format of weights in their files; they are rounded to it before they are judged. Half the
/// size of f32, and none of these models tells the difference (`docs/quality.md`).
pub const STORED: DType = DType::F16;

/// How a model is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Recipe {
    /// Steps of the optimiser.
    pub steps: usize,
    /// Sequences or pictures of a batch.
    pub batch: usize,
    /// The largest step size, after a warm-up of a twentieth of the steps; from there it falls to a
    /// twentieth of itself along half a cosine.
    pub learning_rate: f64,
    /// Decay of the weights (`AdamW`).
    pub weight_decay: f64,
    /// Longest allowed gradient, over all variables together.
    pub clip: f64,
}

/// Names of the models that can be trained. The course of `whisper-micro` exists, too, and is not
/// among them: it has not learned to transcribe yet.
pub fn names() -> impl Iterator<Item = &'static str> {
    TRAINED.into_iter().chain(SHAPES_MODELS)
}

/// Those of language whose trained weights are part of the repository.
pub const TRAINED: [&str; 3] = ["gpt2-tiny", "bert-tiny", "lstm-sentiment"];

/// The course of a model.
///
/// # Errors
/// There is none; the message lists those that there are.
pub fn course(name: &str) -> Result<Box<dyn Course>, Error> {
    Ok(match name {
        "gpt2-tiny" => Box::new(characters::Characters::new()?),
        "bert-tiny" => Box::new(sentences::Sentences::new()?),
        "lstm-sentiment" => Box::new(recurrent::Recurrent::new()?),
        "whisper-micro" => Box::new(speech::Speech::new()),
        _ => {
            return shapes::course(name).ok_or_else(|| {
                let names: Vec<&str> = names().collect();
                Error::Request(format!(
                    "there is no training of '{name}', expected one of: {}",
                    names.join(", ")
                ))
            });
        }
    })
}

/// Documents of both parts.
struct Data {
    training: Vec<Document>,
    held_out: Vec<Document>,
}

impl Data {
    fn draw() -> Self {
        Self {
            training: corpus::documents(Part::Training, DATA_SEED, TRAINING_DOCUMENTS),
            held_out: held_out(),
        }
    }
}

/// The documents that every model is judged on, here and in measured runs.
pub fn held_out() -> Vec<Document> {
    corpus::documents(Part::HeldOut, DATA_SEED, HELD_OUT_DOCUMENTS)
}

/// `sha256:…` of the documents that measured runs of a model read; `None` where it reads none.
pub fn held_out_sha256(model: &str) -> Option<String> {
    TRAINED
        .contains(&model)
        .then(|| format!("sha256:{}", corpus::digest(&held_out())))
}

/// Utterances of the part that judges; the seed of measured runs picks others of that part.
pub fn held_out_speech() -> Vec<Utterance> {
    Utterance::list(Part::HeldOut, DATA_SEED, HELD_OUT_UTTERANCES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten steps of each course: the loss falls, and every variable has a gradient and moves. The
    /// committed weights are never made anew here.
    #[test]
    fn ten_steps_of_each_course_lower_the_loss() {
        for name in names() {
            let course = course(name).expect("a course");
            let steps = 10;
            let trained = run(course.as_ref(), steps, 1, &mut |_| {}).expect("trains");
            assert_eq!(trained.losses.len(), steps, "{name}");
            assert!(trained.losses.iter().all(|loss| loss.is_finite()));
            let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
            let (first, last) = (mean(&trained.losses[..3]), mean(&trained.losses[7..]));
            assert!(last < first, "{name}: {:?}", trained.losses);
        }
        assert!(course("gpt-5").is_err());
    }
}
