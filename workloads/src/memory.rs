//! Whether a job fits in the memory of its device, before anything is allocated.

use candle_core::{CudaDevice, Device};

use crate::Error;
use crate::family::MemoryNeed;
use crate::job::Job;
use crate::job::task::Task;

mod host;

/// Bytes that are free on a device: of the GPU as its driver says, of the host what its memory
/// and the limits of this process's control group leave. `None` where nobody says.
///
/// # Errors
/// The driver failed.
pub fn free_bytes(device: &Device) -> Result<Option<u64>, Error> {
    match device {
        Device::Cpu => Ok(host::free_bytes()),
        Device::Cuda(gpu) => gpu_free_bytes(gpu).map(Some),
        Device::Metal(_) => Ok(None),
    }
}

#[cfg(feature = "cuda")]
fn gpu_free_bytes(gpu: &CudaDevice) -> Result<u64, Error> {
    let (free, _total) = gpu
        .cuda_stream()
        .context()
        .mem_get_info()
        .map_err(|error| {
            Error::Device(format!(
                "the driver does not say how much memory is free ({error}); check nvidia-smi"
            ))
        })?;
    Ok(free as u64)
}

#[cfg(not(feature = "cuda"))]
fn gpu_free_bytes(_gpu: &CudaDevice) -> Result<u64, Error> {
    Err(Error::Device("this worker was built without CUDA".into()))
}

/// Refuses a job that needs more than there is.
///
/// # Errors
/// The bytes that are needed and free, and what to make smaller.
pub fn check(job: &Job, need: MemoryNeed, free_bytes: Option<u64>) -> Result<(), Error> {
    let needed = need.total_bytes();
    match free_bytes {
        Some(free) if needed > free => Err(Error::Request(format!(
            "model '{}' at batch {} needs {needed} bytes (weights {}, cache {}, scratch {}), \
             {free} are free; choose a smaller batch, {}, or a narrower precision or quantisation",
            job.model,
            job.task.batch(),
            need.weights_bytes,
            need.cache_bytes,
            need.scratch_bytes,
            smaller(job.task),
        ))),
        _ => Ok(()),
    }
}

/// What else than the batch makes a task smaller.
const fn smaller(task: Task) -> &'static str {
    match task {
        Task::Generate(_) | Task::Read(_) | Task::Transcribe(_) => "shorter sequences",
        Task::See(_) | Task::Draw(_) => "smaller pictures",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::precision::Precision;
    use crate::job::task::{Extent, Pictures};

    #[test]
    fn what_does_not_fit_is_refused_with_both_numbers() {
        let extent = Extent {
            batch: 64,
            prompt_tokens: 4096,
            decode_tokens: 128,
        };
        let job = Job::plain("llama-7b", Precision::Bf16, Task::Generate(extent));
        let need = MemoryNeed {
            weights_bytes: 100,
            cache_bytes: 20,
            scratch_bytes: 3,
        };
        check(&job, need, Some(123)).expect("just fits");
        check(&job, need, None).expect("nobody knows");
        let message = check(&job, need, Some(122))
            .expect_err("one too many")
            .to_string();
        assert_eq!(
            message,
            "model 'llama-7b' at batch 64 needs 123 bytes (weights 100, cache 20, scratch 3), 122 \
             are free; choose a smaller batch, shorter sequences, or a narrower precision or \
             quantisation"
        );
    }

    #[test]
    fn pictures_can_be_smaller() {
        let pictures = Pictures {
            batch: 2,
            resolution_px: 512,
        };
        let job = Job::plain("unet", Precision::Bf16, Task::See(pictures));
        let need = MemoryNeed {
            weights_bytes: 2,
            ..MemoryNeed::default()
        };
        let message = check(&job, need, Some(1)).expect_err("too many");
        assert!(
            message
                .to_string()
                .contains("a smaller batch, smaller pictures")
        );
    }

    #[test]
    fn a_sum_beyond_64_bits_does_not_fit() {
        let need = MemoryNeed {
            weights_bytes: u64::MAX,
            cache_bytes: u64::MAX,
            scratch_bytes: 1,
        };
        assert_eq!(need.total_bytes(), u64::MAX);
    }

    #[test]
    fn the_host_has_free_memory() {
        let free = free_bytes(&Device::Cpu).expect("the CPU has no driver");
        assert!(free.is_some_and(|bytes| bytes > 1 << 20), "{free:?}");
    }
}
