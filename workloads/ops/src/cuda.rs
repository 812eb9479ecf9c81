//! The door to the GPU: how an operation launches a kernel of `kernels/*.cu`.
//!
//! ```text
//! if let Some(gpu) = Gpu::of(out) {
//!     let name = gpu.name("rms_norm", x.dtype(), wide);
//!     return gpu.launch(
//!         &Kernel::new("norm", &name).grid([rows, 1, 1]).threads(256),
//!         &[Read(x), Read(weight), Write(out), Count(columns), Number(epsilon)],
//!     );
//! }
//! ```
//! The arguments are those of the kernel, in order; their sizes are compared with the compiled
//! kernel's when it is first used. Kernels begin while the one before still runs, so each calls
//! `ptx::wait_for_previous()` before it touches what another kernel writes, or wrote.
//!
//! Without the feature `cuda` there is no GPU: [`Gpu::of`] gives `None` and the rest cannot be
//! reached, but is compiled, so that operations need no conditions of their own. Unit tests emulate
//! one instead: `emulation/README.md`.

#[cfg_attr(feature = "cuda", path = "cuda/driver.rs")]
#[cfg_attr(all(not(feature = "cuda"), test), path = "cuda/emulated.rs")]
#[cfg_attr(all(not(feature = "cuda"), not(test)), path = "cuda/absent.rs")]
mod backend;
#[cfg_attr(
    not(any(feature = "cuda", test)),
    expect(
        dead_code,
        reason = "without a GPU nobody reads what a launch consists of"
    )
)]
mod kernel;

pub(crate) use backend::Gpu;
#[cfg(feature = "cuda")]
pub(crate) use backend::address;
#[cfg(all(not(feature = "cuda"), test))]
pub(crate) use backend::{
    depended_on_multiprocessors, is_available, kernels_never_launched, on_emulated_gpu,
    on_emulated_gpu_of,
};
pub(crate) use kernel::{Argument, Kernel, kernel_name, lanes, wide};
