//! Values by field id (`nvmlDeviceGetFieldValues`): each with its own return code, type and time.

use std::ffi::c_int;

use gpu_sim::{Architecture, Gpu, Readings};
use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::field_id::{
    NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN, NVML_FI_DEV_ECC_CURRENT,
    NVML_FI_DEV_ECC_DBE_AGG_DEV, NVML_FI_DEV_ECC_DBE_AGG_TOTAL, NVML_FI_DEV_ECC_DBE_VOL_DEV,
    NVML_FI_DEV_ECC_DBE_VOL_TOTAL, NVML_FI_DEV_ECC_PENDING, NVML_FI_DEV_ECC_SBE_AGG_DEV,
    NVML_FI_DEV_ECC_SBE_AGG_TOTAL, NVML_FI_DEV_ECC_SBE_VOL_DEV, NVML_FI_DEV_ECC_SBE_VOL_TOTAL,
    NVML_FI_DEV_ENERGY, NVML_FI_DEV_MEMORY_TEMP, NVML_FI_DEV_PCIE_REPLAY_COUNTER,
    NVML_FI_DEV_PERF_POLICY_BOARD_LIMIT, NVML_FI_DEV_PERF_POLICY_LOW_UTILIZATION,
    NVML_FI_DEV_PERF_POLICY_POWER, NVML_FI_DEV_PERF_POLICY_RELIABILITY,
    NVML_FI_DEV_PERF_POLICY_SYNC_BOOST, NVML_FI_DEV_PERF_POLICY_THERMAL, NVML_FI_DEV_POWER_AVERAGE,
    NVML_FI_DEV_POWER_CURRENT_LIMIT, NVML_FI_DEV_POWER_DEFAULT_LIMIT, NVML_FI_DEV_POWER_INSTANT,
    NVML_FI_DEV_POWER_MAX_LIMIT, NVML_FI_DEV_POWER_MIN_LIMIT, NVML_FI_DEV_POWER_REQUESTED_LIMIT,
    NVML_FI_DEV_REMAPPED_COR, NVML_FI_DEV_REMAPPED_FAILURE, NVML_FI_DEV_REMAPPED_PENDING,
    NVML_FI_DEV_REMAPPED_UNC, NVML_FI_DEV_RETIRED_PENDING, NVML_FI_DEV_RETIRED_SBE,
    NVML_FI_DEV_TEMPERATURE_GPU_MAX_TLIMIT, NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT,
    NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT, NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION,
};
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlFieldValue_t, nvmlReturn_enum_NVML_SUCCESS, nvmlValue_t,
};

use super::call::exports;
use super::performance::held_back;
use super::pointer::List;
use super::power::{Limits, milliwatts};
use super::refusal::{Answer, Refusal};
use super::thermal::rounded;

exports! {
    /// Reads values by field id and scope. A field that the board or the emulator lacks is refused
    /// in its own return code; the call itself succeeds.
    fn nvmlDeviceGetFieldValues(
        call,
        device: nvmlDevice_t,
        count: c_int,
        values: List<nvmlFieldValue_t>,
    ) {
        let wall_clock = call.wall_clock;
        let gpu = call.emulated(device)?;
        let count = usize::try_from(count).map_err(|_| Refusal::INVALID_ARGUMENT)?;
        let readings = gpu.read();
        let at_us = signed(wall_clock.micros(gpu.now()));
        values.each(count, |value| {
            value.timestamp = at_us;
            value.latencyUsec = 0;
            match field(gpu, &readings, value.fieldId, value.scopeId) {
                Ok(number) => {
                    value.nvmlReturn = nvmlReturn_enum_NVML_SUCCESS;
                    (value.valueType, value.value) = number.packed();
                }
                Err(refusal) => value.nvmlReturn = refusal.0,
            }
        })
    }
}

/// A number with the type that the driver gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Unsigned(u32),
    Long(u64),
    Signed(i32),
}

impl Number {
    fn packed(self) -> (u32, nvmlValue_t) {
        // Every byte of the union is set, so that a caller who reads a wider type sees the same.
        let mut value = nvmlValue_t { ullVal: 0 };
        match self {
            Self::Unsigned(number) => {
                value.ullVal = u64::from(number);
                (nvml::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT, value)
            }
            Self::Long(number) => {
                value.ullVal = number;
                (
                    nvml::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG,
                    value,
                )
            }
            Self::Signed(number) => {
                value.sllVal = i64::from(number);
                (nvml::nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_INT, value)
            }
        }
    }
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

fn field(gpu: &Gpu, readings: &Readings, id: u32, scope: u32) -> Answer<Number> {
    match id {
        NVML_FI_DEV_POWER_AVERAGE..=NVML_FI_DEV_POWER_REQUESTED_LIMIT => {
            power(gpu, readings, id, scope)
        }
        NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION => energy(readings, scope),
        NVML_FI_DEV_ECC_CURRENT..=NVML_FI_DEV_ECC_DBE_AGG_DEV => errors(readings, id),
        NVML_FI_DEV_RETIRED_SBE..=NVML_FI_DEV_RETIRED_PENDING => {
            only(gpu, &[Architecture::Volta]).map(|()| Number::Unsigned(0))
        }
        NVML_FI_DEV_REMAPPED_COR
        | NVML_FI_DEV_REMAPPED_UNC
        | NVML_FI_DEV_REMAPPED_PENDING
        | NVML_FI_DEV_REMAPPED_FAILURE => {
            only(gpu, &[Architecture::Ampere, Architecture::Hopper]).map(|()| Number::Unsigned(0))
        }
        NVML_FI_DEV_PERF_POLICY_POWER
        | NVML_FI_DEV_PERF_POLICY_THERMAL
        | NVML_FI_DEV_PERF_POLICY_SYNC_BOOST
        | NVML_FI_DEV_PERF_POLICY_BOARD_LIMIT
        | NVML_FI_DEV_PERF_POLICY_LOW_UTILIZATION
        | NVML_FI_DEV_PERF_POLICY_RELIABILITY => {
            let policy = id - NVML_FI_DEV_PERF_POLICY_POWER;
            Ok(Number::Long(held_back(readings, policy)?.get()))
        }
        NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN => {
            Ok(Number::Long(readings.violation_thermal.get()))
        }
        NVML_FI_DEV_MEMORY_TEMP => {
            let celsius = readings
                .memory_temperature_c
                .ok_or(Refusal::NOT_SUPPORTED)?;
            u32::try_from(celsius)
                .map(Number::Unsigned)
                .map_err(|_| Refusal::UNKNOWN)
        }
        NVML_FI_DEV_PCIE_REPLAY_COUNTER => Ok(Number::Unsigned(0)),
        NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT
        | NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT
        | NVML_FI_DEV_TEMPERATURE_GPU_MAX_TLIMIT => margin(gpu, id),
        _ => Err(Refusal::NOT_SUPPORTED),
    }
}

/// Power and its limits in mW. Beside the whole GPU only the memory has a scope, and of that only
/// the average is shown.
fn power(gpu: &Gpu, readings: &Readings, id: u32, scope: u32) -> Answer<Number> {
    if id == NVML_FI_DEV_ENERGY {
        return energy(readings, scope);
    }
    let shown = match (id, scope) {
        (NVML_FI_DEV_POWER_AVERAGE, nvml::NVML_POWER_SCOPE_GPU) => readings.power_average,
        (NVML_FI_DEV_POWER_AVERAGE, nvml::NVML_POWER_SCOPE_MEMORY) => readings.memory_power_average,
        (NVML_FI_DEV_POWER_INSTANT, nvml::NVML_POWER_SCOPE_GPU) => Some(readings.power_instant),
        (_, nvml::NVML_POWER_SCOPE_GPU) => {
            let limits = Limits::of(gpu)?;
            return match id {
                NVML_FI_DEV_POWER_MIN_LIMIT => Ok(Number::Unsigned(limits.min)),
                NVML_FI_DEV_POWER_MAX_LIMIT => Ok(Number::Unsigned(limits.max)),
                NVML_FI_DEV_POWER_DEFAULT_LIMIT => Ok(Number::Unsigned(limits.default)),
                NVML_FI_DEV_POWER_CURRENT_LIMIT | NVML_FI_DEV_POWER_REQUESTED_LIMIT => {
                    Ok(Number::Unsigned(limits.set))
                }
                _ => Err(Refusal::NOT_SUPPORTED),
            };
        }
        (_, nvml::NVML_POWER_SCOPE_MODULE | nvml::NVML_POWER_SCOPE_MEMORY) => None,
        _ => return Err(Refusal::INVALID_ARGUMENT),
    };
    Ok(Number::Unsigned(milliwatts(
        shown.ok_or(Refusal::NOT_SUPPORTED)?,
    )?))
}

/// The counter in mJ; only the whole GPU has one.
fn energy(readings: &Readings, scope: u32) -> Answer<Number> {
    match scope {
        nvml::NVML_POWER_SCOPE_GPU => Ok(Number::Long(readings.energy.get())),
        nvml::NVML_POWER_SCOPE_MODULE | nvml::NVML_POWER_SCOPE_MEMORY => {
            Err(Refusal::NOT_SUPPORTED)
        }
        _ => Err(Refusal::INVALID_ARGUMENT),
    }
}

/// Memory errors; those of other places are not emulated.
fn errors(readings: &Readings, id: u32) -> Answer<Number> {
    match id {
        NVML_FI_DEV_ECC_CURRENT | NVML_FI_DEV_ECC_PENDING => Ok(Number::Unsigned(1)),
        NVML_FI_DEV_ECC_SBE_VOL_TOTAL
        | NVML_FI_DEV_ECC_SBE_AGG_TOTAL
        | NVML_FI_DEV_ECC_SBE_VOL_DEV
        | NVML_FI_DEV_ECC_SBE_AGG_DEV => Ok(Number::Long(readings.ecc_single)),
        NVML_FI_DEV_ECC_DBE_VOL_TOTAL
        | NVML_FI_DEV_ECC_DBE_AGG_TOTAL
        | NVML_FI_DEV_ECC_DBE_VOL_DEV
        | NVML_FI_DEV_ECC_DBE_AGG_DEV => Ok(Number::Long(readings.ecc_double)),
        _ => Err(Refusal::NOT_SUPPORTED),
    }
}

/// A limit as kelvin that are left of it at the highest operating temperature (Hopper).
fn margin(gpu: &Gpu, id: u32) -> Answer<Number> {
    only(gpu, &[Architecture::Hopper])?;
    let limits = &gpu.board().limits;
    let limit = match id {
        NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT => limits.shutdown_c.value,
        NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT => limits.slowdown_c.value,
        _ => limits.max_operating_c.value,
    };
    Ok(Number::Signed(
        rounded(limits.max_operating_c.value) - rounded(limit),
    ))
}

fn only(gpu: &Gpu, architectures: &[Architecture]) -> Answer {
    if architectures.contains(&gpu.board().architecture) {
        Ok(())
    } else {
        Err(Refusal::NOT_SUPPORTED)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok};
    use super::*;

    fn values(device: nvmlDevice_t, ids: &[(u32, u32)]) -> Vec<nvmlFieldValue_t> {
        let mut values: Vec<_> = ids
            .iter()
            .map(|(id, scope)| nvmlFieldValue_t {
                fieldId: *id,
                scopeId: *scope,
                timestamp: 0,
                latencyUsec: 0,
                valueType: 99,
                nvmlReturn: 99,
                value: nvmlValue_t { ullVal: 0 },
            })
            .collect();
        let count = c_int::try_from(values.len()).unwrap();
        ok(nvmlDeviceGetFieldValues(
            device,
            count,
            List::to(&mut values),
        ));
        values
    }

    #[expect(unsafe_code, reason = "the value is a union")]
    fn unsigned(value: &nvmlFieldValue_t) -> u64 {
        assert_eq!(value.nvmlReturn, 0, "field {}", value.fieldId);
        // SAFETY: the library sets all bytes of the union.
        unsafe { value.value.ullVal }
    }

    #[test]
    fn energy_power_and_limits_have_their_fields() {
        let bench = Bench::of(&["h200-sxm-141gb"]);
        let ids = [
            (83, 0),
            (191, 0),
            (185, 0),
            (186, 0),
            (185, 2),
            (187, 0),
            (188, 0),
            (189, 0),
            (190, 0),
            (192, 0),
        ];
        let values = values(bench.device(0), &ids);
        let numbers: Vec<u64> = values.iter().map(unsigned).collect();
        assert_eq!(numbers[0], numbers[1], "one counter under two ids");
        assert_eq!(
            values[0].valueType,
            nvml::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG
        );
        assert_eq!(
            values[2].valueType,
            nvml::nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT
        );
        for power in &numbers[2..4] {
            assert!((40_000..200_000).contains(power), "{power} mW");
        }
        assert!(
            numbers[4] > 0 && numbers[4] < numbers[2],
            "memory is a part of the board"
        );
        assert_eq!(numbers[5..], [200_000, 700_000, 700_000, 700_000, 700_000]);
        assert!(values[0].timestamp > 1_600_000_000_000_000, "µs since 1970");
    }

    #[test]
    fn what_a_board_lacks_is_refused_value_by_value() {
        let bench = Bench::of(&["v100-pcie-32gb", "a100-pcie-80gb", "h100-sxm5-80gb"]);
        let not_supported = Refusal::NOT_SUPPORTED.0;
        let ids = [
            (185, 0),
            (186, 0),
            (185, 2),
            (185, 1),
            (29, 0),
            (142, 0),
            (194, 0),
            (9_999, 0),
            (186, 7),
        ];
        let expected = [
            [
                not_supported,
                0,
                not_supported,
                not_supported,
                0,
                not_supported,
                not_supported,
            ],
            [
                not_supported,
                0,
                not_supported,
                not_supported,
                not_supported,
                0,
                not_supported,
            ],
            [0, 0, 0, not_supported, not_supported, 0, 0],
        ];
        for (gpu, expected) in (0..).zip(expected) {
            let codes: Vec<u32> = values(bench.device(gpu), &ids)
                .iter()
                .map(|v| v.nvmlReturn)
                .collect();
            assert_eq!(codes[..7], expected, "GPU {gpu}");
            assert_eq!(codes[7..], [not_supported, Refusal::INVALID_ARGUMENT.0]);
        }
    }

    #[test]
    fn limits_of_a_hopper_board_are_margins() {
        let bench = Bench::of(&["h100-sxm5-80gb"]);
        let values = values(bench.device(0), &[(193, 0), (194, 0), (196, 0)]);
        let margins: Vec<i64> = values
            .iter()
            .map(|value| unsigned(value).cast_signed())
            .collect();
        assert_eq!(margins, [-8, -2, 0]);
    }

    #[test]
    fn a_bad_list_is_refused() {
        let bench = Bench::of(&["h100-nvl"]);
        for (count, list) in [(-1, List::null()), (1, List::null())] {
            let refused = nvmlDeviceGetFieldValues(bench.device(0), count, list);
            assert_eq!(refused, Refusal::INVALID_ARGUMENT.0);
        }
    }
}
