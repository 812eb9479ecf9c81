//! Calls that the safe wrapper lacks: field values with a scope or a sign, every bit of the event reasons,
//! the newer utilization and temperature calls, and long lists of clocks. Each asks the library
//! that the wrapper loaded.

use std::ffi::c_uint;

use nvml_wrapper::error::{NvmlError, nvml_sym, nvml_try};
use nvml_wrapper::{Device, Nvml};
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlFieldValue_t, nvmlMarginTemperature_t,
    nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE as INSUFFICIENT_SIZE, nvmlReturn_t, nvmlValue_t,
    nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_INT as SIGNED_INT,
    nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_LONG_LONG as SIGNED_LONG_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT as UNSIGNED_INT,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG as UNSIGNED_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG as UNSIGNED_LONG_LONG,
};

use crate::exit::Failure;

/// `NVML_POWER_SCOPE_MEMORY`
const SCOPE_MEMORY: c_uint = 2;
/// `NVML_STRUCT_VERSION(MarginTemperature, 1)`: the size of the struct and the version above it.
const MARGIN_VERSION: c_uint = 8 | 1 << 24;

/// What a power field is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Gpu,
    Memory,
}

/// A unit whose utilization the wrapper does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Jpeg,
    OpticalFlow,
}

#[expect(
    unsafe_code,
    reason = "the wrapper guards its handle, and the raw calls need it"
)]
fn handle(device: &Device<'_>) -> nvmlDevice_t {
    // SAFETY: the handle is used only in this file, while the `Nvml` that the device borrows lives.
    unsafe { device.handle() }
}

/// A field as a whole number, with the scope of its power. The wrapper has no scopes, and it fails
/// at fields that are signed 32-bit numbers.
pub(crate) fn field(
    nvml: &Nvml,
    device: &Device<'_>,
    id: c_uint,
    scope: Scope,
) -> Result<i64, Failure> {
    let call = nvml_sym(nvml.lib().nvmlDeviceGetFieldValues.as_ref())?;
    let mut field = nvmlFieldValue_t {
        fieldId: id,
        scopeId: match scope {
            Scope::Gpu => 0,
            Scope::Memory => SCOPE_MEMORY,
        },
        timestamp: 0,
        latencyUsec: 0,
        valueType: 0,
        nvmlReturn: 0,
        value: nvmlValue_t { ullVal: 0 },
    };
    // SAFETY: the function has the type that nvml.h gives it; it writes the one struct announced.
    #[expect(
        unsafe_code,
        reason = "the safe wrapper has no field values with a scope"
    )]
    let code = unsafe { call(handle(device), 1, &raw mut field) };
    nvml_try(code)?;
    nvml_try(field.nvmlReturn)?;
    // SAFETY: the tag says which member was written, and every pattern of bits is a number.
    #[expect(unsafe_code, reason = "NVML answers in a union")]
    unsafe {
        match field.valueType {
            UNSIGNED_INT => Ok(i64::from(field.value.uiVal)),
            SIGNED_INT => Ok(i64::from(field.value.siVal)),
            SIGNED_LONG_LONG => Ok(field.value.sllVal),
            UNSIGNED_LONG | UNSIGNED_LONG_LONG => {
                i64::try_from(field.value.ullVal).map_err(|_| Failure::Unknown)
            }
            _ => Err(Failure::Unknown),
        }
    }
}

/// Every bit of the event reasons, known to the wrapper or not.
pub(crate) fn event_reasons(nvml: &Nvml, device: &Device<'_>) -> Result<u64, Failure> {
    let call = nvml_sym(
        nvml.lib()
            .nvmlDeviceGetCurrentClocksThrottleReasons
            .as_ref(),
    )?;
    mask(*call, device)
}

/// The event reasons that this card can have.
pub(crate) fn event_reasons_supported(nvml: &Nvml, device: &Device<'_>) -> Result<u64, Failure> {
    let call = nvml_sym(
        nvml.lib()
            .nvmlDeviceGetSupportedClocksThrottleReasons
            .as_ref(),
    )?;
    mask(*call, device)
}

type MaskCall = unsafe extern "C" fn(nvmlDevice_t, *mut u64) -> nvmlReturn_t;

fn mask(call: MaskCall, device: &Device<'_>) -> Result<u64, Failure> {
    let mut bits = 0_u64;
    // SAFETY: the function has the type that nvml.h gives it and writes one number.
    #[expect(
        unsafe_code,
        reason = "the safe wrapper drops bits that it does not know"
    )]
    let code = unsafe { call(handle(device), &raw mut bits) };
    nvml_try(code)?;
    Ok(bits)
}

/// Share of time that an engine was busy, in percent.
pub(crate) fn engine_percent(
    nvml: &Nvml,
    device: &Device<'_>,
    engine: Engine,
) -> Result<u32, Failure> {
    let call = match engine {
        Engine::Jpeg => nvml_sym(nvml.lib().nvmlDeviceGetJpgUtilization.as_ref()),
        Engine::OpticalFlow => nvml_sym(nvml.lib().nvmlDeviceGetOfaUtilization.as_ref()),
    }?;
    let (mut percent, mut period_us): (c_uint, c_uint) = (0, 0);
    // SAFETY: the functions have the type that nvml.h gives them and write two numbers.
    #[expect(unsafe_code, reason = "the safe wrapper lacks these two calls")]
    let code = unsafe { call(handle(device), &raw mut percent, &raw mut period_us) };
    nvml_try(code)?;
    Ok(percent)
}

/// Degrees left until the GPU slows down.
pub(crate) fn margin_c(nvml: &Nvml, device: &Device<'_>) -> Result<i64, Failure> {
    let call = nvml_sym(nvml.lib().nvmlDeviceGetMarginTemperature.as_ref())?;
    let mut margin = nvmlMarginTemperature_t {
        version: MARGIN_VERSION,
        marginTemperature: 0,
    };
    // SAFETY: the function has the type that nvml.h gives it; the version names the struct.
    #[expect(unsafe_code, reason = "the safe wrapper lacks this call")]
    let code = unsafe { call(handle(device), &raw mut margin) };
    nvml_try(code)?;
    Ok(i64::from(margin.marginTemperature))
}

/// The graphics clocks that go with a memory clock, in MHz, in the order of the driver.
///
/// The wrapper (0.13.0) asks for 128 and takes "there are more" for success, so a V100 with its 167
/// clocks comes back as 128 zeros.
pub(crate) fn graphics_clocks_mhz(
    nvml: &Nvml,
    device: &Device<'_>,
    memory_mhz: u32,
) -> Result<Vec<u32>, Failure> {
    let call = nvml_sym(nvml.lib().nvmlDeviceGetSupportedGraphicsClocks.as_ref())?;
    let mut clocks_mhz: Vec<c_uint> = Vec::new();
    let mut count: c_uint = 0;
    // The list cannot grow while it is read, but a driver that keeps asking for more must not
    // keep this program for ever.
    for _ in 0..3 {
        clocks_mhz.resize(usize::try_from(count).map_err(|_| Failure::Unknown)?, 0);
        // SAFETY: the function has the type that nvml.h gives it; it writes at most `count`
        // numbers, for which there is room, and then says how many there are.
        #[expect(
            unsafe_code,
            reason = "the safe wrapper loses lists of more than 128 clocks"
        )]
        let code = unsafe {
            call(
                handle(device),
                memory_mhz,
                &raw mut count,
                clocks_mhz.as_mut_ptr(),
            )
        };
        if code != INSUFFICIENT_SIZE {
            nvml_try(code)?;
            clocks_mhz.truncate(usize::try_from(count).map_err(|_| Failure::Unknown)?);
            return Ok(clocks_mhz);
        }
    }
    Err(Failure::Unknown)
}

/// A symbol that the library does not have is a value that the card does not have: the driver is
/// older than the call.
pub(crate) fn absent_if_missing<T>(answer: Result<T, Failure>) -> Result<T, Failure> {
    answer.map_err(|failure| match failure {
        Failure::FunctionNotFound => Failure::NotSupported,
        other => other,
    })
}

/// The same for the answer of a safe call.
pub(crate) fn ask<T>(answer: Result<T, NvmlError>) -> Result<T, Failure> {
    absent_if_missing(answer.map_err(Failure::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_margin_holds_the_size_of_its_struct() {
        let size = u32::try_from(size_of::<nvmlMarginTemperature_t>()).expect("small");
        assert_eq!(MARGIN_VERSION, size | 1 << 24);
    }

    #[test]
    fn a_missing_symbol_is_a_missing_value() {
        assert_eq!(
            ask::<u32>(Err(NvmlError::FailedToLoadSymbol("nvmlX".to_owned()))),
            Err(Failure::NotSupported)
        );
        assert_eq!(ask::<u32>(Err(NvmlError::GpuLost)), Err(Failure::GpuLost));
    }
}
