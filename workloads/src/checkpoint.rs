//! Where tensors come from, for every architecture: a folder in the layout of Hugging Face, or a
//! seed.
//!
//! An architecture lists its tensors by their canonical names and says how else released files
//! spell them; [`Folder`] finds the files, refuses what does not fit by file and tensor, and gives
//! the tensors out; [`seeded()`] makes them. Both are a `VarBuilder`, so a network is loaded by the
//! same code from either.

pub mod fields;
mod folder;
mod layer;
pub(crate) mod pickle;
mod seeded;
mod spelling;

pub use folder::Folder;
pub use layer::{Affine, NormWeights};
pub use seeded::seeded;
pub use spelling::Spelling;

/// Number of parameters in a list of named shapes.
pub fn parameters(tensors: &[(String, Vec<usize>)]) -> u64 {
    tensors
        .iter()
        .map(|(_, shape)| shape.iter().map(|dim| *dim as u64).product::<u64>())
        .sum()
}
