//! Linear layers whose weights are blocks of a GGUF file: `Q8_0`, `Q4_0` and `Q4_K`.
//!
//! Floor: one read of the blocks, 8.5 or 4.5 bits per weight. The numbers are those of the file,
//! brought into the order that the kernels read when a weight is loaded ([`QuantisedLinear`]). Up
//! to 8 rows are multiplied as they are. There x becomes fixed point of 16 bits with a scale per 256
//! values, products and sums of groups are whole numbers, and scales are applied in f32: beside the
//! rounding of the result nothing that counts is lost. Rows that are too large for shared memory
//! keep their format, and quants are widened to it, exactly. For more rows, and for x in f32, the
//! weight is widened into working memory and multiplied as a dense one.

mod cases;
mod format;
mod half;
mod layer;
mod pack;
pub mod seeded;

pub(crate) use cases::cases;
pub use format::Format;
pub use layer::{QuantisedLinear, projection};
