//! The built library exports every function that the common bindings know.
#![expect(
    unsafe_code,
    reason = "the dynamic loader has no safe interface in the standard library"
)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::ffi::{CString, c_char, c_int, c_void};
use std::process::Command;

use nvml_sim::state::{ENVIRONMENT, Emulator, MachineConfig, Permission};

mod library;

const LISTS: [(&str, &str, usize); 2] = [
    (
        "nvml-wrapper-sys 0.10.0",
        include_str!("../bindings/nvml-wrapper-sys-0.10.0.txt"),
        396,
    ),
    (
        "nvidia-ml-py 13.615.71",
        include_str!("../bindings/nvidia-ml-py-13.615.71.txt"),
        408,
    ),
];

const RTLD_NOW: c_int = 2;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

fn names(list: &'static str) -> BTreeSet<&'static str> {
    list.lines().filter(|line| !line.starts_with('#')).collect()
}

/// The address of a symbol in the built library, null where it has none.
fn symbol(name: &str) -> *mut c_void {
    let path = CString::new(library::path().into_os_string().into_encoded_bytes()).unwrap();
    // SAFETY: the path is a text that ends with a zero; what is loaded is the library of this crate,
    // which stays loaded.
    let library = unsafe { dlopen(path.as_ptr(), RTLD_NOW) };
    assert!(!library.is_null(), "{path:?} can be loaded");
    let name = CString::new(name).unwrap();
    // SAFETY: the library is loaded; the name ends with a zero.
    unsafe { dlsym(library, name.as_ptr()) }
}

fn missing<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    names.filter(|name| symbol(name).is_null()).collect()
}

/// Calls a function with these words as its first arguments, and zeros behind them.
fn call(name: &str, first: usize) -> u32 {
    type Function = extern "C" fn(usize, usize, usize, usize, usize, usize) -> u32;
    // SAFETY: every function of NVML takes at most six words and gives a return code, but for
    // nvmlErrorString, which no caller here names.
    let function: Function = unsafe { std::mem::transmute(symbol(name)) };
    function(first, 0, 0, 0, 0, 0)
}

/// Every function but those that begin and end the library, and the one that gives a text.
fn functions() -> impl Iterator<Item = &'static str> {
    let all: BTreeSet<&str> = LISTS.iter().flat_map(|(_, list, _)| names(list)).collect();
    all.into_iter().filter(|name| {
        !name.starts_with("nvmlInit") && !["nvmlShutdown", "nvmlErrorString"].contains(name)
    })
}

#[test]
fn every_name_of_both_bindings_is_exported() {
    for (bindings, list, count) in LISTS {
        let names = names(list);
        assert_eq!(names.len(), count, "functions of {bindings}");
        assert_eq!(
            missing(names.into_iter()),
            [""; 0],
            "not exported, but known to {bindings}"
        );
    }
}

#[test]
fn a_name_that_nobody_knows_is_not_exported() {
    assert_eq!(
        missing(["nvmlDeviceGetMood"].into_iter()),
        ["nvmlDeviceGetMood"]
    );
}

/// Whether the first argument is a GPU, and no place to write to.
fn begins_with_a_handle(name: &str) -> bool {
    let others = [
        "GetCount",
        "GetHandleBy",
        "DiscoverGpus",
        "ModifyDrain",
        "QueryDrain",
        "RemoveGpu",
    ];
    name.strip_prefix("nvmlDevice")
        .is_some_and(|rest| !others.iter().any(|other| rest.starts_with(other)))
}

/// Before `nvmlInit`, without arguments, then with a machine: nothing crashes, and nothing that
/// needs a place for its answer claims success.
#[test]
fn every_function_stands_null_arguments() {
    const UNINITIALIZED: u32 = 1;
    const UNKNOWN: u32 = 999;
    let Some(device) =
        std::env::var_os(IS_CLIENT).map(|_| nvml_sim::abi::handle::of_device(0).addr())
    else {
        return start_again_with_a_machine("every_function_stands_null_arguments");
    };
    for name in functions() {
        assert_eq!(call(name, 0), UNINITIALIZED, "{name} before nvmlInit");
    }
    assert_eq!(call("nvmlInit_v2", 0), 0);
    for name in functions() {
        let answer = call(name, 0);
        assert!(
            ![0, UNINITIALIZED, UNKNOWN].contains(&answer),
            "{name} with nothing: {answer}"
        );
        if !begins_with_a_handle(name) {
            continue;
        }
        let answer = call(name, device);
        assert!(
            ![UNINITIALIZED, UNKNOWN].contains(&answer),
            "{name} with a GPU: {answer}"
        );
        let gives_a_value = name.starts_with("nvmlDeviceGet");
        assert!(
            answer != 0 || !gives_a_value,
            "{name} has nowhere to put its value"
        );
    }
    assert_eq!(call("nvmlShutdown", 0), 0);
    assert_eq!(call("nvmlShutdown", 0), UNINITIALIZED);
}

/// Set in the second process.
const IS_CLIENT: &str = "NVML_SIM_TEST_CLIENT";

fn start_again_with_a_machine(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("machine.state");
    let config = MachineConfig {
        permission: Permission::Anyone,
        ..MachineConfig::of_boards(["h100"], 1)
    };
    let _emulator = Emulator::create(&path, &config).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(IS_CLIENT, "yes")
        .env(ENVIRONMENT, &path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
