//! What every family of models answers, and which families there are.

use super::ask::Ask;
use super::error::CostError;
use super::phase::Phase;
use super::{
    clip, decoder, diffusion, encoder, lstm, residual, segformer, super_resolution, unet,
    vision_transformer, whisper, yolo,
};
use crate::axis::Axis;

/// A model whose work can be counted.
pub(super) trait Architecture {
    /// Axes that mean something to it, beside those of every model.
    fn axes(&self) -> &'static [Axis];

    /// Phases of an iteration; the last is the output phase.
    fn phases(&self, ask: &Ask<'_>) -> Result<Vec<Phase>, CostError>;
}

/// A family: the architecture of a name, where it is one of its own.
type Family = fn(&str) -> Option<Box<dyn Architecture>>;

/// Every family. A new one is a file and a line.
const FAMILIES: [Family; 12] = [
    decoder::named,
    encoder::named,
    lstm::named,
    whisper::named,
    vision_transformer::named,
    clip::named,
    diffusion::named,
    residual::named,
    yolo::named,
    segformer::named,
    unet::named,
    super_resolution::named,
];

/// The architecture of a model.
pub(super) fn architecture(model: &str) -> Option<Box<dyn Architecture>> {
    FAMILIES.iter().find_map(|named| named(model))
}
