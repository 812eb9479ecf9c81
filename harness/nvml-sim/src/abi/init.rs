//! Starting and ending the library, and the texts of its errors.

use std::ffi::{c_char, c_uint};

use nvml_wrapper_sys::bindings::nvmlReturn_t;

use super::refusal;
use super::session::{code, initialise, shut_down};

/// Exports functions that need no initialised library.
macro_rules! bare_exports {
    ($(
        $(#[$doc:meta])+
        fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty $body:block
    )+) => {$(
        $(#[$doc])+
        #[expect(unsafe_code, reason = "the symbol that clients look up")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $type),*) -> $answer $body
    )+};
}

bare_exports! {
    /// Opens the emulated machine that `JOULEBENCH_EMULATOR` names.
    fn nvmlInit() -> nvmlReturn_t {
        code(|| initialise("nvmlInit"))
    }

    /// As [`nvmlInit`].
    fn nvmlInit_v2() -> nvmlReturn_t {
        code(|| initialise("nvmlInit_v2"))
    }

    /// As [`nvmlInit`]; the flags mean nothing here: no GPU is ever attached or waited for.
    fn nvmlInitWithFlags(_flags: c_uint) -> nvmlReturn_t {
        code(|| initialise("nvmlInitWithFlags"))
    }

    /// Ends one use of the library.
    fn nvmlShutdown() -> nvmlReturn_t {
        code(|| shut_down("nvmlShutdown"))
    }

    /// The text of a return code; it lives as long as the library.
    fn nvmlErrorString(result: nvmlReturn_t) -> *const c_char {
        refusal::text(result).as_ptr()
    }
}
