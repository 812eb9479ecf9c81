//! The project's own models on this processor, in every number format, on held-out documents.
//!
//! The compositions are the fast ones that runs measure. What comes out is raw: an outcome for each
//! document.

use candle_core::{DType, Device};
use model::quality::{ModelOutcomes, Omission, Outcomes, QUALITY_SCHEMA, VariantOutcomes};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::text::{Readable, Text, Texts};
use super::weights::{Format, Layout, rounded};
use super::{Expected, logprob_of};
use crate::checkpoint::Spelling;
use crate::corpus;
use crate::encoder::{self, encode};
use crate::fused::Fused;
use crate::generation::Generator;
use crate::gpt::{self, generate};
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::{Extent, Sequences, Task};
use crate::job::word::{Head, Origin};
use crate::reading::{Reader, Scores};
use crate::weights::{Places, Weights};
use crate::{Error, training};

/// Documents that are classed, and whose hidden words are guessed.
const CLASSED: usize = 512;
/// Documents that a language model scores.
const SCORED: usize = 192;
/// Prompts that it continues, their length, and the tokens that it makes.
const CONTINUED: Extent = Extent {
    batch: 64,
    prompt_tokens: 48,
    decode_tokens: 48,
};
/// Sequences of a pass.
const BATCH: usize = 64;

/// The models of the study.
pub const MODELS: [&str; 3] = training::TRAINED;

/// Runs the study with some of its [`MODELS`]. `observe` is told of each format of each model before
/// its turn.
///
/// # Errors
/// Weights are missing or damaged, or the processor failed.
pub fn run(
    places: &Places,
    wanted: &[&str],
    observe: &mut dyn FnMut(&str, &str),
) -> Result<Outcomes, Error> {
    let mut models = Vec::new();
    let studies: [Study; 3] = [language, sentences, recurrent];
    for (model, study) in MODELS.into_iter().zip(studies) {
        if !wanted.contains(&model) {
            continue;
        }
        let sequences = Sequences {
            batch: 1,
            tokens: 1,
        };
        let job = Job {
            origin: Origin::Tiny,
            ..Job::plain(model, Precision::F32, Task::Read(sequences))
        };
        let weights = Weights::find(&job, places)?;
        models.push(study(&weights, &mut |format| {
            observe(model, format.name());
        })?);
    }
    Ok(Outcomes {
        schema: QUALITY_SCHEMA,
        worker: concat!("joulebench-worker ", env!("CARGO_PKG_VERSION")).into(),
        engine: "candle 0.11.1".into(),
        device: "cpu".into(),
        held_out_sha256: corpus::digest(&training::held_out()),
        models,
    })
}

type Study = fn(&Weights, &mut dyn FnMut(Format)) -> Result<ModelOutcomes, Error>;

/// The held-out documents.
fn texts(weights: &Weights, vocabulary: usize) -> Result<Texts, Error> {
    weights
        .texts(Readable::tokens(vocabulary))?
        .ok_or_else(|| Error::Request(format!("the weights {} come without text", weights.id())))
}

/// Likelihood of reviews, and how prompts go on.
fn language(weights: &Weights, observe: &mut dyn FnMut(Format)) -> Result<ModelOutcomes, Error> {
    let config = gpt::config::Config::tiny(gpt::config::Family::Gpt2);
    let texts = texts(weights, config.vocab_size)?;
    let (wanted, spelling) = (config.tensors(), gpt::config::Config::SPELLING);
    let exact = weights.tensors(&wanted, spelling, DType::F32, &Device::Cpu)?;
    // A review begins and ends with the end of a line.
    let end = u32::from('\n');
    let most = config.positions - 2;
    let reviews: Vec<Vec<u32>> = texts
        .documents(SCORED, most, 0)?
        .into_iter()
        .map(|text| [vec![end], text.tokens, vec![end]].concat())
        .collect();
    let prompts = texts.windows([CONTINUED.batch, CONTINUED.prompt_tokens], 0)?;
    let mut variants = Vec::new();
    for format in Format::ALL {
        observe(format);
        let tensors = rounded(&exact, &wanted, format, Layout::ColumnPerOutput)?;
        let generator = |extent: Extent, prompts: Vec<u32>| -> Result<_, Error> {
            let tensors = gpt::weights::Weights::load(&config, &tensors)?;
            let network = gpt::network::Network::new(&config, tensors, Fused::default())?;
            Ok(generate::Fast::new(
                network,
                generate::Pick::Greedy,
                false,
                extent,
                prompts,
            )?)
        };
        let mut continued = generator(CONTINUED, prompts.clone())?;
        continued.prefill()?;
        continued.decode()?;
        let mut outcomes = VariantOutcomes {
            variant: format.name().to_owned(),
            made: continued.tokens()?,
            ..VariantOutcomes::default()
        };
        for reviews in reviews.chunks(BATCH) {
            let longest = reviews.iter().map(Vec::len).max().unwrap_or(0);
            // What follows the end of a review has no part in its likelihood.
            let padded = reviews.iter().flat_map(|review| {
                let padding = std::iter::repeat_n(end, longest - review.len());
                review.iter().copied().chain(padding)
            });
            let extent = Extent {
                batch: reviews.len(),
                prompt_tokens: longest,
                decode_tokens: 0,
            };
            let scores = generator(extent, padded.collect())?.score_prompts()?;
            for (review, logprobs) in reviews.iter().zip(scores.unwrap_or_default()) {
                let scored = review.len() - 1;
                put_nats(&mut outcomes, logprobs[..scored].iter().sum(), scored);
            }
        }
        variants.push(outcomes);
    }
    Ok(ModelOutcomes {
        model: "gpt2-tiny".into(),
        weights_id: weights.id().to_owned(),
        task: format!(
            "{} held-out reviews are scored character by character, and {} prompts of {} characters \
             are continued by {} and compared with what f32 makes",
            reviews.len(),
            CONTINUED.batch,
            CONTINUED.prompt_tokens,
            CONTINUED.decode_tokens + 1
        ),
        variants,
        omitted: vec![no_q4_k("128")],
    })
}

/// Classes of reviews, and their hidden words.
fn sentences(weights: &Weights, observe: &mut dyn FnMut(Format)) -> Result<ModelOutcomes, Error> {
    use crate::encoder::config::{Config, Family};
    let config = Config::tiny(Family::Bert);
    let texts = texts(weights, config.vocab_size)?.documents(CLASSED, 62, 0)?;
    let spelling = config.family.spelling();
    let mut variants: Vec<VariantOutcomes> = Vec::new();
    for format in Format::ALL {
        observe(format);
        let read = |head: Head, inputs: &encoder::inputs::Inputs| -> Result<Scores, Error> {
            let wanted = config.tensors(head);
            let exact = weights.tensors(&wanted, spelling, DType::F32, &Device::Cpu)?;
            let tensors = rounded(&exact, &wanted, format, Layout::RowPerOutput)?;
            let tensors = encoder::weights::Weights::load(&config, head, &tensors)?;
            let network = encoder::network::Network::new(&config, tensors, Fused::default())?;
            let expected = Expected::Unknown;
            let mut reader = encode::Fast::new(network, false, head, inputs.clone(), expected)?;
            reader.infer()?;
            Ok(reader.scores()?)
        };
        // The same words are hidden for every format.
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut outcomes = VariantOutcomes {
            variant: format.name().to_owned(),
            ..VariantOutcomes::default()
        };
        for texts in texts.chunks(BATCH) {
            let ids: Vec<&[u32]> = texts.iter().map(|text| text.tokens.as_slice()).collect();
            let longest = ids.iter().map(|ids| ids.len()).max().unwrap_or(0) + 2;
            let mut inputs =
                |head| encoder::inputs::Inputs::texts(&config, head, &ids, longest, &mut rng);
            let scores = read(Head::Classification, &inputs(Head::Classification)?)?;
            outcomes.right += &rights(&scores.choices, texts);
            let hidden = inputs(Head::MaskedLm)?;
            let scores = read(Head::MaskedLm, &hidden)?;
            let mut sums = vec![(0.0, 0); texts.len()];
            for (guess, row) in hidden.guesses().iter().zip(&scores.logits) {
                let (sum, count) = &mut sums[guess.row as usize / longest];
                *sum += logprob_of(row, guess.token);
                *count += 1;
            }
            for (sum, count) in sums {
                put_nats(&mut outcomes, sum, count);
            }
        }
        variants.push(outcomes);
    }
    Ok(ModelOutcomes {
        model: "bert-tiny".into(),
        weights_id: weights.id().to_owned(),
        task: format!(
            "{CLASSED} held-out reviews are classed, and 15 % of their words are guessed (the perplexity \
             is that of these words)"
        ),
        variants,
        omitted: vec![no_q4_k("128")],
    })
}

/// Classes of reviews, by the LSTM.
fn recurrent(weights: &Weights, observe: &mut dyn FnMut(Format)) -> Result<ModelOutcomes, Error> {
    use crate::lstm::config::Config;
    use crate::lstm::inputs::Inputs;
    use crate::lstm::network::Network;
    use crate::lstm::read::Fast;
    use crate::lstm::weights::Weights as Tensors;
    let config = Config::SENTIMENT;
    let wanted = config.tensors();
    let exact = weights.tensors(&wanted, Spelling::EXACT, DType::F32, &Device::Cpu)?;
    let texts = texts(weights, config.vocab_size)?.documents(CLASSED, config.words, 0)?;
    let mut variants = Vec::new();
    for format in Format::DENSE {
        observe(format);
        let tensors = rounded(&exact, &wanted, format, Layout::RowPerOutput)?;
        let tensors = Tensors::load(&config, &tensors)?;
        let mut outcomes = VariantOutcomes {
            variant: format.name().to_owned(),
            ..VariantOutcomes::default()
        };
        for texts in texts.chunks(2 * BATCH) {
            let ids: Vec<&[u32]> = texts.iter().map(|text| text.tokens.as_slice()).collect();
            let inputs = Inputs::texts(&config, &ids, config.words)?;
            let network = Network::new(&config, &tensors, Fused::default())?;
            let mut reader = Fast::new(network, inputs, false)?;
            reader.infer()?;
            outcomes.right += &rights(&reader.scores()?.choices, texts);
        }
        variants.push(outcomes);
    }
    let no_blocks = |format: Format| Omission {
        variant: format.name().to_owned(),
        reason: "rows of 15 and 10 weights are no whole block of 32".into(),
    };
    Ok(ModelOutcomes {
        model: "lstm-sentiment".into(),
        weights_id: weights.id().to_owned(),
        task: format!(
            "{CLASSED} held-out reviews of {} words are classed",
            config.words
        ),
        variants,
        omitted: vec![
            no_blocks(Format::Q8_0),
            no_blocks(Format::Q4_0),
            no_q4_k("15 and 10"),
        ],
    })
}

fn no_q4_k(rows: &str) -> Omission {
    Omission {
        variant: "q4_k weights".into(),
        reason: format!("rows of {rows} weights are no whole block of 256"),
    }
}

/// `1` for each choice that is the class of its text.
fn rights(choices: &[u32], texts: &[Text]) -> String {
    let pairs = choices.iter().zip(texts);
    pairs
        .map(|(choice, text)| {
            if Some(*choice) == text.class {
                '1'
            } else {
                '0'
            }
        })
        .collect()
}

/// Adds the likelihood of a document: five decimals, as more would differ between processors.
fn put_nats(outcomes: &mut VariantOutcomes, logprob: f64, tokens: usize) {
    outcomes.nats.push((-logprob * 1e5).round() / 1e5);
    outcomes
        .tokens
        .push(u32::try_from(tokens).expect("a document is short"));
}

/// What differs between outcomes taken here and recorded ones by more than processors do: choices
/// of one document in a hundred, likelihoods by a thousandth, made tokens of one in twenty.
pub fn differences(found: &Outcomes, recorded: &Outcomes) -> Vec<String> {
    let mut differences = Vec::new();
    if found.held_out_sha256 != recorded.held_out_sha256 {
        differences.push("the held-out documents are others".to_owned());
    }
    if found.models.len() != recorded.models.len() {
        differences.push("the models are others".to_owned());
    }
    for (found, recorded) in found.models.iter().zip(&recorded.models) {
        if (&found.model, &found.weights_id) != (&recorded.model, &recorded.weights_id) {
            differences.push(format!("the weights of {} are others", recorded.model));
        }
        if found.variants.len() != recorded.variants.len() {
            differences.push(format!("the formats of {} are others", recorded.model));
        }
        for (found, recorded_variant) in found.variants.iter().zip(&recorded.variants) {
            for difference in difference(found, recorded_variant) {
                differences.push(format!(
                    "{}, {}: {difference}",
                    recorded.model, recorded_variant.variant
                ));
            }
        }
    }
    differences
}

#[expect(
    clippy::cast_precision_loss,
    reason = "documents are far fewer than 2^53"
)]
fn difference(found: &VariantOutcomes, recorded: &VariantOutcomes) -> Vec<String> {
    let mut differences = Vec::new();
    let mut put = |what: &str, share: f64, limit: f64| {
        if share.is_nan() || share > limit {
            differences.push(format!("{what} differ by {share:.2e}, at most {limit} may"));
        }
    };
    let of = recorded.right.len();
    let others = found
        .right
        .bytes()
        .zip(recorded.right.bytes())
        .filter(|(a, b)| a != b)
        .count();
    let apart = found.right.len().abs_diff(of) + others;
    put("choices", apart as f64 / of.max(1) as f64, 0.01);
    let sum = |outcomes: &VariantOutcomes| outcomes.nats.iter().sum::<f64>();
    if !recorded.nats.is_empty() {
        let apart = (sum(found) - sum(recorded)).abs() / sum(recorded);
        put("likelihoods", apart, 1e-3);
    }
    let tokens = |outcomes: &VariantOutcomes| outcomes.made.concat();
    let (made, expected) = (tokens(found), tokens(recorded));
    let others = made.iter().zip(&expected).filter(|(a, b)| a != b).count();
    let apart = made.len().abs_diff(expected.len()) + others;
    put(
        "made tokens",
        apart as f64 / expected.len().max(1) as f64,
        0.05,
    );
    differences
}
