//! The report: everything that was found on one self-contained HTML page.
//!
//! [`stage`] reads what the stages before it wrote and writes `out/report.html`. The page needs no
//! script, no network and no other file: styles and drawings are inline, links are relative. It
//! follows the reader's light or dark setting and can be printed. Its bytes depend on those files
//! alone.

mod html;
mod page;
mod sheet;
mod stage;
mod table;
mod verdicts;

pub use stage::stage;

#[cfg(test)]
mod tests;
