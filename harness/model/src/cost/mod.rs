//! What work needs of a GPU, counted from its shapes: operations by pipe, bytes by level of memory,
//! kernels, time of the host.
//!
//! Counts of the algorithm, not of an implementation. The emulated GPU turns a [`PhaseCost`] into
//! time and energy on a board; divided by what a real board can do at best, the same counts are the
//! floor that measured times are held against.

#![cfg_attr(
    test,
    allow(
        clippy::float_cmp,
        reason = "counts are whole numbers, which floats hold exactly"
    )
)]

mod architecture;
mod ask;
mod clip;
pub mod counts;
pub mod decoder;
mod diffusion;
mod encoder;
pub mod error;
pub mod floor;
mod image;
pub mod kernel;
mod lstm;
pub mod number_format;
pub mod phase;
mod residual;
mod segformer;
mod super_resolution;
pub mod tally;
pub mod transformer;
mod unet;
mod vision_transformer;
mod whisper;
pub mod workload;
mod yolo;

use serde::{Deserialize, Serialize};

use crate::units::Seconds;

/// Arithmetic pipes of a multiprocessor: they differ in peak rate and in energy per operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pipe {
    /// Double precision, on tensor cores where the board has such.
    Fp64,
    /// Single precision outside tensor cores; also everything that is computed element by element.
    Fp32,
    /// TF32 on tensor cores.
    Tf32Tensor,
    /// FP16 or BF16 on tensor cores.
    Fp16Tensor,
    /// FP8 on tensor cores.
    Fp8Tensor,
    /// INT8 on tensor cores.
    Int8Tensor,
}

impl Pipe {
    /// Every pipe, in the order of tables.
    pub const ALL: [Self; 6] = [
        Self::Fp64,
        Self::Fp32,
        Self::Tf32Tensor,
        Self::Fp16Tensor,
        Self::Fp8Tensor,
        Self::Int8Tensor,
    ];

    /// The word in profiles and data.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fp64 => "fp64",
            Self::Fp32 => "fp32",
            Self::Tf32Tensor => "tf32_tensor",
            Self::Fp16Tensor => "fp16_tensor",
            Self::Fp8Tensor => "fp8_tensor",
            Self::Int8Tensor => "int8_tensor",
        }
    }

    /// Whether GPM and DCGM count the pipe as tensor activity.
    pub const fn is_tensor(self) -> bool {
        !matches!(self, Self::Fp32)
    }

    /// Place in [`Pipe::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// One number for each pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerPipe([f64; Pipe::ALL.len()]);

impl PerPipe {
    /// Zero everywhere but on one pipe.
    #[must_use]
    pub fn only(pipe: Pipe, value: f64) -> Self {
        Self::default().with(pipe, value)
    }

    /// The same with this value on a pipe.
    #[must_use]
    pub fn with(mut self, pipe: Pipe, value: f64) -> Self {
        self.0[pipe.index()] = value;
        self
    }

    /// The number of a pipe.
    pub const fn get(&self, pipe: Pipe) -> f64 {
        self.0[pipe.index()]
    }

    /// Pipes and numbers in the order of [`Pipe::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Pipe, f64)> + '_ {
        Pipe::ALL.into_iter().map(|pipe| (pipe, self.get(pipe)))
    }

    /// The sum over the pipes.
    pub fn sum(&self) -> f64 {
        self.0.iter().sum()
    }

    /// Every number through a function.
    #[must_use]
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self(self.0.map(f))
    }
}

/// Needs of a phase of work. All counts are for the whole phase and may be fractions where they
/// are means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseCost {
    /// Floating-point or integer operations by pipe; a multiply-add is two.
    pub operations: PerPipe,
    /// Bytes between the memory of the board and its second-level cache.
    pub dram_bytes: f64,
    /// Bytes between the multiprocessors and the second-level cache. At least what streams from
    /// memory; more where tiles are read again.
    pub cache_bytes: f64,
    /// Kernels that are launched one after the other.
    pub kernels: f64,
    /// Time that the host needs to issue the phase; the device waits where it is the longer one.
    pub host: Seconds,
    /// How much the operands toggle: 0 for zeros, 1 for random numbers. It scales the energy of an
    /// operation, not its time.
    pub toggle: f64,
    /// How much of the demands comes one after the other where a kernel waits on itself, as in
    /// reductions: 0 overlaps them as well as the board can, 1 adds their times up.
    #[serde(default)]
    pub serial_share: f64,
}

impl PhaseCost {
    /// The phase so many times.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        Self {
            operations: self.operations.map(|count| count * factor),
            dram_bytes: self.dram_bytes * factor,
            cache_bytes: self.cache_bytes * factor,
            kernels: self.kernels * factor,
            host: self.host * factor,
            ..*self
        }
    }

    /// Both phases, one after the other; shares become their means by operations.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let (mine, theirs) = (self.operations.sum(), next.operations.sum());
        let mean = |my: f64, their: f64| {
            if mine + theirs > 0.0 {
                (my * mine + their * theirs) / (mine + theirs)
            } else {
                my.max(their)
            }
        };
        let mut operations = self.operations;
        for (pipe, count) in next.operations.iter() {
            operations = operations.with(pipe, operations.get(pipe) + count);
        }
        Self {
            operations,
            dram_bytes: self.dram_bytes + next.dram_bytes,
            cache_bytes: self.cache_bytes + next.cache_bytes,
            kernels: self.kernels + next.kernels,
            host: self.host + next.host,
            toggle: mean(self.toggle, next.toggle),
            serial_share: mean(self.serial_share, next.serial_share),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_add_up() {
        let gemm = kernel::gemm(8, 8, 8, kernel::Operand::bf16());
        let twice = gemm.then(&gemm);
        assert_eq!(twice, gemm.times(2.0));
        assert_eq!(twice.operations.get(Pipe::Fp16Tensor), 2.0 * 1024.0);
    }

    #[test]
    fn the_names_of_pipes_are_the_serialised_ones() {
        for pipe in Pipe::ALL {
            let json = serde_json::to_string(&pipe).unwrap();
            assert_eq!(json, format!("\"{}\"", pipe.name()));
            assert_eq!(Pipe::ALL[pipe.index()], pipe);
        }
    }
}
