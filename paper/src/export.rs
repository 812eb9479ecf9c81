//! From a world to the bytes of a PDF/A-2b.

use typst::diag::Warned;
use typst::foundations::Smart;
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use crate::diagnostic::Diagnostic;
use crate::error::PaperError;
use crate::world::PaperWorld;

/// Hashed into the identifier of the PDF. Never changes, or the bytes would.
const IDENT: &str = "joulebench-paper";

/// A compiled paper.
#[derive(Clone, Debug)]
pub struct CompiledPaper {
    /// The bytes of the PDF/A-2b file.
    pub pdf: Vec<u8>,
    /// What the compiler warned about. A paper fit for a reader has none.
    pub warnings: Vec<Diagnostic>,
    pages: usize,
}

impl CompiledPaper {
    /// Number of pages.
    pub fn count_pages(&self) -> usize {
        self.pages
    }
}

/// Compiles and exports. Every failure is a list of diagnostics.
pub(crate) fn export(world: &PaperWorld) -> Result<CompiledPaper, PaperError> {
    let refuse = |errors: &[typst::diag::SourceDiagnostic]| {
        PaperError::Compile(
            errors
                .iter()
                .map(|error| Diagnostic::new(world, error))
                .collect(),
        )
    };
    let Warned { output, warnings } = typst::compile::<PagedDocument>(world);
    let document = output.map_err(|errors| refuse(&errors))?;
    let options = PdfOptions {
        ident: Smart::Custom(IDENT.to_owned()),
        creator: Smart::Custom(Some(
            concat!("joulebench ", env!("CARGO_PKG_VERSION")).to_owned(),
        )),
        standards: PdfStandards::new(&[PdfStandard::A_2b])
            .expect("one standard contradicts nothing"),
        ..PdfOptions::default()
    };
    let pdf = typst_pdf::pdf(&document, &options).map_err(|errors| refuse(&errors))?;
    Ok(CompiledPaper {
        pdf,
        warnings: warnings
            .iter()
            .map(|warning| Diagnostic::new(world, warning))
            .collect(),
        pages: document.pages().len(),
    })
}
