//! The protocol from the outside: real processes, real pipes.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command as Process, Output, Stdio};

use model::mark::Mark;

const REQUEST: &str = r#"{"protocol":1,"run_id":"test","point":{"engine":"candle",
    "model":"llama-tiny","precision":"f32","batch":2,"prompt_tokens":16,"decode_tokens":8},
    "weights_seed":1,"input_seed":2,"warmup_s":0.05}"#;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn own_worker() -> Process {
    Process::new(env!("CARGO_BIN_EXE_joulebench-worker"))
}

fn minimal_worker() -> Process {
    let mut process = Process::new("python3");
    process.arg(root().join("workloads/examples/minimal_worker.py"));
    process
}

fn start(mut process: Process, request: &str) -> Child {
    process
        .env("JOULEBENCH_RUN", request)
        .env("JOULEBENCH_DEVICE", "cpu")
        .env_remove("JOULEBENCH_WEIGHTS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the worker starts")
}

/// Says `go` after `ready` and `stop` after the third `end`; every mark that was heard.
fn measured(process: Process) -> Vec<Mark> {
    let mut child = start(process, REQUEST);
    let mut stdin = child.stdin.take().expect("piped");
    let mut marks = Vec::new();
    let mut ends = 0;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("UTF-8");
        let mark =
            Mark::parse(&line).unwrap_or_else(|error| panic!("'{line}' is no mark: {error}"));
        match &mark {
            Mark::Ready { .. } => writeln!(stdin, r#"{{"command":"go"}}"#).expect("it listens"),
            Mark::End { .. } => {
                ends += 1;
                if ends == 3 {
                    writeln!(stdin, r#"{{"command":"stop"}}"#).expect("it listens");
                }
            }
            _ => {}
        }
        marks.push(mark);
    }
    assert!(child.wait().expect("it ends").success());
    assert!(marks.is_sorted_by_key(Mark::at), "{marks:?}");
    marks
}

/// Checks what every worker owes: phases that pair up and work that adds up.
fn check(marks: &[Mark]) {
    let (first, last) = (marks.first().expect("ready"), marks.last().expect("done"));
    let Mark::Ready { worker, .. } = first else {
        panic!("{first:?} is not ready")
    };
    let Mark::Done {
        work: total,
        digest,
        ..
    } = last
    else {
        panic!("{last:?} is not done")
    };
    assert_eq!(digest.len(), 64);
    let mut output = 0;
    for pair in marks[1..marks.len() - 1].chunks(2) {
        let [
            Mark::Begin { phase: begun, .. },
            Mark::End { phase, work, .. },
        ] = pair
        else {
            panic!("{pair:?} is no phase")
        };
        assert_eq!(begun, phase);
        if *phase == worker.output_phase {
            output += work;
        }
    }
    assert!(output > 0);
    assert_eq!(output, *total);
}

#[test]
fn the_worker_is_measured() {
    let marks = measured(own_worker());
    check(&marks);
    for mark in &marks {
        if let Mark::End { phase, work, .. } = mark {
            assert_eq!(*work, if phase == "prefill" { 2 * 16 } else { 2 * 8 });
        }
    }
}

#[test]
fn two_processes_put_out_the_same() {
    let digest = |marks: Vec<Mark>| match marks.last() {
        Some(Mark::Done { digest, .. }) => digest.clone(),
        other => panic!("{other:?} is not done"),
    };
    assert_eq!(
        digest(measured(own_worker())),
        digest(measured(own_worker()))
    );
}

#[test]
fn the_example_in_python_is_measured() {
    if Process::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: python3 is not installed");
        return;
    }
    check(&measured(minimal_worker()));
}

#[test]
fn the_page_shows_the_example_as_it_is() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect(path);
    let example = read("workloads/examples/minimal_worker.py");
    assert!(example.lines().count() <= 20, "the page promises 20 lines");
    let page = read("docs/worker-protocol.md");
    assert!(
        page.contains(&format!("```python\n{example}```")),
        "copy the file into the page"
    );
}

fn refused(request: &str, input: &str) -> Output {
    let mut child = start(own_worker(), request);
    // The worker may be gone before it reads.
    let _ = child
        .stdin
        .take()
        .expect("piped")
        .write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    match text.lines().last().map(Mark::parse) {
        Some(Ok(Mark::Failed { message, .. })) => message,
        other => panic!("{other:?} is not failed"),
    }
}

#[test]
fn bad_requests_and_commands_fail_with_one_line() {
    for (request, input, expected) in [
        ("{", "", "JOULEBENCH_RUN is no run request"),
        (
            &REQUEST.replace("llama-tiny", "gpt"),
            "",
            "this worker supports: llama-tiny, ",
        ),
        (
            &REQUEST.replace("f32", "bf16"),
            "",
            "the CPU supports f32 and f16",
        ),
        (
            &REQUEST.replace(r#""batch":2,"#, ""),
            "",
            "axis 'batch' is missing",
        ),
        (
            &REQUEST.replace(r#""protocol":1"#, r#""protocol":2"#),
            "",
            "speaks protocol 2",
        ),
        (REQUEST, "start\n", "the line 'start', expected"),
    ] {
        let message = failure(&refused(request, input));
        assert!(message.contains(expected), "'{message}' lacks '{expected}'");
    }
}

#[test]
fn a_missing_weights_folder_is_named() {
    let output = own_worker()
        .env("JOULEBENCH_RUN", REQUEST)
        .env("JOULEBENCH_DEVICE", "cpu")
        .env("JOULEBENCH_WEIGHTS", "/no/such/folder")
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    assert!(failure(&output).starts_with("/no/such/folder: does not exist"));
}

#[test]
fn without_a_request_it_says_how_it_is_used() {
    let output = own_worker()
        .env_remove("JOULEBENCH_RUN")
        .output()
        .expect("it starts");
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        text.contains("started by `joulebench run`") && text.contains("demo"),
        "{text}"
    );
}

#[test]
fn list_and_demo_print_json() {
    let json = |arguments: &[&str]| -> serde_json::Value {
        let output = own_worker().args(arguments).output().expect("it starts");
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let listed = json(&["list", "llama-7b", "--batch", "8", "--json"]);
    assert_eq!(listed["models"][0]["model"], "llama-7b");
    assert_eq!(listed["models"][0]["at"]["batch"], 8);
    let shown = json(&["demo", "--device", "cpu", "--axis", "phase=decode"]);
    assert_eq!(shown["model"], "llama-tiny");
    assert_eq!(shown["weights_id"], "seed:1");
    assert_eq!(shown["phases"].as_array().map(Vec::len), Some(1));
    assert_eq!(shown["phases"][0]["phase"], "decode");
}

/// A phase alone puts out what it puts out in the whole iteration, and is the only one marked.
#[test]
fn a_phase_alone_gives_the_same_tokens() {
    let digest = |arguments: &[&str]| {
        let all = [&["demo", "--device", "cpu"], arguments].concat();
        let output = own_worker().args(all).output().expect("it starts");
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (shown["digest"].clone(), shown["tokens"].clone())
    };
    let whole = digest(&[]);
    assert_eq!(digest(&["--axis", "phase=decode"]), whole);
    let (_, read) = digest(&["--axis", "phase=prefill"]);
    assert_eq!(read[0].as_array().map(Vec::len), Some(1));
    assert_eq!(read[0][0], whole.1[0][0]);
}
