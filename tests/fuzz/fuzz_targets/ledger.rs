#![no_main]

#[path = "../src/ledger.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::ledger(bytes));
