//! The command line as a person meets it: help, completions, man pages, mistakes.

use tests::program::{Outcome, joulebench};
use tests::tree;

const VERBS: [&str; 13] = [
    "doctor",
    "workloads",
    "plan",
    "run",
    "status",
    "analyze",
    "figures",
    "claims",
    "paper",
    "dataset",
    "reproduce",
    "completions",
    "man",
];

/// One line with single spaces, since help is wrapped to the width of the terminal.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn help_lists_every_verb_and_every_verb_repeats_its_summary() {
    let help = Outcome::of(&mut joulebench(["--help"]))
        .expect_code(0)
        .stdout;
    for verb in VERBS {
        let start = format!("  {verb} ");
        let line = help.lines().find(|line| line.starts_with(&start));
        let summary = unwrapped(line.unwrap_or_else(|| panic!("no '{verb}' in:\n{help}")));
        let summary = summary.trim_start_matches(verb).trim_start();
        let own = Outcome::of(&mut joulebench([verb, "--help"]))
            .expect_code(0)
            .stdout;
        assert!(
            unwrapped(&own).starts_with(summary),
            "'{verb}': '{summary}' in:\n{own}"
        );
        assert!(own.contains(&format!("Usage: joulebench {verb}")), "{own}");
    }
    assert!(unwrapped(&help).contains("Exit codes: 0 done;"), "{help}");
}

#[test]
fn version_is_that_of_the_workspace() {
    let said = Outcome::of(&mut joulebench(["--version"])).expect_code(0);
    assert_eq!(
        said.stdout.trim(),
        concat!("joulebench ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn completions_know_every_verb() {
    for shell in ["bash", "zsh", "fish"] {
        let said = Outcome::of(&mut joulebench(["completions", shell])).expect_code(0);
        for verb in VERBS {
            assert!(
                said.stdout.contains(verb),
                "{shell} does not complete '{verb}'"
            );
        }
    }
}

#[test]
fn there_is_a_man_page_for_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    Outcome::of(joulebench(["man"]).arg(folder.path())).expect_code(0);
    let pages = tree::read(folder.path());
    for verb in VERBS {
        let name = format!("joulebench-{verb}.1");
        let page = pages
            .iter()
            .find(|(path, _)| path.as_os_str() == name.as_str());
        let (_, page) = page.unwrap_or_else(|| panic!("{name} is missing: {:?}", pages.keys()));
        assert!(
            String::from_utf8_lossy(&page.bytes).contains(".SH SYNOPSIS"),
            "{name}"
        );
    }
}

#[test]
fn mistakes_on_the_command_line_have_a_code_of_their_own() {
    let mistakes: [&[&str]; 7] = [
        &[],
        &["mesure"],
        &["run"],
        &["run", "plan.toml", "--budget", "soon"],
        &["run", "plan.toml", "--bugdet", "9m"],
        &["completions", "edlin"],
        &["dataset", "destroy"],
    ];
    for words in mistakes {
        let said = Outcome::of(&mut joulebench(words)).expect_code(2);
        assert!(!said.stderr.is_empty(), "{words:?} gets no answer");
    }
}
