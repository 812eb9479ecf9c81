//! Samples that the driver keeps (`nvmlDeviceGetSamples`).

use std::ffi::{c_uint, c_ulonglong};

use gpu_sim::Gpu;
use model::units::Nanos;
use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlSample_t, nvmlSamplingType_t, nvmlValue_t, nvmlValueType_t,
};

use super::call::exports;
use super::pointer::{InOut, List, Out};
use super::power::milliwatts;
use super::refusal::{Answer, Refusal};

exports! {
    /// Samples newer than a timestamp in µs, oldest first. Power comes from the ring of the board;
    /// of utilisation and clocks the emulator keeps the present value only.
    fn nvmlDeviceGetSamples(
        call,
        device: nvmlDevice_t,
        kind: nvmlSamplingType_t,
        last_seen: c_ulonglong,
        value_type: Out<nvmlValueType_t>,
        count: InOut<c_uint>,
        samples: List<nvmlSample_t>,
    ) {
        let kept = kept(call.emulated(device)?, kind)?;
        value_type.given()?;
        let newer: Vec<nvmlSample_t> = kept
            .into_iter()
            .map(|(at, value)| nvmlSample_t {
                timeStamp: call.wall_clock.micros(at),
                sampleValue: nvmlValue_t { ullVal: u64::from(value) },
            })
            .filter(|sample| sample.timeStamp > last_seen)
            .collect();
        if newer.is_empty() {
            count.put(0)?;
            return Err(Refusal::NOT_FOUND);
        }
        value_type.put(nvml::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT)?;
        samples.fill_some(count, &newer)
    }
}

fn kept(gpu: &Gpu, kind: nvmlSamplingType_t) -> Answer<Vec<(Nanos, u32)>> {
    let readings = gpu.read();
    let present = |value| Ok(vec![(gpu.now(), value)]);
    match kind {
        nvml::nvmlSamplingType_enum_NVML_TOTAL_POWER_SAMPLES => gpu
            .power_samples()
            .into_iter()
            .map(|(at, power)| Ok((at, milliwatts(power)?)))
            .collect(),
        nvml::nvmlSamplingType_enum_NVML_GPU_UTILIZATION_SAMPLES => present(readings.gpu_util_pct),
        nvml::nvmlSamplingType_enum_NVML_MEMORY_UTILIZATION_SAMPLES => {
            present(readings.memory_util_pct)
        }
        nvml::nvmlSamplingType_enum_NVML_ENC_UTILIZATION_SAMPLES
        | nvml::nvmlSamplingType_enum_NVML_DEC_UTILIZATION_SAMPLES
        | nvml::nvmlSamplingType_enum_NVML_JPG_UTILIZATION_SAMPLES
        | nvml::nvmlSamplingType_enum_NVML_OFA_UTILIZATION_SAMPLES => present(0),
        nvml::nvmlSamplingType_enum_NVML_PROCESSOR_CLK_SAMPLES => present(readings.sm_clock.get()),
        nvml::nvmlSamplingType_enum_NVML_MEMORY_CLK_SAMPLES => present(readings.memory_clock.get()),
        nvml::nvmlSamplingType_enum_NVML_MODULE_POWER_SAMPLES => Err(Refusal::NOT_SUPPORTED),
        _ => Err(Refusal::INVALID_ARGUMENT),
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok};
    use super::*;

    const POWER: u32 = nvml::nvmlSamplingType_enum_NVML_TOTAL_POWER_SAMPLES;

    fn empty() -> nvmlSample_t {
        nvmlSample_t {
            timeStamp: 0,
            sampleValue: nvmlValue_t { ullVal: 0 },
        }
    }

    #[test]
    fn the_ring_is_read_on_from_where_the_caller_stopped() {
        let bench = Bench::of(&["v100-pcie-32gb"]);
        let device = bench.device(0);
        bench.wait(0.3);
        let (mut value_type, mut count) = (99, 0);
        ok(nvmlDeviceGetSamples(
            device,
            POWER,
            0,
            Out::to(&mut value_type),
            InOut::to(&mut count),
            List::null(),
        ));
        assert!(count >= 10, "a sample each 20 ms for 0.3 s, got {count}");
        assert_eq!(
            value_type,
            nvml::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT
        );
        let mut samples = vec![empty(); count as usize];
        ok(nvmlDeviceGetSamples(
            device,
            POWER,
            0,
            Out::to(&mut value_type),
            InOut::to(&mut count),
            List::to(&mut samples),
        ));
        assert!(samples.is_sorted_by(|a, b| a.timeStamp < b.timeStamp));
        let last = samples.last().unwrap().timeStamp;
        bench.wait(0.1);
        let mut newer = vec![empty(); 200];
        let mut count = 200;
        ok(nvmlDeviceGetSamples(
            device,
            POWER,
            last,
            Out::to(&mut value_type),
            InOut::to(&mut count),
            List::to(&mut newer),
        ));
        assert!(count >= 1 && newer[0].timeStamp > last);
        let none = nvmlDeviceGetSamples(
            device,
            POWER,
            u64::MAX,
            Out::to(&mut value_type),
            InOut::to(&mut count),
            List::null(),
        );
        assert_eq!((none, count), (Refusal::NOT_FOUND.0, 0));
    }

    #[test]
    fn other_kinds_give_the_present_value_or_are_refused() {
        let bench = Bench::of(&["h100-nvl"]);
        let device = bench.device(0);
        for (kind, expected) in [
            (1, 0),
            (5, 0),
            (7, Refusal::NOT_SUPPORTED.0),
            (10, Refusal::INVALID_ARGUMENT.0),
        ] {
            let (mut value_type, mut count) = (99, 0);
            let code = nvmlDeviceGetSamples(
                device,
                kind,
                0,
                Out::to(&mut value_type),
                InOut::to(&mut count),
                List::null(),
            );
            assert_eq!(code, expected, "kind {kind}");
            assert_eq!(count, u32::from(expected == 0));
        }
    }
}
