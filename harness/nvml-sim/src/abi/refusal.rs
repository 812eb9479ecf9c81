//! The answers of NVML other than success, and their texts.

use std::ffi::CStr;

use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::nvmlReturn_t;

/// Why a call was not answered: an `nvmlReturn_t` that is not `NVML_SUCCESS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub nvmlReturn_t);

/// What a call comes to.
pub type Answer<T = ()> = Result<T, Refusal>;

impl Refusal {
    /// The library was not initialised.
    pub const UNINITIALIZED: Self = Self(nvml::nvmlReturn_enum_NVML_ERROR_UNINITIALIZED);
    /// A null pointer, a bad handle, a value out of range.
    pub const INVALID_ARGUMENT: Self = Self(nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT);
    /// The board, or the emulator, does not have it.
    pub const NOT_SUPPORTED: Self = Self(nvml::nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED);
    /// The process may not change settings.
    pub const NO_PERMISSION: Self = Self(nvml::nvmlReturn_enum_NVML_ERROR_NO_PERMISSION);
    /// Nothing answers to the given name.
    pub const NOT_FOUND: Self = Self(nvml::nvmlReturn_enum_NVML_ERROR_NOT_FOUND);
    /// The buffer is too small; the needed count was written.
    pub const INSUFFICIENT_SIZE: Self = Self(nvml::nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE);
    /// There is no emulated machine to talk to.
    pub const DRIVER_NOT_LOADED: Self = Self(nvml::nvmlReturn_enum_NVML_ERROR_DRIVER_NOT_LOADED);
    /// No event came in time.
    pub const TIMEOUT: Self = Self(nvml::nvmlReturn_enum_NVML_ERROR_TIMEOUT);
    /// The state file could not be written.
    pub const OPERATING_SYSTEM: Self = Self(nvml::nvmlReturn_enum_NVML_ERROR_OPERATING_SYSTEM);
    /// The version of a structure is not the one that this call knows.
    pub const ARGUMENT_VERSION_MISMATCH: Self =
        Self(nvml::nvmlReturn_enum_NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
    /// A defect of this library.
    pub const UNKNOWN: Self = Self(nvml::nvmlReturn_enum_NVML_ERROR_UNKNOWN);
}

/// The text of a return code, as `nvmlErrorString` gives it.
pub(super) fn text(code: nvmlReturn_t) -> &'static CStr {
    match code {
        nvml::nvmlReturn_enum_NVML_SUCCESS => c"Success",
        nvml::nvmlReturn_enum_NVML_ERROR_UNINITIALIZED => c"Uninitialized",
        nvml::nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT => c"Invalid Argument",
        nvml::nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED => c"Not Supported",
        nvml::nvmlReturn_enum_NVML_ERROR_NO_PERMISSION => c"Insufficient Permissions",
        nvml::nvmlReturn_enum_NVML_ERROR_ALREADY_INITIALIZED => c"Already Initialized",
        nvml::nvmlReturn_enum_NVML_ERROR_NOT_FOUND => c"Not Found",
        nvml::nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE => c"Insufficient Size",
        nvml::nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_POWER => c"Insufficient External Power",
        nvml::nvmlReturn_enum_NVML_ERROR_DRIVER_NOT_LOADED => c"Driver Not Loaded",
        nvml::nvmlReturn_enum_NVML_ERROR_TIMEOUT => c"Timeout",
        nvml::nvmlReturn_enum_NVML_ERROR_IRQ_ISSUE => c"Interrupt Request Issue",
        nvml::nvmlReturn_enum_NVML_ERROR_LIBRARY_NOT_FOUND => c"NVML Shared Library Not Found",
        nvml::nvmlReturn_enum_NVML_ERROR_FUNCTION_NOT_FOUND => c"Function Not Found",
        nvml::nvmlReturn_enum_NVML_ERROR_CORRUPTED_INFOROM => c"Corrupted infoROM",
        nvml::nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST => c"GPU is lost",
        nvml::nvmlReturn_enum_NVML_ERROR_RESET_REQUIRED => c"GPU requires restart",
        nvml::nvmlReturn_enum_NVML_ERROR_OPERATING_SYSTEM => {
            c"The operating system has blocked the request."
        }
        nvml::nvmlReturn_enum_NVML_ERROR_LIB_RM_VERSION_MISMATCH => {
            c"RM has detected an NVML/RM version mismatch."
        }
        nvml::nvmlReturn_enum_NVML_ERROR_IN_USE => c"In use by another client",
        nvml::nvmlReturn_enum_NVML_ERROR_MEMORY => c"Insufficient Memory",
        nvml::nvmlReturn_enum_NVML_ERROR_NO_DATA => c"No data",
        nvml::nvmlReturn_enum_NVML_ERROR_VGPU_ECC_NOT_SUPPORTED => {
            c"The requested vgpu operation is not available on target device, because ECC is enabled"
        }
        nvml::nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_RESOURCES => {
            c"Ran out of critical resources, other than memory"
        }
        nvml::nvmlReturn_enum_NVML_ERROR_FREQ_NOT_SUPPORTED => {
            c"The requested frequency is not supported"
        }
        nvml::nvmlReturn_enum_NVML_ERROR_ARGUMENT_VERSION_MISMATCH => {
            c"The provided version is invalid/unsupported"
        }
        nvml::nvmlReturn_enum_NVML_ERROR_DEPRECATED => {
            c"The requested functionality has been deprecated"
        }
        nvml::nvmlReturn_enum_NVML_ERROR_NOT_READY => c"The system is not ready for the request",
        nvml::nvmlReturn_enum_NVML_ERROR_GPU_NOT_FOUND => c"No GPUs were found",
        nvml::nvmlReturn_enum_NVML_ERROR_INVALID_STATE => {
            c"Resource not in correct state to perform requested operation"
        }
        nvml::nvmlReturn_enum_NVML_ERROR_RESET_TYPE_NOT_SUPPORTED => {
            c"Reset not supported for given device/parameters"
        }
        _ => c"Unknown Error",
    }
}
