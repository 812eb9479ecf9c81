//! What is done with hostile input: one function for each reader of this project that takes bytes
//! from outside. None may panic; what they accept is checked a little.
//!
//! The fuzz targets call these functions with what libFuzzer comes up with. The test `hostile_input`
//! of the harness calls the same functions, on the stable compiler, with the seeds, with damaged
//! seeds and with random bytes, and watches the memory.

use std::io::Write as _;
use std::path::Path;

use harness::store::{check_trace, read_trace};
use harness::worker::lines::{LONGEST_LINE, Lines};
use harness::worker::{MarkOrder, WorkerEvent, event_of};
use model::units::Nanos;

/// A sweep plan, as `joulebench plan FILE` reads it.
pub fn plan(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(plan) = harness::plan_file::parse(Path::new("plan.toml"), text) {
        let runs = plan.runs();
        assert_eq!(runs.len(), plan.points.len() * plan.blocks as usize);
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
