//! Text encoders: the text halves of CLIP (Radford et al. 2021) and `OpenCLIP` (Cherti et al. 2023).

pub mod config;
pub mod network;
pub mod weights;

pub use config::{Output, TextConfig};
pub use network::{Memory, TextEncoder};
pub use weights::TextWeights;
