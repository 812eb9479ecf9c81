//! Cases: an operation at one shape and number format, with what it is held to.

mod draw;

use candle_core::{DType, Result, Tensor};

pub use draw::Draw;

/// How far a result may lie from the plain one in f32, and why that far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Largest difference, as a share of the largest expected magnitude.
    pub relative: f64,
    /// Where that number comes from.
    pub reason: &'static str,
}

impl Tolerance {
    /// Results must be equal: integers, copies.
    pub const EXACT: Self = Self {
        relative: 0.0,
        reason: "nothing is rounded",
    };

    /// Sums in f32 in another order, then one rounding to the result's format.
    pub const fn rounded_once(dtype: DType) -> Self {
        match dtype {
            DType::F16 => Self {
                relative: 1e-3,
                reason: "half a step of f16 is 2^-11 of the value",
            },
            DType::BF16 => Self {
                relative: 8e-3,
                reason: "half a step of bf16 is 2^-8 of the value",
            },
            _ => Self {
                relative: 1e-5,
                reason: "f32 sums in another order",
            },
        }
    }
}

/// Which unit of the GPU bounds the arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipe {
    /// Tensor cores with 16-bit inputs.
    Tensor16,
    /// Tensor cores with tf32 inputs.
    Tf32,
    /// Ordinary f32 arithmetic.
    F32,
}

impl Pipe {
    /// Operations per second that an H200 sustains at 700 W.
    pub const fn sustained_flops(self) -> f64 {
        match self {
            Self::Tensor16 => 669e12,
            Self::Tf32 => 349e12,
            Self::F32 => 50e12,
        }
    }
}

/// The least that has to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Bytes that must cross the memory bus: each operand once.
    pub bytes: u64,
    /// Multiplications and additions.
    pub flops: u64,
    /// Where they are done.
    pub pipe: Pipe,
}

impl Work {
    /// Bytes per second that an H200's memory sustains.
    pub const SUSTAINED_BYTES: f64 = 4.3e12;

    /// Only traffic counts.
    pub const fn traffic(bytes: u64) -> Self {
        Self {
            bytes,
            flops: 0,
            pipe: Pipe::F32,
        }
    }

    /// The least time on an H200, in seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts are far below 2^53, or need no last digit"
    )]
    pub fn floor_s(self) -> f64 {
        let memory = self.bytes as f64 / Self::SUSTAINED_BYTES;
        let arithmetic = self.flops as f64 / self.pipe.sustained_flops();
        memory.max(arithmetic)
    }
}

/// What a case is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Compared with the plain result; small enough for a CPU.
    Check,
    /// Timed; as large as in a model.
    Bench,
    /// Both.
    Both,
}

/// An operation with its operands, ready to be called again and again.
pub struct Bound {
    /// What one call writes.
    pub outputs: Vec<Tensor>,
    /// One call.
    pub call: Box<dyn Fn() -> Result<()>>,
}

type Inputs = Box<dyn Fn(&mut Draw) -> Result<Vec<Tensor>>>;
type Bind = Box<dyn Fn(&[Tensor]) -> Result<Bound>>;
type Plain = Box<dyn Fn(&[Tensor]) -> Result<Vec<Tensor>>>;

/// One operation at one shape and number format.
pub struct Case {
    /// The operation, such as `rms_norm`.
    pub op: &'static str,
    /// Its shape in words that a filter can name, such as `8x4096`.
    pub shape: String,
    /// Format of its floating operands.
    pub dtype: DType,
    /// What it is for.
    pub purpose: Purpose,
    /// How far from the plain result it may be.
    pub tolerance: Tolerance,
    /// The least that it has to do.
    pub work: Work,
    /// Operands on the CPU, floating ones in f32. They are rounded to `dtype` and moved to the
    /// device before `bind`, and rounded and widened again for `plain`.
    pub inputs: Inputs,
    /// Makes outputs beside the operands (which are this call's own and may be written).
    pub bind: Bind,
    /// The expected outputs, from operands in f32 on the CPU.
    pub plain: Plain,
}

impl Case {
    /// What a filter is compared with: `rms_norm bf16 8x4096`.
    pub fn name(&self) -> String {
        format!("{} {} {}", self.op, self.dtype.as_str(), self.shape)
    }
}

/// All cases, in a fixed order.
pub fn all() -> Vec<Case> {
    [
        crate::activation::cases(),
        crate::argmax::cases(),
        crate::attention::cases(),
        crate::embedding::cases(),
        crate::gemv::cases(),
        crate::linear::cases(),
        crate::lstm::cases(),
        crate::norm::cases(),
        crate::norm::group_cases(),
        crate::quantised::cases(),
        crate::rope::cases(),
        crate::sampler::cases(),
        crate::sampling::cases(),
        crate::sequence::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
