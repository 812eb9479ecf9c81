//! Encoders of text: BERT and `RoBERTa`, with a head that classifies or one that fills masks.
//!
//! An iteration is one pass; every sequence has the length of the axis `prompt_tokens` and no
//! padding. Beside the blocks a pass launches four kernels: embeddings, their norm, two of the
//! head; one more for the norm of the head that fills masks.

use super::architecture::Architecture;
use super::ask::Ask;
use super::error::CostError;
use super::phase::Phase;
use super::tally::{GELU_OPERATIONS, Norm, Tally};
use super::transformer::{Block, Sight};
use crate::axis::Axis;

/// Share of words that are hidden and guessed (Devlin et al. 2019, section 3.1): so many of so
/// many, and at least one. The first and the last token of a sequence are no words.
const HIDDEN_OF_WORDS: (u64, u64) = (3, 20);

/// Shape of an encoder.
#[derive(Clone, Copy, Debug)]
struct Encoder {
    vocabulary: u64,
    /// Learned positions, and how many of them a sequence may use.
    positions: u64,
    most_tokens: u64,
    /// Kinds of segments.
    segments: u64,
    layers: u64,
    block: Block,
}

impl Encoder {
    /// Devlin et al. 2019, section 3; the uncased English vocabulary.
    const fn bert(layers: u64, width: u64, heads: u64) -> Self {
        Self {
            vocabulary: 30_522,
            positions: 512,
            most_tokens: 512,
            segments: 2,
            layers,
            block: Block::encoder(width, 4 * width, heads),
        }
    }

    /// Liu et al. 2019: the shapes of BERT; two positions are kept for padding.
    const fn roberta(layers: u64, width: u64, heads: u64) -> Self {
        Self {
            vocabulary: 50_265,
            positions: 514,
            segments: 1,
            ..Self::bert(layers, width, heads)
        }
    }

    /// The shape with few words and positions, for the models that this project trains.
    const fn small(self) -> Self {
        Self {
            vocabulary: 128,
            positions: 128 + self.positions - self.most_tokens,
            most_tokens: 128,
            ..self
        }
    }

    fn pass(&self, ask: &Ask<'_>, tokens: u64) -> Tally {
        let mut tally = Tally::new(ask.format);
        let (batch, width) = (ask.batch, self.block.width);
        tally.embedding(self.vocabulary, width, batch * tokens);
        tally.embedding(self.positions, width, tokens);
        tally.embedding(self.segments, width, 1);
        tally.elementwise(batch * tokens * width, 2.0, 1.0);
        // The norm of the embeddings; those of a block are counted in front of its halves.
        tally.norm(batch * tokens, width, Norm::Layer);
        for _ in 0..self.layers {
            self.block.pass(&mut tally, batch, tokens, Sight::Both);
        }
        if ask.head() == Some("masked_lm") {
            let (of, all) = HIDDEN_OF_WORDS;
            let hidden = (tokens.saturating_sub(2) * of / all).max(1);
            self.guess(&mut tally, batch * hidden);
        } else {
            // The first position, once more through a square matrix, then to two classes.
            tally.linear(batch, width, width, width);
            tally.linear(batch, width, 2, 2);
        }
        tally
    }

    /// Hidden tokens through a square matrix and a norm to the words; the matrix of words is the
    /// embedding.
    fn guess(&self, tally: &mut Tally, rows: u64) {
        let width = self.block.width;
        tally.linear(rows, width, width, width);
        tally.fused(rows * width, GELU_OPERATIONS);
        tally.norm(rows, width, Norm::Layer);
        tally.tied_linear(rows, width, self.vocabulary);
        tally.added_table(self.vocabulary);
        tally.fused(rows * self.vocabulary, 1.0);
    }
}

impl Architecture for Encoder {
    fn axes(&self) -> &'static [Axis] {
        &[Axis::Quantisation, Axis::PromptTokens, Axis::Head]
    }

    fn phases(&self, ask: &Ask<'_>) -> Result<Vec<Phase>, CostError> {
        let tokens = ask.count(Axis::PromptTokens)?;
        ask.fits(Axis::PromptTokens, tokens, self.most_tokens)?;
        let pass = self.pass(ask, tokens);
        Ok(vec![Phase::once("infer", "request", ask.batch, &pass)])
    }
}

pub(super) fn named(model: &str) -> Option<Box<dyn Architecture>> {
    let encoder = match model {
        // Two layers of 128 (Turc et al. 2019) with few words: small models of this project.
        "bert-tiny" => Encoder::bert(2, 128, 2).small(),
        "roberta-tiny" => Encoder::roberta(2, 128, 2).small(),
        "bert-base" => Encoder::bert(12, 768, 12),
        "bert-large" => Encoder::bert(24, 1024, 16),
        "roberta-base" => Encoder::roberta(12, 768, 12),
        "roberta-large" => Encoder::roberta(24, 1024, 16),
        _ => return None,
    };
    Some(Box::new(encoder))
}

#[cfg(test)]
mod tests {
    use crate::axis::{Axis, AxisValue};
    use crate::cost::phase::Phase;
    use crate::cost::workload::phases;
    use crate::point::Point;

    fn infer(head: Option<&str>, tokens: u64) -> Phase {
        let text = |axis, word: &str| (axis, AxisValue::Text(word.into()));
        let count = |axis, count| (axis, AxisValue::Integer(count));
        let point: Point = [
            text(Axis::Model, "bert-tiny"),
            text(Axis::Precision, "f32"),
            count(Axis::Batch, 2),
            count(Axis::PromptTokens, tokens),
        ]
        .into_iter()
        .chain(head.map(|word| text(Axis::Head, word)))
        .collect();
        phases(&point).unwrap()[0]
    }

    /// The heads by hand: 128 wide, 128 words. Of 102 tokens 15 are hidden, of 4 one.
    #[test]
    fn the_head_that_fills_masks_is_another_amount_of_work() {
        for (tokens, hidden) in [(102, 15.0), (4, 1.0)] {
            let (classes, masks) = (infer(None, tokens), infer(Some("masked_lm"), tokens));
            assert_eq!(infer(Some("classification"), tokens), classes);
            let of_classes = 2.0 * 2.0 * (128.0 * 128.0 + 128.0 * 2.0);
            let of_masks = 2.0 * 2.0 * hidden * (128.0 * 128.0 + 128.0 * 128.0);
            let more = masks.matrix_operations - classes.matrix_operations;
            assert_eq!(more, of_masks - of_classes);
            // A norm and a bias for each word, instead of two classes with theirs.
            let parameters = masks.parameters - classes.parameters;
            assert_eq!(parameters, (2 * 128 + 128) - (2 * 128 + 2));
        }
    }
}
