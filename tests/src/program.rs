//! The built programs, and what they said when they ended.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::repository;

/// How a program ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn of(command: &mut Command) -> Self {
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self::from(&output)
    }

    /// Itself, where it ended with this code.
    ///
    /// # Panics
    /// With everything that was printed, where it did not.
    #[expect(
        clippy::return_self_not_must_use,
        reason = "an assertion may be the last word"
    )]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "wrong exit code\nstdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Itself, where standard error has all of these words.
    ///
    /// # Panics
    /// With the first one that is missing.
    #[expect(
        clippy::return_self_not_must_use,
        reason = "an assertion may be the last word"
    )]
    pub fn expect_error(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "standard error does not say '{word}':\n{}",
                self.stderr
            );
        }
        self
    }
}

impl From<&Output> for Outcome {
    fn from(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// `joulebench` with these arguments, in the root of the repository.
pub fn joulebench<I, S>(arguments: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(built("joulebench"));
    command.args(arguments).current_dir(repository::root());
    command
}

/// Path of a program of the workspace, beside the tests that are running.
///
/// # Panics
/// Where it was not built.
pub fn built(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("a running test has a path");
    let program = tests
        .parent()
        .and_then(|deps| deps.parent())
        .expect("tests run in target/PROFILE/deps")
        .join(name);
    assert!(
        program.is_file(),
        "{} is missing; build the programs first: cargo build --workspace",
        program.display()
    );
    program
}
