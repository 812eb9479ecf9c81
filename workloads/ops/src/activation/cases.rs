//! The activations as cases.

use candle_core::{DType, Result, Tensor};

use super::{Gelu, geglu, gelu, quick_gelu, relu, silu, silu_mul};
use crate::case::{Bound, Case, Purpose, Tolerance, Work};
use crate::plain;

/// Rows and columns of the result: an odd width, LLaMA-7B at decode and prefill, BERT-large.
const SHAPES: [(usize, usize, Purpose); 4] = [
    (3, 77, Purpose::Check),
    (1, 11_008, Purpose::Both),
    (2048, 11_008, Purpose::Bench),
    (12_288, 4096, Purpose::Bench),
];

/// Those of pictures: the widest layers of Stable Diffusion 1.5 at 64² and of its decoder at 512².
const PICTURES: [(usize, usize, Purpose); 4] = [
    (3, 77, Purpose::Check),
    (5, 320, Purpose::Check),
    (8192, 1280, Purpose::Bench),
    (262_144, 128, Purpose::Bench),
];

/// Which activation.
#[derive(Clone, Copy)]
enum Which {
    Gelu(Gelu),
    Silu,
    Relu,
    QuickGelu,
    SiluMul,
    Geglu,
}

impl Which {
    const fn op(self) -> &'static str {
        match self {
            Self::Gelu(kind) => kind.op(),
            Self::Silu => "silu",
            Self::Relu => "relu",
            Self::QuickGelu => "quick_gelu",
            Self::SiluMul => "silu_mul",
            Self::Geglu => "geglu",
        }
    }

    /// Values that become one.
    const fn inputs(self) -> usize {
        match self {
            Self::SiluMul | Self::Geglu => 2,
            _ => 1,
        }
    }

    fn call(self, x: &Tensor, out: &Tensor) -> Result<()> {
        match self {
            Self::Gelu(kind) => gelu(x, kind, out),
            Self::Silu => silu(x, out),
            Self::Relu => relu(x, out),
            Self::QuickGelu => quick_gelu(x, out),
            Self::SiluMul => silu_mul(x, out),
            Self::Geglu => geglu(x, out),
        }
    }

    fn plain(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Gelu(kind) => plain::activation::gelu(x, kind),
            Self::Silu => plain::activation::silu(x),
            Self::Relu => plain::activation::relu(x),
            Self::QuickGelu => plain::activation::quick_gelu(x),
            Self::SiluMul => plain::activation::silu_mul(x),
            Self::Geglu => plain::activation::geglu(x),
        }
    }

    fn case(self, (rows, columns, purpose): (usize, usize, Purpose), dtype: DType) -> Case {
        let bytes = (self.inputs() + 1) * rows * columns * dtype.size_in_bytes();
        Case {
            op: self.op(),
            shape: format!("{rows}x{columns}"),
            dtype,
            purpose,
            tolerance: Tolerance::rounded_once(dtype),
            work: Work::traffic(bytes as u64),
            inputs: Box::new(move |draw| {
                Ok(vec![draw.normal((rows, self.inputs() * columns), 2.0)?])
            }),
            bind: Box::new(move |operands| {
                let x = operands[0].clone();
                let out = Tensor::zeros((rows, columns), x.dtype(), x.device())?;
                Ok(Bound {
                    outputs: vec![out.clone()],
                    call: Box::new(move || self.call(&x, &out)),
                })
            }),
            plain: Box::new(move |operands| Ok(vec![self.plain(&operands[0])?])),
        }
    }
}

/// Every activation, shape and format.
pub(crate) fn cases() -> Vec<Case> {
    use Which::{Geglu, QuickGelu, Relu, Silu, SiluMul};
    let language = [Which::Gelu(Gelu::Erf), Which::Gelu(Gelu::Tanh), SiluMul];
    let pictures = [Silu, Relu, QuickGelu, Geglu];
    let mut cases = Vec::new();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        for shape in SHAPES {
            cases.extend(language.map(|which| which.case(shape, dtype)));
        }
        for shape in PICTURES {
            cases.extend(pictures.map(|which| which.case(shape, dtype)));
        }
    }
    cases
}
