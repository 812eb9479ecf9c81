//! Load files: what they expand to, and what is refused.

use gpu_sim::{Repeat, Work, kernels};

use super::*;
use crate::state::{EventKind, NO_PROCESS};

fn parse(text: &str) -> Schedule {
    Schedule::parse(text, "load.toml").unwrap()
}

fn refusal(text: &str) -> String {
    match Schedule::parse(text, "load.toml") {
        Ok(schedule) => schedule.events(1).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

fn lines(events: &[Planned]) -> String {
    let line = |event: &Planned| {
        let what = match event.kind {
            EventKind::SetWork(None) => "idle".to_owned(),
            EventKind::SetWork(Some(work)) => {
                let name = kernels::NAMES
                    .into_iter()
                    .find(|name| kernels::named(name) == Some(work.cost))
                    .unwrap_or("other");
                match work.repeat {
                    Repeat::Endless => name.to_owned(),
                    Repeat::Times(times) => format!("{times} x {name}"),
                }
            }
            EventKind::SetContext { pid, open, .. } => {
                assert_eq!(pid, NO_PROCESS);
                format!("context {}", if open { "opens" } else { "closes" })
            }
            other => format!("{other:?}"),
        };
        format!(
            "{} ms gpu {}: {what}",
            event.after.get() / 1_000_000,
            event.gpu
        )
    };
    events.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn phases_follow_each_other_on_each_gpu() {
    let schedule = parse(
        r#"
        [[phase]]
        for_s = 1.5
        work = "gemm-bf16"
        [[phase]]
        gpu = 1
        repeat = 2
        phases = [{ for_s = 0.05, work = "copy", times = 3 }, { for_s = 0.05, work = "idle" }]
        [[phase]]
        gpu = 0
        for_s = 0.25
        work = "triad"
        "#,
    );
    insta::assert_snapshot!(lines(&schedule.events(2).unwrap()));
    assert_eq!(schedule.duration(2).unwrap(), Nanos::from_millis(1_750));
}

#[test]
fn without_a_context_there_is_only_work() {
    let schedule = parse("context = false\n[[phase]]\nfor_s = 1\nwork = \"fill\"\n");
    assert_eq!(
        lines(&schedule.events(1).unwrap()),
        "0 ms gpu 0: fill\n1000 ms gpu 0: idle"
    );
}

#[test]
fn work_can_be_a_phase_of_a_model_or_counts() {
    let schedule = parse(
        r#"
        [[phase]]
        for_s = 1.0
        model = { model = "llama-7b", precision = "bf16", batch = 8, prompt_tokens = 512, decode_tokens = 128, phase = "prefill" }
        [[phase]]
        for_s = 1.0
        cost = { operations = [0, 1e12, 0, 0, 0, 0], dram_bytes = 1e9, cache_bytes = 2e9, kernels = 1, host = 0.0, toggle = 0.5 }
        "#,
    );
    let works: Vec<Work> = schedule
        .events(1)
        .unwrap()
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::SetWork(work) => work,
            _ => None,
        })
        .collect();
    // Two operations for each of 6.6e9 weights and each of 8 x 512 tokens, and the attention.
    let prefill = works[0].cost.operations.sum();
    assert!((5.3e13..6.5e13).contains(&prefill), "{prefill:e}");
    assert!((works[1].cost.dram_bytes - 1e9).abs() < 0.5);
}

#[test]
fn what_is_wrong_is_named_with_file_entry_key_value_and_expectation() {
    let phase = |body: &str| format!("[[phase]]\n{body}\n");
    let refusals = [
        "phase = 3".to_owned(),
        "phase = []".to_owned(),
        phase("for_s = 1.0\nworks = \"copy\""),
        phase("work = \"copy\""),
        phase("for_s = -1.0\nwork = \"copy\""),
        phase("for_s = nan\nwork = \"copy\""),
        phase("for_s = 1.0\nwork = \"gemm\""),
        phase("for_s = 1.0"),
        phase("for_s = 1.0\nwork = \"copy\"\nmodel = { model = \"llama-7b\" }"),
        phase("for_s = 1.0\nwork = \"copy\"\ngpu = 16"),
        phase("for_s = 1.0\nwork = \"copy\"\ngpu = 1"),
        phase("for_s = 1.0\nwork = \"copy\"\ngpu = \"both\""),
        phase("for_s = 1.0\nwork = \"idle\"\ntimes = 2"),
        phase("repeat = 0\nphases = [{ for_s = 1, work = \"copy\" }]"),
        phase("repeat = 3\nfor_s = 1\nwork = \"copy\""),
        phase(
            "repeat = 2\nphases = [{ for_s = 1, work = \"copy\" }, { for_s = 1, work = \"cpoy\" }]",
        ),
        phase("repeat = 2000000\nphases = [{ for_s = 0.1, work = \"copy\" }]"),
        phase(
            "for_s = 1.0\ncost = { operations = [0, -1, 0, 0, 0, 0], dram_bytes = 0, cache_bytes = 0, kernels = 1, host = 0, toggle = 1 }",
        ),
        phase("for_s = 1.0\nmodel = { model = \"gpt-9\", precision = \"bf16\", batch = 1 }"),
        phase(
            "for_s = 1.0\nmodel = { model = \"llama-7b\", precision = \"bf16\", batch = 1, prompt_tokens = 8, decode_tokens = 8 }",
        ),
    ];
    // Lists of kernels and models grow elsewhere.
    let short = |text: &String| {
        let refusal = refusal(text);
        match refusal
            .split_once("one of copy")
            .or_else(|| refusal.split_once("one of llama"))
        {
            Some((head, _)) => format!("{head}one of …"),
            None => refusal,
        }
    };
    let text: Vec<String> = refusals.iter().map(short).collect();
    insta::assert_snapshot!(text.join("\n---\n"));
}

#[test]
fn work_as_text_is_a_name_or_json() {
    assert_eq!(
        parse_work(" idle ").unwrap(),
        WorkSource::Named("idle".to_owned())
    );
    assert!(matches!(
        parse_work(
            r#"{"model": "llama-7b", "precision": "bf16", "batch": 1, "prompt_tokens": 8, "decode_tokens": 8, "phase": "decode"}"#
        ),
        Ok(WorkSource::Model(_))
    ));
    assert!(matches!(
        parse_work(
            r#"{"cost": {"operations": [0,1,0,0,0,0], "dram_bytes": 1, "cache_bytes": 1, "kernels": 1, "host": 0, "toggle": 1}}"#
        ),
        Ok(WorkSource::Cost(_))
    ));
    for bad in ["", "gemm", "{", "{}", r#"{"cost": 1}"#] {
        assert!(parse_work(bad).is_err(), "{bad}");
    }
}
