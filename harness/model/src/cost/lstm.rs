//! Sentiment of a review: embedding 5,000×15, one LSTM of 10 cells, one output.
//!
//! An iteration reads one batch of sequences of 300 words, or of `prompt_tokens`. The input
//! products of all words are one kernel; each step of the recurrence is one, since it waits for
//! the step before.

use super::architecture::Architecture;
use super::ask::Ask;
use super::error::CostError;
use super::phase::Phase;
use super::tally::Tally;
use crate::axis::Axis;

const VOCABULARY: u64 = 5_000;
const WIDTH: u64 = 15;
const CELLS: u64 = 10;
const GATES: u64 = 4 * CELLS;
const WORDS: u64 = 300;
/// Of each cell: three sigmoids and two hyperbolic tangents of four operations, three products
/// and a sum.
const CELL_OPERATIONS: f64 = 24.0;

struct Lstm;

impl Lstm {
    fn pass(ask: &Ask<'_>, words: u64) -> Tally {
        let mut tally = Tally::new(ask.format);
        tally.embedding(VOCABULARY, WIDTH, ask.batch * words);
        tally.elementwise(ask.batch * words * WIDTH, 0.0, 1.0);
        tally.linear(ask.batch * words, WIDTH, GATES, GATES);
        tally.linear(ask.batch, CELLS, GATES, 0);
        tally.fused(ask.batch * CELLS, CELL_OPERATIONS);
        for _ in 1..words {
            tally.with_known_weights(|tally| tally.linear(ask.batch, CELLS, GATES, 0));
            tally.fused(ask.batch * CELLS, CELL_OPERATIONS);
        }
        tally.linear(ask.batch, CELLS, 1, 1);
        tally
    }
}

impl Architecture for Lstm {
    fn axes(&self) -> &'static [Axis] {
        &[Axis::PromptTokens]
    }

    fn phases(&self, ask: &Ask<'_>) -> Result<Vec<Phase>, CostError> {
        let words = ask.count_or(Axis::PromptTokens, WORDS)?;
        let pass = Self::pass(ask, words);
        Ok(vec![Phase::once("infer", "request", ask.batch, &pass)])
    }
}

pub(super) fn named(model: &str) -> Option<Box<dyn Architecture>> {
    (model == "lstm-sentiment").then(|| Box::new(Lstm) as Box<dyn Architecture>)
}
