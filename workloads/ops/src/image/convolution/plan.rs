//! How cuDNN computes one shape.

use std::ffi::c_int;

use candle_core::{DType, Error, Result, Tensor, bail};

use super::super::super::{Activation, Window};
use super::super::Product;
use super::handles::{Description, Handle};
use super::symbols::{Advice, Opaque, Symbols};
use super::{MOST_WORKSPACE_BYTES, fusable};
use crate::linear::Math;

/// Numbers of the library's enumerations.
const CHANNELS_LAST: c_int = 1;
const CROSS_CORRELATION: c_int = 1;
const DATA_F32: c_int = 0;
const DATA_F16: c_int = 2;
const DATA_BF16: c_int = 9;
const MATH_DEFAULT: c_int = 0;
const MATH_TENSOR: c_int = 1;
const MATH_FMA: c_int = 3;
const RELU: c_int = 1;
const IDENTITY: c_int = 5;
const NAN_STOPS: c_int = 0;
const IMPLICIT_GEMM: c_int = 0;
const IMPLICIT_PRECOMPUTED_GEMM: c_int = 1;
const GEMM: c_int = 2;
const DIRECT: c_int = 3;

/// Algorithms that the heuristic is asked for: all that there are.
const ALGORITHMS: usize = 8;

/// All that the choice of an algorithm depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    x: [usize; 4],
    out: [usize; 4],
    window: Window,
    groups: usize,
    format: Format,
    ending: Option<Ending>,
    accumulates: bool,
}

/// Format of the values and how they are multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Format {
    F32,
    Tf32,
    F16,
    Bf16,
}

/// What follows the sums in the same kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ending {
    relu: bool,
    addend: bool,
}

impl Key {
    pub(super) fn new(product: &Product<'_>, out: &Tensor) -> Result<Self> {
        let dims = |tensor: &Tensor| {
            let (batch, height, width, channels) = tensor.dims4()?;
            Result::Ok([batch, height, width, channels])
        };
        let format = match (product.weight.dtype(), product.math) {
            (DType::F32, Math::Default) => Format::F32,
            (DType::F32, Math::Tf32) => Format::Tf32,
            (DType::F16, _) => Format::F16,
            (DType::BF16, _) => Format::Bf16,
            (other, _) => bail!("conv2d: the weight is {other:?}, expected f32, f16 or bf16"),
        };
        Ok(Self {
            x: dims(product.x)?,
            out: dims(out)?,
            window: *product.window,
            groups: product.groups,
            format,
            ending: fusable(product).then(|| Ending {
                relu: product.activation == Some(Activation::Relu),
                addend: product.addend.is_some(),
            }),
            accumulates: product.accumulates,
        })
    }

    const fn data(&self) -> c_int {
        match self.format {
            Format::F32 | Format::Tf32 => DATA_F32,
            Format::F16 => DATA_F16,
            Format::Bf16 => DATA_BF16,
        }
    }

    /// The default for f32 is tf32; products of f32 are asked for by another number.
    const fn math(&self) -> c_int {
        match self.format {
            Format::F32 => MATH_FMA,
            Format::Tf32 => MATH_DEFAULT,
            Format::F16 | Format::Bf16 => MATH_TENSOR,
        }
    }

    /// Whether the arithmetic of an algorithm is the one that is wanted.
    const fn allows(&self, math: c_int) -> bool {
        !matches!(self.format, Format::F32) || math == MATH_FMA
    }
}

/// Descriptions of a convolution and its tensors, and the algorithm for them.
pub(super) struct Plan {
    x: Description,
    weight: Description,
    out: Description,
    convolution: Description,
    ending: Option<Finish>,
    algorithm: c_int,
    workspace_bytes: usize,
}

/// Descriptions of what follows the sums.
pub(super) struct Finish {
    bias: Description,
    activation: Description,
}

impl Finish {
    fn new(symbols: &Symbols, key: &Key, ending: Ending) -> Result<Self> {
        let bias = tensor(symbols, key.data(), [1, 1, 1, key.out[3]])?;
        let activation = Description::new(
            symbols,
            symbols.create_activation,
            symbols.destroy_activation,
        )?;
        let kind = if ending.relu { RELU } else { IDENTITY };
        // SAFETY: the description is alive.
        let status = unsafe { (symbols.set_activation)(activation.raw(), kind, NAN_STOPS, 0.0) };
        symbols.check("an activation", status)?;
        Ok(Self { bias, activation })
    }

    pub(super) const fn bias(&self) -> Opaque {
        self.bias.raw()
    }

    pub(super) const fn activation(&self) -> Opaque {
        self.activation.raw()
    }
}

impl Plan {
    /// Asks the heuristic once; `None` where the library has nothing for the shape.
    pub(super) fn new(symbols: &Symbols, handle: &Handle, key: &Key) -> Result<Option<Self>> {
        let x = tensor(symbols, key.data(), key.x)?;
        let out = tensor(symbols, key.data(), key.out)?;
        let weight = filter(symbols, key)?;
        let convolution = convolution(symbols, key)?;
        let ending = key
            .ending
            .map(|ending| Finish::new(symbols, key, ending))
            .transpose()?;
        let mut plan = Self {
            x,
            weight,
            out,
            convolution,
            ending,
            algorithm: IMPLICIT_PRECOMPUTED_GEMM,
            workspace_bytes: 0,
        };
        let advice = plan.advice(symbols, handle, key)?;
        // What follows the sums is part of one algorithm only, unless it is a ReLU.
        let first = key.ending.map(|_| IMPLICIT_PRECOMPUTED_GEMM);
        let wanted = first.into_iter().chain(advice);
        for algorithm in wanted.chain([IMPLICIT_PRECOMPUTED_GEMM, IMPLICIT_GEMM]) {
            if let Some(bytes) = plan.need(symbols, handle, algorithm) {
                plan.algorithm = algorithm;
                plan.workspace_bytes = bytes;
                return Ok(Some(plan));
            }
        }
        Ok(None)
    }

    /// What the heuristic advises, best first.
    fn advice(&self, symbols: &Symbols, handle: &Handle, key: &Key) -> Result<Vec<c_int>> {
        let mut advice = [Advice::default(); ALGORITHMS];
        let mut count = 0;
        let room = c_int::try_from(ALGORITHMS).map_err(Error::wrap)?;
        // SAFETY: everything is alive, and there is room for as many results as are asked for.
        let status = unsafe {
            (symbols.advise)(
                handle.raw(),
                self.x.raw(),
                self.weight.raw(),
                self.convolution.raw(),
                self.out.raw(),
                room,
                &raw mut count,
                advice.as_mut_ptr(),
            )
        };
        if status != 0 {
            return Ok(Vec::new());
        }
        let by_definition = [IMPLICIT_GEMM, IMPLICIT_PRECOMPUTED_GEMM, GEMM, DIRECT];
        Ok(advice
            .iter()
            .take(usize::try_from(count).unwrap_or(0))
            .filter(|one| {
                one.status == 0
                    && one.workspace_bytes <= MOST_WORKSPACE_BYTES
                    && by_definition.contains(&one.algorithm)
                    && key.allows(one.math)
            })
            .map(|one| one.algorithm)
            .collect())
    }

    /// The working memory of an algorithm; `None` if it is not for this shape, or needs too much.
    fn need(&self, symbols: &Symbols, handle: &Handle, algorithm: c_int) -> Option<usize> {
        let mut bytes = 0;
        // SAFETY: everything is alive, and the number is written before the call returns.
        let status = unsafe {
            (symbols.workspace_bytes)(
                handle.raw(),
                self.x.raw(),
                self.weight.raw(),
                self.convolution.raw(),
                self.out.raw(),
                algorithm,
                &raw mut bytes,
            )
        };
        (status == 0 && bytes <= MOST_WORKSPACE_BYTES).then_some(bytes)
    }

    pub(super) const fn x(&self) -> Opaque {
        self.x.raw()
    }

    pub(super) const fn weight(&self) -> Opaque {
        self.weight.raw()
    }

    pub(super) const fn out(&self) -> Opaque {
        self.out.raw()
    }

    pub(super) const fn convolution(&self) -> Opaque {
        self.convolution.raw()
    }

    pub(super) const fn algorithm(&self) -> c_int {
        self.algorithm
    }

    pub(super) const fn workspace_bytes(&self) -> usize {
        self.workspace_bytes
    }

    /// Whether bias, addend and activation are part of the library's kernel.
    pub(super) const fn fuses(&self) -> bool {
        self.ending.is_some()
    }

    pub(super) const fn ending(&self) -> Option<&Finish> {
        self.ending.as_ref()
    }

    /// From now on only sums: the library has refused the rest.
    pub(super) fn stop_fusing(&mut self) {
        self.ending = None;
    }
}

fn int(size: usize) -> Result<c_int> {
    c_int::try_from(size)
        .map_err(|_| Error::Msg(format!("conv2d: a size of {size} exceeds 31 bits")))
}

/// A channels-last tensor.
fn tensor(
    symbols: &Symbols,
    data: c_int,
    [batch, height, width, channels]: [usize; 4],
) -> Result<Description> {
    let made = Description::new(symbols, symbols.create_tensor, symbols.destroy_tensor)?;
    // SAFETY: the description is alive.
    let status = unsafe {
        (symbols.set_tensor)(
            made.raw(),
            CHANNELS_LAST,
            data,
            int(batch)?,
            int(channels)?,
            int(height)?,
            int(width)?,
        )
    };
    symbols.check("a tensor", status)?;
    Ok(made)
}

/// The weight, `[out, kernel h, kernel w, in / groups]`.
fn filter(symbols: &Symbols, key: &Key) -> Result<Description> {
    let made = Description::new(symbols, symbols.create_filter, symbols.destroy_filter)?;
    // SAFETY: the description is alive.
    let status = unsafe {
        (symbols.set_filter)(
            made.raw(),
            key.data(),
            CHANNELS_LAST,
            int(key.out[3])?,
            int(key.x[3] / key.groups)?,
            int(key.window.kernel.0)?,
            int(key.window.kernel.1)?,
        )
    };
    symbols.check("a weight", status)?;
    Ok(made)
}

fn convolution(symbols: &Symbols, key: &Key) -> Result<Description> {
    let Window {
        stride,
        padding,
        trailing,
        dilation,
        ..
    } = key.window;
    if padding != trailing {
        bail!("conv2d: cuDNN pads both sides alike, not by {padding:?} and {trailing:?}");
    }
    let made = Description::new(
        symbols,
        symbols.create_convolution,
        symbols.destroy_convolution,
    )?;
    // SAFETY: the description is alive, here and in the two calls that follow.
    let status = unsafe {
        (symbols.set_convolution)(
            made.raw(),
            int(padding.0)?,
            int(padding.1)?,
            int(stride.0)?,
            int(stride.1)?,
            int(dilation.0)?,
            int(dilation.1)?,
            CROSS_CORRELATION,
            DATA_F32,
        )
    };
    symbols.check("a convolution", status)?;
    // SAFETY: as above.
    let status = unsafe { (symbols.set_groups)(made.raw(), int(key.groups)?) };
    symbols.check("a number of groups", status)?;
    // SAFETY: as above.
    let status = unsafe { (symbols.set_math)(made.raw(), key.math()) };
    symbols.check("a kind of arithmetic", status)?;
    Ok(made)
}
