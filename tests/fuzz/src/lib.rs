//! What is done with hostile input: one function for each reader of this project that takes bytes
//! from outside. None may panic; what they accept is checked a little.
//!
//! The fuzz targets call these functions with what libFuzzer comes up with. The test `hostile_input`
//! of the harness calls the same functions, on the stable compiler, with the seeds, with damaged
//! seeds and with random bytes, and watches the memory.

use std::io::Write as _;
use std::path::Path;

use harness::control::Ledger;
use harness::store::{check_trace, read_trace};
use harness::worker::lines::{LONGEST_LINE, Lines};
use harness::worker::{MarkOrder, WorkerEvent, event_of};
use model::run::hex;
use model::units::Nanos;
use sha2::{Digest as _, Sha256};

/// A sweep plan, as `joulebench plan FILE` reads it.
pub fn plan(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(plan) = harness::plan_file::parse(Path::new("plan.toml"), text) {
        let runs = plan.runs();
        let of_points = plan.points.len() * plan.blocks as usize;
        // Sentinels of a reference and confirmations come on top.
        assert!(runs.len() >= of_points);
        assert!(plan.tier.is_some() || plan.reference.is_some() || runs.len() == of_points);
    }
}

/// A trace, as the store and the analysis meet it on the disk. Both ways of reading agree.
pub fn trace(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let (read, checked) = (read_trace(file.path()), check_trace(file.path()));
    match (read, checked) {
        (Ok(trace), Ok(header)) => assert_eq!(trace.header, header),
        (Err(_), Err(_)) => {}
        (read, checked) => panic!(
            "the two readers disagree: {:?}, {:?}",
            read.err(),
            checked.err()
        ),
    }
}

/// The standard output of a worker.
pub fn marks(bytes: &[u8]) {
    let mut order = MarkOrder::default();
    for line in Lines::of(bytes) {
        match event_of(&line, Nanos::new(1)) {
            Some(WorkerEvent::Said { mark, .. }) if order.follow(&mark).is_err() => return,
            Some(WorkerEvent::Said { .. }) | None => {}
            Some(WorkerEvent::Garbage { line, reason }) => {
                assert!(line.len() <= LONGEST_LINE && !reason.is_empty());
                return;
            }
            Some(WorkerEvent::Exited { .. }) => panic!("a line ends no process"),
        }
    }
}

/// A ledger of control, as a power cut or a stranger may have left it: nothing is given back from
/// what is not whole. The same bytes behind a checksum that holds reach the parser behind it too.
pub fn ledger(bytes: &[u8]) {
    let _ = Ledger::parse(bytes);
    let sealed = [
        bytes,
        b"\nsha256 ",
        hex(&Sha256::digest(bytes)).as_bytes(),
        b"\n",
    ]
    .concat();
    if let Ok(ledger) = Ledger::parse(&sealed) {
        let again = Ledger::parse(&ledger.to_bytes()).expect("its own bytes");
        assert_eq!(again, ledger);
    }
}
