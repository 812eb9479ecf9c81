//! From a count, an index, a name or a bus address to the handle of a GPU.

use std::ffi::{c_char, c_uint};

use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::{nvmlDevice_t, nvmlUUID_t};

use super::call::{Call, exports};
use super::handle;
use super::pointer::{InOut, Out, TextIn};
use super::refusal::{Answer, Refusal};
use crate::state::Identity;

exports! {
    /// Number of GPUs.
    fn nvmlDeviceGetCount(call, count: Out<c_uint>) {
        call.named_fault()?;
        count.put(call.machine.count())
    }

    /// As [`nvmlDeviceGetCount`].
    fn nvmlDeviceGetCount_v2(call, count: Out<c_uint>) {
        call.named_fault()?;
        count.put(call.machine.count())
    }

    /// The GPU with this index.
    fn nvmlDeviceGetHandleByIndex(call, index: c_uint, device: Out<nvmlDevice_t>) {
        by_index(call, index, device)
    }

    /// As [`nvmlDeviceGetHandleByIndex`].
    fn nvmlDeviceGetHandleByIndex_v2(call, index: c_uint, device: Out<nvmlDevice_t>) {
        by_index(call, index, device)
    }

    /// The GPU with this serial number.
    fn nvmlDeviceGetHandleBySerial(call, serial: TextIn, device: Out<nvmlDevice_t>) {
        let serial = serial.get()?;
        by(call, device, |identity| identity.serial == serial)
    }

    /// The GPU with this UUID.
    fn nvmlDeviceGetHandleByUUID(call, uuid: TextIn, device: Out<nvmlDevice_t>) {
        let uuid = uuid.get()?;
        by(call, device, |identity| identity.uuid == uuid)
    }

    /// The GPU with this UUID, as text or as bytes.
    fn nvmlDeviceGetHandleByUUIDV(call, uuid: InOut<nvmlUUID_t>, device: Out<nvmlDevice_t>) {
        let uuid = uuid.versioned(1)?;
        let digits = uuid_digits(&uuid)?;
        by(call, device, |identity| hexadecimal(&identity.uuid) == digits)
    }

    /// The GPU at this address of the PCI bus; the domain may be left out.
    fn nvmlDeviceGetHandleByPciBusId(call, address: TextIn, device: Out<nvmlDevice_t>) {
        by_address(call, address, device)
    }

    /// As [`nvmlDeviceGetHandleByPciBusId`].
    fn nvmlDeviceGetHandleByPciBusId_v2(call, address: TextIn, device: Out<nvmlDevice_t>) {
        by_address(call, address, device)
    }
}

fn by_index(call: &mut Call<'_>, index: u32, device: Out<nvmlDevice_t>) -> Answer {
    if index >= call.machine.count() {
        return Err(Refusal::INVALID_ARGUMENT);
    }
    call.check(index)?;
    device.put(handle::of_device(index))
}

fn by(
    call: &mut Call<'_>,
    device: Out<nvmlDevice_t>,
    is_meant: impl Fn(&Identity) -> bool,
) -> Answer {
    let found = (0..call.machine.count()).find(|gpu| is_meant(call.machine.identity(*gpu)));
    by_index(call, found.ok_or(Refusal::NOT_FOUND)?, device)
}

fn by_address(call: &mut Call<'_>, address: TextIn, device: Out<nvmlDevice_t>) -> Answer {
    let address = bus_address(address.get()?).ok_or(Refusal::NOT_FOUND)?;
    by(call, device, |identity| {
        bus_address(&identity.bus_id) == Some(address)
    })
}

/// Domain, bus and device number of `[domain:]bus:device[.function]`, all hexadecimal.
pub(super) fn bus_address(text: &str) -> Option<[u32; 3]> {
    let without_function = text.split('.').next()?;
    let numbers: Vec<u32> = without_function
        .split(':')
        .map(|part| u32::from_str_radix(part, 16).ok())
        .collect::<Option<_>>()?;
    match numbers[..] {
        [bus, device] => Some([0, bus, device]),
        [domain, bus, device] => Some([domain, bus, device]),
        _ => None,
    }
}

/// The 32 digits of a UUID, without `GPU-` and dashes.
fn hexadecimal(uuid: &str) -> String {
    uuid.trim_start_matches("GPU-")
        .chars()
        .filter(|digit| *digit != '-')
        .collect::<String>()
        .to_lowercase()
}

#[expect(unsafe_code, reason = "the structure holds a union")]
fn uuid_digits(uuid: &nvmlUUID_t) -> Answer<String> {
    match uuid.type_ {
        nvml::nvmlUUIDType_t_NVML_UUID_TYPE_ASCII => {
            // SAFETY: every field of the union is plain bytes, which are valid whatever they hold.
            let bytes = unsafe { uuid.value.str_ }.map(|c: c_char| c.to_ne_bytes()[0]);
            let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            Ok(hexadecimal(&String::from_utf8_lossy(text)))
        }
        nvml::nvmlUUIDType_t_NVML_UUID_TYPE_BINARY => {
            // SAFETY: as above.
            let bytes = unsafe { uuid.value.bytes };
            Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
        }
        _ => Err(Refusal::INVALID_ARGUMENT),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use super::super::bench::{Bench, ok};
    use super::super::pointer::struct_version;
    use super::*;

    fn found(find: impl FnOnce(Out<nvmlDevice_t>) -> u32) -> Result<Option<u32>, u32> {
        let mut device = std::ptr::null_mut();
        match find(Out::to(&mut device)) {
            0 => Ok(handle::device(device)),
            code => Err(code),
        }
    }

    #[test]
    fn every_name_of_a_gpu_leads_to_it() {
        let bench = Bench::of(&["v100-pcie-32gb", "h100-nvl", "h200-sxm-141gb"]);
        let mut count = 0;
        ok(nvmlDeviceGetCount_v2(Out::to(&mut count)));
        assert_eq!(count, 3);
        for gpu in 0..3 {
            let identity = bench.identity(gpu);
            let [uuid, serial, bus_id] = [&identity.uuid, &identity.serial, &identity.bus_id]
                .map(|name| CString::new(name.as_str()).unwrap());
            let short = CString::new(identity.bus_id[9..].to_lowercase()).unwrap();
            let expected = Ok(Some(gpu));
            assert_eq!(
                found(|device| nvmlDeviceGetHandleByIndex_v2(gpu, device)),
                expected
            );
            assert_eq!(
                found(|device| nvmlDeviceGetHandleByUUID(TextIn::to(&uuid), device)),
                expected
            );
            assert_eq!(
                found(|device| nvmlDeviceGetHandleBySerial(TextIn::to(&serial), device)),
                expected
            );
            for address in [&bus_id, &short] {
                let by_bus =
                    found(|device| nvmlDeviceGetHandleByPciBusId_v2(TextIn::to(address), device));
                assert_eq!(by_bus, expected);
            }
        }
    }

    #[test]
    fn a_uuid_may_be_text_or_bytes() {
        let bench = Bench::of(&["h100-nvl", "h100-nvl"]);
        let identity = bench.identity(1);
        let digits = hexadecimal(&identity.uuid);
        let mut bytes = [0; 16];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).unwrap();
        }
        let binary = nvml_wrapper_sys::bindings::nvmlUUIDValue_t { bytes };
        let ascii = nvml_wrapper_sys::bindings::nvmlUUIDValue_t {
            str_: super::super::pointer::field(&identity.uuid),
        };
        for (type_, value) in [(1, ascii), (2, binary)] {
            let mut uuid = nvmlUUID_t {
                version: struct_version::<nvmlUUID_t>(1),
                type_,
                value,
            };
            let by_uuid = found(|device| nvmlDeviceGetHandleByUUIDV(InOut::to(&mut uuid), device));
            assert_eq!(by_uuid, Ok(Some(1)));
        }
    }

    #[test]
    fn unknown_names_and_indices_are_refused() {
        let _bench = Bench::of(&["h100-nvl"]);
        let none = Err(Refusal::NOT_FOUND.0);
        assert_eq!(
            found(|device| nvmlDeviceGetHandleByIndex_v2(1, device)),
            Err(Refusal::INVALID_ARGUMENT.0)
        );
        assert_eq!(
            found(|device| nvmlDeviceGetHandleByUUID(TextIn::to(c"GPU-0"), device)),
            none
        );
        for bad in [c"00000000:FF:00.0", c"nonsense", c"1:2:3:4"] {
            assert_eq!(
                found(|device| nvmlDeviceGetHandleByPciBusId_v2(TextIn::to(bad), device)),
                none
            );
        }
        assert_eq!(
            found(|device| nvmlDeviceGetHandleByUUID(TextIn::null(), device)),
            Err(Refusal::INVALID_ARGUMENT.0)
        );
    }
}
