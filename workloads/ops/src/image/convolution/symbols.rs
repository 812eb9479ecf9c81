//! The functions of `libcudnn.so.9` that are used, looked up by name when the first one is needed.
//!
//! Source of names, parameters and numbers: NVIDIA's headers `cudnn_graph.h`, `cudnn_ops.h` and
//! `cudnn_cnn.h` of cuDNN 9.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::OnceLock;

use candle_core::{Error, Result};

/// A description or the handle: a pointer that only the library looks into.
pub(super) type Opaque = *mut c_void;

/// The status of what the library does not have for a shape.
pub(super) const NOT_SUPPORTED: c_int = 3000;

/// Whether a status says that the library cannot, not that something broke: 2000 and up are
/// parameters that do not go together, 3000 and up what is not supported.
pub(super) const fn is_refusal(status: c_int) -> bool {
    status >= 2000 && status < 4000
}

/// What the heuristic says of an algorithm: `cudnnConvolutionFwdAlgoPerf_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Advice {
    pub(super) algorithm: c_int,
    pub(super) status: c_int,
    pub(super) time_ms: f32,
    pub(super) workspace_bytes: usize,
    pub(super) determinism: c_int,
    pub(super) math: c_int,
    reserved: [c_int; 3],
}

unsafe extern "C" {
    fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

/// All names are looked up at once.
const RTLD_NOW: c_int = 2;

macro_rules! functions {
    ($($field:ident = $name:literal ($($parameter:ty),*) -> $result:ty;)*) => {
        /// The functions, found.
        pub(super) struct Symbols {
            $(pub(super) $field: unsafe extern "C" fn($($parameter),*) -> $result,)*
        }

        impl Symbols {
            fn find(library: *mut c_void) -> Result<Self> {
                Ok(Self {
                    $($field: {
                        let address = address(library, $name)?;
                        // SAFETY: the library's headers declare this function with these
                        // parameters; it is never closed.
                        unsafe {
                            std::mem::transmute::<
                                *mut c_void,
                                unsafe extern "C" fn($($parameter),*) -> $result,
                            >(address)
                        }
                    },)*
                })
            }
        }
    };
}

functions! {
    create = "cudnnCreate"(*mut Opaque) -> c_int;
    set_stream = "cudnnSetStream"(Opaque, *mut c_void) -> c_int;
    error_string = "cudnnGetErrorString"(c_int) -> *const c_char;
    create_tensor = "cudnnCreateTensorDescriptor"(*mut Opaque) -> c_int;
    set_tensor = "cudnnSetTensor4dDescriptor"(Opaque, c_int, c_int, c_int, c_int, c_int, c_int) -> c_int;
    destroy_tensor = "cudnnDestroyTensorDescriptor"(Opaque) -> c_int;
    create_filter = "cudnnCreateFilterDescriptor"(*mut Opaque) -> c_int;
    set_filter = "cudnnSetFilter4dDescriptor"(Opaque, c_int, c_int, c_int, c_int, c_int, c_int) -> c_int;
    destroy_filter = "cudnnDestroyFilterDescriptor"(Opaque) -> c_int;
    create_convolution = "cudnnCreateConvolutionDescriptor"(*mut Opaque) -> c_int;
    set_convolution = "cudnnSetConvolution2dDescriptor"(
        Opaque, c_int, c_int, c_int, c_int, c_int, c_int, c_int, c_int
    ) -> c_int;
    set_groups = "cudnnSetConvolutionGroupCount"(Opaque, c_int) -> c_int;
    set_math = "cudnnSetConvolutionMathType"(Opaque, c_int) -> c_int;
    destroy_convolution = "cudnnDestroyConvolutionDescriptor"(Opaque) -> c_int;
    create_activation = "cudnnCreateActivationDescriptor"(*mut Opaque) -> c_int;
    set_activation = "cudnnSetActivationDescriptor"(Opaque, c_int, c_int, f64) -> c_int;
    destroy_activation = "cudnnDestroyActivationDescriptor"(Opaque) -> c_int;
    advise = "cudnnGetConvolutionForwardAlgorithm_v7"(
        Opaque, Opaque, Opaque, Opaque, Opaque, c_int, *mut c_int, *mut Advice
    ) -> c_int;
    workspace_bytes = "cudnnGetConvolutionForwardWorkspaceSize"(
        Opaque, Opaque, Opaque, Opaque, Opaque, c_int, *mut usize
    ) -> c_int;
    convolve = "cudnnConvolutionForward"(
        Opaque, *const c_void, Opaque, *const c_void, Opaque, *const c_void, Opaque, c_int,
        *mut c_void, usize, *const c_void, Opaque, *mut c_void
    ) -> c_int;
    convolve_and_finish = "cudnnConvolutionBiasActivationForward"(
        Opaque, *const c_void, Opaque, *const c_void, Opaque, *const c_void, Opaque, c_int,
        *mut c_void, usize, *const c_void, Opaque, *const c_void, Opaque, *const c_void, Opaque,
        Opaque, *mut c_void
    ) -> c_int;
}

impl Symbols {
    /// A status in the library's words.
    pub(super) fn describe(&self, status: c_int) -> String {
        // SAFETY: the function gives a constant text for every number.
        let text = unsafe { (self.error_string)(status) };
        format!("{} ({status})", text_at(text))
    }

    /// An error unless the status is 0.
    pub(super) fn check(&self, what: &str, status: c_int) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        Err(Error::Msg(format!(
            "conv2d: cuDNN refused {what}: {}",
            self.describe(status)
        )))
    }
}

/// The library, opened when it is first needed.
///
/// # Errors
/// It is not there, or lacks a function.
pub(super) fn symbols() -> Result<&'static Symbols> {
    static SYMBOLS: OnceLock<std::result::Result<Symbols, String>> = OnceLock::new();
    SYMBOLS
        .get_or_init(|| open().map_err(|error| error.to_string()))
        .as_ref()
        .map_err(|problem| Error::Msg(problem.clone()))
}

fn open() -> Result<Symbols> {
    // SAFETY: the name ends with a zero; initialisers of the library may run.
    let library = unsafe { dlopen(c"libcudnn.so.9".as_ptr(), RTLD_NOW) };
    if library.is_null() {
        return Err(Error::Msg(format!(
            "conv2d: cuDNN 9 is not found: {}; install it (pip install nvidia-cudnn-cu13, or it came \
             with PyTorch) and name its folder, nvidia/cudnn/lib, in LD_LIBRARY_PATH \
             (workloads/cuda/run.sh finds it by itself)",
            last_problem()
        )));
    }
    Symbols::find(library)
}

fn address(library: *mut c_void, name: &str) -> Result<*mut c_void> {
    let spelled = CString::new(name).map_err(Error::wrap)?;
    // SAFETY: the library is open, and the name ends with a zero.
    let found = unsafe { dlsym(library, spelled.as_ptr()) };
    if found.is_null() {
        return Err(Error::Msg(format!(
            "conv2d: libcudnn.so.9 has no function {name}: {}",
            last_problem()
        )));
    }
    Ok(found)
}

fn last_problem() -> String {
    // SAFETY: the text is that of this thread's last failure, and is copied.
    text_at(unsafe { dlerror() })
}

fn text_at(text: *const c_char) -> String {
    if text.is_null() {
        return "no reason given".into();
    }
    // SAFETY: both callers pass texts that end with a zero.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}
