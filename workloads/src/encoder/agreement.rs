//! Tests: every composition of the network gives the same, and gradients reach every variable.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use candle_transformers::models::xlm_roberta;
use ops::attention::Kind;
use proptest::prelude::*;

use super::config::{Config, Family};
use super::encode::{Fast, Reference};
use super::inputs::{Guess, Inputs};
use super::network::Network;
use super::plain::{Plain, PlainInputs};
use super::weights::Weights;
use crate::checkpoint::seeded;
use crate::fused::Fused;
use crate::job::word::Head;
use crate::quality::Expected;
use crate::reading::{Reader, Scores};

const FAMILIES: [Family; 2] = [Family::Bert, Family::Roberta];
const HEADS: [Head; 2] = [Head::Classification, Head::MaskedLm];

fn weights(config: &Config, head: Head, dtype: DType) -> Weights {
    let weights = seeded(1, config.parameters(head), dtype, &Device::Cpu);
    Weights::load(config, head, &weights).expect("seeded weights have every tensor")
}

fn fast(config: &Config, head: Head, inputs: &Inputs, dtype: DType) -> Scores {
    let weights = weights(config, head, dtype);
    let network = Network::new(config, weights, Fused::default()).expect("fits");
    encode(&mut Fast::new(network, true, head, inputs.clone(), Expected::Unknown).expect("fits"))
}

fn reference(config: &Config, head: Head, inputs: &Inputs, dtype: DType) -> Scores {
    let weights = weights(config, head, dtype);
    encode(
        &mut Reference::new(config, &weights, head, inputs.clone(), Expected::Unknown)
            .expect("fits"),
    )
}

fn plain(config: &Config, head: Head, inputs: &Inputs) -> Vec<Vec<f32>> {
    let weights = weights(config, head, DType::F32);
    let selected = inputs.selected(head);
    let selected = Tensor::from_slice(&selected, selected.len(), &Device::Cpu).expect("made");
    let inputs = PlainInputs::new(config, inputs, &Device::Cpu).expect("made");
    Plain::new(config.clone(), weights)
        .logits(&inputs, &selected)
        .and_then(|logits| logits.to_vec2())
        .expect("runs")
}

fn encode(encoder: &mut dyn Reader) -> Scores {
    assert!(encoder.scores().is_err(), "nothing was read yet");
    encoder.infer().expect("runs");
    encoder.scores().expect("on the CPU")
}

/// Largest difference as a share of the largest value.
fn relative_difference(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    let scale = expected
        .iter()
        .flatten()
        .fold(0f32, |max, v| max.max(v.abs()));
    let difference = found
        .iter()
        .flatten()
        .zip(expected.iter().flatten())
        .fold(0f32, |max, (a, b)| max.max((a - b).abs()));
    assert_eq!(found.concat().len(), expected.concat().len());
    difference / scale
}

/// Seeded text in which all but the first sequence are shorter than the batch is wide, and in
/// which segments change half-way where the model knows two.
fn ragged(config: &Config, head: Head, [batch, length]: [usize; 2]) -> Inputs {
    let full = Inputs::seeded(config, head, 7, [batch, length]).expect("fits");
    let lengths: Vec<u32> = (0..batch)
        .map(|sequence| u32::try_from((length - sequence % length).max(1)).expect("small"))
        .collect();
    let visible = |row: usize| row % length < lengths[row / length] as usize;
    let mut tokens = full.tokens().to_vec();
    for (row, token) in tokens.iter_mut().enumerate() {
        if !visible(row) {
            *token = config.special.pad;
        }
    }
    let segments = (0..batch * length)
        .map(|row| u32::from(config.segments > 1 && row % length > length / 2))
        .collect();
    let guesses = full
        .guesses()
        .iter()
        .copied()
        .filter(|guess| visible(guess.row as usize))
        .collect();
    Inputs::new(batch, tokens)
        .expect("whole sequences")
        .with_lengths(lengths)
        .with_segments(segments)
        .with_guesses(guesses)
}

#[test]
fn fast_reference_and_plain_agree() {
    for family in FAMILIES {
        let config = Config::tiny(family);
        for head in HEADS {
            for inputs in [
                Inputs::seeded(&config, head, 2, [3, 24]).expect("fits"),
                ragged(&config, head, [3, 24]),
            ] {
                let found = fast(&config, head, &inputs, DType::F32);
                let expected = reference(&config, head, &inputs, DType::F32);
                assert_eq!(found.choices, expected.choices, "{family:?} {head:?}");
                let plain = plain(&config, head, &inputs);
                for other in [&expected.logits, &plain] {
                    let difference = relative_difference(&found.logits, other);
                    assert!(difference < 1e-4, "{family:?} {head:?}: {difference}");
                }
            }
        }
    }
}

/// What padding holds does not matter, and neither do the other sequences.
#[test]
fn a_padded_sequence_gives_what_it_gives_alone() {
    for family in FAMILIES {
        let config = Config::tiny(family);
        let head = Head::Classification;
        let together = fast(&config, head, &ragged(&config, head, [3, 9]), DType::F32);
        for (sequence, row) in together.logits.iter().enumerate() {
            let batch = ragged(&config, head, [3, 9]);
            let length = batch.lengths()[sequence] as usize;
            let of = |values: &[u32]| values[sequence * 9..sequence * 9 + length].to_vec();
            let alone = Inputs::new(1, of(batch.tokens()))
                .expect("one")
                .with_segments(of(batch.segments()));
            let alone = fast(&config, head, &alone, DType::F32);
            let difference = relative_difference(&alone.logits, std::slice::from_ref(row));
            assert!(difference < 1e-5, "{family:?} {sequence}: {difference}");
        }
    }
}

/// A second stock implementation for `RoBERTa`, which counts positions by itself.
#[test]
fn roberta_equals_the_stock_xlm_roberta() {
    let config = Config::tiny(Family::Roberta);
    let head = Head::Classification;
    let inputs = ragged(&config, head, [3, 24]);
    let expected = fast(&config, head, &inputs, DType::F32);

    let stock = xlm_roberta::Config {
        hidden_size: config.hidden_size,
        layer_norm_eps: config.layer_norm_epsilon,
        attention_probs_dropout_prob: 0.0,
        hidden_dropout_prob: 0.0,
        num_attention_heads: config.heads,
        position_embedding_type: "absolute".into(),
        intermediate_size: config.inner_size,
        hidden_act: candle_nn::Activation::Gelu,
        num_hidden_layers: config.layers,
        vocab_size: config.vocab_size,
        max_position_embeddings: config.positions,
        type_vocab_size: config.segments,
        pad_token_id: config.special.pad,
    };
    let seeded = seeded(1, config.parameters(head), DType::F32, &Device::Cpu);
    let tensors = config
        .tensors(head)
        .into_iter()
        .map(|(name, shape)| {
            let init = if name.contains("Norm.weight") {
                candle_nn::Init::Const(1.0)
            } else {
                candle_nn::init::DEFAULT_KAIMING_NORMAL
            };
            let tensor = seeded.get_with_hints(shape, &name, init).expect("seeded");
            (name, tensor)
        })
        .collect();
    let weights = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let model = xlm_roberta::XLMRobertaForSequenceClassification::new(2, &stock, weights)
        .expect("has every tensor");
    let ids = |ids: &[u32]| Tensor::from_slice(ids, (3, 24), &Device::Cpu).expect("made");
    let mask: Vec<u32> = inputs
        .lengths()
        .iter()
        .flat_map(|length| (0..24).map(move |place| u32::from(place < *length)))
        .collect();
    let logits: Vec<Vec<f32>> = model
        .forward(&ids(inputs.tokens()), &ids(&mask), &ids(inputs.segments()))
        .and_then(|logits| logits.to_vec2())
        .expect("runs");
    let difference = relative_difference(&expected.logits, &logits);
    assert!(difference < 1e-4, "{difference}");
}

/// Attention with its scores in memory computes the same.
#[test]
fn naive_attention_agrees() {
    let naive = Fused {
        attention: Kind::Naive,
        ..Fused::default()
    };
    let config = Config::tiny(Family::Bert);
    for head in HEADS {
        let inputs = ragged(&config, head, [3, 24]);
        let weights = weights(&config, head, DType::F32);
        let network = Network::new(&config, weights, naive).expect("fits");
        let found = encode(
            &mut Fast::new(network, true, head, inputs.clone(), Expected::Unknown).expect("fits"),
        );
        let expected = fast(&config, head, &inputs, DType::F32);
        assert!(relative_difference(&found.logits, &expected.logits) < 1e-4);
    }
}

fn four_digits(value: f32) -> f64 {
    format!("{value:.3e}").parse().expect("a number")
}

/// Choices exactly, and scores in f32 to four digits: beyond these, CPUs differ.
#[test]
fn outputs_of_the_tiny_models() {
    for name in ["bert-tiny", "roberta-tiny"] {
        let config = Config::named(name).expect("a name of this worker");
        let mut outputs = serde_json::Map::new();
        for (head, key) in HEADS.into_iter().zip(["classification", "masked_lm"]) {
            let inputs = Inputs::seeded(&config, head, 2, [3, 24]).expect("fits");
            let full = fast(&config, head, &inputs, DType::F32);
            let half = fast(&config, head, &inputs, DType::F16);
            let logits: Vec<Vec<f64>> = full
                .logits
                .iter()
                .map(|row| row.iter().take(16).copied().map(four_digits).collect())
                .collect();
            let of_task = serde_json::json!({
                "f32": { "choices": full.choices, "logits_first_16": logits },
                "f16": { "choices": half.choices },
            });
            outputs.insert(key.into(), of_task);
        }
        insta::assert_json_snapshot!(format!("{name}_cpu"), outputs);
    }
}

/// Half precision on the CPU, against f32 and against the stock model in half precision.
#[test]
fn half_precision_stays_near() {
    for head in HEADS {
        let config = Config::tiny(Family::Bert);
        let inputs = ragged(&config, head, [3, 24]);
        let half = fast(&config, head, &inputs, DType::F16);
        let stock = reference(&config, head, &inputs, DType::F16);
        let full = fast(&config, head, &inputs, DType::F32);
        // Ten bits of fraction, some tens of roundings deep.
        assert!(relative_difference(&half.logits, &full.logits) < 1e-2);
        assert!(relative_difference(&stock.logits, &full.logits) < 1e-2);
    }
}

/// The trap of fused norms and softmax: they cut gradients silently.
#[test]
fn gradients_reach_every_variable_of_the_plain_network() {
    for head in HEADS {
        let config = Config::tiny(Family::Bert);
        let variables = VarMap::new();
        let builder = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
        let weights = Weights::load(&config, head, &builder).expect("made");
        let inputs = ragged(&config, head, [3, 8]).with_guesses(vec![Guess { row: 1, token: 9 }]);
        let selected = inputs.selected(head);
        let selected = Tensor::from_slice(&selected, selected.len(), &Device::Cpu).expect("made");
        let read = PlainInputs::new(&config, &inputs, &Device::Cpu).expect("made");
        let logits = Plain::new(config, weights)
            .logits(&read, &selected)
            .expect("runs");
        let gradients = logits
            .sqr()
            .and_then(|squares| squares.sum_all()?.backward())
            .expect("differentiable");
        let named = variables.data().lock().expect("no thread died").clone();
        assert!(named.len() > 30);
        for (name, variable) in BTreeMap::from_iter(named) {
            let gradient = gradients
                .get(&variable)
                .unwrap_or_else(|| panic!("{name}: none"));
            let size = gradient
                .abs()
                .and_then(|values| values.sum_all()?.to_scalar::<f32>())
                .expect("a number");
            // Softmax does not change when all scores of a query grow by the same, so the bias of
            // the keys has no gradient but rounding.
            assert!(size > 0.0 || name.ends_with("key.bias"), "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Any batch, length and padding.
    #[test]
    fn fast_and_reference_agree_on_any_batch(
        batch in 1usize..5, length in 3usize..40, roberta: bool, masked: bool,
    ) {
        let config = Config::tiny(if roberta { Family::Roberta } else { Family::Bert });
        let head = if masked { Head::MaskedLm } else { Head::Classification };
        let inputs = ragged(&config, head, [batch, length]);
        prop_assume!(!inputs.selected(head).is_empty());
        let found = fast(&config, head, &inputs, DType::F32);
        let expected = reference(&config, head, &inputs, DType::F32);
        prop_assert!(relative_difference(&found.logits, &expected.logits) < 1e-4);
    }
}
