//! Temperatures and their limits.

use std::ffi::c_uint;

use gpu_sim::Architecture;
use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlMarginTemperature_v1_t, nvmlTemperature_t, nvmlTemperatureSensors_t,
    nvmlTemperatureThresholds_t,
};

use super::call::exports;
use super::pointer::{InOut, Out};
use super::refusal::{Answer, Refusal};

exports! {
    /// Temperature of the chip in °C.
    fn nvmlDeviceGetTemperature(
        call,
        device: nvmlDevice_t,
        sensor: nvmlTemperatureSensors_t,
        temperature: Out<c_uint>,
    ) {
        let shown = call.readings(device)?.temperature_c;
        on_the_chip(sensor)?;
        temperature.put(u32::try_from(shown).unwrap_or_default())
    }

    /// Temperature of the chip in °C, in a structure.
    fn nvmlDeviceGetTemperatureV(
        call,
        device: nvmlDevice_t,
        temperature: InOut<nvmlTemperature_t>,
    ) {
        let shown = call.readings(device)?.temperature_c;
        let mut answer = temperature.versioned(1)?;
        on_the_chip(answer.sensorType)?;
        answer.temperature = whole(shown)?;
        temperature.put(answer)
    }

    /// A temperature limit in °C.
    fn nvmlDeviceGetTemperatureThreshold(
        call,
        device: nvmlDevice_t,
        threshold: nvmlTemperatureThresholds_t,
        temperature: Out<c_uint>,
    ) {
        let limits = &call.board(device)?.limits;
        let celsius = match threshold {
            nvml::nvmlTemperatureThresholds_enum_NVML_TEMPERATURE_THRESHOLD_SHUTDOWN => limits.shutdown_c.value,
            nvml::nvmlTemperatureThresholds_enum_NVML_TEMPERATURE_THRESHOLD_SLOWDOWN => limits.slowdown_c.value,
            nvml::nvmlTemperatureThresholds_enum_NVML_TEMPERATURE_THRESHOLD_MEM_MAX => limits.memory_max_c.value,
            nvml::nvmlTemperatureThresholds_enum_NVML_TEMPERATURE_THRESHOLD_GPU_MAX => limits.max_operating_c.value,
            nvml::nvmlTemperatureThresholds_enum_NVML_TEMPERATURE_THRESHOLD_ACOUSTIC_MIN
            ..nvml::nvmlTemperatureThresholds_enum_NVML_TEMPERATURE_THRESHOLD_COUNT => {
                return Err(Refusal::NOT_SUPPORTED);
            }
            _ => return Err(Refusal::INVALID_ARGUMENT),
        };
        temperature.put(u32::try_from(rounded(celsius)).map_err(|_| Refusal::UNKNOWN)?)
    }

    /// How far the chip is below its highest operating temperature, in kelvin (Hopper).
    fn nvmlDeviceGetMarginTemperature(
        call,
        device: nvmlDevice_t,
        margin: InOut<nvmlMarginTemperature_v1_t>,
    ) {
        let gpu = call.emulated(device)?;
        let board = gpu.board();
        if board.architecture != Architecture::Hopper {
            return Err(Refusal::NOT_SUPPORTED);
        }
        let mut answer = margin.versioned(1)?;
        let below = i64::from(rounded(board.limits.max_operating_c.value)) - gpu.read().temperature_c;
        answer.marginTemperature = whole(below)?;
        margin.put(answer)
    }

    /// The boards are cooled by the air of the server: none has a fan of its own.
    fn nvmlDeviceGetNumFans(call, device: nvmlDevice_t, count: Out<c_uint>) {
        call.gpu(device)?;
        count.put(0)
    }
}

fn on_the_chip(sensor: nvmlTemperatureSensors_t) -> Answer {
    if sensor != nvml::nvmlTemperatureSensors_enum_NVML_TEMPERATURE_GPU {
        return Err(Refusal::INVALID_ARGUMENT);
    }
    Ok(())
}

fn whole(celsius: i64) -> Answer<i32> {
    i32::try_from(celsius).map_err(|_| Refusal::UNKNOWN)
}

/// A limit of the profile as the integer that the driver shows.
pub(super) fn rounded(celsius: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "profiles are checked: limits lie between 20 and 150 °C"
    )]
    let whole = celsius.round() as i32;
    whole
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok, read};
    use super::super::pointer::struct_version;
    use super::*;

    #[test]
    fn both_forms_give_the_temperature() {
        let bench = Bench::of(&["h200-sxm-141gb"]);
        let device = bench.device(0);
        let plain = read(|out| nvmlDeviceGetTemperature(device, 0, out));
        assert!((15..60).contains(&plain), "{plain} °C at idle");
        let mut structure = nvmlTemperature_t {
            version: 0x0100_000C,
            sensorType: 0,
            temperature: 0,
        };
        ok(nvmlDeviceGetTemperatureV(device, InOut::to(&mut structure)));
        assert!(structure.temperature.abs_diff(plain.cast_signed()) <= 1);
        structure.version += 1;
        let wrong = nvmlDeviceGetTemperatureV(device, InOut::to(&mut structure));
        assert_eq!(wrong, Refusal::ARGUMENT_VERSION_MISMATCH.0);
        let mut ignored = 0;
        let other = nvmlDeviceGetTemperature(device, 1, Out::to(&mut ignored));
        assert_eq!(other, Refusal::INVALID_ARGUMENT.0);
    }

    #[test]
    fn limits_are_those_of_the_board() {
        let bench = Bench::of(&["a100-pcie-40gb"]);
        let device = bench.device(0);
        let limits = [0, 1, 3]
            .map(|which| read(|out| nvmlDeviceGetTemperatureThreshold(device, which, out)));
        assert_eq!(limits, [92, 89, 85]);
        let mut ignored = 0;
        let mut refused =
            |which| nvmlDeviceGetTemperatureThreshold(device, which, Out::to(&mut ignored));
        assert_eq!(refused(4), Refusal::NOT_SUPPORTED.0);
        assert_eq!(refused(8), Refusal::INVALID_ARGUMENT.0);
    }

    #[test]
    fn the_margin_came_with_hopper() {
        let bench = Bench::of(&["a100-pcie-40gb", "h100-sxm5-80gb"]);
        let mut margin = nvmlMarginTemperature_v1_t {
            version: struct_version::<nvmlMarginTemperature_v1_t>(1),
            marginTemperature: 0,
        };
        let ampere = nvmlDeviceGetMarginTemperature(bench.device(0), InOut::to(&mut margin));
        assert_eq!(ampere, Refusal::NOT_SUPPORTED.0);
        ok(nvmlDeviceGetMarginTemperature(
            bench.device(1),
            InOut::to(&mut margin),
        ));
        let shown = read(|out| nvmlDeviceGetTemperature(bench.device(1), 0, out));
        assert!((margin.marginTemperature + shown.cast_signed()).abs_diff(87) <= 1);
    }
}
