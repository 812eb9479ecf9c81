//! How cublasLt computes one shape.

use candle_core::cuda_backend::cudarc::cublaslt::{result, sys};
use candle_core::{DType, Error, Result, bail};

use super::super::{Math, Product};
use super::handles::{Description, Handle, Layout, Preference};
use crate::Gelu;

/// `CUBLAS_OP_N` and `CUBLAS_OP_T`: the bindings have the numbers without their names.
const AS_IS: i32 = 0;
const TRANSPOSED: i32 = 1;

/// All that the choice of an algorithm depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    rows: u64,
    outputs: u64,
    inputs: u64,
    format: Format,
    has_bias: bool,
    gelu: bool,
    accumulates: bool,
    /// Bytes that the addresses of weight, x and out are multiples of.
    alignment: [u32; 3],
}

/// Format of the values and how they are multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Format {
    F32,
    Tf32,
    F16,
    Bf16,
}

impl Key {
    pub(super) fn new(
        product: &Product<'_>,
        addresses: [u64; 3],
        bias: Option<u64>,
    ) -> Result<Self> {
        let (outputs, inputs) = product.weight.dims2()?;
        let rows = product.x.elem_count() / inputs;
        let format = match (product.weight.dtype(), product.math) {
            (DType::F32, Math::Default) => Format::F32,
            (DType::F32, Math::Tf32) => Format::Tf32,
            (DType::F16, _) => Format::F16,
            (DType::BF16, _) => Format::Bf16,
            (other, _) => bail!("linear: the weight is {other:?}, expected f32, f16 or bf16"),
        };
        if let Some(bias) = bias
            && bias % 16 != 0
        {
            bail!("linear: the bias begins at no multiple of 16 bytes; give it memory of its own");
        }
        Ok(Self {
            rows: rows as u64,
            outputs: outputs as u64,
            inputs: inputs as u64,
            format,
            has_bias: bias.is_some(),
            // The library's tanh is the approximate one of the hardware: good for 16 bits, not for 32.
            gelu: product.activation == Some(Gelu::Tanh)
                && matches!(format, Format::F16 | Format::Bf16),
            accumulates: product.accumulates,
            alignment: addresses.map(alignment),
        })
    }

    const fn data_type(&self) -> sys::cudaDataType {
        match self.format {
            Format::F32 | Format::Tf32 => sys::cudaDataType::CUDA_R_32F,
            Format::F16 => sys::cudaDataType::CUDA_R_16F,
            Format::Bf16 => sys::cudaDataType::CUDA_R_16BF,
        }
    }

    const fn compute_type(&self) -> sys::cublasComputeType_t {
        match self.format {
            Format::Tf32 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
            _ => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
        }
    }
}

/// The largest power of two up to 256 that divides an address: what the heuristic may count on.
const fn alignment(address: u64) -> u32 {
    let bits = address.trailing_zeros();
    1 << if bits > 8 { 8 } else { bits }
}

/// Descriptions of a product and of its matrices, and the algorithm for them.
pub(super) struct Plan {
    description: Description,
    weight: Layout,
    x: Layout,
    out: Layout,
    algorithm: sys::cublasLtMatmulAlgo_t,
    activated: bool,
}

impl Plan {
    /// Asks the heuristic once. The library's GELU is the one by tanh; where it has none for a
    /// shape, the plan is without.
    pub(super) fn new(handle: &Handle, key: &Key, workspace_bytes: usize) -> Result<Self> {
        if key.gelu
            && let Ok(plan) = Self::with_epilogue(handle, key, true, workspace_bytes)
        {
            return Ok(plan);
        }
        Self::with_epilogue(handle, key, false, workspace_bytes)
    }

    fn with_epilogue(
        handle: &Handle,
        key: &Key,
        gelu: bool,
        workspace_bytes: usize,
    ) -> Result<Self> {
        use sys::cublasLtEpilogue_t as Epilogue;
        use sys::cublasLtMatmulDescAttributes_t as Attribute;

        let description = Description::new(key.compute_type())?;
        let epilogue = match (key.has_bias, gelu) {
            (false, false) => Epilogue::CUBLASLT_EPILOGUE_DEFAULT,
            (true, false) => Epilogue::CUBLASLT_EPILOGUE_BIAS,
            (false, true) => Epilogue::CUBLASLT_EPILOGUE_GELU,
            (true, true) => Epilogue::CUBLASLT_EPILOGUE_GELU_BIAS,
        };
        description.set(Attribute::CUBLASLT_MATMUL_DESC_TRANSA, &TRANSPOSED)?;
        description.set(Attribute::CUBLASLT_MATMUL_DESC_TRANSB, &AS_IS)?;
        description.set(Attribute::CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue)?;
        if key.has_bias {
            // Its format is that of the result unless said otherwise. The address is set before
            // each call; the heuristic only needs to see an aligned one.
            description.set(Attribute::CUBLASLT_MATMUL_DESC_BIAS_POINTER, &256_u64)?;
        }
        let matrix = |rows, columns| Layout::new(key.data_type(), rows, columns);
        let weight = matrix(key.inputs, key.outputs)?;
        let x = matrix(key.inputs, key.rows)?;
        let out = matrix(key.outputs, key.rows)?;
        let preference = Preference::new(key.alignment, workspace_bytes)?;
        // SAFETY: all handles are alive.
        let found = unsafe {
            result::get_matmul_algo_heuristic(
                handle.raw(),
                description.0,
                weight.0,
                x.0,
                out.0,
                out.0,
                preference.0,
            )
        }
        .map_err(|error| {
            Error::Msg(format!("linear: cublasLt has nothing for {key:?}: {error}"))
        })?;
        Ok(Self {
            description,
            weight,
            x,
            out,
            algorithm: found.algo,
            activated: gelu,
        })
    }

    /// Tells the kernel where the bias is.
    pub(super) fn set_bias(&self, address: u64) -> Result<()> {
        self.description.set(
            sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_BIAS_POINTER,
            &address,
        )
    }

    pub(super) const fn description(&self) -> sys::cublasLtMatmulDesc_t {
        self.description.0
    }

    pub(super) const fn weight(&self) -> sys::cublasLtMatrixLayout_t {
        self.weight.0
    }

    pub(super) const fn x(&self) -> sys::cublasLtMatrixLayout_t {
        self.x.0
    }

    pub(super) const fn out(&self) -> sys::cublasLtMatrixLayout_t {
        self.out.0
    }

    pub(super) const fn algorithm(&self) -> *const sys::cublasLtMatmulAlgo_t {
        &raw const self.algorithm
    }

    pub(super) const fn activated(&self) -> bool {
        self.activated
    }
}

// SAFETY: the descriptions are plain memory that the library fills; a plan is used under a lock.
unsafe impl Send for Plan {}
