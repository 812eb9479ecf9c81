//! The bus: addresses, link, traffic.

use std::ffi::{c_char, c_uint};

use nvml_wrapper_sys::bindings::{
    nvmlDevice_t, nvmlPciInfo_t, nvmlPciInfoExt_v1_t, nvmlPcieUtilCounter_t,
};

use super::call::{Call, exports};
use super::find::bus_address;
use super::pointer::{InOut, Out, field};
use super::refusal::{Answer, Refusal};

/// The bus class of a display controller, and its subclass "3D" of the boards without outputs.
const CLASS_3D_CONTROLLER: (u32, u32) = (0x03, 0x02);

/// What the first two versions of `nvmlDeviceGetPciInfo` wrote: all but the long address at the
/// end. A caller of those names may have room for no more.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LegacyPciInfo {
    /// Address with a domain of four digits.
    pub bus_id: [c_char; 16],
    /// Domain.
    pub domain: c_uint,
    /// Bus.
    pub bus: c_uint,
    /// Device.
    pub device: c_uint,
    /// Device and vendor id.
    pub pci_device_id: c_uint,
    /// Subsystem id.
    pub pci_subsystem_id: c_uint,
}

exports! {
    /// Address on the bus and ids, without the long address.
    fn nvmlDeviceGetPciInfo(call, device: nvmlDevice_t, info: Out<LegacyPciInfo>) {
        info.put(legacy(&Place::of(call, device)?))
    }

    /// As [`nvmlDeviceGetPciInfo`].
    fn nvmlDeviceGetPciInfo_v2(call, device: nvmlDevice_t, info: Out<LegacyPciInfo>) {
        info.put(legacy(&Place::of(call, device)?))
    }

    /// Address on the bus and ids.
    fn nvmlDeviceGetPciInfo_v3(call, device: nvmlDevice_t, info: Out<nvmlPciInfo_t>) {
        let place = Place::of(call, device)?;
        info.put(nvmlPciInfo_t {
            busIdLegacy: field(&place.short_address()),
            domain: place.domain,
            bus: place.bus,
            device: place.device,
            pciDeviceId: place.pci_device_id,
            pciSubSystemId: 0,
            busId: field(&place.address),
        })
    }

    /// Address on the bus, ids and class.
    fn nvmlDeviceGetPciInfoExt(call, device: nvmlDevice_t, info: InOut<nvmlPciInfoExt_v1_t>) {
        let place = Place::of(call, device)?;
        let version = info.versioned(1)?.version;
        let (base_class, subclass) = CLASS_3D_CONTROLLER;
        info.put(nvmlPciInfoExt_v1_t {
            version,
            domain: place.domain,
            bus: place.bus,
            device: place.device,
            pciDeviceId: place.pci_device_id,
            pciSubSystemId: 0,
            baseClass: base_class,
            subClass: subclass,
            busId: field(&place.address),
        })
    }

    /// Generation of the link in force; the emulated link never saves power.
    fn nvmlDeviceGetCurrPcieLinkGeneration(call, device: nvmlDevice_t, generation: Out<c_uint>) {
        generation.put(link(call, device)?.generation)
    }

    /// Highest generation of board and slot.
    fn nvmlDeviceGetMaxPcieLinkGeneration(call, device: nvmlDevice_t, generation: Out<c_uint>) {
        generation.put(link(call, device)?.generation)
    }

    /// Highest generation of the board.
    fn nvmlDeviceGetGpuMaxPcieLinkGeneration(call, device: nvmlDevice_t, generation: Out<c_uint>) {
        generation.put(link(call, device)?.generation)
    }

    /// Lanes in force.
    fn nvmlDeviceGetCurrPcieLinkWidth(call, device: nvmlDevice_t, lanes: Out<c_uint>) {
        lanes.put(link(call, device)?.lanes)
    }

    /// Lanes of board and slot.
    fn nvmlDeviceGetMaxPcieLinkWidth(call, device: nvmlDevice_t, lanes: Out<c_uint>) {
        lanes.put(link(call, device)?.lanes)
    }

    /// Speed of a lane in MT/s.
    fn nvmlDeviceGetPcieSpeed(call, device: nvmlDevice_t, speed: Out<c_uint>) {
        speed.put(link(call, device)?.megatransfers()?)
    }

    /// Highest speed of a lane, as the code `NVML_PCIE_LINK_MAX_SPEED_*`: it counts generations.
    fn nvmlDeviceGetPcieLinkMaxSpeed(call, device: nvmlDevice_t, speed: Out<c_uint>) {
        speed.put(link(call, device)?.generation)
    }

    /// Traffic on the bus in KB/s: emulated work moves nothing over it.
    fn nvmlDeviceGetPcieThroughput(
        call,
        device: nvmlDevice_t,
        counter: nvmlPcieUtilCounter_t,
        value: Out<c_uint>,
    ) {
        call.gpu(device)?;
        if counter > 1 {
            return Err(Refusal::INVALID_ARGUMENT);
        }
        value.put(0)
    }

    /// Transfers that had to be repeated: none.
    fn nvmlDeviceGetPcieReplayCounter(call, device: nvmlDevice_t, value: Out<c_uint>) {
        call.gpu(device)?;
        value.put(0)
    }
}

/// Where a GPU sits.
struct Place {
    address: String,
    domain: u32,
    bus: u32,
    device: u32,
    pci_device_id: u32,
}

impl Place {
    fn of(call: &mut Call<'_>, device: nvmlDevice_t) -> Answer<Self> {
        let gpu = call.gpu(device)?;
        let pci_device_id = call.machine.gpu(gpu).board().identity.pci_device_id.value;
        let address = call.machine.identity(gpu).bus_id.clone();
        let [domain, bus, device] = bus_address(&address).ok_or(Refusal::UNKNOWN)?;
        Ok(Self {
            address,
            domain,
            bus,
            device,
            pci_device_id,
        })
    }

    fn short_address(&self) -> String {
        format!("{:04X}:{:02X}:{:02X}.0", self.domain, self.bus, self.device)
    }
}

fn legacy(place: &Place) -> LegacyPciInfo {
    LegacyPciInfo {
        bus_id: field(&place.short_address()),
        domain: place.domain,
        bus: place.bus,
        device: place.device,
        pci_device_id: place.pci_device_id,
        pci_subsystem_id: 0,
    }
}

struct Link {
    generation: u32,
    lanes: u32,
}

impl Link {
    fn megatransfers(&self) -> Answer<u32> {
        match self.generation {
            1 => Ok(2_500),
            2 => Ok(5_000),
            3 => Ok(8_000),
            4 => Ok(16_000),
            5 => Ok(32_000),
            6 => Ok(64_000),
            _ => Err(Refusal::NOT_SUPPORTED),
        }
    }
}

fn link(call: &mut Call<'_>, device: nvmlDevice_t) -> Answer<Link> {
    let [generation, lanes] = call.board(device)?.identity.pcie_link.value;
    Ok(Link { generation, lanes })
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok, read};
    use super::*;

    fn string(bytes: &[c_char]) -> String {
        let bytes = bytes.iter().map(|c| c.to_ne_bytes()[0]);
        String::from_utf8(bytes.take_while(|byte| *byte != 0).collect()).unwrap()
    }

    #[test]
    fn all_versions_agree_on_the_address() {
        let bench = Bench::of(&["h100-nvl"]);
        let device = bench.device(0);
        let third = read(|out| nvmlDeviceGetPciInfo_v3(device, out));
        let second = read(|out| nvmlDeviceGetPciInfo_v2(device, out));
        assert_eq!(string(&third.busId), bench.identity(0).bus_id);
        assert_eq!(string(&third.busIdLegacy), bench.identity(0).bus_id[4..]);
        assert_eq!(second.bus_id, third.busIdLegacy);
        assert_eq!(
            (second.bus, second.pci_device_id),
            (third.bus, third.pciDeviceId)
        );
        assert_eq!(third.pciDeviceId & 0xFFFF, 0x10DE, "the vendor");
        let mut extended = nvmlPciInfoExt_v1_t {
            version: 0x0100_0040,
            ..read_zeroed()
        };
        ok(nvmlDeviceGetPciInfoExt(device, InOut::to(&mut extended)));
        assert_eq!((extended.bus, extended.busId), (third.bus, third.busId));
        extended.version = 7;
        let wrong = nvmlDeviceGetPciInfoExt(device, InOut::to(&mut extended));
        assert_eq!(wrong, Refusal::ARGUMENT_VERSION_MISMATCH.0);
    }

    fn read_zeroed() -> nvmlPciInfoExt_v1_t {
        nvmlPciInfoExt_v1_t {
            version: 0,
            domain: 0,
            bus: 0,
            device: 0,
            pciDeviceId: 0,
            pciSubSystemId: 0,
            baseClass: 0,
            subClass: 0,
            busId: [0; 32],
        }
    }

    #[test]
    fn the_link_is_that_of_the_board() {
        let bench = Bench::of(&["v100-pcie-32gb", "h200-sxm-141gb"]);
        for (gpu, generation, speed) in [(0, 3, 8_000), (1, 5, 32_000)] {
            let device = bench.device(gpu);
            assert_eq!(
                read(|out| nvmlDeviceGetCurrPcieLinkGeneration(device, out)),
                generation
            );
            assert_eq!(read(|out| nvmlDeviceGetMaxPcieLinkWidth(device, out)), 16);
            assert_eq!(read(|out| nvmlDeviceGetPcieSpeed(device, out)), speed);
        }
    }
}
