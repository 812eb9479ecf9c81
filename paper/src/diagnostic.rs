//! Messages of the compiler, with the place in the file as a person writes it.

use std::fmt;
use std::path::PathBuf;

use typst::diag::{SourceDiagnostic, Tracepoint};
use typst::syntax::DiagSpan;
use typst::{World, WorldExt};

use crate::world::PaperWorld;

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// No PDF was made.
    Error,
    /// The PDF was made, and something in it deserves a look.
    Warning,
}

/// Where a diagnostic points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file on disk.
    pub path: PathBuf,
    /// Line, from 1. Absent for a file that is not text.
    pub line: Option<usize>,
    /// Column in characters, from 1. Absent for a file that is not text.
    pub column: Option<usize>,
}

/// One message of the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Where it is, when the compiler knows.
    pub place: Option<Place>,
    /// What is wrong, in lower case.
    pub message: String,
    /// What to do about it.
    pub hints: Vec<String>,
    /// Where the place was reached from, innermost first.
    pub trace: Vec<String>,
}

impl Diagnostic {
    /// Resolves the span of `source` against the files of `world`.
    pub(crate) fn new(world: &PaperWorld, source: &SourceDiagnostic) -> Self {
        Self {
            severity: match source.severity {
                typst::diag::Severity::Error => Severity::Error,
                typst::diag::Severity::Warning => Severity::Warning,
            },
            place: place(world, source.span),
            message: source.message.to_string(),
            hints: source.hints.iter().map(|hint| hint.v.to_string()).collect(),
            trace: source
                .trace
                .iter()
                .filter(|point| matches!(point.v, Tracepoint::Call(_)))
                .filter_map(|point| Some((place(world, point.span)?, point)))
                .map(|(place, point)| format!("{place}: {}", point.v))
                .collect(),
        }
    }
}

fn place(world: &PaperWorld, span: impl Into<DiagSpan>) -> Option<Place> {
    let span = span.into();
    let id = span.id()?;
    let path = world.path_on_disk(id)?;
    let start = world.range(span).map(|range| range.start);
    let source = world.source(id).ok();
    let position = source
        .zip(start)
        .and_then(|(source, byte)| source.lines().byte_to_line_column(byte));
    Some(Place {
        path,
        line: position.map(|(line, _)| line + 1),
        column: position.map(|(_, column)| column + 1),
    })
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(match self.severity {
            Severity::Error => "error: ",
            Severity::Warning => "warning: ",
        })?;
        f.write_str(&self.message)?;
        for point in &self.trace {
            write!(f, "\n  {point}")?;
        }
        for hint in &self.hints {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}
