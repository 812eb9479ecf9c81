//! A GPU that unit tests emulate: kernels run on the CPU, on tensors that lie there.
//!
//! Inside [`on_emulated_gpu`] every operation takes the path that it takes on a GPU, so checks of
//! operands, grids, arguments and kernels are the real ones. See `emulation/README.md`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use candle_core::{Result, Tensor};

use super::kernel::{Argument, Kernel};

#[path = "emulated/compiler.rs"]
mod compiler;
#[path = "emulated/memories.rs"]
mod memories;
#[path = "emulated/process.rs"]
mod process;
#[cfg(test)]
#[path = "emulated/tests.rs"]
mod tests;
#[path = "emulated/translate.rs"]
mod translate;

use memories::{Memories, Written};
use process::{Process, Request};

thread_local! {
    /// Of the GPU that is there, if one is.
    static MULTIPROCESSORS: Cell<Option<usize>> = const { Cell::new(None) };
    /// Whether anybody wanted to know their number.
    static ASKED: Cell<bool> = const { Cell::new(false) };
    static PROCESSES: RefCell<BTreeMap<&'static str, Process>> = const { RefCell::new(BTreeMap::new()) };
    /// What the kernel before has written.
    static WRITTEN: RefCell<Vec<Written>> = const { RefCell::new(Vec::new()) };
}

/// Kernels that have run, by name, in any thread.
static LAUNCHED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Kernels of `kernels/*.cu` that no test of this process has run so far.
///
/// # Errors
/// A file does not compile.
pub(crate) fn kernels_never_launched() -> Result<Vec<String>> {
    let launched = LAUNCHED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut names = compiler::kernel_names()?;
    names.retain(|name| !launched.contains(name));
    Ok(names)
}

/// Whether there is a compiler; if not, says that the test is skipped.
pub(crate) fn is_available() -> bool {
    let found = compiler::is_available();
    if !found {
        eprintln!("skipped: kernels are emulated with g++, which is not on PATH");
    }
    found
}

/// Calls `body` with a GPU of the size of an H100 or H200.
pub(crate) fn on_emulated_gpu<R>(body: impl FnOnce() -> R) -> R {
    on_emulated_gpu_of(132, body)
}

/// Calls `body` with a GPU of so many multiprocessors.
pub(crate) fn on_emulated_gpu_of<R>(multiprocessors: usize, body: impl FnOnce() -> R) -> R {
    /// Takes the GPU away again, also when `body` panics.
    struct Presence;
    impl Drop for Presence {
        fn drop(&mut self) {
            MULTIPROCESSORS.set(None);
        }
    }
    WRITTEN.take();
    ASKED.set(false);
    MULTIPROCESSORS.set(Some(multiprocessors));
    let _presence = Presence;
    body()
}

/// Whether the body that this thread has called last asked for the number of multiprocessors, so
/// that it may do something else on a smaller GPU.
pub(crate) fn depended_on_multiprocessors() -> bool {
    ASKED.get()
}

/// The emulated GPU.
#[derive(Clone, Copy)]
pub(crate) struct Gpu<'a> {
    tensor: PhantomData<&'a Tensor>,
}

#[expect(clippy::unused_self, reason = "a real GPU is one of several")]
impl<'a> Gpu<'a> {
    /// The GPU, inside [`on_emulated_gpu`].
    pub(crate) fn of(_: &'a Tensor) -> Option<Self> {
        MULTIPROCESSORS.get().map(|_| Self {
            tensor: PhantomData,
        })
    }

    /// How many there are.
    ///
    /// # Errors
    /// Called where no GPU is.
    pub(crate) fn multiprocessors(self) -> Result<usize> {
        ASKED.set(true);
        MULTIPROCESSORS
            .get()
            .ok_or_else(|| candle_core::Error::Msg("the emulated GPU has gone".into()))
    }

    /// Runs a kernel to its end.
    ///
    /// # Errors
    /// As on a GPU, and whatever the emulator finds wrong.
    pub(crate) fn launch(self, kernel: &Kernel<'_>, arguments: &[Argument<'_>]) -> Result<()> {
        let mut memories = Memories::of(arguments)?;
        let values = memories.values(arguments)?;
        for written in WRITTEN.take() {
            memories.hide(&written);
        }
        let request = Request {
            kernel,
            memories: &memories.contents,
            values,
        };
        let results = PROCESSES.with_borrow_mut(|processes| {
            let process = match processes.remove(kernel.file) {
                Some(process) => process,
                None => Process::start(compiler::program(kernel.file)?)?,
            };
            // A process that has failed has ended, and is not kept.
            let (process, results) = process.launch(&request)?;
            processes.insert(kernel.file, process);
            Result::Ok(results)
        })?;
        LAUNCHED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(kernel.name.to_owned());
        WRITTEN.set(memories.keep(&results)?);
        Ok(())
    }

    /// Tells that a library has written a tensor, in place of a kernel.
    pub(crate) fn library_wrote(self, tensor: &Tensor) {
        WRITTEN.set(vec![Written::all_of(tensor)]);
    }
}
