//! Memory errors, retired pages, remapped rows.

use std::ffi::{c_uint, c_ulonglong};

use gpu_sim::{Architecture, Readings};
use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlEccCounterType_t, nvmlEccErrorCounts_t, nvmlEnableState_t,
    nvmlMemoryErrorType_t, nvmlMemoryLocation_t, nvmlPageRetirementCause_t,
};

use super::call::{Call, exports};
use super::pointer::{InOut, List, Out};
use super::refusal::{Answer, Refusal};

/// What `nvmlDeviceGetRemappedRows_v2` of the Python bindings fills.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemappedRows {
    /// Rows that corrected errors made the driver replace, in force.
    pub corrected_active: c_uint,
    /// Likewise, not in force yet.
    pub corrected_inactive: c_uint,
    /// Rows that uncorrected errors made the driver replace, in force.
    pub uncorrected_active: c_uint,
    /// Likewise, not in force yet.
    pub uncorrected_inactive: c_uint,
    /// Whether a replacement waits for a reset.
    pub pending: c_uint,
    /// Whether a replacement failed.
    pub failed: c_uint,
}

exports! {
    /// Every emulated board corrects errors, now and after a reset.
    fn nvmlDeviceGetEccMode(
        call,
        device: nvmlDevice_t,
        current: Out<nvmlEnableState_t>,
        pending: Out<nvmlEnableState_t>,
    ) {
        call.gpu(device)?;
        pending.given()?;
        current.put(nvml::nvmlEnableState_enum_NVML_FEATURE_ENABLED)?;
        pending.put(nvml::nvmlEnableState_enum_NVML_FEATURE_ENABLED)
    }

    /// Every emulated board corrects errors unless told otherwise.
    fn nvmlDeviceGetDefaultEccMode(call, device: nvmlDevice_t, mode: Out<nvmlEnableState_t>) {
        call.gpu(device)?;
        mode.put(nvml::nvmlEnableState_enum_NVML_FEATURE_ENABLED)
    }

    /// Errors of the whole board.
    fn nvmlDeviceGetTotalEccErrors(
        call,
        device: nvmlDevice_t,
        error: nvmlMemoryErrorType_t,
        counter: nvmlEccCounterType_t,
        count: Out<c_ulonglong>,
    ) {
        count.put(errors(call, device, error, counter)?)
    }

    /// Errors by place: all of them are in the memory.
    fn nvmlDeviceGetDetailedEccErrors(
        call,
        device: nvmlDevice_t,
        error: nvmlMemoryErrorType_t,
        counter: nvmlEccCounterType_t,
        counts: Out<nvmlEccErrorCounts_t>,
    ) {
        let in_memory = errors(call, device, error, counter)?;
        counts.put(nvmlEccErrorCounts_t {
            l1Cache: 0,
            l2Cache: 0,
            deviceMemory: in_memory,
            registerFile: 0,
        })
    }

    /// Errors of one place: all of them are in the memory.
    fn nvmlDeviceGetMemoryErrorCounter(
        call,
        device: nvmlDevice_t,
        error: nvmlMemoryErrorType_t,
        counter: nvmlEccCounterType_t,
        location: nvmlMemoryLocation_t,
        count: Out<c_ulonglong>,
    ) {
        let in_memory = errors(call, device, error, counter)?;
        count.put(match location {
            nvml::nvmlMemoryLocation_enum_NVML_MEMORY_LOCATION_DEVICE_MEMORY => in_memory,
            0..nvml::nvmlMemoryLocation_enum_NVML_MEMORY_LOCATION_COUNT => 0,
            _ => return Err(Refusal::INVALID_ARGUMENT),
        })
    }

    /// Retired pages (Volta): none.
    fn nvmlDeviceGetRetiredPages(
        call,
        device: nvmlDevice_t,
        cause: nvmlPageRetirementCause_t,
        count: InOut<c_uint>,
        addresses: List<c_ulonglong>,
    ) {
        retires_pages(call, device)?;
        known_cause(cause)?;
        addresses.fill(count, &[])
    }

    /// Retired pages with the time of each (Volta): none.
    fn nvmlDeviceGetRetiredPages_v2(
        call,
        device: nvmlDevice_t,
        cause: nvmlPageRetirementCause_t,
        count: InOut<c_uint>,
        addresses: List<c_ulonglong>,
        _times: List<c_ulonglong>,
    ) {
        retires_pages(call, device)?;
        known_cause(cause)?;
        addresses.fill(count, &[])
    }

    /// Whether pages wait for a reset to be retired (Volta): none.
    fn nvmlDeviceGetRetiredPagesPendingStatus(
        call,
        device: nvmlDevice_t,
        pending: Out<nvmlEnableState_t>,
    ) {
        retires_pages(call, device)?;
        pending.put(nvml::nvmlEnableState_enum_NVML_FEATURE_DISABLED)
    }

    /// Rows that were replaced (Ampere and later): none.
    fn nvmlDeviceGetRemappedRows(
        call,
        device: nvmlDevice_t,
        corrected: Out<c_uint>,
        uncorrected: Out<c_uint>,
        pending: Out<c_uint>,
        failed: Out<c_uint>,
    ) {
        remaps_rows(call, device)?;
        for count in [corrected, uncorrected, pending, failed] {
            count.given()?;
        }
        [corrected, uncorrected, pending, failed].into_iter().try_for_each(|count| count.put(0))
    }

    /// Rows that were replaced, in a structure (Ampere and later): none.
    fn nvmlDeviceGetRemappedRows_v2(call, device: nvmlDevice_t, rows: Out<RemappedRows>) {
        remaps_rows(call, device)?;
        rows.put(RemappedRows::default())
    }
}

/// Errors so far. The machine is younger than its driver, so both counters agree.
fn errors(
    call: &mut Call<'_>,
    device: nvmlDevice_t,
    error: nvmlMemoryErrorType_t,
    counter: nvmlEccCounterType_t,
) -> Answer<u64> {
    let readings = call.readings(device)?;
    if counter >= nvml::nvmlEccCounterType_enum_NVML_ECC_COUNTER_TYPE_COUNT {
        return Err(Refusal::INVALID_ARGUMENT);
    }
    of_kind(&readings, error)
}

fn of_kind(readings: &Readings, error: nvmlMemoryErrorType_t) -> Answer<u64> {
    match error {
        nvml::nvmlMemoryErrorType_enum_NVML_MEMORY_ERROR_TYPE_CORRECTED => Ok(readings.ecc_single),
        nvml::nvmlMemoryErrorType_enum_NVML_MEMORY_ERROR_TYPE_UNCORRECTED => {
            Ok(readings.ecc_double)
        }
        _ => Err(Refusal::INVALID_ARGUMENT),
    }
}

/// Volta retires pages, later generations replace rows.
pub(super) fn retires_pages(call: &mut Call<'_>, device: nvmlDevice_t) -> Answer {
    match call.board(device)?.architecture {
        Architecture::Volta => Ok(()),
        Architecture::Ampere | Architecture::Hopper => Err(Refusal::NOT_SUPPORTED),
    }
}

/// Volta retires pages, later generations replace rows.
pub(super) fn remaps_rows(call: &mut Call<'_>, device: nvmlDevice_t) -> Answer {
    match call.board(device)?.architecture {
        Architecture::Volta => Err(Refusal::NOT_SUPPORTED),
        Architecture::Ampere | Architecture::Hopper => Ok(()),
    }
}

fn known_cause(cause: nvmlPageRetirementCause_t) -> Answer {
    if cause >= nvml::nvmlPageRetirementCause_enum_NVML_PAGE_RETIREMENT_CAUSE_COUNT {
        return Err(Refusal::INVALID_ARGUMENT);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok, read};
    use super::*;

    #[test]
    fn injected_errors_are_counted() {
        let bench = Bench::with_faults(
            &["a100-pcie-80gb"],
            "[[fault]]\nat_s = 0.0\nkind = \"ecc\"\nsingle = 5\ndouble = 1\n",
        );
        let device = bench.device(0);
        for (error, expected) in [(0, 5), (1, 1)] {
            assert_eq!(
                read(|out| nvmlDeviceGetTotalEccErrors(device, error, 0, out)),
                expected
            );
            let detailed = read(|out| nvmlDeviceGetDetailedEccErrors(device, error, 1, out));
            assert_eq!((detailed.deviceMemory, detailed.l2Cache), (expected, 0));
            let by_place =
                |place| read(|out| nvmlDeviceGetMemoryErrorCounter(device, error, 0, place, out));
            assert_eq!((by_place(2), by_place(1), by_place(7)), (expected, 0, 0));
        }
        let mut ignored = 0;
        assert_eq!(
            nvmlDeviceGetTotalEccErrors(device, 2, 0, Out::to(&mut ignored)),
            Refusal::INVALID_ARGUMENT.0
        );
    }

    #[test]
    fn volta_retires_pages_and_later_boards_replace_rows() {
        let bench = Bench::of(&["v100-pcie-32gb", "h100-nvl"]);
        let not_supported = Refusal::NOT_SUPPORTED.0;
        for (gpu, pages, rows) in [(0, 0, not_supported), (1, not_supported, 0)] {
            let device = bench.device(gpu);
            let mut count = 0;
            let retired = nvmlDeviceGetRetiredPages(device, 0, InOut::to(&mut count), List::null());
            assert_eq!((retired, count), (pages, 0));
            let mut remapped = RemappedRows::default();
            assert_eq!(
                nvmlDeviceGetRemappedRows_v2(device, Out::to(&mut remapped)),
                rows
            );
        }
        let mut current = 0;
        let mut pending = 0;
        ok(nvmlDeviceGetEccMode(
            bench.device(0),
            Out::to(&mut current),
            Out::to(&mut pending),
        ));
        assert_eq!((current, pending), (1, 1));
    }
}
