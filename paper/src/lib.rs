//! Compiles the paper: Typst sources and generated results in, one reproducible PDF out.
//!
//! [`compile`] reads the sources of `paper/` and mounts the folder of generated results at
//! `/generated/`, so that a source writes `json("/generated/numbers.json")` wherever that folder
//! lies. [`watch`] does it again whenever a file that the last compilation asked for changes.
//!
//! The bytes of the PDF are a function of the sources, the generated files and this crate: the
//! date and the document identifier are fixed, fonts are embedded or vendored under
//! `paper/fonts/`, and neither the system's fonts nor the network are ever asked.

mod diagnostic;
mod error;
mod export;
mod fonts;
mod stamp;
mod watch;
mod world;

use std::path::Path;

pub use diagnostic::{Diagnostic, Place, Severity};
pub use error::PaperError;
pub use export::CompiledPaper;
pub use watch::{WatchEvent, watch};

use fonts::Fonts;
use world::PaperWorld;

/// Compiles `paper_dir/main.typ` to PDF/A-2b, with the files of `generated_dir` at `/generated/`.
///
/// # Errors
/// [`PaperError::MissingFolder`] or [`PaperError::BadFont`] before anything is compiled;
/// [`PaperError::Compile`] with every diagnostic of the compiler, each naming file, line and
/// column. A generated file that is missing is named with the command that writes it.
pub fn compile(paper_dir: &Path, generated_dir: &Path) -> Result<CompiledPaper, PaperError> {
    let fonts = Fonts::load(paper_dir)?;
    let world = PaperWorld::new(paper_dir, generated_dir, fonts)?;
    let result = export::export(&world);
    comemo::evict(CACHE_AGE);
    result
}

/// Compilations after which an unused cached result is dropped, so that a long watch stays small.
const CACHE_AGE: usize = 10;
