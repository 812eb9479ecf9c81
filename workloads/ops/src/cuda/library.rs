//! The compiled kernels of this build, loaded when they are first used.

use std::collections::BTreeMap;
use std::ffi::{CString, c_int};
use std::sync::{Mutex, OnceLock, PoisonError};

use candle_core::cuda_backend::cudarc::driver::{result, sys};
use candle_core::{Result, bail};

use super::super::kernel::Kernel;

/// Name of the file and its cubin.
static CUBINS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/cubins.rs"));

/// Shared memory that a block may have without being asked for.
const ORDINARY_SHARED_BYTES: u32 = 48 << 10;

/// A loaded kernel.
#[derive(Clone, Copy)]
pub(super) struct Function(pub(super) sys::CUfunction);

// SAFETY: a function handle is a name that the driver looks up; it belongs to the primary context,
// which outlives the process's threads, and may be used from any thread that has bound it.
unsafe impl Send for Function {}

/// A kernel with what is known of it.
struct Loaded {
    function: Function,
    parameter_bytes: Vec<usize>,
    shared_bytes: u32,
}

/// The kernels that this process has loaded, by GPU, file and name. They are never unloaded.
type Library = BTreeMap<usize, BTreeMap<&'static str, (Module, BTreeMap<String, Loaded>)>>;

struct Module(sys::CUmodule);

// SAFETY: as for `Function`.
unsafe impl Send for Module {}

static LIBRARY: OnceLock<Mutex<Library>> = OnceLock::new();

/// Finds a kernel, loading its file the first time, and readies it for arguments of these sizes and
/// for so much shared memory.
///
/// # Errors
/// There is no such kernel, it takes other arguments, or the driver refused.
pub(super) fn find(
    ordinal: usize,
    kernel: &Kernel<'_>,
    argument_bytes: &[usize],
    shared_bytes: u32,
) -> Result<Function> {
    let mut library = LIBRARY
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let files = library.entry(ordinal).or_default();
    if !files.contains_key(kernel.file) {
        files.insert(kernel.file, (load_module(kernel.file)?, BTreeMap::new()));
    }
    let Some((module, functions)) = files.get_mut(kernel.file) else {
        bail!("kernel file {} was not kept", kernel.file);
    };
    if !functions.contains_key(kernel.name) {
        let loaded = load_function(module, kernel)?;
        functions.insert(kernel.name.to_owned(), loaded);
    }
    let Some(loaded) = functions.get_mut(kernel.name) else {
        bail!("kernel {} was not kept", kernel.name);
    };
    if argument_bytes != loaded.parameter_bytes {
        bail!(
            "kernel {} takes parameters of {:?} bytes and was given {argument_bytes:?}",
            kernel.name,
            loaded.parameter_bytes
        );
    }
    if shared_bytes > loaded.shared_bytes.max(ORDINARY_SHARED_BYTES) {
        allow_shared(loaded.function, kernel.name, shared_bytes)?;
        loaded.shared_bytes = shared_bytes;
    }
    Ok(loaded.function)
}

fn load_module(file: &str) -> Result<Module> {
    let Some((_, cubin)) = CUBINS.iter().find(|(name, _)| *name == file) else {
        bail!("this build has no kernels/{file}.cu");
    };
    // Words, so that the image is aligned as an ELF file wants to be.
    let image: Vec<u64> = cubin
        .chunks(8)
        .map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(word)
        })
        .collect();
    // SAFETY: the image is a whole cubin, and the driver copies it.
    let module = unsafe { result::module::load_data(image.as_ptr().cast()) };
    module.map(Module).map_err(|error| {
        candle_core::Error::Msg(format!(
            "the kernels of {file}.cu do not load: {error}; they run only on the GPU generation \
             that they were built for: set CUDA_COMPUTE_CAP and build again"
        ))
    })
}

fn load_function(module: &Module, kernel: &Kernel<'_>) -> Result<Loaded> {
    let Kernel { file, name, .. } = *kernel;
    let spelled = CString::new(name)
        .map_err(|_| candle_core::Error::Msg(format!("'{name}' is no name of a kernel")))?;
    // SAFETY: the module is loaded in the context that is bound to this thread.
    let function = unsafe { result::module::get_function(module.0, spelled) }.map_err(|error| {
        candle_core::Error::Msg(format!("kernels/{file}.cu has no kernel {name}: {error}"))
    })?;
    prefer_shared(Function(function), name)?;
    let mut parameter_bytes = Vec::new();
    loop {
        let (mut offset, mut size) = (0, 0);
        // SAFETY: the function is loaded, and both results live until the call returns.
        let status = unsafe {
            sys::cuFuncGetParamInfo(
                function,
                parameter_bytes.len(),
                &raw mut offset,
                &raw mut size,
            )
        };
        // The call fails for the first index that there is no parameter for.
        if status.result().is_err() {
            break;
        }
        parameter_bytes.push(size);
    }
    Ok(Loaded {
        function: Function(function),
        parameter_bytes,
        shared_bytes: 0,
    })
}

/// Lets multiprocessors that run the kernel have as much shared memory as they can, whatever it
/// needs itself. Blocks of two kernels are on a multiprocessor together only while it divides its
/// memory in one way, and each kernel left to the driver's choice may ask for another way: the next
/// one could not begin before the last block of this one is gone.
fn prefer_shared(function: Function, name: &str) -> Result<()> {
    let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT;
    // SAFETY: the function is loaded; the value is a percentage.
    unsafe { sys::cuFuncSetAttribute(function.0, attribute, 100) }
        .result()
        .map_err(|error| {
            candle_core::Error::Msg(format!(
                "kernel {name} cannot prefer shared memory to the cache: {error}"
            ))
        })
}

fn allow_shared(function: Function, name: &str, shared_bytes: u32) -> Result<()> {
    let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    let bytes = c_int::try_from(shared_bytes).unwrap_or(c_int::MAX);
    // SAFETY: the function is loaded; the driver refuses what the device does not have.
    unsafe { sys::cuFuncSetAttribute(function.0, attribute, bytes) }
        .result()
        .map_err(|error| {
            candle_core::Error::Msg(format!(
                "kernel {name} needs {shared_bytes} bytes of shared memory: {error}"
            ))
        })
}
