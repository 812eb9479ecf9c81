//! CLIP: a tower for pictures and one for captions.
//!
//! Radford et al. 2021, table 20 and section 2.4; shapes from the released configurations, whose
//! parameter counts the tests hold them to. Pictures have the one edge that positions were learned
//! for. Comparing the embeddings of a pair is not counted.

use super::architecture::Architecture;
use super::ask::Ask;
use super::error::CostError;
use super::phase::Phase;
use super::tally::{Norm, Tally};
use super::transformer::{Block, Sight};
use crate::axis::Axis;

/// Shape of CLIP.
#[derive(Clone, Copy, Debug)]
struct Clip {
    edge_px: u64,
    patch_px: u64,
    vision_layers: u64,
    vision: Block,
    vocabulary: u64,
    tokens: u64,
    text_layers: u64,
    text: Block,
    projection: u64,
}

impl Clip {
    const fn released(
        patch_px: u64,
        [vision_layers, text_layers]: [u64; 2],
        [vision, text]: [Block; 2],
        projection: u64,
    ) -> Self {
        Self {
            edge_px: 224,
            patch_px,
            vision_layers,
            vision,
            vocabulary: 49_408,
            tokens: 77,
            text_layers,
            text,
            projection,
        }
    }

    /// Norms before and after the blocks, and the projection of the class token.
    fn see(&self, tally: &mut Tally, batch: u64) {
        let width = self.vision.width;
        let patches = (self.edge_px / self.patch_px).pow(2);
        let positions = patches + 1;
        tally.in_and_out(batch * 3 * self.edge_px * self.edge_px);
        let inputs = 3 * self.patch_px * self.patch_px;
        tally.linear(batch * patches, inputs, width, 0);
        tally.added_table(width + positions * width);
        tally.norm(batch * positions, width, Norm::Layer);
        for _ in 0..self.vision_layers {
            self.vision.pass(tally, batch, positions, Sight::Both);
        }
        tally.norm(batch, width, Norm::Layer);
        tally.linear(batch, width, self.projection, 0);
    }

    /// The projection is that of the end of each caption.
    fn read(&self, tally: &mut Tally, batch: u64) {
        let width = self.text.width;
        let rows = batch * self.tokens;
        tally.embedding(self.vocabulary, width, rows);
        tally.embedding(self.tokens, width, self.tokens);
        tally.elementwise(rows * width, 1.0, 1.0);
        for _ in 0..self.text_layers {
            self.text.pass(tally, batch, self.tokens, Sight::Causal);
        }
        tally.norm(batch, width, Norm::Layer);
        tally.linear(batch, width, self.projection, 0);
    }
}

impl Architecture for Clip {
    fn axes(&self) -> &'static [Axis] {
        &[Axis::ResolutionPx]
    }

    fn phases(&self, ask: &Ask<'_>) -> Result<Vec<Phase>, CostError> {
        ask.only(Axis::ResolutionPx, self.edge_px)?;
        let mut tally = Tally::new(ask.format);
        self.see(&mut tally, ask.batch);
        self.read(&mut tally, ask.batch);
        // Both embeddings are brought to length 1; the factor of similarities is a parameter.
        tally.elementwise(2 * ask.batch * self.projection, 3.0, 2.0);
        tally.added_table(1);
        Ok(vec![Phase::once("infer", "pair", ask.batch, &tally)])
    }
}

pub(super) fn named(model: &str) -> Option<Box<dyn Architecture>> {
    let clip = match model {
        // A shape of this project's, for tests.
        "clip-micro" => Clip {
            edge_px: 32,
            vocabulary: 128,
            tokens: 16,
            ..Clip::released(
                8,
                [2, 2],
                [Block::encoder(64, 256, 4), Block::encoder(32, 128, 2)],
                24,
            )
        },
        "clip-vit-b-32" => Clip::released(
            32,
            [12, 12],
            [Block::encoder(768, 3072, 12), Block::encoder(512, 2048, 8)],
            512,
        ),
        "clip-vit-l-14" => Clip::released(
            14,
            [24, 12],
            [
                Block::encoder(1024, 4096, 16),
                Block::encoder(768, 3072, 12),
            ],
            768,
        ),
        _ => return None,
    };
    Some(Box::new(clip))
}
