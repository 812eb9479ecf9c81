//! Kernels on a GPU, through the CUDA driver.

#![allow(
    unsafe_code,
    reason = "the driver's interface is C; this module is where kernels meet it"
)]

mod library;

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::Arc;

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{CudaStream, DevicePtr, sys};
use candle_core::cuda_backend::{CudaStorageSlice, WrapErr};
use candle_core::{CudaDevice, Device, Result, Storage, Tensor, bail};

use super::kernel::{Argument, Kernel};
use crate::Start;
use crate::runtime::overlaps;

/// The GPU that a tensor lies on.
#[derive(Clone, Copy)]
pub(crate) struct Gpu<'a> {
    device: &'a CudaDevice,
}

impl<'a> Gpu<'a> {
    /// The GPU of a tensor; `None` for one on the CPU.
    pub(crate) fn of(tensor: &'a Tensor) -> Option<Self> {
        match tensor.device() {
            Device::Cuda(device) => Some(Self { device }),
            _ => None,
        }
    }

    /// candle's device.
    pub(crate) const fn device(self) -> &'a CudaDevice {
        self.device
    }

    /// How many multiprocessors the GPU has: 132 on an H100 or H200.
    pub(crate) fn multiprocessors(self) -> Result<usize> {
        let stream = self.device.cuda_stream();
        let count = stream
            .context()
            .attribute(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
            .w()?;
        Ok(usize::try_from(count).unwrap_or(1))
    }

    /// Puts a kernel on the device's stream.
    ///
    /// # Errors
    /// The kernel does not exist, its arguments are others, a tensor has gaps or lies elsewhere, or
    /// the driver refused.
    pub(crate) fn launch(self, kernel: &Kernel<'_>, arguments: &[Argument<'_>]) -> Result<()> {
        let stream = self.device.cuda_stream();
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments {
            push(&mut values, *argument, kernel.name, &stream)?;
        }
        stream.context().bind_to_thread().w()?;
        let shared_bytes = count(kernel.name, "shared memory", kernel.shared_bytes)?;
        let argument_bytes: Vec<usize> = values.iter().map(Value::bytes).collect();
        let ordinal = stream.context().ordinal();
        let function = library::find(ordinal, kernel, &argument_bytes, shared_bytes)?;
        let mut addresses: Vec<*mut c_void> = values.iter().map(Value::address).collect();
        let mut overlap = sys::CUlaunchAttribute {
            id: sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
            pad: [0; 4],
            value: sys::CUlaunchAttributeValue {
                programmaticStreamSerializationAllowed: 1,
            },
        };
        let dimension = |what, size| count(kernel.name, what, size);
        let config = sys::CUlaunchConfig {
            gridDimX: dimension("grid", kernel.grid[0])?,
            gridDimY: dimension("grid", kernel.grid[1])?,
            gridDimZ: dimension("grid", kernel.grid[2])?,
            blockDimX: dimension("block", kernel.threads[0])?,
            blockDimY: dimension("block", kernel.threads[1])?,
            blockDimZ: dimension("block", kernel.threads[2])?,
            sharedMemBytes: shared_bytes,
            hStream: stream.cu_stream(),
            attrs: &raw mut overlap,
            numAttrs: u32::from(overlaps()),
        };
        // SAFETY: configuration, attribute and arguments live until the call returns, and the
        // driver copies them; number and sizes of the arguments are those of the compiled kernel
        // (`library::find` has compared them). Addresses are those of live allocations of this device,
        // which candle frees in the order of the same stream, thus after this kernel.
        unsafe {
            sys::cuLaunchKernelEx(
                &raw const config,
                function.0,
                addresses.as_mut_ptr(),
                null_mut(),
            )
        }
        .result()
        .map_err(|error| {
            candle_core::Error::Msg(format!(
                "kernel {} was refused: {error}; grid {:?}, threads {:?}, {shared_bytes} bytes of \
                 shared memory",
                kernel.name, kernel.grid, kernel.threads
            ))
        })
    }
}

/// An argument as the kernel sees it.
#[derive(Clone, Copy)]
enum Value {
    Address(u64),
    Count(u32),
    Number(f32),
}

impl Value {
    const fn bytes(&self) -> usize {
        match self {
            Self::Address(_) => 8,
            Self::Count(_) | Self::Number(_) => 4,
        }
    }

    fn address(&self) -> *mut c_void {
        match self {
            Self::Address(value) => std::ptr::from_ref(value).cast_mut().cast(),
            Self::Count(value) => std::ptr::from_ref(value).cast_mut().cast(),
            Self::Number(value) => std::ptr::from_ref(value).cast_mut().cast(),
        }
    }
}

fn push(
    values: &mut Vec<Value>,
    argument: Argument<'_>,
    kernel: &str,
    stream: &Arc<CudaStream>,
) -> Result<()> {
    let value = match argument {
        Argument::Read(tensor)
        | Argument::Write(tensor)
        | Argument::Extend(tensor)
        | Argument::Maybe(Some(tensor)) => Value::Address(address(tensor, stream)?),
        Argument::Maybe(None) => Value::Address(0),
        Argument::Count(size) => Value::Count(count(kernel, "an argument", size)?),
        Argument::Long(value) => Value::Address(value),
        Argument::Number(value) => Value::Number(value),
        Argument::Position(start) => {
            start.check()?;
            let (tensor, position) = match start {
                Start::At(position) => (0, count(kernel, "a position", position)?),
                Start::Device(tensor) => (address(tensor, stream)?, 0),
            };
            values.push(Value::Address(tensor));
            Value::Count(position)
        }
    };
    values.push(value);
    Ok(())
}

fn count(kernel: &str, what: &str, size: usize) -> Result<u32> {
    u32::try_from(size)
        .map_err(|_| candle_core::Error::Msg(format!("{kernel}: {what} of {size} exceeds 32 bits")))
}

/// The address of a tensor's first element on the device of `stream`.
///
/// # Errors
/// The tensor has gaps, or lies elsewhere.
pub(crate) fn address(tensor: &Tensor, stream: &Arc<CudaStream>) -> Result<u64> {
    if !tensor.is_contiguous() {
        bail!("a kernel was given {:?} with gaps", tensor.dims());
    }
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else {
        bail!(
            "a kernel was given {:?} that lies on the CPU",
            tensor.dims()
        );
    };
    if storage.device().cuda_stream().context().ordinal() != stream.context().ordinal() {
        bail!(
            "a kernel was given {:?} that lies on another GPU",
            tensor.dims()
        );
    }
    let first = match &storage.slice {
        CudaStorageSlice::U8(slice) => slice.device_ptr(stream).0,
        CudaStorageSlice::U32(slice) => slice.device_ptr(stream).0,
        CudaStorageSlice::I64(slice) => slice.device_ptr(stream).0,
        CudaStorageSlice::F16(slice) => slice.device_ptr(stream).0,
        CudaStorageSlice::BF16(slice) => slice.device_ptr(stream).0,
        CudaStorageSlice::F32(slice) => slice.device_ptr(stream).0,
        _ => bail!(
            "kernels take u8, u32, i64, f16, bf16 or f32, not {:?}",
            tensor.dtype()
        ),
    };
    let offset = layout.start_offset() * tensor.dtype().size_in_bytes();
    Ok(first + offset as u64)
}
