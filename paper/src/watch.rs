//! Compiling again when a file changes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::error::PaperError;
use crate::export::{CompiledPaper, export};
use crate::fonts::Fonts;
use crate::stamp::Stamp;
use crate::world::PaperWorld;

/// Time between two looks at the files. Polling needs no service of the system and works on
/// network and container file systems, where change notices get lost.
const POLL: Duration = Duration::from_millis(200);

/// What a watch tells its caller after each compilation.
#[derive(Debug)]
pub struct WatchEvent {
    /// The files that changed since the last compilation; empty for the first.
    pub changed: Vec<PathBuf>,
    /// The paper, or why there is none. A failure does not end the watch.
    pub result: Result<CompiledPaper, PaperError>,
}

/// Compiles, hands the result to `on_event`, and again on every change of a file that the last
/// compilation asked for, whether it was there or not, until `on_event` breaks.
///
/// # Errors
/// Only what no edit of a source can heal: a missing folder or a bad font.
pub fn watch(
    paper_dir: &Path,
    generated_dir: &Path,
    mut on_event: impl FnMut(WatchEvent) -> ControlFlow<()>,
) -> Result<(), PaperError> {
    let fonts = Fonts::load(paper_dir)?;
    let mut changed = Vec::new();
    loop {
        let world = PaperWorld::new(paper_dir, generated_dir, fonts.clone())?;
        let result = export(&world);
        comemo::evict(crate::CACHE_AGE);
        if on_event(WatchEvent { changed, result }).is_break() {
            return Ok(());
        }
        // Stamps are from before each file was read, so an edit during the compilation counts.
        changed = wait_for_change(&world.stamps());
    }
}

fn wait_for_change(seen: &BTreeMap<PathBuf, Option<Stamp>>) -> Vec<PathBuf> {
    loop {
        #[expect(
            clippy::disallowed_methods,
            reason = "waits for an author's edit; nothing is measured here"
        )]
        thread::sleep(POLL);
        let changed: Vec<PathBuf> = seen
            .iter()
            .filter(|(path, stamp)| Stamp::of(path) != **stamp)
            .map(|(path, _)| path.clone())
            .collect();
        if !changed.is_empty() {
            return changed;
        }
    }
}
