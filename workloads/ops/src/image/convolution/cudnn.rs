//! Convolutions through cuDNN 9, channels-last, with bias, addend and ReLU in the same kernel.
//!
//! The algorithm is the first of the library's heuristic that adds up products as the definition
//! does (no Fourier transform, no Winograd) and whose working memory is not too large; never one that
//! a measurement chose, so a shape is computed the same way in every process on the same GPU. Sums
//! are in f32. Descriptions, algorithm and memory of a shape are made at its first call; later calls,
//! such as those that are recorded, only start kernels.
//!
//! The library is looked for when the first convolution runs: nothing else needs it.

#![allow(
    unsafe_code,
    reason = "cuDNN's interface is C; this module is where convolutions meet it"
)]

mod handles;
mod plan;
mod symbols;

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr::null;
use std::sync::{Mutex, OnceLock, PoisonError};

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DevicePtr};
use candle_core::{Result, Tensor, bail};

use super::super::Activation;
use super::{Done, Product};
use crate::cuda::{Gpu, address};
use handles::Handle;
use plan::{Key, Plan};
use symbols::{Symbols, symbols};

/// Working memory that an algorithm may need at most.
pub(super) const MOST_WORKSPACE_BYTES: usize = 1 << 30;

/// The least that is allocated, so that most shapes share it.
const LEAST_WORKSPACE_BYTES: usize = 64 << 20;

/// What is kept for a GPU: the library's handle, working memory and the plans by shape.
struct Library {
    handle: Handle,
    /// Grows by another piece; the former ones stay, because a recorded step knows their addresses.
    workspaces: Vec<CudaSlice<u8>>,
    /// `None`: the library has nothing for this shape.
    plans: BTreeMap<Key, Option<Plan>>,
}

static LIBRARIES: OnceLock<Mutex<BTreeMap<usize, Library>>> = OnceLock::new();

/// `out = x ∗ weight`, plus `out` where it accumulates; with bias, addend and activation where the
/// library has them for the shape.
pub(super) fn convolve(gpu: Gpu<'_>, product: &Product<'_>, out: &Tensor) -> Result<Done> {
    let device = gpu.device();
    let stream = device.cuda_stream();
    stream.context().bind_to_thread().w()?;
    let place = |name: &str, tensor: &Tensor| {
        let address = address(tensor, &stream)?;
        if address % 16 != 0 {
            bail!(
                "conv2d: {name} {:?} begins at no multiple of 16 bytes; give it memory of its own",
                tensor.dims()
            );
        }
        Ok(address)
    };
    let x = place("x", product.x)?;
    let weight = place("weight", product.weight)?;
    let destination = place("out", out)?;
    let bias = product.bias.map(|bias| place("bias", bias)).transpose()?;
    let addend = product
        .addend
        .map(|addend| place("addend", addend))
        .transpose()?;

    let symbols = symbols()?;
    let mut libraries = LIBRARIES
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let ordinal = stream.context().ordinal();
    if !libraries.contains_key(&ordinal) {
        let library = Library {
            handle: Handle::new(symbols)?,
            workspaces: Vec::new(),
            plans: BTreeMap::new(),
        };
        libraries.insert(ordinal, library);
    }
    let Some(Library {
        handle,
        workspaces,
        plans,
    }) = libraries.get_mut(&ordinal)
    else {
        bail!("cuDNN was not kept");
    };
    handle.use_stream(symbols, stream.cu_stream().cast())?;
    let key = Key::new(product, out)?;
    if !plans.contains_key(&key) {
        plans.insert(key, Plan::new(symbols, handle, &key)?);
    }
    let Some(Some(plan)) = plans.get_mut(&key) else {
        return Ok(Done::Nothing);
    };
    let room = match workspaces
        .iter()
        .position(|piece| piece.len() >= plan.workspace_bytes())
    {
        Some(found) => found,
        None => {
            let bytes = plan.workspace_bytes().max(LEAST_WORKSPACE_BYTES);
            workspaces.push(device.alloc_zeros::<u8>(bytes)?);
            workspaces.len() - 1
        }
    };
    let (workspace, _in_order) = workspaces[room].device_ptr(&stream);
    let call = Call {
        symbols,
        handle,
        x,
        weight,
        bias,
        addend,
        out: destination,
        workspace,
        accumulates: product.accumulates,
    };
    if plan.fuses() {
        let status = call.fused(plan);
        if status == 0 {
            return Ok(Done::Everything);
        }
        if !symbols::is_refusal(status) {
            bail!(
                "conv2d: cuDNN failed at {key:?}: {}",
                symbols.describe(status)
            );
        }
        // Not for this shape: the sums by the library, the rest by a kernel of ours.
        plan.stop_fusing();
    }
    match call.sums(plan) {
        0 => Ok(Done::Sums),
        status => bail!(
            "conv2d: cuDNN refused {key:?}: {}",
            symbols.describe(status)
        ),
    }
}

/// Whether bias and activation may be part of the library's kernel.
fn fusable(product: &Product<'_>) -> bool {
    product.bias.is_some()
        && !product.accumulates
        && matches!(product.activation, None | Some(Activation::Relu))
}

/// The addresses of a call.
struct Call<'a> {
    symbols: &'a Symbols,
    handle: &'a Handle,
    x: u64,
    weight: u64,
    bias: Option<u64>,
    addend: Option<u64>,
    out: u64,
    workspace: u64,
    accumulates: bool,
}

impl Call<'_> {
    /// `out = relu(x ∗ weight + addend + bias)`, or without the ReLU.
    fn fused(&self, plan: &Plan) -> i32 {
        let (Some(bias), Some(ending)) = (self.bias, plan.ending()) else {
            return symbols::NOT_SUPPORTED;
        };
        let one = 1.0_f32;
        let of_addend = if self.addend.is_some() { 1.0_f32 } else { 0.0 };
        // Without an addend the library still wants an address, and does not read there.
        let addend = self.addend.unwrap_or(self.out);
        // SAFETY: the plan's descriptions are those of these allocations (`Conv2d` has compared
        // shapes and formats), which candle frees in the order of the same stream; the two numbers
        // are read before the call returns; the workspace is at least as large as the algorithm
        // needs and used by one stream only.
        unsafe {
            (self.symbols.convolve_and_finish)(
                self.handle.raw(),
                (&raw const one).cast(),
                plan.x(),
                pointer(self.x),
                plan.weight(),
                pointer(self.weight),
                plan.convolution(),
                plan.algorithm(),
                pointer(self.workspace).cast_mut(),
                plan.workspace_bytes(),
                (&raw const of_addend).cast(),
                plan.out(),
                pointer(addend),
                ending.bias(),
                pointer(bias),
                ending.activation(),
                plan.out(),
                pointer(self.out).cast_mut(),
            )
        }
    }

    /// `out = x ∗ weight`, or `out += x ∗ weight`.
    fn sums(&self, plan: &Plan) -> i32 {
        let one = 1.0_f32;
        let of_out = if self.accumulates { 1.0_f32 } else { 0.0 };
        // SAFETY: as in `fused`.
        unsafe {
            (self.symbols.convolve)(
                self.handle.raw(),
                (&raw const one).cast(),
                plan.x(),
                pointer(self.x),
                plan.weight(),
                pointer(self.weight),
                plan.convolution(),
                plan.algorithm(),
                pointer(self.workspace).cast_mut(),
                plan.workspace_bytes(),
                (&raw const of_out).cast(),
                plan.out(),
                pointer(self.out).cast_mut(),
            )
        }
    }
}

const fn pointer(address: u64) -> *const c_void {
    if address == 0 {
        null()
    } else {
        address as *const c_void
    }
}
