//! Counts one pass over a network, layer by layer.
//!
//! What is counted, and what is not:
//! - A product with weights: two operations for each multiply-add, on the pipe of the number
//!   format. Weights come from memory once a pass. Through the second-level cache operands pass
//!   once for each tile of the result, as in [`kernel::gemm`](super::kernel::gemm).
//! - Norms, softmax, rotation and activation functions: FP32 operations, by the small integers
//!   below. An exponential counts as one.
//! - Activations stay in the second-level cache. Of a tensor larger than [`RESIDENT_BYTES`] the
//!   rest is spilled: written to memory and read again. Spilled bytes are kept apart, since a
//!   kernel that fuses more spills less: the floor leaves them out.
//! - Attention never writes its scores down (online softmax).
//! - Batch norms are folded into the convolution before them.
//! - Launches of an implementation that fuses what is usual: a bias, an activation function and a
//!   residual sum belong to the product before them, a residual sum also to the norm after it.

use super::Pipe;
use super::counts::Counts;
use super::kernel::{count, tiles};
use super::number_format::NumberFormat;

/// How much of an activation tensor stays in the second-level cache until the next kernel reads
/// it: most of the 40 MB of an A100 and of the 50 MB of an H100 (NVIDIA, architecture white
/// papers). The 6 MB of a V100 hold less, so for large tensors its memory traffic is counted low.
pub const RESIDENT_BYTES: f64 = 32.0 * 1024.0 * 1024.0;

/// Queries that one block of threads holds while keys pass by.
const QUERY_TILE: f64 = 128.0;
/// Scale, maximum, difference, exponential, sum: for each score.
const SOFTMAX_OPERATIONS: f64 = 5.0;
/// Residual sum, two for the mean square, two for the scale.
const RMS_NORM_OPERATIONS: f64 = 5.0;
/// Residual sum, one for the mean, three for the variance, three for scale and shift.
const LAYER_NORM_OPERATIONS: f64 = 8.0;
/// Tensors that a norm with residual touches: both summands, the sum, the result.
const NORM_TENSORS: f64 = 4.0;
/// The tanh form of GELU.
pub(super) const GELU_OPERATIONS: f64 = 8.0;
/// Exponential, sum, division, product.
pub(super) const SILU_OPERATIONS: f64 = 4.0;
/// Two products and a sum for each element that is rotated.
pub(super) const ROTARY_OPERATIONS: f64 = 3.0;

/// Which norm, and so how many parameters and operations it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// Root mean square: a scale.
    Rms,
    /// Mean and variance: a scale and a shift.
    Layer,
}

/// What follows a convolution and is folded into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// A bias.
    Bias,
    /// A batch norm, which becomes a bias.
    BatchNorm,
    /// A batch norm that keeps no trained parameters, as frozen ones of detectors.
    FrozenNorm,
}

impl After {
    /// Trained parameters and streamed numbers, for so many outputs.
    const fn of(self, outputs: u64) -> (u64, u64) {
        match self {
            Self::Bias => (outputs, outputs),
            Self::BatchNorm => (2 * outputs, outputs),
            Self::FrozenNorm => (0, outputs),
        }
    }
}

/// Attention of all heads of all sequences.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attention {
    pub(super) batch: u64,
    pub(super) heads: u64,
    pub(super) kv_heads: u64,
    pub(super) head_width: u64,
    /// Positions that ask, of a sequence.
    pub(super) queries: u64,
    /// Positions that answer, of a sequence.
    pub(super) keys: u64,
    /// Pairs of a query and a key that it sees, of a head of a sequence.
    pub(super) pairs: u64,
}

/// A square convolution on a square image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conv {
    pub(super) batch: u64,
    /// Edge of the result.
    pub(super) edge_out: u64,
    /// Edge of the input is so many times that of the result.
    pub(super) stride: u64,
    pub(super) kernel: u64,
    pub(super) inputs: u64,
    pub(super) outputs: u64,
    pub(super) after: After,
}

/// Adds layers up.
#[derive(Clone, Debug)]
pub struct Tally {
    format: NumberFormat,
    counts: Counts,
    parameters: u64,
}

impl Tally {
    /// Nothing yet.
    pub fn new(format: NumberFormat) -> Self {
        let mut counts = Counts::default();
        counts.cost.toggle = 1.0;
        Self {
            format,
            counts,
            parameters: 0,
        }
    }

    /// Needs of the layers so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Parameters of the layers so far.
    pub const fn parameters(&self) -> u64 {
        self.parameters
    }

    /// A product of `rows` rows with an `inputs`×`outputs` matrix of weights.
    pub fn linear(&mut self, rows: u64, inputs: u64, outputs: u64, biases: u64) {
        self.parameters += inputs * outputs + biases;
        self.stream_matrix(inputs * outputs);
        self.stream_vector(biases);
        self.product(rows, inputs, outputs, rows * inputs);
        self.fused(if biases > 0 { rows * outputs } else { 0 }, 1.0);
    }

    /// A product with weights that were counted as parameters before: the embedding as output
    /// layer.
    pub fn tied_linear(&mut self, rows: u64, inputs: u64, outputs: u64) {
        self.stream_matrix(inputs * outputs);
        self.product(rows, inputs, outputs, rows * inputs);
    }

    /// A convolution as a product: each pixel of the result is a row.
    pub(super) fn conv(&mut self, conv: Conv) {
        let pixels = conv.batch * conv.edge_out * conv.edge_out;
        let window = conv.kernel * conv.kernel * conv.inputs;
        let (parameters, streamed) = conv.after.of(conv.outputs);
        self.parameters += window * conv.outputs + parameters;
        self.stream_matrix(window * conv.outputs);
        self.stream_vector(streamed);
        let edge_in = conv.edge_out * conv.stride;
        let read = conv.batch * edge_in * edge_in * conv.inputs;
        self.product(pixels, window, conv.outputs, read);
        self.fused(pixels * conv.outputs, 1.0);
    }

    /// A convolution of each channel by itself. Its multiply-adds are no product of matrices for
    /// the hardware: they are done outside of the tensor cores.
    pub(super) fn depthwise(&mut self, conv: Conv) {
        let pixels = conv.batch * conv.edge_out * conv.edge_out;
        let window = conv.kernel * conv.kernel;
        let (parameters, streamed) = conv.after.of(conv.outputs);
        self.parameters += window * conv.outputs + parameters;
        self.stream_matrix(window * conv.outputs);
        self.stream_vector(streamed);
        let written = pixels * conv.outputs;
        let products = 2.0 * count(written) * count(window);
        self.counts.matrix_operations += products;
        self.operations(Pipe::Fp32, products);
        self.fused(written, 1.0);
        let bytes = self.format.activation_bytes;
        let read = count(written * conv.stride * conv.stride) * bytes;
        let written = count(written) * bytes;
        self.counts.cost.cache_bytes += read + written;
        self.spill(read, 1.0);
        self.spill(written, 1.0);
        self.counts.cost.kernels += 1.0;
    }

    /// Rows of a table that are looked up and summed with what the positions add.
    pub fn embedding(&mut self, table_rows: u64, width: u64, looked_up: u64) {
        self.parameters += table_rows * width;
        let bytes = count(looked_up * width) * self.format.weight_bytes;
        self.counts.cost.dram_bytes += bytes;
        self.counts.cost.cache_bytes += bytes;
    }

    /// Parameters that are added to activations by a kernel that is counted elsewhere: a class
    /// token, positions of an image.
    pub(super) fn added_table(&mut self, elements: u64) {
        self.parameters += elements;
        self.stream_vector(elements);
    }

    /// A norm over the width of each row, with the residual sum before it.
    pub fn norm(&mut self, rows: u64, width: u64, norm: Norm) {
        let (parameters, operations) = match norm {
            Norm::Rms => (width, RMS_NORM_OPERATIONS),
            Norm::Layer => (2 * width, LAYER_NORM_OPERATIONS),
        };
        self.parameters += parameters;
        self.stream_vector(parameters);
        self.elementwise(rows * width, operations, NORM_TENSORS);
    }

    /// A group norm and `SiLU`: one kernel for the statistics and one that applies them.
    pub(super) fn group_norm_silu(&mut self, pixels: u64, channels: u64) {
        self.parameters += 2 * channels;
        self.stream_vector(2 * channels);
        let elements = pixels * channels;
        self.elementwise(elements, LAYER_NORM_OPERATIONS / 2.0, 1.0);
        self.elementwise(elements, LAYER_NORM_OPERATIONS / 2.0 + SILU_OPERATIONS, 2.0);
    }

    /// One kernel that touches so many tensors of so many elements.
    pub fn elementwise(&mut self, elements: u64, operations: f64, tensors: f64) {
        self.fused(elements, operations);
        let bytes = count(elements) * self.format.activation_bytes;
        self.counts.cost.cache_bytes += bytes * tensors;
        self.spill(bytes, tensors);
        self.counts.cost.kernels += 1.0;
    }

    /// Operations inside a kernel that is counted elsewhere.
    pub fn fused(&mut self, elements: u64, operations: f64) {
        self.operations(Pipe::Fp32, count(elements) * operations);
    }

    /// Attention in so many kernels: one, or two where the keys are split and combined.
    pub(super) fn attention(&mut self, attention: Attention, kernels: f64) {
        let Attention {
            batch,
            heads,
            kv_heads,
            head_width,
            queries,
            keys,
            pairs,
        } = attention;
        let scores = count(batch * heads * pairs);
        let products = 4.0 * count(head_width) * scores;
        self.counts.matrix_operations += products;
        self.operations(self.format.attention_pipe, products);
        self.operations(Pipe::Fp32, SOFTMAX_OPERATIONS * scores);
        let bytes = self.format.activation_bytes;
        let asked = count(batch * queries * heads * head_width) * bytes;
        let answered = count(batch * keys * kv_heads * head_width) * bytes;
        // Heads that share keys ask together; a causal mask spares the tiles that nobody sees.
        let rereads = (count(queries * heads / kv_heads) / QUERY_TILE).max(1.0);
        let seen = count(pairs) / count(queries * keys).max(1.0);
        self.counts.cost.cache_bytes += 2.0 * asked + 2.0 * answered * (rereads * seen).max(1.0);
        self.spill(asked, 2.0);
        // Keys of an earlier pass come from their cache, and are counted there.
        if queries == keys {
            self.spill(answered, 2.0);
        }
        self.counts.cost.kernels += kernels;
    }

    /// Bytes of cached keys and values that are written to memory or read from it.
    pub(super) fn kv_cache(&mut self, elements: u64) {
        let bytes = count(elements) * self.format.activation_bytes;
        self.counts.kv_bytes += bytes;
        self.counts.cost.dram_bytes += bytes;
    }

    /// Elements that come from the host or go there: images, samples of sound.
    pub fn in_and_out(&mut self, elements: u64) {
        let bytes = count(elements) * self.format.activation_bytes;
        self.counts.cost.dram_bytes += bytes;
        self.counts.cost.cache_bytes += bytes;
    }

    /// Layers whose weights were counted before and are still in the cache.
    pub(super) fn with_known_weights(&mut self, layers: impl FnOnce(&mut Self)) {
        let before = self.clone();
        layers(self);
        let fresh = self.counts.weight_bytes - before.counts.weight_bytes;
        self.counts.cost.dram_bytes -= fresh;
        self.counts.weight_bytes = before.counts.weight_bytes;
        self.parameters = before.parameters;
    }

    fn product(&mut self, rows: u64, inputs: u64, outputs: u64, read_elements: u64) {
        let products = 2.0 * count(rows) * count(inputs * outputs);
        self.counts.matrix_operations += products;
        self.operations(self.format.pipe, products);
        let weights = count(inputs * outputs);
        self.operations(Pipe::Fp32, weights * self.format.unpack_operations);
        let read = count(read_elements);
        self.operations(Pipe::Fp32, read * self.format.narrow_operations);
        let bytes = self.format.activation_bytes;
        let written = count(rows * outputs) * bytes;
        self.counts.cost.cache_bytes += read * bytes * tiles(count(outputs))
            + weights * self.format.weight_bytes * tiles(count(rows))
            + written;
        self.spill(read * bytes, 1.0);
        self.spill(written, 1.0);
        self.counts.cost.kernels += 1.0;
    }

    fn operations(&mut self, pipe: Pipe, operations: f64) {
        let cost = &mut self.counts.cost;
        cost.operations = cost
            .operations
            .with(pipe, cost.operations.get(pipe) + operations);
    }

    fn stream_matrix(&mut self, elements: u64) {
        self.stream(count(elements) * self.format.weight_bytes);
    }

    /// Biases and norms are not quantised.
    fn stream_vector(&mut self, elements: u64) {
        let bytes = if self.format.unpack_operations > 0.0 || self.format.narrow_operations > 0.0 {
            self.format.activation_bytes
        } else {
            self.format.weight_bytes
        };
        self.stream(count(elements) * bytes);
    }

    fn stream(&mut self, bytes: f64) {
        self.counts.weight_bytes += bytes;
        self.counts.cost.dram_bytes += bytes;
    }

    fn spill(&mut self, tensor_bytes: f64, tensors: f64) {
        let bytes = (tensor_bytes - RESIDENT_BYTES).max(0.0) * tensors;
        self.counts.spilled_bytes += bytes;
        self.counts.cost.dram_bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bf16() -> Tally {
        Tally::new(NumberFormat::of("bf16", "none").unwrap())
    }

    #[test]
    fn a_linear_layer_is_the_product_that_kernels_count() {
        let mut tally = bf16();
        tally.linear(256, 512, 384, 0);
        let counts = tally.counts();
        let gemm = super::super::kernel::gemm(256, 384, 512, super::super::kernel::Operand::bf16());
        assert_eq!(counts.cost.operations, gemm.operations);
        assert_eq!(counts.cost.cache_bytes, gemm.cache_bytes);
        assert_eq!(counts.weight_bytes, 2.0 * 512.0 * 384.0);
        // Activations of a quarter megabyte never reach the memory.
        assert_eq!(counts.cost.dram_bytes, counts.weight_bytes);
        assert_eq!(tally.parameters(), 512 * 384);
    }

    #[test]
    fn a_convolution_small_enough_to_count_by_hand() {
        let mut tally = bf16();
        tally.conv(Conv {
            batch: 1,
            edge_out: 2,
            stride: 1,
            kernel: 3,
            inputs: 1,
            outputs: 5,
            after: After::Bias,
        });
        assert_eq!(tally.parameters(), 9 * 5 + 5);
        assert_eq!(tally.counts().matrix_operations, 2.0 * 4.0 * 45.0);
        assert_eq!(tally.counts().cost.operations.get(Pipe::Fp32), 20.0);
    }

    #[test]
    fn what_does_not_fit_is_spilled_and_is_not_compulsory() {
        let mut tally = bf16();
        let elements = 32 * 1024 * 1024;
        tally.elementwise(elements, 1.0, 2.0);
        let counts = tally.counts();
        // 64 MiB each, half of which stays.
        assert_eq!(counts.spilled_bytes, 2.0 * RESIDENT_BYTES);
        assert_eq!(counts.compulsory_bytes(), 0.0);
    }

    #[test]
    fn weights_that_are_known_are_neither_streamed_nor_counted_again() {
        let mut once = bf16();
        once.linear(1, 8, 8, 0);
        let mut twice = once.clone();
        twice.with_known_weights(|tally| tally.linear(1, 8, 8, 0));
        assert_eq!(twice.parameters(), once.parameters());
        assert_eq!(
            twice.counts().cost.dram_bytes,
            once.counts().cost.dram_bytes
        );
        assert_eq!(
            twice.counts().matrix_operations,
            2.0 * once.counts().matrix_operations
        );
    }
}
