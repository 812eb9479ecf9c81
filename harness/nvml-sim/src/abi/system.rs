//! What concerns the whole machine: versions, processes by id, empty lists of other hardware.

use std::ffi::{c_int, c_uint};

use nvml_wrapper_sys::bindings::{nvmlHwbcEntry_t, nvmlSystemDriverBranchInfo_v1_t};

use super::call::exports;
use super::pointer::{InOut, List, Out, TextOut, field};
use super::refusal::Refusal;

exports! {
    /// Version of the driver that the emulator stands for.
    fn nvmlSystemGetDriverVersion(call, version: TextOut, length: c_uint) {
        call.named_fault()?;
        version.put(length, call.machine.driver_version())
    }

    /// Version of NVML: that of the driver with the major version of CUDA before it.
    fn nvmlSystemGetNVMLVersion(call, version: TextOut, length: c_uint) {
        call.named_fault()?;
        let cuda = call.machine.cuda_version() / 1_000;
        version.put(length, &format!("{cuda}.{}", call.machine.driver_version()))
    }

    /// Version of CUDA as 1000 × major + 10 × minor.
    fn nvmlSystemGetCudaDriverVersion(call, version: Out<c_int>) {
        call.named_fault()?;
        version.put(call.machine.cuda_version())
    }

    /// As [`nvmlSystemGetCudaDriverVersion`].
    fn nvmlSystemGetCudaDriverVersion_v2(call, version: Out<c_int>) {
        call.named_fault()?;
        version.put(call.machine.cuda_version())
    }

    /// Branch of the driver: `r` and its major version.
    fn nvmlSystemGetDriverBranch(
        call,
        info: InOut<nvmlSystemDriverBranchInfo_v1_t>,
        length: c_uint,
    ) {
        call.named_fault()?;
        let mut branch = info.versioned(1)?;
        let major = call.machine.driver_version().split('.').next().unwrap_or_default();
        let name = format!("r{major}");
        if (length as usize) <= name.len() {
            return Err(Refusal::INSUFFICIENT_SIZE);
        }
        branch.branch = field(&name);
        info.put(branch)
    }

    /// Path of the program that runs under a process id, cut to the buffer as a real driver does.
    fn nvmlSystemGetProcessName(call, pid: c_uint, name: TextOut, length: c_uint) {
        call.named_fault()?;
        let command = fs_err::read(format!("/proc/{pid}/cmdline")).map_err(|_| Refusal::NOT_FOUND)?;
        let program = command.split(|byte| *byte == 0).next().unwrap_or_default();
        let program = String::from_utf8_lossy(program);
        let room = (length as usize).saturating_sub(1);
        let end = program.floor_char_boundary(room.min(program.len()));
        name.put(length, &program[..end])
    }

    /// There are no host interface cards.
    fn nvmlSystemGetHicVersion(call, count: InOut<c_uint>, entries: List<nvmlHwbcEntry_t>) {
        call.named_fault()?;
        entries.fill(count, &[])
    }

    /// There are no S-class units.
    fn nvmlUnitGetCount(call, count: Out<c_uint>) {
        call.named_fault()?;
        count.put(0)
    }

    /// No GPU is excluded.
    fn nvmlGetExcludedDeviceCount(call, count: Out<c_uint>) {
        call.named_fault()?;
        count.put(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, ok, text};
    use super::*;

    #[test]
    fn versions_and_process_names_are_given() {
        let bench = Bench::of(&["h100-nvl"]);
        assert_eq!(
            text(80, |buffer, length| nvmlSystemGetDriverVersion(
                buffer, length
            )),
            bench.driver_version()
        );
        assert_eq!(
            text(80, |buffer, length| nvmlSystemGetNVMLVersion(
                buffer, length
            )),
            format!("13.{}", bench.driver_version())
        );
        let mut cuda = 0;
        ok(nvmlSystemGetCudaDriverVersion(Out::to(&mut cuda)));
        assert_eq!(cuda, 13_000);
        let own = std::process::id();
        let name = text(256, |buffer, length| {
            nvmlSystemGetProcessName(own, buffer, length)
        });
        assert!(name.contains("nvml_sim"), "{name}");
        let mut tiny = [0; 4];
        assert_eq!(
            nvmlSystemGetDriverVersion(TextOut::to(&mut tiny), 4),
            Refusal::INSUFFICIENT_SIZE.0
        );
    }
}
