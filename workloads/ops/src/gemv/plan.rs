//! Which kernel is launched, with how many blocks and how much shared memory.
//!
//! The numbers are those of `gemv_common.cuh`, `gemv_dense.cu`, `gemv_single.cu` and
//! `quantised_bytes.cu`.

use candle_core::{DType, Result, bail};

use super::{Route, route};
use crate::cuda::kernel_name;
use crate::quantised::Format;

/// Warps of a block, which share the depth of a product.
const WARPS: usize = 8;
/// Threads of a block.
const THREADS: usize = 32 * WARPS;
/// Shared memory that one block can have on compute capability 9.0.
const LARGEST_BLOCK_BYTES: usize = 227 << 10;
/// Shared memory of a multiprocessor, and what the system takes of it per block.
const MULTIPROCESSOR_BYTES: usize = 228 << 10;
const RESERVED_BYTES: usize = 1 << 10;

/// Shared memory with which a block is the only one of its kernel on a multiprocessor: more than
/// half. See [`Plan::alone`].
const ALONE_BYTES: usize = MULTIPROCESSOR_BYTES / 2;

/// Shared memory with which no third block of a kernel finds room: more than a third.
const PAIR_BYTES: usize = MULTIPROCESSOR_BYTES / 3;

/// Steps that a dense weight is fetched ahead of the ring, before its turn: together 25 MB on an
/// H200, half of its L2 cache, or 6 µs of its memory. Attention takes about as long, and between
/// two products the memory would rest for 2 µs.
const EARLY_STEPS: usize = 4;

/// Values of k that the warps of a block take in a step.
const STEP: usize = WARPS * 64;

/// Steps of a part of x at least, so that the next one has arrived by its end.
const LEAST_STEPS: usize = 5;

/// One product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Problem {
    pub(crate) rows: usize,
    /// Rows of the weight: gate and up together, where gated.
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    /// Format of x and of the result.
    pub(crate) dtype: DType,
    /// The weight is gate over up.
    pub(crate) gated: bool,
}

impl Problem {
    /// Columns of the result.
    pub(crate) const fn width(&self) -> usize {
        if self.gated {
            self.outputs / 2
        } else {
            self.outputs
        }
    }
}

/// A launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// File of the kernel.
    pub(crate) file: &'static str,
    /// Its name.
    pub(crate) name: String,
    /// Blocks, each of [`Plan::THREADS`] threads.
    pub(crate) blocks: usize,
    /// Dynamic shared memory of a block.
    pub(crate) shared_bytes: usize,
    /// Whether x is kept in shared memory, as a norm needs it.
    pub(crate) staged: bool,
    /// `gemv_dense`: steps of the weight, each 16 KiB of each block, that are brought into the L2
    /// cache early. `gemv_parts`: steps that are a part of x.
    pub(crate) steps: usize,
}

/// What a kernel asks for, besides x.
struct Kernel {
    file: &'static str,
    root: String,
    /// Rows of the weight that a block takes at a time.
    tile: usize,
    /// Shared memory for weights on their way, and other parts whose size is fixed by `inputs`.
    fixed_bytes: usize,
    /// Bytes from one row of x to the next, where it is staged.
    row_bytes: usize,
    /// Columns of partial sums.
    columns: usize,
    /// Blocks that a multiprocessor should hold.
    resident: usize,
    /// Steps of the weight that are brought into the L2 cache early.
    early_steps: usize,
}

impl Plan {
    /// Threads of a block.
    pub(crate) const THREADS: usize = THREADS;

    /// For a weight in the format of x.
    ///
    /// # Errors
    /// [`route`] sends the product elsewhere, or it has a norm and x is too large to be staged.
    pub(crate) fn dense(problem: &Problem, norm: bool, multiprocessors: usize) -> Result<Self> {
        let Problem {
            rows,
            outputs,
            inputs,
            dtype,
            ..
        } = *problem;
        let kernel = match route(rows, outputs, inputs, dtype) {
            Route::Tensor { rows: columns } => Kernel {
                file: "gemv_dense",
                root: format!("gemv_dense_{columns}"),
                tile: 16,
                fixed_bytes: 5 * 4 * THREADS * 16 + WARPS * 4 + 64 * 2,
                row_bytes: (inputs.next_multiple_of(64) + 32) * 2,
                columns: rows.next_multiple_of(2),
                resident: 1,
                early_steps: EARLY_STEPS,
            },
            Route::Single { rows: columns } => Kernel {
                file: "gemv_single",
                root: format!("gemv_single_{columns}"),
                tile: 4,
                fixed_bytes: 5 * 4 * THREADS * 16 + WARPS * 4 + 16,
                row_bytes: inputs * 4,
                columns,
                resident: 1,
                early_steps: 0,
            },
            Route::Library => bail!(
                "gemv: no kernel for {rows} rows with a {dtype:?} weight [{outputs}, {inputs}]"
            ),
        };
        let plan = kernel.plan(problem, norm, multiprocessors)?;
        if plan.staged {
            return Ok(plan);
        }
        Ok(Self::in_parts(problem, multiprocessors).unwrap_or(plan))
    }

    /// The same launch with so much shared memory that a multiprocessor holds one of its blocks.
    ///
    /// There are as many blocks as multiprocessors, and a kernel's blocks are placed while the one
    /// before still runs, wherever there is room. Once a multiprocessor is left out (attention has a
    /// few blocks less than places), another has two, which take half as long again; and the one
    /// left out is free for two of the next kernel, and so on for the rest of the step. A kernel
    /// that cannot be there twice ends that: of LLaMA-7B, 20 of 132 multiprocessors rested in each
    /// product, and a token took 4.36 ms instead of 3.61 ms. It is asked of products that add to a
    /// residual, the first after attention among them.
    #[must_use]
    pub(crate) fn alone(self) -> Self {
        Self {
            shared_bytes: self.shared_bytes.max(ALONE_BYTES),
            ..self
        }
    }

    /// For at most 8 rows of 16 bits that are too large to be staged at once; `None` where a block
    /// has so many tiles that their sums leave too little room.
    fn in_parts(problem: &Problem, multiprocessors: usize) -> Option<Self> {
        let Problem {
            rows,
            inputs,
            dtype,
            ..
        } = *problem;
        if rows > 8 || dtype == DType::F32 {
            return None;
        }
        let tiles = problem.width().div_ceil(if problem.gated { 8 } else { 16 });
        let blocks = tiles.min(multiprocessors);
        let sums_bytes = tiles.div_ceil(blocks) * WARPS * 16 * rows.next_multiple_of(2) * 4;
        let fixed_bytes = 5 * 4 * THREADS * 16 + 64 * 2 + sums_bytes;
        // Two parts, each row of which is followed by 32 values of nothing.
        let part_bytes = |steps: usize| 2 * rows * (steps * STEP + 32) * 2;
        let room_bytes = LARGEST_BLOCK_BYTES.checked_sub(fixed_bytes + part_bytes(0))?;
        let most = (room_bytes / (2 * rows * STEP * 2)).max(1);
        let all = inputs.div_ceil(STEP);
        let steps = all.div_ceil(all.div_ceil(most));
        (steps >= LEAST_STEPS).then_some(Self {
            file: "gemv_parts",
            name: kernel_name("gemv_parts", dtype, true).ok()?,
            blocks,
            shared_bytes: fixed_bytes + part_bytes(steps),
            staged: false,
            steps,
        })
    }

    /// For a quantised weight: `quantised_bytes` where x fits shared memory, so that a norm can be
    /// taken, otherwise `quantised_wide`. Two blocks to a multiprocessor where they fit.
    ///
    /// # Errors
    /// There are more rows than the kernels take, x is f32, or the product has a norm and x does not
    /// fit.
    pub(crate) fn quantised(
        problem: &Problem,
        format: Format,
        norm: bool,
        multiprocessors: usize,
    ) -> Result<Self> {
        let Problem {
            rows,
            inputs,
            dtype,
            ..
        } = *problem;
        if rows == 0 || rows > 8 || !matches!(dtype, DType::F16 | DType::BF16) {
            bail!("gemv: no quantised kernel for {rows} rows of {dtype:?}");
        }
        let units = inputs.div_ceil(256);
        let (name, pieces, stages) = match format {
            Format::Q4K => ("q4k", 2, 3),
            Format::Q40 => ("q40", 2, 3),
            Format::Q80 => ("q80", 4, 2),
        };
        let ring_bytes = stages * (2 * pieces * THREADS * 16 + WARPS * 16 * 16);
        // Two halves that take turns.
        let partial_bytes = 2 * WARPS * 16 * rows.next_multiple_of(2) * 4;
        // Two bytes per value, a step per unit; sums of groups; squares of rows.
        let sum_bytes = if format == Format::Q80 { 0 } else { 64 };
        let x_bytes = rows * units * (512 + sum_bytes + 4) + 16 + rows * WARPS * 4;
        let staged_bytes = ring_bytes + x_bytes + partial_bytes;
        let staged = staged_bytes <= LARGEST_BLOCK_BYTES;
        if norm && !staged {
            bail!(
                "gemv: {rows} rows of {inputs} values are too large for a norm in the same kernel"
            );
        }
        let (file, root, shared_bytes) = if staged {
            let columns = if rows <= 4 { 4 } else { 8 };
            let root = format!("quantised_bytes_{columns}_{name}");
            ("quantised_bytes", root, staged_bytes)
        } else {
            let sum_bytes = if format == Format::Q4K { 256 } else { 0 };
            let shared_bytes = ring_bytes + units * sum_bytes + partial_bytes;
            (
                "quantised_wide",
                format!("quantised_wide_{name}"),
                shared_bytes,
            )
        };
        // Two blocks everywhere, never three here and one there.
        let (resident, shared_bytes) =
            if 2 * (shared_bytes + RESERVED_BYTES) <= MULTIPROCESSOR_BYTES {
                (2, shared_bytes.max(PAIR_BYTES))
            } else {
                (1, shared_bytes)
            };
        let tiles = problem.width().div_ceil(if problem.gated { 8 } else { 16 });
        Ok(Self {
            file,
            name: kernel_name(&root, dtype, true)?,
            blocks: tiles.min(resident * multiprocessors),
            shared_bytes,
            staged,
            steps: 0,
        })
    }
}

impl Kernel {
    fn plan(&self, problem: &Problem, norm: bool, multiprocessors: usize) -> Result<Plan> {
        // Two halves that take turns.
        let partial_bytes = 2 * WARPS * self.tile * self.columns * 4;
        let direct_bytes = self.fixed_bytes + partial_bytes;
        let staged_bytes = direct_bytes + problem.rows * self.row_bytes;
        let staged = staged_bytes <= LARGEST_BLOCK_BYTES
            && self.resident * (staged_bytes + RESERVED_BYTES) <= MULTIPROCESSOR_BYTES;
        if norm && !staged {
            bail!(
                "gemv: {} rows of {} values are too large for a norm in the same kernel",
                problem.rows,
                problem.inputs
            );
        }
        let shared_bytes = if staged { staged_bytes } else { direct_bytes };
        let root = if staged {
            self.root.clone()
        } else {
            format!("{}_direct", self.root)
        };
        let rows_of_tile = if problem.gated {
            self.tile / 2
        } else {
            self.tile
        };
        let tiles = problem.width().div_ceil(rows_of_tile);
        Ok(Plan {
            file: self.file,
            name: kernel_name(&root, problem.dtype, true)?,
            blocks: tiles.min(self.resident * multiprocessors),
            shared_bytes,
            staged,
            steps: self.early_steps,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const H200: usize = 132;

    fn problem(rows: usize, outputs: usize, inputs: usize, dtype: DType) -> Problem {
        Problem {
            rows,
            outputs,
            inputs,
            dtype,
            gated: false,
        }
    }

    #[test]
    fn a_row_of_llama_is_staged_and_leaves_room_for_the_next_kernel() {
        let plan = Plan::dense(&problem(1, 12_288, 4096, DType::BF16), true, H200).unwrap();
        assert_eq!(plan.name, "gemv_dense_8_bf16");
        assert_eq!(plan.blocks, 132);
        assert!(2 * (plan.shared_bytes + RESERVED_BYTES) <= MULTIPROCESSOR_BYTES);
        let down = Plan::dense(&problem(1, 4096, 11_008, DType::BF16), false, H200).unwrap();
        let down = down.alone();
        assert!(2 * (down.shared_bytes + RESERVED_BYTES) > MULTIPROCESSOR_BYTES);
        let both = plan.shared_bytes + down.shared_bytes + 2 * RESERVED_BYTES;
        assert!(down.staged && both <= MULTIPROCESSOR_BYTES, "{both}");
    }

    #[test]
    fn large_x_comes_in_parts_and_cannot_be_normalised() {
        let wide = problem(8, 4096, 11_008, DType::BF16);
        let plan = Plan::dense(&wide, false, H200).unwrap();
        assert_eq!((plan.name.as_str(), plan.steps), ("gemv_parts_bf16", 8));
        assert!(plan.shared_bytes <= LARGEST_BLOCK_BYTES);
        let wider = problem(8, 8192, 28_672, DType::BF16);
        let plan = Plan::dense(&wider, false, H200).unwrap();
        assert_eq!((plan.name.as_str(), plan.steps), ("gemv_parts_bf16", 8));
        // Sums of 49 tiles per block leave no room.
        let tall = problem(8, 102_400, 28_672, DType::BF16);
        let plan = Plan::dense(&tall, false, H200).unwrap();
        assert_eq!(plan.name, "gemv_dense_8_direct_bf16");
        let message = Plan::dense(&wide, true, H200).unwrap_err().to_string();
        assert!(message.contains("8 rows of 11008 values"), "{message}");
        let hidden = problem(8, 12_288, 8192, DType::BF16);
        assert!(Plan::dense(&hidden, true, H200).unwrap().staged);
    }

    #[test]
    fn small_weights_have_a_block_per_tile() {
        let plan = Plan::dense(&problem(1, 100, 64, DType::F16), false, H200).unwrap();
        assert_eq!(plan.blocks, 7);
        let gated = Problem {
            gated: true,
            ..problem(1, 100, 64, DType::F16)
        };
        assert_eq!(Plan::dense(&gated, false, H200).unwrap().blocks, 7);
        let single = Plan::dense(&problem(3, 100, 64, DType::F32), false, H200).unwrap();
        assert_eq!(
            (single.blocks, single.name.as_str()),
            (25, "gemv_single_4_f32")
        );
    }

    #[test]
    fn quantised_kernels_share_a_multiprocessor_where_x_is_small() {
        for format in Format::ALL {
            for (rows, inputs, staged, resident) in [
                (1, 4096, true, 2),
                (1, 11_008, true, 2),
                (4, 4096, true, 2),
                (8, 4096, true, 1),
                (8, 11_008, false, 2),
                (1, 28_672, true, 1),
            ] {
                let problem = problem(rows, 8192, inputs, DType::BF16);
                let plan = Plan::quantised(&problem, format, false, H200).unwrap();
                let case = format!("{format:?} {rows} {inputs} {}", plan.shared_bytes);
                assert_eq!(plan.staged, staged, "{case}");
                assert!(plan.shared_bytes <= LARGEST_BLOCK_BYTES, "{case}");
                if format == Format::Q4K {
                    assert_eq!(plan.blocks, resident * H200, "{case}");
                }
                let normed = Plan::quantised(&problem, format, true, H200);
                assert_eq!(normed.is_ok(), staged, "{case}");
            }
        }
    }
}
