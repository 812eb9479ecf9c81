//! What cublasLt hands out, given back when it is dropped.

use std::ffi::c_void;

use candle_core::cuda_backend::cudarc::cublaslt::{result, sys};
use candle_core::{Error, Result};

fn refused(what: &str) -> impl Fn(result::CublasError) -> Error + '_ {
    move |error| Error::Msg(format!("linear: cublasLt refused {what}: {error}"))
}

/// The library, opened.
pub(super) struct Handle(sys::cublasLtHandle_t);

// SAFETY: the library's documentation allows a handle to be used from any thread.
unsafe impl Send for Handle {}

impl Handle {
    pub(super) fn new() -> Result<Self> {
        result::create_handle()
            .map(Self)
            .map_err(refused("a handle"))
    }

    pub(super) const fn raw(&self) -> sys::cublasLtHandle_t {
        self.0
    }
}

pub(super) struct Description(pub(super) sys::cublasLtMatmulDesc_t);

impl Description {
    pub(super) fn new(compute: sys::cublasComputeType_t) -> Result<Self> {
        result::create_matmul_desc(compute, sys::cudaDataType::CUDA_R_32F)
            .map(Self)
            .map_err(refused("a description"))
    }

    pub(super) fn set<T>(
        &self,
        attribute: sys::cublasLtMatmulDescAttributes_t,
        value: &T,
    ) -> Result<()> {
        let pointer: *const c_void = std::ptr::from_ref(value).cast();
        // SAFETY: the description is alive, and the value is copied before the call returns.
        unsafe { result::set_matmul_desc_attribute(self.0, attribute, pointer, size_of::<T>()) }
            .map_err(refused("an attribute"))
    }
}

impl Drop for Description {
    fn drop(&mut self) {
        // SAFETY: created by `new`, destroyed once. There is nothing to do about a failure.
        let _ = unsafe { result::destroy_matmul_desc(self.0) };
    }
}

pub(super) struct Layout(pub(super) sys::cublasLtMatrixLayout_t);

impl Layout {
    /// A matrix by columns without gaps.
    pub(super) fn new(data: sys::cudaDataType, rows: u64, columns: u64) -> Result<Self> {
        let leading = i64::try_from(rows).map_err(Error::wrap)?;
        result::create_matrix_layout(data, rows, columns, leading)
            .map(Self)
            .map_err(refused("a layout"))
    }
}

impl Drop for Layout {
    fn drop(&mut self) {
        // SAFETY: created by `new`, destroyed once. There is nothing to do about a failure.
        let _ = unsafe { result::destroy_matrix_layout(self.0) };
    }
}

pub(super) struct Preference(pub(super) sys::cublasLtMatmulPreference_t);

impl Preference {
    pub(super) fn new(alignment: [u32; 3], workspace_bytes: usize) -> Result<Self> {
        use sys::cublasLtMatmulPreferenceAttributes_t as Attribute;
        let preference = result::create_matmul_pref()
            .map(Self)
            .map_err(refused("a preference"))?;
        let [weight, x, out] = alignment;
        let f32_sums =
            sys::cublasLtReductionScheme_t::CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE as u32;
        preference.set(
            Attribute::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
            &workspace_bytes,
        )?;
        preference.set(
            Attribute::CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
            &f32_sums,
        )?;
        preference.set(
            Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
            &weight,
        )?;
        preference.set(Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &x)?;
        preference.set(Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &out)?;
        preference.set(Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &out)?;
        Ok(preference)
    }

    pub(super) fn set<T>(
        &self,
        attribute: sys::cublasLtMatmulPreferenceAttributes_t,
        value: &T,
    ) -> Result<()> {
        let pointer: *const c_void = std::ptr::from_ref(value).cast();
        // SAFETY: the preference is alive, and the value is copied before the call returns.
        unsafe { result::set_matmul_pref_attribute(self.0, attribute, pointer, size_of::<T>()) }
            .map_err(refused("a preference"))
    }
}

impl Drop for Preference {
    fn drop(&mut self) {
        // SAFETY: created by `new`, destroyed once. There is nothing to do about a failure.
        let _ = unsafe { result::destroy_matmul_pref(self.0) };
    }
}
