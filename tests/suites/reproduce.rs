//! `joulebench reproduce`: the same bytes anywhere, and a change of any input is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;
use tests::program::{Outcome, joulebench};
use tests::repository;
use tests::tree;

/// The study of the statistics, made once: it depends on the program alone.
fn study() -> &'static Path {
    static STUDY: OnceLock<TempDir> = OnceLock::new();
    let folder = STUDY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = joulebench(["study", "--out"]);
        Outcome::of(command.arg(folder.path())).expect_code(0);
        folder
    });
    folder.path()
}

/// A copy of everything that results are derived from.
struct Copy {
    folder: TempDir,
}

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["artifacts", "paper"] {
            tree::copy(&repository::root().join(name), &folder.path().join(name));
        }
        Self { folder }
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn out(&self) -> PathBuf {
        self.root().join("out")
    }

    fn campaign(&self) -> PathBuf {
        self.root().join("artifacts/raw/h200-llama-7b")
    }

    fn a_trace(&self) -> PathBuf {
        tree::traces(&self.campaign())[7].clone()
    }

    fn reproduce(&self) -> Outcome {
        self.reproduce_with(&[])
    }

    fn reproduce_with(&self, environment: &[(&str, &str)]) -> Outcome {
        if !self.out().exists() {
            tree::copy(study(), &self.out());
        }
        let mut command = joulebench(["reproduce", "--no-live", "--root"]);
        command.arg(self.root()).arg("--out").arg(self.out());
        command.envs(environment.iter().copied());
        Outcome::of(&mut command)
    }

    /// Asserts that the reproduction fails and names this file, before anything is derived.
    fn assert_refused(&self, file: &Path) {
        let name = file.file_name().unwrap().to_str().unwrap();
        self.reproduce()
            .expect_code(1)
            .expect_error(&["error: ", name]);
        assert!(
            tree::read(&self.out())
                .keys()
                .all(|name| name.starts_with("study") || name.starts_with(".studied")),
            "results were derived from damaged traces"
        );
    }

    /// The outputs; the memory of the last reproduction knows the folder and is none of them.
    fn outputs(&self) -> Vec<(PathBuf, Vec<u8>)> {
        tree::read(&self.out())
            .into_iter()
            .filter(|(name, _)| !name.starts_with(".reproduced.json"))
            .map(|(name, entry)| (name, entry.bytes))
            .collect()
    }
}

#[test]
fn two_folders_and_two_counts_of_threads_give_the_same_bytes() {
    let (one, two) = (Copy::new(), Copy::new());
    one.reproduce().expect_code(0);
    let threads = [("POLARS_MAX_THREADS", "1"), ("RAYON_NUM_THREADS", "1")];
    two.reproduce_with(&threads).expect_code(0);
    let (one, two) = (one.outputs(), two.outputs());
    let names = |outputs: &[(PathBuf, Vec<u8>)]| -> Vec<PathBuf> {
        outputs.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&one), names(&two));
    assert!(names(&one).contains(&PathBuf::from("paper.pdf")));
    for ((name, one), (_, two)) in one.iter().zip(&two) {
        assert!(one == two, "{} differs between two folders", name.display());
    }
}

#[test]
fn a_second_call_has_nothing_to_do_and_a_lost_or_changed_output_is_derived_again() {
    let copy = Copy::new();
    let first = copy.reproduce().expect_code(0);
    assert!(
        !first.stdout.contains("nothing changed"),
        "{}",
        first.stdout
    );
    let outputs = copy.outputs();
    let second = copy.reproduce().expect_code(0);
    assert!(
        second.stdout.contains("nothing changed"),
        "{}",
        second.stdout
    );
    assert!(
        second.stdout.contains("supported"),
        "the verdicts are shown again: {}",
        second.stdout
    );

    fs::remove_file(copy.out().join("tables/claims.csv")).unwrap();
    tree::flip_middle_bit(&copy.out().join("paper.pdf"));
    let third = copy.reproduce().expect_code(0);
    assert!(
        !third.stdout.contains("nothing changed"),
        "{}",
        third.stdout
    );
    assert!(
        copy.outputs() == outputs,
        "outputs that were derived again differ"
    );
}

#[test]
fn a_changed_raw_trace_is_named() {
    let copy = Copy::new();
    let trace = copy.a_trace();
    tree::flip_middle_bit(&trace);
    copy.assert_refused(&trace);
}

#[test]
fn a_changed_raw_trace_is_named_after_a_good_reproduction_too() {
    let copy = Copy::new();
    copy.reproduce().expect_code(0);
    let trace = copy.a_trace();
    tree::flip_middle_bit(&trace);
    let name = trace.file_name().unwrap().to_str().unwrap();
    copy.reproduce()
        .expect_code(1)
        .expect_error(&[name, "was changed"]);
}

#[test]
fn a_missing_raw_trace_is_named() {
    let copy = Copy::new();
    let trace = copy.a_trace();
    fs::remove_file(&trace).unwrap();
    copy.assert_refused(&trace);
}

#[test]
fn a_raw_trace_too_many_is_named() {
    let copy = Copy::new();
    let extra = copy.campaign().join("0000000000000000.parquet");
    fs::copy(copy.a_trace(), &extra).unwrap();
    copy.assert_refused(&extra);
}

#[test]
fn a_changed_recording_of_others_is_named() {
    let copy = Copy::new();
    let recording = copy
        .root()
        .join("artifacts/imported/h200-square-wave/probe.csv.gz");
    tree::flip_middle_bit(&recording);
    copy.assert_refused(&recording);
}

#[test]
fn a_list_of_checksums_that_is_gone_is_named() {
    let copy = Copy::new();
    let list = copy.campaign().join("SHA256SUMS");
    fs::remove_file(&list).unwrap();
    copy.assert_refused(&list);
}

#[test]
fn a_value_of_the_paper_that_does_not_come_out_fails() {
    let copy = Copy::new();
    let claims = copy.root().join("artifacts/claims.toml");
    let text = fs::read_to_string(&claims).unwrap();
    let key = "paper = { value = ";
    assert!(
        text.contains(key),
        "no claim carries a value of the paper any more"
    );
    // One digit more makes the first value at least ten times as large.
    fs::write(&claims, text.replacen(key, "paper = { value = 9", 1)).unwrap();
    let said = copy.reproduce().expect_code(1);
    let moved: Vec<&str> = said
        .stdout
        .lines()
        .filter(|line| line.contains(" NO "))
        .collect();
    assert_eq!(
        moved.len(),
        1,
        "one claim no longer agrees with the paper:\n{}",
        said.stdout
    );
}

#[test]
fn an_output_that_the_authors_did_not_get_is_named() {
    let copy = Copy::new();
    let expected = copy.root().join("artifacts/expected-outputs.sha256");
    let text = fs::read_to_string(&expected).unwrap();
    let line = text
        .lines()
        .find(|line| line.ends_with("  paper.pdf"))
        .unwrap();
    let other = format!("{}  paper.pdf", "0".repeat(64));
    fs::write(&expected, text.replace(line, &other)).unwrap();
    let said = copy.reproduce().expect_code(1);
    let named = said
        .stdout
        .lines()
        .find(|line| line.contains("paper.pdf differs"));
    assert!(named.is_some(), "{}\n{}", said.stdout, said.stderr);
}

#[test]
fn a_changed_dataset_is_named() {
    let copy = Copy::new();
    let out = copy.out();
    let mut build = joulebench(["dataset", "build", "--root"]);
    Outcome::of(build.arg(copy.root()).arg("--out").arg(&out)).expect_code(0);
    let dataset = out.join("dataset");
    let verify = || Outcome::of(joulebench(["dataset", "verify"]).arg(&dataset));
    verify().expect_code(0);
    for name in [
        "data/runs.parquet",
        "data/samples.parquet",
        "croissant.json",
        "README.md",
    ] {
        let file = dataset.join(name);
        let good = fs::read(&file).unwrap();
        tree::flip_middle_bit(&file);
        verify().expect_code(1).expect_error(&[name]);
        tree::overwrite(&file, &good);
    }
    let lost = dataset.join("data/marks.parquet");
    fs::remove_file(lost).unwrap();
    verify()
        .expect_code(1)
        .expect_error(&["data/marks.parquet"]);
}

/// The README shows the table as it was printed; it must be what is printed now. The time differs
/// from call to call and is left out.
#[test]
fn the_readme_shows_the_verdicts_that_are_printed() {
    let out = tempfile::tempdir().unwrap();
    let stage = |verb: &str| {
        let mut command = joulebench([verb, "--root"]);
        command.arg(repository::root()).arg("--out").arg(out.path());
        Outcome::of(&mut command).expect_code(0)
    };
    stage("analyze");
    let printed = verdict_rows(&stage("claims").stdout);
    let readme = fs::read_to_string(repository::root().join("README.md")).unwrap();
    assert!(printed.len() > 1, "no verdicts were printed");
    assert_eq!(verdict_rows(&readme), printed);
}

/// Cells of the lines that begin with a claim's id, without the time.
fn verdict_rows(text: &str) -> Vec<Vec<String>> {
    let is_claim = |line: &&str| {
        line.strip_prefix('C')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    text.lines()
        .filter(is_claim)
        .map(|line| {
            let cells = line
                .split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty());
            let mut cells: Vec<String> = cells.map(str::to_owned).collect();
            cells.remove(cells.len() - 2);
            cells
        })
        .collect()
}
