//! Linear layers whose weights are blocks of a GGUF file: `Q8_0`, `Q4_0` and `Q4_K`.
//!
//! Floor: one read of the blocks, 8.5 or 4.5 bits per weight. The numbers are those of the file,
//! brought into the order that the kernels read when a weight is loaded ([`QuantisedLinear`]). Up
//! to 8 rows are multiplied as they are: the kernel widens quants to the format of x, exactly, and
//! scales sums in f32, so activations lose nothing. For more rows, and for x in f32, the weight is
//! widened into working memory and multiplied as a dense one.

mod cases;
mod format;
mod half;
mod layer;
mod pack;
pub mod seeded;

pub(crate) use cases::cases;
pub use format::Format;
pub use layer::{QuantisedLinear, projection};
