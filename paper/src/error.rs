//! What can go wrong between the sources and the PDF.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::diagnostic::Diagnostic;

/// Why the paper could not be compiled or watched.
#[derive(Debug, Error)]
pub enum PaperError {
    /// The folder of the sources, or of the generated results, is not there.
    #[error("{}: folder of {what} not found: {next}", path.display())]
    MissingFolder {
        /// The folder that was given.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What to do about it.
        next: &'static str,
    },
    /// A vendored font cannot be parsed.
    #[error("{}: not an OpenType or TrueType font: restore the file from the repository", path.display())]
    BadFont {
        /// The font file.
        path: PathBuf,
    },
    /// A file or folder cannot be read. The source names the path.
    #[error("paper: {0}")]
    Read(#[from] io::Error),
    /// The compiler refused the document.
    #[error("{}", render(.0))]
    Compile(Vec<Diagnostic>),
}

fn render(diagnostics: &[Diagnostic]) -> String {
    let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
