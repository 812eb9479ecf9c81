//! The user's command: words or a line of shell, looked up before anything is run.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The shell that runs lines.
const SHELL: &str = "/bin/sh";

/// A command that can be started: its program was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCommand {
    program: PathBuf,
    arguments: Vec<OsString>,
    shown: String,
}

/// A command that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// No word at all.
    #[error("no command: expected one after '--', as in 'joulebench measure -- sleep 1'")]
    Empty,
    /// No such program.
    #[error(
        "command '{program}' was not found in any folder of PATH; check the spelling, give its \
         path, or put shell syntax into quotes: sh -c '...'"
    )]
    NotOnPath {
        /// The word.
        program: String,
    },
    /// A path without a file.
    #[error("command '{program}': there is no such file; a path counts from the working folder")]
    NoFile {
        /// The path.
        program: String,
    },
    /// A file that may not be run.
    #[error("command '{program}' is not executable; try chmod +x, or name its interpreter first")]
    NotExecutable {
        /// The path.
        program: String,
    },
}

impl UserCommand {
    /// A program with its arguments, started without a shell.
    ///
    /// # Errors
    /// Where there is no such program: nothing was run then.
    pub fn from_words(words: &[OsString]) -> Result<Self, CommandError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::found_in(words, &path)
    }

    fn found_in(words: &[OsString], path: &OsStr) -> Result<Self, CommandError> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(CommandError::Empty);
        };
        Ok(Self {
            program: find(program, path)?,
            arguments: arguments.to_vec(),
            shown: shown(words),
        })
    }

    /// A line for `/bin/sh -c`.
    ///
    /// # Errors
    /// Where the line is blank.
    pub fn from_line(line: &str) -> Result<Self, CommandError> {
        if line.trim().is_empty() {
            return Err(CommandError::Empty);
        }
        Ok(Self {
            program: PathBuf::from(SHELL),
            arguments: vec![OsString::from("-c"), OsString::from(line)],
            shown: line.to_owned(),
        })
    }

    /// File of the program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its arguments.
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }
}

/// As a user would type it.
impl fmt::Display for UserCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn find(program: &OsStr, path: &OsStr) -> Result<PathBuf, CommandError> {
    let name = || program.to_string_lossy().into_owned();
    if program.is_empty() {
        return Err(CommandError::Empty);
    }
    if program.as_encoded_bytes().contains(&b'/') {
        let file = PathBuf::from(program);
        return if is_executable(&file) {
            Ok(file)
        } else if file.exists() {
            Err(CommandError::NotExecutable { program: name() })
        } else {
            Err(CommandError::NoFile { program: name() })
        };
    }
    std::env::split_paths(path)
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
        .ok_or_else(|| CommandError::NotOnPath { program: name() })
}

fn is_executable(file: &Path) -> bool {
    fs_err::metadata(file)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn shown(words: &[OsString]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    quoted.join(" ")
}

fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn a_program_is_looked_up_where_a_shell_would_look() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tool");
        fs_err::write(&file, "#!/bin/sh\n").unwrap();
        let path = folder.path().as_os_str();
        let look = |word: &str| UserCommand::found_in(&words(&[word, "a b"]), path);
        assert_eq!(
            look("tool"),
            Err(CommandError::NotOnPath {
                program: "tool".to_owned()
            })
        );
        let absolute = file.display().to_string();
        assert!(matches!(
            look(&absolute),
            Err(CommandError::NotExecutable { .. })
        ));
        fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let found = look("tool").unwrap();
        assert_eq!(found.program(), file);
        assert_eq!(found.to_string(), "tool 'a b'");
        assert!(matches!(look("./absent"), Err(CommandError::NoFile { .. })));
        assert_eq!(UserCommand::found_in(&[], path), Err(CommandError::Empty));
    }

    #[test]
    fn a_message_names_the_word_and_what_to_do() {
        let error =
            UserCommand::found_in(&words(&["no-such"]), OsStr::new("/nowhere")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("'no-such'") && text.contains("PATH"),
            "{text}"
        );
    }

    #[test]
    fn a_line_goes_to_the_shell_as_it_is() {
        let line = UserCommand::from_line("echo 'a' | cat").unwrap();
        assert_eq!(line.to_string(), "echo 'a' | cat");
        assert_eq!(line.arguments(), words(&["-c", "echo 'a' | cat"]));
        assert_eq!(UserCommand::from_line("  "), Err(CommandError::Empty));
    }
}
