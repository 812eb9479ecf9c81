//! NVML calls that the safe wrapper lacks: field values with a scope, and event reasons with every
//! bit as the driver gave it.

use std::collections::BTreeMap;
use std::mem;

use model::reason::Absence;
use model::units::Milliwatts;
use nvml_wrapper::Device;
use nvml_wrapper_sys::bindings::{
    NvmlLib, nvmlFieldValue_t, nvmlReturn_enum_NVML_ERROR_GPU_IS_LOST as GPU_IS_LOST,
    nvmlReturn_enum_NVML_ERROR_NO_PERMISSION as NO_PERMISSION,
    nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED as NOT_SUPPORTED,
    nvmlReturn_enum_NVML_ERROR_UNINITIALIZED as UNINITIALIZED,
    nvmlReturn_enum_NVML_SUCCESS as SUCCESS, nvmlReturn_t,
};

use crate::device::DeviceError;

/// The library that the safe wrapper has loaded already; loading it again only counts up.
const LIBRARY: &str = "libnvidia-ml.so.1";
/// `NVML_FI_DEV_POWER_AVERAGE`
const POWER_AVERAGE: u32 = 185;
/// `NVML_FI_DEV_POWER_INSTANT`
const POWER_INSTANT: u32 = 186;
/// `NVML_POWER_SCOPE_GPU`
const SCOPE_GPU: u32 = 0;
/// `NVML_POWER_SCOPE_MEMORY`
const SCOPE_MEMORY: u32 = 2;

/// Field, scope and the sample column that takes it, in the order of the call.
const FIELDS: [(u32, u32, &str); 3] = [
    (POWER_AVERAGE, SCOPE_GPU, "power_average_mw"),
    (POWER_INSTANT, SCOPE_GPU, "power_instant_mw"),
    (POWER_AVERAGE, SCOPE_MEMORY, "memory_power_mw"),
];

/// Reads the power fields in one call.
pub(super) struct FieldReader {
    library: NvmlLib,
    absent: BTreeMap<String, Absence>,
    failed: BTreeMap<String, Absence>,
}

/// The column of the event reasons.
const EVENT_REASONS: &str = "event_reasons";

/// What the power fields show.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PowerFields {
    pub(super) power_average_mw: Option<Milliwatts>,
    pub(super) power_instant_mw: Option<Milliwatts>,
    pub(super) memory_power_mw: Option<Milliwatts>,
}

impl FieldReader {
    pub(super) fn new(_initialised: &Device<'_>) -> Result<Self, DeviceError> {
        // SAFETY: the library is the one that the safe wrapper loaded and initialised; a `Device`
        // exists, so its initialisers have run.
        #[expect(
            unsafe_code,
            reason = "the safe wrapper has no field values with a scope"
        )]
        let library = unsafe { NvmlLib::new(LIBRARY) };
        library
            .map(|library| Self {
                library,
                absent: BTreeMap::new(),
                failed: BTreeMap::new(),
            })
            .map_err(|error| DeviceError::DriverAbsent {
                reason: error.to_string(),
            })
    }

    pub(super) fn read(&mut self, device: &Device<'_>) -> Result<PowerFields, DeviceError> {
        let answers = self.query(device)?;
        for ((_, _, column), answer) in FIELDS.iter().zip(&answers) {
            if let Err(reason) = answer {
                self.note(column, *reason);
            }
        }
        let [average, instant, memory] = answers.map(|value| value.ok().map(Milliwatts::new));
        Ok(PowerFields {
            power_average_mw: average,
            power_instant_mw: instant,
            memory_power_mw: memory,
        })
    }

    /// Columns that give nothing on this board, and why.
    pub(super) fn absences(
        &mut self,
        device: &Device<'_>,
    ) -> Result<BTreeMap<String, Absence>, DeviceError> {
        let answers = self.query(device)?;
        let mut absent: BTreeMap<String, Absence> = FIELDS
            .iter()
            .zip(answers)
            .filter_map(|((_, _, column), answer)| Some(((*column).to_owned(), answer.err()?)))
            .collect();
        if let Err(reason) = self.query_event_reasons(device)? {
            absent.insert(EVENT_REASONS.to_owned(), reason);
        }
        self.absent.clone_from(&absent);
        Ok(absent)
    }

    /// Columns that gave a value at first and failed since, and why.
    pub(super) const fn failed(&self) -> &BTreeMap<String, Absence> {
        &self.failed
    }

    fn note(&mut self, column: &str, reason: Absence) {
        if !self.absent.contains_key(column) {
            self.failed.insert(column.to_owned(), reason);
        }
    }

    /// Bits of `nvmlClocksEventReasons`.
    pub(super) fn event_reasons(
        &mut self,
        device: &Device<'_>,
    ) -> Result<Option<u64>, DeviceError> {
        match self.query_event_reasons(device)? {
            Ok(bits) => Ok(Some(bits)),
            Err(reason) => {
                self.note(EVENT_REASONS, reason);
                Ok(None)
            }
        }
    }

    #[expect(
        unsafe_code,
        reason = "the safe wrapper drops bits that it does not know"
    )]
    fn query_event_reasons(
        &self,
        device: &Device<'_>,
    ) -> Result<Result<u64, Absence>, DeviceError> {
        let Ok(function) = self
            .library
            .nvmlDeviceGetCurrentClocksThrottleReasons
            .as_ref()
        else {
            return Ok(Err(Absence::NotSupported));
        };
        let mut bits = 0;
        // SAFETY: the handle is valid while `device` lives, and `bits` outlives the call.
        let status = unsafe { function(device.handle(), &raw mut bits) };
        alive(status, "nvmlDeviceGetCurrentClocksThrottleReasons")?;
        Ok(if status == SUCCESS {
            Ok(bits)
        } else {
            Err(absence(status))
        })
    }

    #[expect(
        unsafe_code,
        reason = "the safe wrapper has no field values with a scope"
    )]
    fn query(&self, device: &Device<'_>) -> Result<[Result<u64, Absence>; 3], DeviceError> {
        let Ok(function) = self.library.nvmlDeviceGetFieldValues.as_ref() else {
            return Ok([Err(Absence::NotSupported); 3]);
        };
        // SAFETY: the struct holds integers and a union of numbers; all zeros is a valid value.
        let mut values: [nvmlFieldValue_t; 3] = unsafe { mem::zeroed() };
        for (value, (field, scope, _)) in values.iter_mut().zip(FIELDS) {
            value.fieldId = field;
            value.scopeId = scope;
        }
        // SAFETY: the handle is valid while `device` lives; pointer and count describe `values`.
        let status = unsafe { function(device.handle(), 3, values.as_mut_ptr()) };
        alive(status, "nvmlDeviceGetFieldValues")?;
        if status != SUCCESS {
            return Ok([Err(absence(status)); 3]);
        }
        Ok(values.map(|value| match value.nvmlReturn {
            // SAFETY: both fields are documented as unsigned int.
            SUCCESS => Ok(u64::from(unsafe { value.value.uiVal })),
            other => Err(absence(other)),
        }))
    }
}

fn alive(status: nvmlReturn_t, call: &'static str) -> Result<(), DeviceError> {
    let reason = match status {
        GPU_IS_LOST => "the GPU is lost",
        UNINITIALIZED => "the driver library is not initialised any more",
        _ => return Ok(()),
    };
    Err(DeviceError::Call {
        call,
        reason: reason.to_owned(),
    })
}

fn absence(status: nvmlReturn_t) -> Absence {
    match status {
        NOT_SUPPORTED => Absence::NotSupported,
        NO_PERMISSION => Absence::NoPermission,
        _ => Absence::ReadFailed,
    }
}
