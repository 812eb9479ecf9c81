//! Products through cublasLt, with the bias and the activation in the same kernel.
//!
//! The library counts matrices by columns. Rows of `x`, `weight` and `out` are columns there, so
//! `out = x · weightᵀ` is `D (outputs × rows) = Wᵀ · X` with W stored as `inputs × outputs`, and a
//! bias has one value for each row of D, as the library wants it.
//!
//! The algorithm is the first one that the library's heuristic names for a shape, never one that a
//! measurement chose, so a shape is computed the same way in every process on the same GPU. Partial
//! sums of a split product are kept in f32: reductions in the format of the result are not allowed.

#![allow(
    unsafe_code,
    reason = "cublasLt's interface is C; this module is where products meet it"
)]

mod handles;
mod plan;

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Mutex, OnceLock, PoisonError};

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::cublaslt::result;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DevicePtr};
use candle_core::{Error, Result, Tensor};

use super::Product;
use crate::cuda::{Gpu, address};
use handles::Handle;
use plan::{Key, Plan};

/// What NVIDIA recommends for Hopper.
const WORKSPACE_BYTES: usize = 32 << 20;

/// What is kept for a GPU: the library's handle, its working memory and the plans by shape.
struct Library {
    handle: Handle,
    workspace: CudaSlice<u8>,
    plans: BTreeMap<Key, Plan>,
}

static LIBRARIES: OnceLock<Mutex<BTreeMap<usize, Library>>> = OnceLock::new();

/// `out = x · weightᵀ + bias`, plus `out` where the product accumulates, and with the activation
/// where the library has it; tells whether it was applied.
pub(super) fn multiply(gpu: Gpu<'_>, product: &Product<'_>, out: &Tensor) -> Result<bool> {
    let device = gpu.device();
    let stream = device.cuda_stream();
    stream.context().bind_to_thread().w()?;
    let x = address(product.x, &stream)?;
    let weight = address(product.weight, &stream)?;
    let destination = address(out, &stream)?;
    let bias = product
        .bias
        .map(|bias| address(bias, &stream))
        .transpose()?;

    let mut libraries = LIBRARIES
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let ordinal = stream.context().ordinal();
    if !libraries.contains_key(&ordinal) {
        let library = Library {
            handle: Handle::new()?,
            workspace: device.alloc_zeros::<u8>(WORKSPACE_BYTES)?,
            plans: BTreeMap::new(),
        };
        libraries.insert(ordinal, library);
    }
    let Some(library) = libraries.get_mut(&ordinal) else {
        candle_core::bail!("cublasLt was not kept");
    };
    let key = Key::new(product, [weight, x, destination], bias)?;
    if !library.plans.contains_key(&key) {
        let plan = Plan::new(&library.handle, &key, WORKSPACE_BYTES)?;
        library.plans.insert(key, plan);
    }
    let Some(plan) = library.plans.get(&key) else {
        candle_core::bail!("a plan of cublasLt was not kept");
    };
    if let Some(bias) = bias {
        plan.set_bias(bias)?;
    }
    let (alpha, beta) = (1.0_f32, if product.accumulates { 1.0_f32 } else { 0.0 });
    let (workspace, _in_order) = library.workspace.device_ptr(&stream);
    let pointer = |address: u64| address as *mut c_void;
    // SAFETY: the plan's layouts describe these allocations (`Linear` has compared their shapes and
    // formats), which candle frees in the order of the same stream; alpha and beta are read before
    // the call returns; the workspace is as large as the plan was told and used by one stream only.
    unsafe {
        result::matmul(
            library.handle.raw(),
            plan.description(),
            (&raw const alpha).cast(),
            (&raw const beta).cast(),
            pointer(weight),
            plan.weight(),
            pointer(x),
            plan.x(),
            pointer(destination),
            plan.out(),
            pointer(destination),
            plan.out(),
            plan.algorithm(),
            pointer(workspace),
            WORKSPACE_BYTES,
            stream.cu_stream().cast(),
        )
    }
    .map_err(|error| Error::Msg(format!("linear: cublasLt refused {key:?}: {error}")))?;
    Ok(plan.activated())
}
