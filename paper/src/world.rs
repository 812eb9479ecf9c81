//! The only door of the compiler: which file, font and date it gets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};

use crate::error::PaperError;
use crate::fonts::Fonts;
use crate::stamp::Stamp;

/// First folder of the virtual path of every generated file.
const MOUNT: &str = "generated/";

/// What `datetime.today()` answers: the edition of the paper, not the day of the build.
const EDITION: (i32, u8, u8) = (2026, 11, 22);

/// The files of one compilation. Made afresh for each, so that a changed file is read again.
pub(crate) struct PaperWorld {
    paper_dir: PathBuf,
    generated_dir: PathBuf,
    main: FileId,
    library: LazyHash<Library>,
    fonts: Fonts,
    files: Mutex<BTreeMap<PathBuf, Asked>>,
}

/// What was found when a file was asked for.
struct Asked {
    stamp: Option<Stamp>,
    bytes: FileResult<Bytes>,
}

impl PaperWorld {
    pub(crate) fn new(
        paper_dir: &Path,
        generated_dir: &Path,
        fonts: Fonts,
    ) -> Result<Self, PaperError> {
        require_folder(
            paper_dir,
            "the paper's sources",
            "give the folder that holds main.typ",
        )?;
        require_folder(
            generated_dir,
            "generated results",
            "run `joulebench analyze`, which writes it",
        )?;
        let main = VirtualPath::new("main.typ").expect("a plain file name is a valid path");
        Ok(Self {
            paper_dir: paper_dir.to_path_buf(),
            generated_dir: generated_dir.to_path_buf(),
            main: RootedPath::new(VirtualRoot::Project, main).intern(),
            library: LazyHash::new(Library::default()),
            fonts,
            files: Mutex::default(),
        })
    }

    /// Every file asked for so far, with its stamp from before it was read; no stamp where it was
    /// missing. What a watcher has to look at.
    pub(crate) fn stamps(&self) -> BTreeMap<PathBuf, Option<Stamp>> {
        self.files()
            .iter()
            .map(|(path, asked)| (path.clone(), asked.stamp))
            .collect()
    }

    /// The file behind an id, or nothing for a file of a package.
    pub(crate) fn path_on_disk(&self, id: FileId) -> Option<PathBuf> {
        self.locate(id).ok()
    }

    fn locate(&self, id: FileId) -> FileResult<PathBuf> {
        let path = id.get();
        if let VirtualRoot::Package(package) = path.root() {
            return Err(FileError::Other(Some(
                format!(
                    "package {package} is not vendored, and the paper is built without network"
                )
                .into(),
            )));
        }
        let below = path.vpath().get_without_slash();
        match below.strip_prefix(MOUNT) {
            Some(generated) => {
                let generated = VirtualPath::new(generated).map_err(|_| FileError::AccessDenied)?;
                Ok(generated.realize(&self.generated_dir)?)
            }
            None => Ok(path.vpath().realize(&self.paper_dir)?),
        }
    }

    fn read(&self, id: FileId) -> FileResult<Bytes> {
        let path = self.locate(id)?;
        let mut files = self.files();
        if let Some(known) = files.get(&path) {
            return known.bytes.clone();
        }
        let stamp = Stamp::of(&path);
        let bytes = fs_err::read(&path)
            .map(Bytes::new)
            .map_err(|error| explain(&error, &path, id));
        files.insert(
            path,
            Asked {
                stamp,
                bytes: bytes.clone(),
            },
        );
        bytes
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Asked>> {
        // The map is whole after every insert, so a panic elsewhere cannot have torn it.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn require_folder(path: &Path, what: &'static str, next: &'static str) -> Result<(), PaperError> {
    if path.is_dir() {
        return Ok(());
    }
    Err(PaperError::MissingFolder {
        path: path.to_path_buf(),
        what,
        next,
    })
}

/// A missing result names the command that writes it; anything else is told as it is.
fn explain(error: &std::io::Error, path: &Path, id: FileId) -> FileError {
    let generated = id.get().vpath().get_without_slash().strip_prefix(MOUNT);
    match generated {
        Some(name) if error.kind() == std::io::ErrorKind::NotFound => {
            let command = written_by(name);
            FileError::Other(Some(
                format!(
                    "{} is missing: run `{command}`, which writes it",
                    path.display()
                )
                .into(),
            ))
        }
        _ => FileError::from_io(std::io::Error::new(error.kind(), error.to_string()), path),
    }
}

/// The command that writes a file of the generated folder.
fn written_by(name: &str) -> &'static str {
    match name.split('/').next() {
        Some("figures") => "joulebench figures",
        Some("study") => "joulebench study",
        Some("quality") => "joulebench reproduce",
        Some("claims.json") => "joulebench claims",
        _ => "joulebench analyze",
    }
}

impl World for PaperWorld {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        self.fonts.book()
    }

    fn main(&self) -> FileId {
        self.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        let bytes = self.read(id)?;
        let text = std::str::from_utf8(&bytes)?;
        Ok(Source::new(
            id,
            text.trim_start_matches('\u{feff}').to_owned(),
        ))
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.read(id)
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.font(index)
    }

    fn today(&self, _offset: Option<Duration>) -> Option<Datetime> {
        let (year, month, day) = EDITION;
        Datetime::from_ymd(year, month, day)
    }
}
