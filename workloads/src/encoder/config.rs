//! Shape of an encoder, and the sizes that are released or ours.

use serde::Serialize;

use crate::job::word::Head;

/// Which released family a model belongs to: they differ in the names of their tensors and in
/// where positions begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// BERT: positions from 0.
    Bert,
    /// `RoBERTa`: positions from 2, the place of the padding token and those before it being kept.
    Roberta,
}

/// Tokens with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SpecialTokens {
    /// Fills a sequence up; hidden from attention.
    pub pad: u32,
    /// Begins a sequence: `[CLS]`, `<s>`.
    pub first: u32,
    /// Ends a sequence: `[SEP]`, `</s>`.
    pub last: u32,
    /// Hides a token that is to be guessed.
    pub mask: u32,
    /// The smallest id of an ordinary word piece, …
    pub words_from: u32,
    /// … and the end of these.
    pub words_until: u32,
}

/// Shape of an encoder with learned positions and segments, layer norms after its halves, and a
/// GELU feed-forward network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Family of the checkpoint.
    pub family: Family,
    /// Tokens that the model knows.
    pub vocab_size: usize,
    /// Learned positions.
    pub positions: usize,
    /// Kinds of segments.
    pub segments: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward network.
    pub inner_size: usize,
    /// Blocks.
    pub layers: usize,
    /// Heads.
    pub heads: usize,
    /// Added to the variance before the root.
    pub layer_norm_epsilon: f64,
    /// Classes that the classifying head tells apart.
    pub classes: usize,
    /// Tokens with a meaning of their own.
    pub special: SpecialTokens,
}

impl Config {
    /// Names of the sizes of BERT that this worker runs, the smallest first.
    pub const BERT: [&'static str; 3] = ["bert-tiny", "bert-base", "bert-large"];

    /// Those of `RoBERTa`.
    pub const ROBERTA: [&'static str; 3] = ["roberta-tiny", "roberta-base", "roberta-large"];

    /// The model of this name, where it is one of these families.
    pub fn named(model: &str) -> Option<Self> {
        Some(match model {
            "bert-tiny" => Self::tiny(Family::Bert),
            // Devlin et al. 2019, section 3; the uncased English vocabulary.
            "bert-base" => Self::bert(12, 768, 12),
            "bert-large" => Self::bert(24, 1024, 16),
            "roberta-tiny" => Self::tiny(Family::Roberta),
            // Liu et al. 2019: the shapes of BERT.
            "roberta-base" => Self::roberta(12, 768, 12),
            "roberta-large" => Self::roberta(24, 1024, 16),
            _ => return None,
        })
    }

    /// The two layers of 128 of the smallest released BERT (Turc et al. 2019), with few words:
    /// small enough to train on two cores and to store in 2 MiB.
    pub const fn tiny(family: Family) -> Self {
        let shape = match family {
            Family::Bert => Self::bert(2, 128, 2),
            Family::Roberta => Self::roberta(2, 128, 2),
        };
        let vocab_size = 128;
        Self {
            vocab_size,
            positions: 128 + family.first_position(),
            special: SpecialTokens::of(family, vocab_size),
            ..shape
        }
    }

    const fn bert(layers: usize, hidden_size: usize, heads: usize) -> Self {
        let vocab_size = 30_522;
        Self {
            family: Family::Bert,
            vocab_size,
            positions: 512,
            segments: 2,
            hidden_size,
            inner_size: 4 * hidden_size,
            layers,
            heads,
            layer_norm_epsilon: 1e-12,
            classes: 2,
            special: SpecialTokens::of(Family::Bert, vocab_size),
        }
    }

    const fn roberta(layers: usize, hidden_size: usize, heads: usize) -> Self {
        let vocab_size = 50_265;
        Self {
            family: Family::Roberta,
            vocab_size,
            positions: 514,
            segments: 1,
            layer_norm_epsilon: 1e-5,
            special: SpecialTokens::of(Family::Roberta, vocab_size),
            ..Self::bert(layers, hidden_size, heads)
        }
    }

    /// Width of one head.
    pub const fn head_dim(&self) -> usize {
        self.hidden_size / self.heads
    }

    /// The longest sequence.
    pub const fn most_tokens(&self) -> usize {
        self.positions - self.family.first_position()
    }

    /// Every tensor of a checkpoint with the head of a head, by its Hugging Face name.
    pub fn tensors(&self, head: Head) -> Vec<(String, Vec<usize>)> {
        let (hidden, inner) = (self.hidden_size, self.inner_size);
        let body = self.family.prefix();
        let mut tensors: Vec<(String, Vec<usize>)> = [
            ("word_embeddings", self.vocab_size),
            ("position_embeddings", self.positions),
            ("token_type_embeddings", self.segments),
        ]
        .map(|(name, rows)| {
            (
                format!("{body}.embeddings.{name}.weight"),
                vec![rows, hidden],
            )
        })
        .into();
        let mut put = |name: String, weight: Vec<usize>| {
            let outputs = weight[0];
            tensors.push((format!("{name}.weight"), weight));
            tensors.push((format!("{name}.bias"), vec![outputs]));
        };
        put(format!("{body}.embeddings.LayerNorm"), vec![hidden]);
        for layer in 0..self.layers {
            for (name, weight) in [
                ("attention.self.query", vec![hidden, hidden]),
                ("attention.self.key", vec![hidden, hidden]),
                ("attention.self.value", vec![hidden, hidden]),
                ("attention.output.dense", vec![hidden, hidden]),
                ("attention.output.LayerNorm", vec![hidden]),
                ("intermediate.dense", vec![inner, hidden]),
                ("output.dense", vec![hidden, inner]),
                ("output.LayerNorm", vec![hidden]),
            ] {
                put(format!("{body}.encoder.layer.{layer}.{name}"), weight);
            }
        }
        let names = self.family.head_names(head);
        put(names.dense.to_owned(), vec![hidden, hidden]);
        match head {
            Head::Classification => put(names.last.to_owned(), vec![self.classes, hidden]),
            Head::MaskedLm => {
                put(names.last.to_owned(), vec![hidden]);
                // The matrix is the word embedding.
                tensors.push((names.vocabulary_bias.to_owned(), vec![self.vocab_size]));
            }
        }
        tensors
    }

    /// Number of parameters, the head of a head included.
    pub fn parameters(&self, head: Head) -> u64 {
        crate::checkpoint::parameters(&self.tensors(head))
    }
}

/// Where the tensors of a head are.
pub(super) struct HeadNames {
    /// The square matrix.
    pub(super) dense: &'static str,
    /// What follows: the matrix to the classes, or the norm.
    pub(super) last: &'static str,
    /// Added to the scores of the words.
    pub(super) vocabulary_bias: &'static str,
}

impl Family {
    /// Name before those of the tensors of the body.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Roberta => "roberta",
        }
    }

    /// Position of the first token of a sequence.
    pub const fn first_position(self) -> usize {
        match self {
            Self::Bert => 0,
            Self::Roberta => 2,
        }
    }

    pub(super) const fn head_names(self, head: Head) -> HeadNames {
        let (dense, last) = match (self, head) {
            (Self::Bert, Head::Classification) => ("bert.pooler.dense", "classifier"),
            (Self::Roberta, Head::Classification) => ("classifier.dense", "classifier.out_proj"),
            (Self::Bert, Head::MaskedLm) => (
                "cls.predictions.transform.dense",
                "cls.predictions.transform.LayerNorm",
            ),
            (Self::Roberta, Head::MaskedLm) => ("lm_head.dense", "lm_head.layer_norm"),
        };
        HeadNames {
            dense,
            last,
            vocabulary_bias: match self {
                Self::Bert => "cls.predictions.bias",
                Self::Roberta => "lm_head.bias",
            },
        }
    }
}

impl SpecialTokens {
    /// Those of the released vocabularies, or the first ids of a small vocabulary.
    pub(super) const fn of(family: Family, vocab_size: usize) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "no vocabulary has 2^32 tokens"
        )]
        let words = vocab_size as u32;
        match family {
            // English BERT, cased or not: word pieces begin after the unused ids.
            Family::Bert if vocab_size > 28_000 => Self {
                pad: 0,
                first: 101,
                last: 102,
                mask: 103,
                words_from: 1_000,
                words_until: words,
            },
            Family::Bert => Self {
                pad: 0,
                first: 1,
                last: 2,
                mask: 3,
                words_from: 4,
                words_until: words,
            },
            // The mask is the last id.
            Family::Roberta => Self {
                pad: 1,
                first: 0,
                last: 2,
                mask: words - 1,
                words_from: 4,
                words_until: words - 1,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Released checkpoints with the pooler (or the first layer of the head) and two classes.
    #[test]
    fn sizes_have_the_published_parameter_counts() {
        for (model, published) in [
            ("bert-base", 109_483_778),
            ("bert-large", 335_143_938),
            ("roberta-base", 124_647_170),
            ("roberta-large", 355_361_794),
        ] {
            let config = Config::named(model).expect("a name of this worker");
            assert_eq!(
                config.parameters(Head::Classification),
                published,
                "{model}"
            );
        }
        // Transformers' count for BertForMaskedLM of bert-base-uncased.
        let base = Config::named("bert-base").expect("a name of this worker");
        assert_eq!(base.parameters(Head::MaskedLm), 109_514_298);
        assert_eq!(Config::named("bert"), None);
    }

    #[test]
    fn every_name_has_room_for_its_special_tokens_and_positions() {
        for name in Config::BERT.into_iter().chain(Config::ROBERTA) {
            let config = Config::named(name).expect("a name of this worker");
            let special = config.special;
            for token in [special.pad, special.first, special.last, special.mask] {
                assert!((token as usize) < config.vocab_size, "{name}: {token}");
                let words = special.words_from..special.words_until;
                assert!(!words.contains(&token), "{name}: {token}");
            }
            let tokens = if name.ends_with("tiny") { 128 } else { 512 };
            assert_eq!(config.most_tokens(), tokens, "{name}");
        }
    }

    /// The limit of a committed file, in f32.
    #[test]
    fn tiny_weights_stay_below_two_mebibytes() {
        for family in [Family::Bert, Family::Roberta] {
            for head in [Head::Classification, Head::MaskedLm] {
                assert!(Config::tiny(family).parameters(head) * 4 < 2 << 20);
            }
        }
    }
}
