//! Vision transformers that name what an image shows.
//!
//! Dosovitskiy et al. 2021, table 1; trained at 224². Another `resolution_px` is a multiple of the
//! patch, with interpolated positions. Beside the blocks a pass launches four kernels: patches,
//! class token and positions, last norm, head.

use super::architecture::Architecture;
use super::ask::Ask;
use super::error::CostError;
use super::phase::Phase;
use super::tally::{Norm, Tally};
use super::transformer::{Block, Sight};
use crate::axis::Axis;

/// Shape of a vision transformer.
#[derive(Clone, Copy, Debug)]
struct VisionTransformer {
    native_px: u64,
    classes: u64,
    patch_px: u64,
    layers: u64,
    block: Block,
}

impl VisionTransformer {
    fn pass(&self, ask: &Ask<'_>, edge_px: u64) -> Tally {
        let mut tally = Tally::new(ask.format);
        let (batch, width) = (ask.batch, self.block.width);
        let patches = (edge_px / self.patch_px).pow(2);
        let positions = patches + 1;
        tally.in_and_out(batch * 3 * edge_px * edge_px);
        let inputs = 3 * self.patch_px * self.patch_px;
        tally.linear(batch * patches, inputs, width, width);
        tally.added_table(width + positions * width);
        tally.elementwise(batch * positions * width, 1.0, 2.0);
        for _ in 0..self.layers {
            self.block.pass(&mut tally, batch, positions, Sight::Both);
        }
        tally.norm(batch, width, Norm::Layer);
        tally.linear(batch, width, self.classes, self.classes);
        tally
    }
}

impl Architecture for VisionTransformer {
    fn axes(&self) -> &'static [Axis] {
        &[Axis::Quantisation, Axis::ResolutionPx]
    }

    fn phases(&self, ask: &Ask<'_>) -> Result<Vec<Phase>, CostError> {
        let edge_px = ask.resolution(self.native_px, self.patch_px)?;
        let pass = self.pass(ask, edge_px);
        Ok(vec![Phase::once("infer", "image", ask.batch, &pass)])
    }
}

impl VisionTransformer {
    /// A released one: 224², the classes of `ImageNet`.
    const fn released(patch_px: u64, layers: u64, block: Block) -> Self {
        Self {
            native_px: 224,
            classes: 1_000,
            patch_px,
            layers,
            block,
        }
    }
}

pub(super) fn named(model: &str) -> Option<Box<dyn Architecture>> {
    let transformer = match model {
        // A shape of this project's, for tests; the released tiny one is larger.
        "vit-micro" => VisionTransformer {
            native_px: 32,
            classes: 10,
            patch_px: 8,
            layers: 2,
            block: Block::encoder(64, 256, 4),
        },
        "vit-base" => VisionTransformer::released(16, 12, Block::encoder(768, 3072, 12)),
        "vit-large" => VisionTransformer::released(16, 24, Block::encoder(1024, 4096, 16)),
        "vit-huge" => VisionTransformer::released(14, 32, Block::encoder(1280, 5120, 16)),
        _ => return None,
    };
    Some(Box::new(transformer))
}
