//! What a launch consists of.

use candle_core::{DType, Result, Tensor, bail};

use crate::Start;

/// One argument of a kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Argument<'a> {
    /// Address of a tensor that the kernel reads: `const T*`.
    Read(&'a Tensor),
    /// Address of a tensor that the kernel writes, or reads and writes: `T*`.
    Write(&'a Tensor),
    /// As `Write`, of a tensor of which the kernel reads, before it waits for those in front of it,
    /// what earlier steps have written: a cache that grows.
    Extend(&'a Tensor),
    /// Address of a tensor, or null: `const T*`.
    Maybe(Option<&'a Tensor>),
    /// `unsigned`; must fit 32 bits.
    Count(usize),
    /// `unsigned long long`.
    Long(u64),
    /// `float`.
    Number(f32),
    /// Two arguments: `const unsigned* start_tensor, unsigned start`; the tensor counts unless null.
    Position(Start<'a>),
}

/// Which kernel, and how many threads run it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel<'a> {
    pub(crate) file: &'static str,
    pub(crate) name: &'a str,
    pub(crate) grid: [usize; 3],
    pub(crate) threads: [usize; 3],
    pub(crate) shared_bytes: usize,
}

impl<'a> Kernel<'a> {
    /// The kernel `name` of `kernels/<file>.cu`, one block of 256 threads until told otherwise.
    pub(crate) const fn new(file: &'static str, name: &'a str) -> Self {
        Self {
            file,
            name,
            grid: [1, 1, 1],
            threads: [256, 1, 1],
            shared_bytes: 0,
        }
    }

    /// Blocks along x, y and z.
    pub(crate) const fn grid(self, grid: [usize; 3]) -> Self {
        Self { grid, ..self }
    }

    /// Threads of a block, in one dimension.
    pub(crate) const fn threads(self, threads: usize) -> Self {
        Self {
            threads: [threads, 1, 1],
            ..self
        }
    }

    /// Dynamic shared memory of a block.
    pub(crate) const fn shared(self, shared_bytes: usize) -> Self {
        Self {
            shared_bytes,
            ..self
        }
    }
}

/// The name of the instance of a kernel template: `rms_norm_bf16`, or `rms_norm_bf16_narrow` for
/// rows that vectors of 16 bytes do not fit.
pub(crate) fn kernel_name(root: &str, dtype: DType, wide: bool) -> Result<String> {
    let format = match dtype {
        DType::F32 => "f32",
        DType::F16 => "f16",
        DType::BF16 => "bf16",
        other => bail!("{root} has no kernel for {other:?}, expected f32, f16 or bf16"),
    };
    let width = if wide { "" } else { "_narrow" };
    Ok(format!("{root}_{format}{width}"))
}

/// Whether rows of so many columns, in these tensors, can be read in vectors of 16 bytes: every row
/// begins at a multiple of 16 bytes. (Allocations do; a view may begin anywhere.)
pub(crate) fn wide(tensors: &[&Tensor], columns: usize) -> bool {
    tensors.iter().all(|tensor| {
        let bytes = tensor.dtype().size_in_bytes();
        let first = tensor.layout().start_offset() * bytes;
        first.is_multiple_of(16) && (columns * bytes).is_multiple_of(16)
    })
}

impl<'a> Kernel<'a> {
    /// One thread for each of `total` pieces of work. Small blocks where there is little to do, so
    /// that more multiprocessors take part.
    pub(crate) const fn one_thread_each(file: &'static str, name: &'a str, total: usize) -> Self {
        let threads = if total < 132 * 256 { 64 } else { 256 };
        Self::new(file, name)
            .grid([total.div_ceil(threads), 1, 1])
            .threads(threads)
    }
}

/// Values that a thread loads at a time.
pub(crate) fn lanes(dtype: DType, wide: bool) -> usize {
    if wide { 16 / dtype.size_in_bytes() } else { 1 }
}
