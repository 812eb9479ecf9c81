//! The structures that functions here read and write have the size and version word that the Python
//! bindings give them. The Rust bindings need no such test: the types are theirs.

use std::collections::BTreeMap;

use nvml_wrapper_sys::bindings as nvml;

use super::ecc::RemappedRows;
use super::gpm::MetricsHead;
use super::pointer::struct_version;

const PYTHON: &str = include_str!("../../bindings/nvidia-ml-py-13.615.71-layouts.txt");

/// Size and version word of the type, by its name; the word holds the version that `word` has.
macro_rules! sizes {
    ($($module:ident::$name:ident),+ ; $($own:ident),+) => {
        BTreeMap::from([
            $((stringify!($name), (size_of::<nvml::$name>(), version_word::<nvml::$name> as fn(u32) -> u32)),)+
            $((stringify!($own), (size_of::<$own>(), version_word::<$own> as fn(u32) -> u32)),)+
        ])
    };
}

fn version_word<T>(word: u32) -> u32 {
    struct_version::<T>(word >> 24)
}

#[test]
fn structures_are_as_large_as_clients_in_python_make_them() {
    let sizes = sizes!(
        nvml::nvmlPciInfo_t, nvml::nvmlPciInfoExt_v1_t, nvml::nvmlUtilization_t,
        nvml::nvmlMemory_t, nvml::nvmlMemory_v2_t, nvml::nvmlBAR1Memory_t,
        nvml::nvmlProcessInfo_v2_t, nvml::nvmlProcessInfo_t,
        nvml::nvmlProcessUtilizationSample_t, nvml::nvmlProcessUtilizationInfo_v1_t,
        nvml::nvmlProcessesUtilizationInfo_v1_t, nvml::nvmlSample_t, nvml::nvmlValue_t,
        nvml::nvmlViolationTime_t, nvml::nvmlTemperature_t, nvml::nvmlMarginTemperature_v1_t,
        nvml::nvmlPowerValue_v2_t, nvml::nvmlFieldValue_t, nvml::nvmlEventData_t,
        nvml::nvmlGpmSupport_t, nvml::nvmlGpmMetric_t, nvml::nvmlUUID_t,
        nvml::nvmlDeviceCapabilities_v1_t, nvml::nvmlGpuDynamicPstatesInfo_t,
        nvml::nvmlEccErrorCounts_t, nvml::nvmlSystemDriverBranchInfo_v1_t,
        nvml::nvmlC2cModeInfo_v1_t, nvml::nvmlFBCStats_t, nvml::nvmlHwbcEntry_t
        ; RemappedRows, MetricsHead
    );
    let mut compared = 0;
    for line in PYTHON.lines().filter(|line| !line.starts_with('#')) {
        let [name, _class, size, word] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("four columns expected: {line}");
        };
        let (own_size, own_word) = sizes
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not compared"));
        assert_eq!(*own_size, size.parse::<usize>().unwrap(), "size of {name}");
        if word != "-" {
            let word = u32::from_str_radix(word.trim_start_matches("0x"), 16).unwrap();
            assert_eq!(own_word(word), word, "version word of {name}");
        }
        compared += 1;
    }
    assert_eq!(compared, sizes.len(), "every structure stands in the list");
}
