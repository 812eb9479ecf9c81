//! What docs/emulator.md says of load files and kernels is so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use gpu_sim::{FaultPlan, kernels};
use nvml_sim::schedule::Schedule;

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/emulator.md");
    fs_err::read_to_string(path).unwrap()
}

fn toml_blocks(document: &str) -> Vec<&str> {
    let blocks = document.split("```toml\n").skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn every_kernel_is_listed() {
    let document = document();
    for name in kernels::NAMES {
        assert!(document.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_examples_are_good_files() {
    let document = document();
    let (plans, blocks): (Vec<&str>, Vec<&str>) = toml_blocks(&document)
        .into_iter()
        .partition(|block| block.contains("[engines."));
    assert_eq!(plans.len(), 1);
    let worker = Path::new(env!("CARGO_BIN_EXE_joulebench-emulated-worker"));
    let name = worker.file_name().unwrap().to_str().unwrap();
    assert!(plans[0].contains(name), "{name}");
    let (loads, faults): (Vec<&str>, Vec<&str>) =
        blocks.iter().partition(|block| block.contains("[[phase]]"));
    assert_eq!((loads.len(), faults.len()), (1, 1));
    let load = Schedule::parse(loads[0], "emulator.md").unwrap();
    assert!(load.events(2).unwrap().len() > 200);
    assert_eq!(FaultPlan::from_toml(faults[0]).unwrap().faults().len(), 1);
}
