//! The functions of the fuzz targets on the stable compiler: seeds, damaged seeds, and bytes that
//! nobody chose. Nothing panics, and nothing allocates what a few bytes only claim to hold.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "clippy sees no test in what is shared with the fuzz targets"
)]

#[path = "../../tests/fuzz/src/lib.rs"]
mod bodies;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// What a process may reserve, touched or not, beyond what it had before: many times the largest
/// input, far below what a length of 32 bits could claim.
const MOST_MEMORY_KIB: u64 = 256 * 1_024;

/// A line of `/proc/self/status`, in KiB.
fn memory_kib(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let found = status
        .lines()
        .find_map(|text| text.strip_prefix(line)?.strip_suffix("kB"));
    found.unwrap().trim().parse().unwrap()
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/seeds");
    let mut files: Vec<_> = fs::read_dir(folder.join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no seed of {target}");
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// A change of some bytes.
#[derive(Clone, Debug)]
enum Damage {
    Flip { at: usize, bit: u8 },
    Set { at: usize, bytes: Vec<u8> },
    Cut { at: usize },
    Insert { at: usize, bytes: Vec<u8> },
    Repeat { from: usize, length: usize },
}

impl Damage {
    fn any() -> impl Strategy<Value = Self> {
        let bytes = || {
            prop_oneof![
                prop::collection::vec(any::<u8>(), 1..9),
                // Lengths are written in such bytes: the largest numbers of each width.
                Just(vec![0xff; 4]),
                Just(vec![0xff, 0xff, 0xff, 0xff, 0x07]),
                Just(vec![0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
                Just(b"99999999999999999999".to_vec()),
                Just(b"[[[[[[[[[[[[[[[[".to_vec()),
            ]
        };
        prop_oneof![
            4 => (any::<usize>(), 0..8_u8).prop_map(|(at, bit)| Self::Flip { at, bit }),
            3 => (any::<usize>(), bytes()).prop_map(|(at, bytes)| Self::Set { at, bytes }),
            1 => any::<usize>().prop_map(|at| Self::Cut { at }),
            2 => (any::<usize>(), bytes()).prop_map(|(at, bytes)| Self::Insert { at, bytes }),
            1 => (any::<usize>(), 1..2_000_usize)
                .prop_map(|(from, length)| Self::Repeat { from, length }),
        ]
    }

    fn act(&self, input: &mut Vec<u8>) {
        let length = input.len().max(1);
        match self {
            Self::Flip { at, bit } => {
                if let Some(byte) = input.get_mut(at % length) {
                    *byte ^= 1 << bit;
                }
            }
            Self::Set { at, bytes } => {
                let from = (at % length).min(input.len());
                let to = (from + bytes.len()).min(input.len());
                input.splice(from..to, bytes.iter().copied());
            }
            Self::Cut { at } => input.truncate(at % length),
            Self::Insert { at, bytes } => {
                let at = (at % length).min(input.len());
                input.splice(at..at, bytes.iter().copied());
            }
            Self::Repeat { from, length: more } => {
                let from = (from % length).min(input.len());
                let to = (from + more).min(input.len());
                let piece = input[from..to].to_vec();
                input.splice(from..from, piece);
            }
        }
    }
}

/// The end of a Parquet file is where lengths stand; half of all damage goes there.
fn damaged(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let damage = prop::collection::vec(Damage::any(), 1..6);
    (prop::sample::select(seeds), damage, any::<bool>()).prop_map(|(seed, damage, at_the_end)| {
        let kept = if at_the_end { seed.len() * 3 / 4 } else { 0 };
        let mut tail = seed[kept..].to_vec();
        for change in damage {
            change.act(&mut tail);
        }
        [&seed[..kept], &tail].concat()
    })
}

fn attack(target: &str, body: fn(&[u8]), cases: u32) {
    let seeds = seeds(target);
    for seed in &seeds {
        body(seed);
    }
    let (reserved, used) = (memory_kib("VmPeak:"), memory_kib("VmHWM:"));
    let input = prop_oneof![
        8 => damaged(seeds),
        1 => prop::collection::vec(any::<u8>(), 0..4_096),
    ];
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(4),
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&input, |bytes| {
        body(&bytes);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{target}: {error}");
    }
    for (what, before, line) in [("reserved", reserved, "VmPeak:"), ("used", used, "VmHWM:")] {
        // The kernel sums these per processor now and then, so a later reading may be smaller.
        let more = memory_kib(line).saturating_sub(before);
        assert!(
            more < MOST_MEMORY_KIB,
            "{target}: {more} KiB more were {what}, expected less than {MOST_MEMORY_KIB} KiB"
        );
    }
}

#[test]
fn a_plan_is_refused_or_accepted_and_never_too_much() {
    attack("plan", bodies::plan, 20_000);
}

#[test]
fn a_trace_is_whole_or_refused() {
    attack("trace", bodies::trace, 20_000);
}

#[test]
fn the_output_of_a_worker_is_marks_or_garbage() {
    attack("marks", bodies::marks, 20_000);
}

#[test]
fn a_ledger_is_whole_or_refused() {
    attack("ledger", bodies::ledger, 20_000);
}

/// Few lines that ask for more runs than there is memory.
#[test]
fn a_plan_of_more_runs_than_anybody_can_take_is_refused() {
    let values = |from: u32| {
        let values: Vec<String> = (from..from + 100).map(|value| value.to_string()).collect();
        values.join(", ")
    };
    let seed = String::from_utf8(seeds("plan").swap_remove(0)).unwrap();
    let (head, _) = seed.split_once("[axes]").unwrap();
    let axes = ["batch", "prompt_tokens", "decode_tokens"];
    let axes: Vec<String> = axes
        .iter()
        .map(|axis| format!("{axis} = [{}]", values(1)))
        .collect();
    let plan = format!("{head}[axes]\n{}\n", axes.join("\n"));
    let error = harness::plan_file::parse(Path::new("plan.toml"), &plan).unwrap_err();
    assert!(error.to_string().contains("at most 100000 runs"), "{error}");
}
