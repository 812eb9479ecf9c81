//! `joulebench emulate`: a command on emulated GPUs, and the truth about them.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::program::{Outcome, joulebench};

/// Four seconds of a load that is far from idle, in the grammar of load files.
const LOAD: &str = "[[phase]]\nfor_s = 4.0\nwork = \"gemm-bf16\"\n";

fn emulate(words: &[&str]) -> Outcome {
    Outcome::of(joulebench(["emulate"]).args(words))
}

#[test]
fn a_command_meets_the_boards_that_were_asked_for() {
    let query = "--query-gpu=index,name,power.limit,clocks.max.sm";
    let said = emulate(&[
        "--gpu",
        "v100",
        "--gpu",
        "h100-sxm",
        "--",
        "nvidia-smi",
        query,
        "--format=csv,noheader,nounits",
    ])
    .expect_code(0);
    assert_eq!(
        said.stdout,
        "0, Tesla V100-PCIE-32GB, 250.00, 1380\n1, NVIDIA H100 80GB HBM3, 700.00, 1980\n"
    );
    let said = emulate(&["--gpu", "a100-80", "--count", "3", "--", "nvidia-smi", "-L"]);
    assert_eq!(said.expect_code(0).stdout.lines().count(), 3);
}

#[test]
fn the_exit_code_is_that_of_the_command() {
    emulate(&["--", "sh", "-c", "exit 42"]).expect_code(42);
    emulate(&["--", "sh", "-c", "kill -9 $$"]).expect_code(137);
}

#[test]
fn what_makes_no_machine_is_refused_before_the_command_runs() {
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran");
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let load = write(
        "load.toml",
        "[[phase]]\nfor_s = 1.0\nwork = \"gemm-bf17\"\n",
    );
    let faults = write("faults.toml", "[[fault]]\nat_s = 1.0\nkind = \"meteor\"\n");
    let profile = write("board.toml", "slug = \"mine\"\n");
    let cases: [(&[&str], i32, &[&str]); 5] = [
        (
            &["--gpu", "b300"],
            3,
            &["b300", "expected one of", "h200-sxm-141gb"],
        ),
        (
            &["--load", &load],
            2,
            &["load.toml", "gemm-bf17", "gemm-bf16"],
        ),
        (&["--faults", &faults], 2, &["faults.toml", "meteor"]),
        (&["--gpu", &profile], 3, &["board.toml", "product_name"]),
        (&["--count", "99"], 2, &["--count", "1..=16"]),
    ];
    for (words, code, expected) in cases {
        let touch = ["--", "touch", ran.to_str().unwrap()];
        let words = [words, &touch].concat();
        emulate(&words).expect_code(code).expect_error(expected);
        assert!(!ran.exists(), "{words:?} ran the command");
    }
    emulate(&[])
        .expect_code(1)
        .expect_error(&["no command", "after '--'"]);
}

#[test]
fn the_truth_is_kept_in_the_state_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(at("load.toml"), LOAD).unwrap();
    let (state, report) = (at("state"), at("report.json"));
    emulate(&[
        "--gpu",
        "h200",
        "--state",
        &state,
        "--report",
        &report,
        "--load",
        &at("load.toml"),
        "--",
        "sleep",
        "1",
    ])
    .expect_code(0);
    let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(report["provenance"], "emulated");
    let energy_j = report["gpus"][0]["true_energy_j"].as_f64().unwrap();
    // One second near the limit of 700 W; the first tenth may be above it.
    assert!((500.0..900.0).contains(&energy_j), "{energy_j}");

    let [from, to] = ["begin_ns", "end_ns"].map(|key| report[key].to_string());
    let words = [
        "truth", "--state", &state, "--from", &from, "--to", &to, "--json",
    ];
    let truth: Value = serde_json::from_str(&emulate(&words).expect_code(0).stdout).unwrap();
    assert_eq!(truth["energy_j"].as_f64(), Some(energy_j));
}

#[test]
fn two_emulations_never_share_a_state_file() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let program = tests::program::built("joulebench").display().to_string();
    let inner = format!("{program} emulate --state {state} -- true");
    emulate(&["--state", &state, "--", "sh", "-c", &inner])
        .expect_code(1)
        .expect_error(&["state"]);
    emulate(&["--state", &state, "--", "true"]).expect_code(0);
}

#[test]
fn the_harness_itself_meets_the_emulated_driver_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    fs::write(
        &plan,
        "name = \"by-nvml\"\ntitle = \"t\"\nseed = 1\nblocks = 1\n\
         [session]\ndevice = \"nvml\"\nsample_period_ms = 20\nidle_s = 0.3\nwarmup_s = 0.0\n\
         window_s = 0.3\ncooldown_s = 0.0\ntimeout_s = 10.0\n\
         [engines.sleep]\ncommand = [\"sleep\", \"0.5\"]\nprotocol = \"none\"\n\
         [axes]\nbatch = [1]\n",
    )
    .unwrap();
    let rows = rows_of(folder.path(), "h100-sxm", &plan, "by-nvml");
    assert!(
        rows.contains("emulated") && rows.contains("NVIDIA H100 80GB HBM3"),
        "{rows}"
    );
    assert!(!rows.contains("measured"), "{rows}");
}

/// The whole path in real time: harness, emulated driver, and a worker that loads the board.
#[test]
fn a_worker_on_an_emulated_board_is_measured_as_a_real_one_would_be() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    let worker = tests::program::built("joulebench-emulated-worker");
    fs::write(
        &plan,
        format!(
            "name = \"real-time\"\ntitle = \"t\"\nseed = 1\nblocks = 1\n\
             [session]\ndevice = \"nvml\"\nsample_period_ms = 20\nidle_s = 0.5\nwarmup_s = 0.2\n\
             window_s = 1.5\ncooldown_s = 0.1\ntimeout_s = 20.0\n\
             [engines.emulated]\ncommand = [{worker:?}]\n\
             [axes]\nmodel = [\"llama-7b\"]\nprecision = [\"bf16\"]\nbatch = [1]\n\
             prompt_tokens = [512]\ndecode_tokens = [32]\n"
        ),
    )
    .unwrap();
    let rows = rows_of(folder.path(), "h200", &plan, "real-time");
    let mut lines = rows.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let (header, row) = (lines.next().unwrap(), lines.next().unwrap());
    let cell = |name: &str| row[header.iter().position(|column| *column == name).unwrap()];
    let number = |name: &str| cell(name).parse::<f64>().unwrap();
    assert_eq!(cell("provenance"), "emulated");
    // Decode streams 13.2 GB of weights a token at some 4.4 TB/s, and draws far more than idle.
    let tokens_per_s = number("throughput_per_s");
    assert!((200.0..350.0).contains(&tokens_per_s), "{tokens_per_s}");
    assert!(
        number("mean_power_w") > 2.0 * number("idle_power_w"),
        "{rows}"
    );
}

/// The rows of a plan that the harness ran through the emulated driver of a board.
fn rows_of(folder: &Path, board: &str, plan: &Path, name: &str) -> String {
    let program = tests::program::built("joulebench").display().to_string();
    let store = folder.join("store");
    emulate(&[
        "--gpu",
        board,
        "--",
        &program,
        "run",
        plan.to_str().unwrap(),
        "--store",
        store.to_str().unwrap(),
    ])
    .expect_code(0);
    let out = folder.join("out");
    analyzed(&store.join(name), &out);
    fs::read_to_string(out.join("rows.csv")).unwrap()
}

fn analyzed(campaign: &Path, out: &Path) {
    let words = [
        "analyze",
        campaign.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    Outcome::of(&mut joulebench(words)).expect_code(0);
}

#[test]
fn boards_and_clocks_are_listed() {
    let boards: Value =
        serde_json::from_str(&emulate(&["boards", "--json"]).expect_code(0).stdout).unwrap();
    let clocks: Vec<u64> = boards
        .as_array()
        .unwrap()
        .iter()
        .map(|board| board["core_clocks"].as_u64().unwrap())
        .collect();
    assert_eq!(clocks, [167, 81, 81, 97, 110, 110]);
    let count = |words: &[&str]| emulate(words).expect_code(0).stdout.split(", ").count();
    assert_eq!(count(&["clocks", "--gpu", "v100", "--study"]), 117);
    assert_eq!(count(&["clocks", "--gpu", "a100", "--study"]), 61);
    assert_eq!(count(&["clocks", "--gpu", "h100", "--study"]), 86);
    insta::assert_snapshot!(emulate(&["boards"]).expect_code(0).stdout);
}

/// A board of one's own is one file, made from the profile of another.
#[test]
fn a_profile_of_ones_own_is_a_board() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let profile = emulate(&["boards", "--profile", "a100-80"])
        .expect_code(0)
        .stdout;
    let mine = profile.replace("NVIDIA A100 80GB PCIe", "Board of my own");
    assert_ne!(profile, mine);
    fs::write(&file, mine).unwrap();
    let words = ["--gpu", file.to_str().unwrap(), "--", "nvidia-smi", "-L"];
    let said = emulate(&words).expect_code(0);
    assert!(said.stdout.contains("Board of my own"), "{}", said.stdout);
}
