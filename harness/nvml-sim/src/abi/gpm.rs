//! GPU performance monitoring (Hopper): activity between two samples.

use std::ffi::{CStr, c_uint};

use gpu_sim::{Activity, ActivityCounters};
use model::units::Seconds;
use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlGpmMetric_t, nvmlGpmMetricId_t, nvmlGpmSample_t, nvmlGpmSupport_t,
    nvmlReturn_enum_NVML_SUCCESS,
};

use super::call::exports;
use super::handle::Handles;
use super::pointer::{InOut, List, Out};
use super::refusal::{Answer, Refusal};

/// `NVML_GPM_METRICS_GET_VERSION` and `NVML_GPM_SUPPORT_VERSION`: plain numbers, without a size.
const GPM_VERSION: u32 = 1;

/// Activity of a GPU up to a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct ActivitySample {
    gpu: u32,
    counters: ActivityCounters,
}

/// The head of `nvmlGpmMetricsGet_t`. The metrics follow it; how many the caller has room for
/// differs between bindings, so only the stated number is touched.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MetricsHead {
    /// Must be 1.
    pub version: c_uint,
    /// Metrics that follow.
    pub num_metrics: c_uint,
    /// The earlier sample.
    pub sample1: nvmlGpmSample_t,
    /// The later sample.
    pub sample2: nvmlGpmSample_t,
}

exports! {
    /// Whether the GPU has performance monitoring.
    fn nvmlGpmQueryDeviceSupport(call, device: nvmlDevice_t, support: InOut<nvmlGpmSupport_t>) {
        let has_gpm = call.emulated(device)?.board().sensors.gpm.value;
        let mut answer = support.get()?;
        if answer.version != GPM_VERSION {
            return Err(Refusal::ARGUMENT_VERSION_MISMATCH);
        }
        answer.isSupportedDevice = u32::from(has_gpm);
        support.put(answer)
    }

    /// Makes an empty sample.
    fn nvmlGpmSampleAlloc(call, sample: Out<nvmlGpmSample_t>) {
        call.named_fault()?;
        sample.given()?;
        sample.put(call.activity_samples.insert(None).cast())
    }

    /// Frees a sample.
    fn nvmlGpmSampleFree(call, sample: nvmlGpmSample_t) {
        call.named_fault()?;
        call.activity_samples.remove(sample).map(drop).ok_or(Refusal::INVALID_ARGUMENT)
    }

    /// Fills a sample.
    fn nvmlGpmSampleGet(call, device: nvmlDevice_t, sample: nvmlGpmSample_t) {
        let gpu = call.gpu(device)?;
        let emulated = call.machine.gpu(gpu);
        if !emulated.board().sensors.gpm.value {
            return Err(Refusal::NOT_SUPPORTED);
        }
        let counters = emulated.activity_counters();
        let place = call.activity_samples.get_mut(sample).ok_or(Refusal::INVALID_ARGUMENT)?;
        *place = Some(ActivitySample { gpu, counters });
        Ok(())
    }

    /// Computes metrics from two samples of one GPU.
    fn nvmlGpmMetricsGet(call, request: InOut<MetricsHead>) {
        call.named_fault()?;
        let head = request.get()?;
        if head.version != GPM_VERSION {
            return Err(Refusal::ARGUMENT_VERSION_MISMATCH);
        }
        let earlier = taken(call.activity_samples, head.sample1)?;
        let later = taken(call.activity_samples, head.sample2)?;
        call.check(earlier.gpu)?;
        let window_ns = later.counters.at.checked_sub(earlier.counters.at);
        let window_s = window_ns.map(|window| Seconds::from(window).get());
        let Some(window_s) = window_s.filter(|window_s| *window_s > 0.0 && earlier.gpu == later.gpu) else {
            return Err(Refusal::INVALID_ARGUMENT);
        };
        metrics_behind(request).each(head.num_metrics as usize, |metric| {
            answer(metric, &earlier.counters.active_s, &later.counters.active_s, window_s);
        })
    }

    /// Streaming is never on.
    fn nvmlGpmQueryIfStreamingEnabled(call, device: nvmlDevice_t, state: Out<c_uint>) {
        if !call.emulated(device)?.board().sensors.gpm.value {
            return Err(Refusal::NOT_SUPPORTED);
        }
        state.put(0)
    }
}

fn taken(
    samples: &mut Handles<Option<ActivitySample>>,
    sample: nvmlGpmSample_t,
) -> Answer<ActivitySample> {
    samples
        .get_mut(sample)
        .copied()
        .flatten()
        .ok_or(Refusal::INVALID_ARGUMENT)
}

/// The metrics that follow the head of a request.
#[expect(unsafe_code, reason = "the list follows a structure of the caller")]
fn metrics_behind(request: InOut<MetricsHead>) -> List<nvmlGpmMetric_t> {
    // SAFETY: by the header the request goes on behind its head with room for `num_metrics`
    // metrics, which are aligned there: the head is 24 bytes long.
    unsafe { List::of_structure(request.behind().cast()) }
}

/// A metric that the emulator knows: from the counters, or zero because nothing of it is emulated.
struct Metric {
    name: &'static CStr,
    long_name: &'static CStr,
    unit: &'static CStr,
    /// Seconds of full activity; none where the metric is always zero.
    counter: Option<fn(&Activity) -> f64>,
}

impl Metric {
    fn share(name: &'static CStr, long_name: &'static CStr, counter: fn(&Activity) -> f64) -> Self {
        Self {
            name,
            long_name,
            unit: c"%",
            counter: Some(counter),
        }
    }

    /// Traffic of a link: emulated work moves nothing over it.
    fn traffic(name: &'static CStr, long_name: &'static CStr) -> Self {
        Self {
            name,
            long_name,
            unit: c"MiB/s",
            counter: None,
        }
    }

    /// The metric of an id; none where the emulator does not know it.
    fn of(id: nvmlGpmMetricId_t) -> Option<Self> {
        Some(match id {
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_GRAPHICS_UTIL => {
                Self::share(c"graphics_util", c"Graphics Utilization", |c| c.graphics)
            }
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_SM_UTIL => {
                Self::share(c"sm_util", c"SM Utilization", |c| c.sm)
            }
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_SM_OCCUPANCY => {
                Self::share(c"sm_occupancy", c"SM Occupancy", |c| c.occupancy)
            }
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_ANY_TENSOR_UTIL => {
                Self::share(c"any_tensor_util", c"Any Tensor Utilization", |c| {
                    c.any_tensor
                })
            }
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_HMMA_TENSOR_UTIL => {
                Self::share(c"hmma_tensor_util", c"HMMA Tensor Utilization", |c| c.hmma)
            }
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_IMMA_TENSOR_UTIL => {
                Self::share(c"imma_tensor_util", c"IMMA Tensor Utilization", |c| c.imma)
            }
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_DRAM_BW_UTIL => {
                Self::share(c"dram_bw_util", c"DRAM Bandwidth Utilization", |c| c.dram)
            }
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_FP64_UTIL => {
                Self::share(c"fp64_util", c"FP64 Utilization", |c| c.fp64)
            }
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_FP32_UTIL => {
                Self::share(c"fp32_util", c"FP32 Utilization", |c| c.fp32)
            }
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_FP16_UTIL => {
                Self::share(c"fp16_util", c"FP16 Utilization", |c| c.fp16)
            }
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_PCIE_TX_PER_SEC => {
                Self::traffic(c"pcie_tx_per_sec", c"PCIe Transmit")
            }
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_PCIE_RX_PER_SEC => {
                Self::traffic(c"pcie_rx_per_sec", c"PCIe Receive")
            }
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_NVLINK_TOTAL_RX_PER_SEC => {
                Self::traffic(c"nvlink_total_rx_per_sec", c"NVLink Receive")
            }
            nvml::nvmlGpmMetricId_t_NVML_GPM_METRIC_NVLINK_TOTAL_TX_PER_SEC => {
                Self::traffic(c"nvlink_total_tx_per_sec", c"NVLink Transmit")
            }
            _ => return None,
        })
    }
}

fn answer(metric: &mut nvmlGpmMetric_t, earlier: &Activity, later: &Activity, window_s: f64) {
    let Some(known) = Metric::of(metric.metricId) else {
        metric.nvmlReturn = Refusal::NOT_SUPPORTED.0;
        return;
    };
    metric.nvmlReturn = nvmlReturn_enum_NVML_SUCCESS;
    metric.value = known.counter.map_or(0.0, |active_s| {
        (active_s(later) - active_s(earlier)) / window_s * 100.0
    });
    metric.metricInfo.shortName = known.name.as_ptr().cast_mut();
    metric.metricInfo.longName = known.long_name.as_ptr().cast_mut();
    metric.metricInfo.unit = known.unit.as_ptr().cast_mut();
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok, read};
    use super::*;

    /// A request as a caller lays it out, with room for six metrics.
    #[repr(C)]
    struct Request {
        head: MetricsHead,
        metrics: [nvmlGpmMetric_t; 6],
    }

    fn metric(id: u32) -> nvmlGpmMetric_t {
        nvmlGpmMetric_t {
            metricId: id,
            nvmlReturn: 77,
            value: -1.0,
            metricInfo: nvml::nvmlGpmMetric_t__bindgen_ty_1 {
                shortName: std::ptr::null_mut(),
                longName: std::ptr::null_mut(),
                unit: std::ptr::null_mut(),
            },
        }
    }

    fn request(sample1: nvmlGpmSample_t, sample2: nvmlGpmSample_t, metrics: u32) -> Request {
        let ids = [2, 5, 10, 20, 4, 1];
        Request {
            head: MetricsHead {
                version: 1,
                num_metrics: metrics,
                sample1,
                sample2,
            },
            metrics: ids.map(metric),
        }
    }

    fn whole(request: &mut Request) -> InOut<MetricsHead> {
        // The pointer must reach over the whole request, so it comes from the request.
        InOut::to_first(request)
    }

    #[test]
    fn activity_is_the_difference_of_two_samples() {
        let mut bench = Bench::of(&["h200-sxm-141gb"]);
        let device = bench.device(0);
        let mut support = nvmlGpmSupport_t {
            version: 1,
            isSupportedDevice: 0,
        };
        ok(nvmlGpmQueryDeviceSupport(device, InOut::to(&mut support)));
        assert_eq!(support.isSupportedDevice, 1);
        let samples = [(); 2].map(|()| read(|out| nvmlGpmSampleAlloc(out)));
        bench.run(0, "gemm-bf16");
        bench.wait(0.1);
        ok(nvmlGpmSampleGet(device, samples[0]));
        bench.wait(0.3);
        ok(nvmlGpmSampleGet(device, samples[1]));
        let mut asked = request(samples[0], samples[1], 5);
        ok(nvmlGpmMetricsGet(whole(&mut asked)));
        let [sm, tensor, dram, pcie, integer, untouched] = asked.metrics;
        assert!(sm.value > 50.0 && sm.value <= 100.0, "SM {} %", sm.value);
        assert!(
            tensor.value > 20.0 && tensor.value <= 100.0,
            "tensor {} %",
            tensor.value
        );
        assert!((0.0..=100.0).contains(&dram.value), "DRAM {} %", dram.value);
        assert_eq!((pcie.nvmlReturn, pcie.value), (0, 0.0));
        assert_eq!(integer.nvmlReturn, Refusal::NOT_SUPPORTED.0);
        assert_eq!(
            (untouched.nvmlReturn, untouched.value),
            (77, -1.0),
            "behind the stated number"
        );
        for sample in samples {
            ok(nvmlGpmSampleFree(sample));
            assert_eq!(nvmlGpmSampleFree(sample), Refusal::INVALID_ARGUMENT.0);
        }
    }

    #[test]
    fn samples_in_the_wrong_order_or_empty_are_refused() {
        let bench = Bench::of(&["h100-nvl"]);
        let device = bench.device(0);
        let samples = [(); 2].map(|()| read(|out| nvmlGpmSampleAlloc(out)));
        let refused = Refusal::INVALID_ARGUMENT.0;
        assert_eq!(
            nvmlGpmMetricsGet(whole(&mut request(samples[0], samples[1], 1))),
            refused
        );
        for sample in samples {
            ok(nvmlGpmSampleGet(device, sample));
            bench.wait(0.01);
        }
        assert_eq!(
            nvmlGpmMetricsGet(whole(&mut request(samples[1], samples[0], 1))),
            refused
        );
        let mut versioned = request(samples[0], samples[1], 1);
        versioned.head.version = 2;
        let wrong = nvmlGpmMetricsGet(whole(&mut versioned));
        assert_eq!(wrong, Refusal::ARGUMENT_VERSION_MISMATCH.0);
    }

    #[test]
    fn boards_before_hopper_have_none() {
        let bench = Bench::of(&["v100-pcie-32gb", "a100-pcie-80gb"]);
        let sample = read(|out| nvmlGpmSampleAlloc(out));
        for gpu in 0..2 {
            let mut support = nvmlGpmSupport_t {
                version: 1,
                isSupportedDevice: 9,
            };
            ok(nvmlGpmQueryDeviceSupport(
                bench.device(gpu),
                InOut::to(&mut support),
            ));
            assert_eq!(support.isSupportedDevice, 0);
            assert_eq!(
                nvmlGpmSampleGet(bench.device(gpu), sample),
                Refusal::NOT_SUPPORTED.0
            );
        }
    }
}
