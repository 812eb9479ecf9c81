//! Where the work is done.

use candle_core::Device;
use model::axis::{Axis, AxisValue};
use model::point::Point;

use crate::Error;
use crate::job::precision::Precision;
use crate::job::word::{Graph, Word};

/// Environment variable that picks the device: `cpu` or `cuda`.
pub const DEVICE_VARIABLE: &str = "JOULEBENCH_DEVICE";

/// The device of this process: the one that `wanted` names, otherwise the first GPU where the
/// binary has CUDA and the machine has a GPU, otherwise the CPU.
///
/// # Errors
/// The word is unknown, or the GPU that it asks for cannot be used.
pub fn choose(wanted: Option<&str>) -> Result<Device, Error> {
    match wanted {
        Some("cpu") => Ok(Device::Cpu),
        Some("cuda") => cuda(),
        None => Ok(cuda().unwrap_or_else(|reason| {
            if cfg!(feature = "cuda") {
                eprintln!("note: using the CPU: {reason}");
            }
            Device::Cpu
        })),
        Some(other) => Err(Error::Device(format!(
            "{DEVICE_VARIABLE} is '{other}', expected cpu or cuda"
        ))),
    }
}

/// The name in marks: `cpu` or `cuda:0`.
pub const fn name(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda:0",
        Device::Metal(_) => "metal:0",
    }
}

/// Refuses a number format that the device cannot multiply.
///
/// # Errors
/// The format and what to use instead.
pub fn check_precision(device: &Device, precision: Precision) -> Result<(), Error> {
    let lacks = matches!(precision, Precision::Bf16 | Precision::Tf32);
    if device.is_cpu() && lacks {
        return Err(Error::Request(format!(
            "axis 'precision' has the value '{}', the CPU supports f32 and f16; use one of these \
             or a CUDA build of the worker",
            precision.word()
        )));
    }
    Ok(())
}

/// Refuses a point that asks for a graph on a device that records none: it would be filed beside
/// `off` as another variant, and be the same work.
///
/// # Errors
/// The graph is asked for, and the device is the CPU.
pub fn check_graph(device: &Device, point: &Point) -> Result<(), Error> {
    let asked = point.get(Axis::Graph).and_then(AxisValue::as_text);
    if device.is_cpu() && asked == Some(Graph::On.word()) {
        return Err(Error::Request(
            "axis 'graph' has the value 'on', but the CPU records nothing; set it to 'off', or \
             leave it out"
                .into(),
        ));
    }
    Ok(())
}

/// Lets candle's own products of single precision use TF32 where the job says so, and not
/// otherwise; our operations are told for each product.
pub fn set_math(precision: Precision) {
    candle_core::cuda::set_gemm_reduced_precision_f32(precision == Precision::Tf32);
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Result<Device, Error> {
    Err(Error::Device(
        "this worker was built without CUDA; build one with workloads/cuda/build.sh or use the CPU"
            .into(),
    ))
}

/// The first GPU, tuned so that memory management stays out of the measured window.
#[cfg(feature = "cuda")]
fn cuda() -> Result<Device, Error> {
    let refused = |problem: &dyn std::fmt::Display| {
        Error::Device(format!(
            "GPU 0 cannot be used: {}; check nvidia-smi and start through workloads/cuda/run.sh",
            crate::error::first_line(problem)
        ))
    };
    let device = Device::new_cuda(0).map_err(|error| refused(&error))?;
    ops::runtime::prepare(&device).map_err(|error| refused(&error))?;
    Ok(device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there_and_unknown_words_are_refused() {
        assert!(choose(Some("cpu")).expect("the CPU exists").is_cpu());
        let message = choose(Some("tpu")).expect_err("no such device").to_string();
        assert_eq!(message, "JOULEBENCH_DEVICE is 'tpu', expected cpu or cuda");
    }

    #[test]
    fn a_graph_is_refused_where_it_is_asked_for_in_vain() {
        let point = |word: &str| Point::default().with(Axis::Graph, AxisValue::Text(word.into()));
        check_graph(&Device::Cpu, &Point::default()).expect("nothing is asked for");
        check_graph(&Device::Cpu, &point("off")).expect("as it is");
        let message = check_graph(&Device::Cpu, &point("on")).expect_err("never");
        assert!(message.to_string().contains("the CPU records nothing"));
    }

    #[test]
    fn formats_that_the_cpu_lacks_are_refused() {
        for precision in Precision::ALL {
            let checked = check_precision(&Device::Cpu, *precision);
            match precision {
                Precision::F32 | Precision::F16 => checked.expect("the CPU has it"),
                Precision::Bf16 | Precision::Tf32 => {
                    let message = checked.expect_err("the CPU lacks it").to_string();
                    assert!(
                        message.contains("the CPU supports f32 and f16"),
                        "{message}"
                    );
                }
            }
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_build_without_cuda_says_how_to_get_one() {
        let message = choose(Some("cuda")).expect_err("not built in").to_string();
        assert!(message.contains("workloads/cuda/build.sh"), "{message}");
        assert!(choose(None).expect("falls back").is_cpu());
    }
}
