//! Sessions on this machine's processor with lines of shell as workers.

use model::mark::{Mark, RunRequest};
use model::provenance::Provenance;
use model::reason::RunFault;

use super::super::*;
use crate::clock::monotonic_now;
use crate::device::Backend;
use crate::fixture::{record, shell_run};

const READY: &str = r#"{"mark":"ready","at_ns":1,"worker":{"name":"sh","engine":"sh","device":"cpu","weights":"none","output_phase":"decode","unit":"token"}}"#;

/// The one fault of a worker that speaks the protocol.
fn fault_of(script: &str) -> Fault {
    let mut run = shell_run(script, "marks");
    run.session.timeout_s = 2.0;
    only_fault(record(&run))
}

fn only_fault(mut trace: Trace) -> Fault {
    assert_eq!(trace.header.faults.len(), 1, "{:?}", trace.header.faults);
    trace.header.faults.swap_remove(0)
}

#[test]
fn a_command_without_marks_is_one_window_from_start_to_end() {
    let trace = record(&shell_run("sleep 0.2", "none"));
    assert_eq!(trace.header.faults, []);
    assert_eq!(trace.header.provenance, Provenance::Measured);
    let window = trace.header.span(Stage::Window).expect("a good run");
    let took = window.end_ns.saturating_sub(window.begin_ns);
    assert!(took >= Nanos::from_millis(200), "{took}");
    let words: Vec<(&str, u64)> = trace
        .header
        .marks
        .iter()
        .map(|received| match &received.mark {
            Mark::Ready { worker, .. } => (worker.name.as_str(), 0),
            Mark::Begin { phase, .. } => (phase.as_str(), 0),
            Mark::End { work, .. } => ("end", *work),
            Mark::Done { work, .. } => ("done", *work),
            Mark::Failed { .. } => ("failed", 0),
        })
        .collect();
    assert_eq!(
        words,
        [("/bin/sh", 0), ("command", 0), ("end", 1), ("done", 1)]
    );
    let stages: Vec<Stage> = trace.header.spans.iter().map(|span| span.stage).collect();
    assert_eq!(
        stages,
        [
            Stage::IdleBefore,
            Stage::Window,
            Stage::CoolDown,
            Stage::IdleAfter
        ]
    );
    assert!(trace.samples.is_sorted_by(|a, b| a.at_ns < b.at_ns));
    // Without a GPU its readings are absent with a reason, not zero.
    assert!(
        trace
            .samples
            .iter()
            .all(|sample| sample.energy_mj.is_none())
    );
    assert!(trace.header.machine.absent.contains_key("energy_mj"));
}

#[test]
fn the_worker_is_told_what_to_do_in_its_environment() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("request.json");
    let run = shell_run(
        &format!("printf %s \"$JOULEBENCH_RUN\" > {}", file.display()),
        "none",
    );
    assert_eq!(record(&run).header.faults, []);
    let text = fs_err::read_to_string(&file).expect("the worker wrote it");
    let request: RunRequest = serde_json::from_str(&text).expect("a request");
    assert_eq!(request.run_id, run.id.to_string());
    assert_eq!(request.point, run.point);
    assert_eq!(
        (request.weights_seed, request.input_seed),
        (run.weights_seed, run.input_seed)
    );
}

#[test]
fn a_command_that_fails_is_a_crash_with_its_last_words() {
    let run = shell_run("echo first >&2; echo out of memory >&2; exit 3", "none");
    let fault = only_fault(record(&run));
    assert_eq!(fault.fault, RunFault::WorkerCrashed);
    assert_eq!(
        fault.detail,
        "exit status: 3; stderr: first | out of memory"
    );
}

#[test]
fn a_command_that_takes_too_long_is_killed() {
    let mut run = shell_run("exec sleep 60", "none");
    run.session.timeout_s = 0.3;
    let begin = monotonic_now();
    let fault = only_fault(record(&run));
    assert_eq!(fault.fault, RunFault::WorkerTimeout);
    assert!(monotonic_now().saturating_sub(begin) < Nanos::from_seconds(30.0));
}

#[test]
fn a_worker_that_says_nothing_is_killed() {
    let mut run = shell_run("exec sleep 60", "marks");
    run.session.timeout_s = 0.3;
    let fault = only_fault(record(&run));
    assert_eq!(fault.fault, RunFault::WorkerTimeout);
    assert_eq!(
        fault.detail,
        "no mark for 0.3 s (timeout_s of [session]); the worker was killed"
    );
}

#[test]
fn a_worker_that_stops_talking_inside_a_phase_is_killed() {
    let begin = r#"{"mark":"begin","at_ns":2,"phase":"decode"}"#;
    let mut run = shell_run(
        &format!("echo '{READY}'; read go; echo '{begin}'; exec sleep 60"),
        "marks",
    );
    run.session.timeout_s = 1.0;
    let mut trace = record(&run);
    assert_eq!(trace.header.marks.len(), 2, "what it said is kept");
    assert_eq!(
        trace.header.faults.swap_remove(0).fault,
        RunFault::WorkerTimeout
    );
}

#[test]
fn garbage_is_quoted() {
    let fault = fault_of("echo loading weights; sleep 1");
    assert_eq!(fault.fault, RunFault::WorkerGarbage);
    assert!(
        fault
            .detail
            .starts_with("the line 'loading weights' is no mark"),
        "{}",
        fault.detail
    );
}

#[test]
fn bytes_that_are_no_text_are_garbage() {
    let fault = fault_of(r"printf '\377\376\n'; sleep 1");
    assert_eq!(fault.fault, RunFault::WorkerGarbage);
}

#[test]
fn marks_out_of_order_are_refused() {
    let fault = fault_of(r#"echo '{"mark":"begin","at_ns":1,"phase":"decode"}'; sleep 1"#);
    assert_eq!(fault.fault, RunFault::WorkerGarbage);
    assert_eq!(fault.detail, "mark 'begin' cannot come before 'ready'");
}

#[test]
fn a_worker_that_reports_a_failure_is_quoted() {
    let fault = fault_of(r#"echo '{"mark":"failed","at_ns":1,"message":"no such model"}'"#);
    assert_eq!(fault.fault, RunFault::WorkerFailed);
    assert_eq!(fault.detail, "no such model");
}

#[test]
fn a_worker_that_leaves_before_done_crashed() {
    let fault = fault_of(&format!("echo '{READY}'; exit 0"));
    assert_eq!(fault.fault, RunFault::WorkerCrashed);
    assert_eq!(fault.detail, "exit status: 0");
    let fault = fault_of("kill -9 $$");
    assert_eq!(fault.fault, RunFault::WorkerCrashed);
    assert!(fault.detail.contains("signal: 9"), "{}", fault.detail);
}

#[test]
fn done_without_work_is_a_fault() {
    let done = r#"{"mark":"done","at_ns":2,"work":0,"digest":"","quality":{}}"#;
    let fault = fault_of(&format!("echo '{READY}'; read go; echo '{done}'"));
    assert_eq!(fault.fault, RunFault::NoWork);
}

/// The session is taken on the processor, but its run says that a GPU is measured.
#[test]
fn a_worker_on_the_processor_is_refused_where_a_gpu_is_measured() {
    let mut run = shell_run(&format!("echo '{READY}'; read go"), "marks");
    run.session.timeout_s = 2.0;
    run.session.device = DeviceKind::Nvml;
    let mut instrument = Backend::Cpu.open(0).expect("the processor is always there");
    let trace =
        super::super::record(instrument.as_mut(), &run, None, &mut ()).expect("nothing is set");
    let fault = only_fault(trace);
    assert_eq!(fault.fault, RunFault::WrongDevice);
    assert!(
        fault.detail.contains("computes on 'cpu'"),
        "{}",
        fault.detail
    );
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let mut run = shell_run("", "marks");
    run.engine.command = vec!["/no/such/worker".to_owned()];
    let fault = only_fault(record(&run));
    assert_eq!(fault.fault, RunFault::WorkerNotStarted);
    assert!(
        fault.detail.contains("'/no/such/worker' cannot be started"),
        "{}",
        fault.detail
    );
}

/// What the worker left behind holds its pipes open; the harness must not wait for it.
#[test]
fn a_process_left_behind_does_not_hold_the_harness_up() {
    let begin = monotonic_now();
    let fault = fault_of("sleep 40 & exit 7");
    assert_eq!(fault.fault, RunFault::WorkerCrashed);
    assert!(
        fault.detail.starts_with("exit status: 7"),
        "{}",
        fault.detail
    );
    assert!(monotonic_now().saturating_sub(begin) < Nanos::from_seconds(20.0));
}
