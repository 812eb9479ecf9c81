//! `joulebench measure`, `compare`, `watch` and `calibrate`, as a user types them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::program::{Outcome, built, joulebench};

fn run(words: &[&str]) -> Outcome {
    Outcome::of(&mut joulebench(words))
}

/// On an emulated H200.
fn emulated(words: &[&str]) -> Outcome {
    let program = built("joulebench").display().to_string();
    run(&[&["emulate", "--gpu", "h200", "--", program.as_str()], words].concat())
}

fn load_file(folder: &Path, for_s: f64) -> String {
    let file = folder.join(format!("load-{for_s}.toml"));
    fs::write(
        &file,
        format!("[[phase]]\nfor_s = {for_s:?}\nwork = \"triad\"\n"),
    )
    .unwrap();
    file.display().to_string()
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome:?}"))
}

#[test]
fn nothing_is_run_where_something_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran").display().to_string();
    let touch = format!("touch {ran}");
    let cases: [(&[&str], i32, &[&str]); 10] = [
        (
            &["measure", "-n", "0", "--", "touch", &ran],
            2,
            &["--runs", "1..=100000"],
        ),
        (
            &["measure", "--", "no-such-command"],
            2,
            &["'no-such-command'", "PATH", "sh -c"],
        ),
        (
            &["measure", "--", "./absent/tool"],
            2,
            &["./absent/tool", "no such file"],
        ),
        (&["measure"], 2, &["COMMAND"]),
        (
            &["measure", "--precision", "0%", "--", "touch", &ran],
            2,
            &["--precision", "1%"],
        ),
        (
            &["measure", "--instrument-budget", "60%", "--", "touch", &ran],
            2,
            &["--instrument-budget", "up to 50 %"],
        ),
        (
            &[
                "measure",
                "--json",
                "/no/such/folder/x.json",
                "--",
                "touch",
                &ran,
            ],
            2,
            &["/no/such/folder"],
        ),
        (
            &["measure", "--json", "-", "--csv", "-", "--", "touch", &ran],
            2,
            &["--json and --csv"],
        ),
        (&["compare", &touch], 2, &["2"]),
        (&["compare", "-n", "1", &touch, &touch], 2, &["--runs"]),
    ];
    for (words, code, expected) in cases {
        run(words).expect_code(code).expect_error(expected);
        assert!(!Path::new(&ran).exists(), "{words:?} ran the command");
    }
}

#[test]
fn a_gpu_that_is_not_there_is_said_to_be_absent() {
    let words = ["measure", "--device", "nvml", "--", "true"];
    // On a machine with a GPU this would measure.
    let outcome = run(&words);
    if outcome.code != Some(0) {
        outcome
            .expect_code(3)
            .expect_error(&["no GPU here", "--device cpu", "joulebench emulate"]);
    }
}

#[test]
fn a_failing_command_is_not_measured_unless_it_may_fail() {
    let fails = "echo broken >&2; exit 7";
    let words = [
        "measure", "--device", "cpu", "-n", "3", "--", "sh", "-c", fails,
    ];
    run(&words)
        .expect_code(5)
        .expect_error(&["exit code 7", "'broken'", "--ignore-failure"]);
    let words = [
        "measure",
        "--device",
        "cpu",
        "--ignore-failure",
        "-n",
        "2",
        "--json",
        "-",
        "--",
        "sh",
        "-c",
        fails,
    ];
    let report = json(&run(&words));
    let warnings = report["warnings"].as_array().unwrap();
    assert!(
        warnings
            .iter()
            .any(|warning| warning["warning"] == "command_failed"),
        "{warnings:?}"
    );
    assert_eq!(
        report["measurement"]["runs"][1]["failure"]["ending"]["code"],
        7
    );
}

#[test]
fn on_a_processor_time_is_measured_and_energy_has_a_value_or_a_reason() {
    let words = [
        "measure",
        "--device",
        "cpu",
        "-n",
        "4",
        "--idle",
        "0.2",
        "--min-window",
        "0",
        "--json",
        "-",
        "--",
        "sleep",
        "0.1",
    ];
    let outcome = run(&words);
    let report = json(&outcome);
    let summary = &report["summary"];
    let time_s = summary["time_s"]["value"].as_f64().unwrap();
    assert!((0.1..1.0).contains(&time_s), "{time_s}");
    assert_eq!(report["provenance"], "measured");
    if summary["energy_j"].is_null() {
        outcome.expect_code(6);
        assert_eq!(report["warnings"][0]["warning"], "no_energy");
        assert!(report["warnings"][0]["reason"].is_string());
    } else {
        outcome.expect_code(0);
        assert!(summary["energy_j"]["value"].as_f64().unwrap() > 0.0);
    }
}

/// A load of known length: what is measured is what the emulator knows to be true, within the
/// interval that is stated.
#[test]
fn the_interval_holds_the_truth_of_the_emulated_gpu() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let load = load_file(folder.path(), 0.8);
    let program = built("joulebench").display().to_string();
    let outcome = run(&[
        "emulate", "--gpu", "h200", "--state", &state, "--", &program, "measure", "-n", "4",
        "--idle", "0.6", "--json", "-", "--", &program, "emulate", "load", &load, "--wait",
    ])
    .expect_code(0);
    let report = json(&outcome);
    assert_eq!(report["provenance"], "emulated");
    let energy = &report["summary"]["energy_j"];
    let bound = |index: usize| energy["bounds"][index].as_f64().unwrap();
    let runs = report["measurement"]["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 4);
    let truths: Vec<f64> = runs
        .iter()
        .map(|one| {
            let executions = one["executions"].as_f64().unwrap();
            let [from, to] = ["begin_ns", "end_ns"].map(|key| one[key].to_string());
            let asked = [
                "emulate", "truth", "--state", &state, "--from", &from, "--to", &to, "--json",
            ];
            json(&run(&asked).expect_code(0))["energy_j"]
                .as_f64()
                .unwrap()
                / executions
        })
        .collect();
    let mean = truths.iter().sum::<f64>() / 4.0;
    assert!(mean > 300.0, "a triad for 0.8 s takes more than {mean} J");
    assert!(
        bound(0) <= mean && mean <= bound(1),
        "{mean} J in truth, stated {energy}"
    );
    // Net energy is below gross by the idle power.
    let net = report["summary"]["net_energy_j"]["value"].as_f64().unwrap();
    assert!(net < energy["value"].as_f64().unwrap(), "{net}");
}

#[test]
fn exports_are_written_beside_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (json_file, csv, markdown) = (at("a.json"), at("a.csv"), at("a.md"));
    let load = load_file(folder.path(), 0.3);
    let program = built("joulebench").display().to_string();
    let said = emulated(&[
        "measure",
        "-n",
        "2",
        "--idle",
        "0.4",
        "--min-window",
        "0",
        "--name",
        "a|b",
        "--json",
        &json_file,
        "--csv",
        &csv,
        "--markdown",
        &markdown,
        "--",
        &program,
        "emulate",
        "load",
        &load,
        "--wait",
    ])
    .expect_code(0);
    for words in [
        "a|b",
        "energy",
        "net of idle",
        "scale of the sensor",
        "emulated: no measurement",
    ] {
        assert!(
            said.stdout.contains(words),
            "'{words}' is missing from\n{}",
            said.stdout
        );
    }
    let csv = fs::read_to_string(csv).unwrap();
    assert_eq!(csv.lines().count(), 3);
    assert!(
        csv.starts_with("command,run,provenance") && csv.contains("emulated"),
        "{csv}"
    );
    assert!(fs::read_to_string(markdown).unwrap().contains("a\\|b"));
    let report: Value = serde_json::from_str(&fs::read_to_string(json_file).unwrap()).unwrap();
    assert_eq!(report["format"], 1);
}

#[test]
fn a_real_difference_is_supported_and_the_order_follows_from_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let program = built("joulebench").display().to_string();
    let line = |for_s: f64| {
        format!(
            "{program} emulate load {} --wait",
            load_file(folder.path(), for_s)
        )
    };
    let (short, long) = (line(0.3), line(0.6));
    let outcome = emulated(&[
        "compare",
        "-n",
        "4",
        "--seed",
        "7",
        "--idle",
        "0.3",
        "--min-window",
        "0",
        "--name",
        "short",
        "--name",
        "long",
        "--json",
        "-",
        &short,
        &long,
    ])
    .expect_code(0);
    let report = json(&outcome);
    let [first, second] = &report["commands"].as_array().unwrap()[..] else {
        panic!("{report}")
    };
    assert!(first["to_reference"].is_null());
    let ratio = &second["to_reference"]["energy"];
    assert_eq!(ratio["verdict"]["verdict"], "more", "{ratio}");
    let value = ratio["interval"]["value"].as_f64().unwrap();
    assert!((1.6..2.4).contains(&value), "{value}");
    assert_eq!(report["seed"], 7);
    // Interleaved: in every block each command once.
    let begins = |command: &Value| -> Vec<u64> {
        let runs = command["measurement"]["runs"].as_array().unwrap();
        runs.iter()
            .map(|run| run["begin_ns"].as_u64().unwrap())
            .collect()
    };
    let (a, b) = (begins(first), begins(second));
    for block in 0..3 {
        assert!(
            a[block].max(b[block]) < a[block + 1].min(b[block + 1]),
            "blocks overlap"
        );
    }
}

#[test]
fn watch_prints_lines_where_there_is_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let load = load_file(folder.path(), 5.0);
    let program = built("joulebench").display().to_string();
    let outcome = run(&[
        "emulate",
        "--gpu",
        "h200",
        "--load",
        &load,
        "--",
        &program,
        "watch",
        "--once",
        "--json",
        "--interval",
        "0.5",
    ])
    .expect_code(0);
    let line = json(&outcome);
    assert!(line["power_w"].as_f64().unwrap() > 300.0, "{line}");
    assert!(
        line["sm_clock_mhz"].is_u64() && line["temperature_c"].is_i64(),
        "{line}"
    );
    let plain = run(&["watch", "--device", "cpu", "--once", "--interval", "0.2"]);
    assert!(matches!(plain.code, Some(0 | 6)), "{plain:?}");
    assert_eq!(plain.stdout.lines().count(), 2, "{}", plain.stdout);
}

/// A reader that leaves ends it: nothing runs on for nobody.
#[test]
fn watch_ends_with_its_reader() {
    let mut watch = joulebench(["watch", "--device", "cpu", "--interval", "0.05"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let head = Command::new("head")
        .arg("-n")
        .arg("2")
        .stdin(watch.stdout.take().unwrap())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&head.stdout).lines().count(), 2);
    let status = watch.wait().unwrap();
    assert!(matches!(status.code(), Some(0 | 6)), "{status}");
}

/// What is injected is found: the profile of the H200 has a tick of 100 ms and a sensor that looks
/// for 25 of 101 ms.
#[test]
fn a_calibration_finds_what_the_emulated_board_has() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("h200");
    let place = out.display().to_string();
    let said = emulated(&["calibrate", "--out", &place]).expect_code(0);
    assert!(said.stdout.contains("energy counter"), "{}", said.stdout);
    let profile: Value =
        serde_json::from_str(&fs::read_to_string(out.join("profile.json")).unwrap()).unwrap();
    let known = |of: &Value| {
        of["known"]["value"]
            .as_f64()
            .unwrap_or_else(|| panic!("{of}"))
    };
    assert!((known(&profile["counter"]["period_ms"]) - 100.0).abs() < 0.01);
    let fields = profile["fields"].as_array().unwrap();
    let instant = fields
        .iter()
        .find(|field| field["field"] == "power_instant")
        .unwrap_or_else(|| panic!("{fields:?}"));
    assert!(
        (known(&instant["update_period_ms"]) - 101.0).abs() < 0.1,
        "{instant}"
    );
    assert!(
        (known(&instant["window_ms"]) - 25.0).abs() < 2.0,
        "{instant}"
    );
    assert!(out.join("trace.parquet").is_file());
    // A recording is never written over.
    emulated(&["calibrate", "--out", &place])
        .expect_code(2)
        .expect_error(&["is there already", "--out"]);
    // The profile can be measured with.
    let load = load_file(folder.path(), 0.3);
    let program = built("joulebench").display().to_string();
    let profile = out.join("profile.json").display().to_string();
    emulated(&[
        "measure",
        "-n",
        "2",
        "--idle",
        "0.3",
        "--min-window",
        "0",
        "--profile",
        &profile,
        "--",
        &program,
        "emulate",
        "load",
        &load,
        "--wait",
    ])
    .expect_code(0);
}

#[test]
fn a_short_command_is_repeated_as_often_as_the_instrument_needs() {
    let folder = tempfile::tempdir().unwrap();
    let load = load_file(folder.path(), 0.1);
    let program = built("joulebench").display().to_string();
    let measured = |budget: &str| {
        let words = [
            "measure",
            "-n",
            "2",
            "--idle",
            "0.5",
            "--instrument-budget",
            budget,
            "--json",
            "-",
            "--",
            program.as_str(),
            "emulate",
            "load",
            load.as_str(),
            "--wait",
        ];
        let report = json(&emulated(&words));
        let plan = report["measurement"]["window"].clone();
        let executions = report["summary"]["executions_per_run"].as_u64().unwrap();
        assert_eq!(plan["executions"], executions, "{plan}");
        let share = &report["summary"]["energy_j"]["instrument"]["each_run"];
        assert!(share.as_f64() <= plan["asked"].as_f64(), "{share}, {plan}");
        executions
    };
    assert!(measured("5%") < measured("1%"));
}

#[test]
fn a_budget_that_no_window_meets_is_refused_before_anything_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran").display().to_string();
    let words = [
        "measure",
        "--instrument-budget",
        "0.05%",
        "--",
        "touch",
        &ran,
    ];
    emulated(&words)
        .expect_code(2)
        .expect_error(&["--instrument-budget 0.05%", "drift", "0.11 %"]);
    assert!(!Path::new(&ran).exists());
}
