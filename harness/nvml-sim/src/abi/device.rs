//! What a GPU is: names, numbers and generation.

use std::ffi::{c_int, c_uint};

use gpu_sim::Architecture;
use nvml_wrapper_sys::bindings as nvml;
use nvml_wrapper_sys::bindings::{
    nvmlBrandType_t, nvmlBusType_t, nvmlDevice_t, nvmlDeviceArchitecture_t,
};

use super::call::exports;
use super::pointer::{Out, TextOut};

/// Stands where a real board has a number that nothing here depends on, so that nobody takes it
/// for one.
const EMULATED: &str = "EMULATED";

exports! {
    /// Product name.
    fn nvmlDeviceGetName(call, device: nvmlDevice_t, name: TextOut, length: c_uint) {
        name.put(length, &call.board(device)?.product_name)
    }

    /// UUID.
    fn nvmlDeviceGetUUID(call, device: nvmlDevice_t, uuid: TextOut, length: c_uint) {
        let gpu = call.gpu(device)?;
        uuid.put(length, &call.machine.identity(gpu).uuid)
    }

    /// Serial number.
    fn nvmlDeviceGetSerial(call, device: nvmlDevice_t, serial: TextOut, length: c_uint) {
        let gpu = call.gpu(device)?;
        serial.put(length, &call.machine.identity(gpu).serial)
    }

    /// Index of the GPU.
    fn nvmlDeviceGetIndex(call, device: nvmlDevice_t, index: Out<c_uint>) {
        let gpu = call.gpu(device)?;
        index.put(gpu)
    }

    /// Number of the device file.
    fn nvmlDeviceGetMinorNumber(call, device: nvmlDevice_t, minor: Out<c_uint>) {
        let gpu = call.gpu(device)?;
        minor.put(call.machine.identity(gpu).minor)
    }

    /// Part number: none, and it says so.
    fn nvmlDeviceGetBoardPartNumber(call, device: nvmlDevice_t, number: TextOut, length: c_uint) {
        call.gpu(device)?;
        number.put(length, EMULATED)
    }

    /// Version of the firmware: none, and it says so.
    fn nvmlDeviceGetVbiosVersion(call, device: nvmlDevice_t, version: TextOut, length: c_uint) {
        call.gpu(device)?;
        version.put(length, EMULATED)
    }

    /// Brand: Tesla up to Volta, NVIDIA since.
    fn nvmlDeviceGetBrand(call, device: nvmlDevice_t, brand: Out<nvmlBrandType_t>) {
        brand.put(match call.board(device)?.architecture {
            Architecture::Volta => nvml::nvmlBrandType_enum_NVML_BRAND_TESLA,
            Architecture::Ampere | Architecture::Hopper => nvml::nvmlBrandType_enum_NVML_BRAND_NVIDIA,
        })
    }

    /// Generation of the chip.
    fn nvmlDeviceGetArchitecture(
        call,
        device: nvmlDevice_t,
        architecture: Out<nvmlDeviceArchitecture_t>,
    ) {
        architecture.put(match call.board(device)?.architecture {
            Architecture::Volta => nvml::NVML_DEVICE_ARCH_VOLTA,
            Architecture::Ampere => nvml::NVML_DEVICE_ARCH_AMPERE,
            Architecture::Hopper => nvml::NVML_DEVICE_ARCH_HOPPER,
        })
    }

    /// Compute capability.
    fn nvmlDeviceGetCudaComputeCapability(
        call,
        device: nvmlDevice_t,
        major: Out<c_int>,
        minor: Out<c_int>,
    ) {
        let [of_major, of_minor] = call.board(device)?.identity.compute_capability.value;
        minor.given()?;
        major.put(of_major.cast_signed())?;
        minor.put(of_minor.cast_signed())
    }

    /// CUDA cores.
    fn nvmlDeviceGetNumGpuCores(call, device: nvmlDevice_t, cores: Out<c_uint>) {
        cores.put(call.board(device)?.identity.cuda_cores.value)
    }

    /// Number of the board: unlike between GPUs, for each stands on a board of its own.
    fn nvmlDeviceGetBoardId(call, device: nvmlDevice_t, board: Out<c_uint>) {
        let gpu = call.gpu(device)?;
        board.put(call.machine.identity(gpu).bus << 8)
    }

    /// No board has more than one GPU.
    fn nvmlDeviceGetMultiGpuBoard(call, device: nvmlDevice_t, multi: Out<c_uint>) {
        call.gpu(device)?;
        multi.put(0)
    }

    /// Two handles are on one board only if they are one GPU.
    fn nvmlDeviceOnSameBoard(call, first: nvmlDevice_t, second: nvmlDevice_t, same: Out<c_int>) {
        let (first, second) = (call.gpu(first)?, call.gpu(second)?);
        same.put(c_int::from(first == second))
    }

    /// Every GPU hangs on PCI Express.
    fn nvmlDeviceGetBusType(call, device: nvmlDevice_t, bus: Out<nvmlBusType_t>) {
        call.gpu(device)?;
        bus.put(nvml::NVML_BUS_TYPE_PCIE)
    }

    /// The emulated GPU has no MIG instances, so no handle is one.
    fn nvmlDeviceIsMigDeviceHandle(call, device: nvmlDevice_t, is_mig: Out<c_uint>) {
        call.gpu(device)?;
        is_mig.put(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok, text};
    use super::super::refusal::Refusal;
    use super::*;

    #[test]
    fn a_gpu_says_what_it_is() {
        let bench = Bench::of(&["v100-pcie-32gb", "a100-pcie-80gb", "h200-sxm-141gb"]);
        let expected = [
            ("V100", nvml::NVML_DEVICE_ARCH_VOLTA, (7, 0)),
            ("A100", nvml::NVML_DEVICE_ARCH_AMPERE, (8, 0)),
            ("H200", nvml::NVML_DEVICE_ARCH_HOPPER, (9, 0)),
        ];
        for (gpu, (model, architecture, capability)) in (0..).zip(expected) {
            let device = bench.device(gpu);
            let name = text(96, |buffer, length| {
                nvmlDeviceGetName(device, buffer, length)
            });
            assert!(name.contains(model), "{name}");
            let mut shown = 0;
            ok(nvmlDeviceGetArchitecture(device, Out::to(&mut shown)));
            assert_eq!(shown, architecture);
            let (mut major, mut minor) = (0, 0);
            ok(nvmlDeviceGetCudaComputeCapability(
                device,
                Out::to(&mut major),
                Out::to(&mut minor),
            ));
            assert_eq!((major, minor), capability);
            let uuid = text(96, |buffer, length| {
                nvmlDeviceGetUUID(device, buffer, length)
            });
            assert_eq!(uuid, bench.identity(gpu).uuid);
            let mut index = 99;
            ok(nvmlDeviceGetIndex(device, Out::to(&mut index)));
            assert_eq!(index, gpu);
        }
    }

    #[test]
    fn a_bad_handle_is_an_invalid_argument() {
        let bench = Bench::of(&["h100-nvl"]);
        let mut index = 0;
        for bad in [
            std::ptr::null_mut(),
            bench.device(1),
            std::ptr::without_provenance_mut(8),
        ] {
            assert_eq!(
                nvmlDeviceGetIndex(bad, Out::to(&mut index)),
                Refusal::INVALID_ARGUMENT.0
            );
        }
    }
}
