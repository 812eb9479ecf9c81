//! The fonts of the paper: those that come with Typst, and those vendored under `paper/fonts/`.

use std::path::Path;
use std::sync::Arc;

use typst::foundations::Bytes;
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;

use crate::error::PaperError;

/// The fonts a document may use, in a fixed order. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Fonts(Arc<Loaded>);

struct Loaded {
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
}

impl Fonts {
    /// Loads the embedded fonts, then the `.otf` and `.ttf` files of `paper_dir/fonts` by name.
    /// System fonts are never searched: the same sources must give the same PDF anywhere.
    pub(crate) fn load(paper_dir: &Path) -> Result<Self, PaperError> {
        let mut fonts: Vec<Font> = typst_assets::fonts()
            .flat_map(|data| Font::iter(Bytes::new(data)))
            .collect();
        for path in vendored(&paper_dir.join("fonts"))? {
            let before = fonts.len();
            fonts.extend(Font::iter(Bytes::new(fs_err::read(&path)?)));
            if fonts.len() == before {
                return Err(PaperError::BadFont { path });
            }
        }
        let book = LazyHash::new(FontBook::from_fonts(&fonts));
        Ok(Self(Arc::new(Loaded { book, fonts })))
    }

    pub(crate) fn book(&self) -> &LazyHash<FontBook> {
        &self.0.book
    }

    pub(crate) fn font(&self, index: usize) -> Option<Font> {
        self.0.fonts.get(index).cloned()
    }
}

fn vendored(dir: &Path) -> Result<Vec<std::path::PathBuf>, PaperError> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(dir)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|ext| ext == "otf" || ext == "ttf")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
