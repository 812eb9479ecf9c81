//! The compiler over tiny documents: same bytes, and errors that say where and what next.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees no test in the functions that tests share"
)]

use std::fs;
use std::path::Path;

use paper::{CompiledPaper, PaperError, compile};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A folder of sources and a folder of results.
struct Project {
    root: TempDir,
}

impl Project {
    fn new(main: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("paper")).unwrap();
        fs::create_dir_all(root.path().join("out")).unwrap();
        fs::write(root.path().join("paper/main.typ"), main).unwrap();
        Self { root }
    }

    fn with(self, name: &str, text: &str) -> Self {
        let path = self.root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn compile(&self) -> Result<CompiledPaper, PaperError> {
        compile(
            &self.root.path().join("paper"),
            &self.root.path().join("out"),
        )
    }

    fn error(&self) -> String {
        let message = self.compile().unwrap_err().to_string();
        message.replace(&self.root.path().display().to_string(), "ROOT")
    }
}

/// What PDF/A asks of every document.
const DATED: &str = "#set document(title: \"t\", date: datetime.today())\n";

const TINY: &str = "#set document(title: \"t\", date: datetime.today())\n\
                    #let data = json(\"/generated/a.json\")\n\
                    = Hello\n#data.word and $x^2$\n";

#[test]
fn two_folders_and_two_worlds_give_the_same_bytes() {
    let digests: Vec<_> = (0..2)
        .map(|_| {
            let project = Project::new(TINY).with("out/a.json", "{\"word\": \"bonjour\"}");
            let paper = project.compile().unwrap();
            assert_eq!(paper.count_pages(), 1);
            assert!(paper.warnings.is_empty(), "{:?}", paper.warnings);
            assert!(paper.pdf.starts_with(b"%PDF-1."));
            Sha256::digest(&paper.pdf)
        })
        .collect();
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn the_file_claims_pdf_a_2b_and_names_its_maker() {
    let project = Project::new(TINY).with("out/a.json", "{\"word\": \"x\"}");
    let pdf = project.compile().unwrap().pdf;
    let text = String::from_utf8_lossy(&pdf);
    assert!(text.contains("<pdfaid:part>2</pdfaid:part>"));
    assert!(text.contains("<pdfaid:conformance>B</pdfaid:conformance>"));
    assert!(text.contains(concat!("joulebench ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_changed_result_changes_the_bytes() {
    let one = Project::new(TINY).with("out/a.json", "{\"word\": \"one\"}");
    let two = Project::new(TINY).with("out/a.json", "{\"word\": \"two\"}");
    assert_ne!(one.compile().unwrap().pdf, two.compile().unwrap().pdf);
}

#[test]
fn a_syntax_error_names_file_line_and_column() {
    let project = Project::new("= Title\n#include \"part.typ\"\n")
        .with("paper/part.typ", "text\n#let x = (1, 2\n");
    assert_eq!(
        project.error(),
        "ROOT/paper/part.typ:2:10: error: unclosed delimiter"
    );
}

#[test]
fn an_unknown_name_names_its_place() {
    let project = Project::new("line\n  #undefined-name\n");
    let error = project.error();
    assert!(
        error.starts_with("ROOT/paper/main.typ:2:4: error: unknown variable: undefined-name"),
        "{error}"
    );
}

#[test]
fn a_missing_result_names_the_command_that_writes_it() {
    let cases = [
        ("numbers.json", "joulebench analyze"),
        ("figures/a.json", "joulebench figures"),
        ("claims.json", "joulebench claims"),
    ];
    for (file, command) in cases {
        let error = Project::new(&format!("#json(\"/generated/{file}\")\n")).error();
        let expected = format!("ROOT/out/{file} is missing: run `{command}`, which writes it");
        assert!(
            error.starts_with("ROOT/paper/main.typ:1:7: error: "),
            "{error}"
        );
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn a_broken_result_names_the_result() {
    let project = Project::new(TINY).with("out/a.json", "{\"word\": \n oops");
    assert!(
        project.error().starts_with("ROOT/out/a.json:2:"),
        "{}",
        project.error()
    );
}

#[test]
fn a_source_outside_both_folders_is_out_of_reach() {
    let project = Project::new("#read(\"../secret\")").with("secret", "s");
    assert!(
        project.error().starts_with("ROOT/paper/main.typ:1:"),
        "{}",
        project.error()
    );
}

#[test]
fn a_package_is_refused_rather_than_fetched() {
    let error = Project::new("#import \"@preview/cetz:0.3.0\"").error();
    assert!(error.contains("not vendored"), "{error}");
}

#[test]
fn a_missing_folder_is_named_with_what_to_do() {
    let project = Project::new("x");
    let nowhere = project.root.path().join("nowhere");
    let error = compile(&project.root.path().join("paper"), &nowhere)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("nowhere") && error.contains("joulebench analyze"),
        "{error}"
    );
    let error = compile(&nowhere, &nowhere).unwrap_err().to_string();
    assert!(error.contains("main.typ"), "{error}");
}

#[test]
fn a_file_that_is_no_font_is_named() {
    let project = Project::new("x").with("paper/fonts/bad.otf", "not a font");
    assert!(
        project.error().contains("ROOT/paper/fonts/bad.otf"),
        "{}",
        project.error()
    );
}

#[test]
fn the_vendored_fonts_are_served() {
    let fonts = Path::new(env!("CARGO_MANIFEST_DIR")).join("fonts");
    let project = Project::new(&format!(
        "{DATED}#set text(font: \"Inter\", fallback: false)\nInter *bold*\n"
    ));
    for name in ["Inter-Regular.otf", "Inter-SemiBold.otf"] {
        let to = project.root.path().join("paper/fonts").join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(fonts.join(name), to).unwrap();
    }
    let paper = project.compile().unwrap();
    assert!(paper.warnings.is_empty(), "{:?}", paper.warnings);
}

#[test]
fn a_number_without_a_key_fails_and_names_key_and_sentence() {
    let theme = Path::new(env!("CARGO_MANIFEST_DIR")).join("theme");
    let read = |name: &str| fs::read_to_string(theme.join(name)).unwrap();
    let project = Project::new(&format!(
        "{DATED}#import \"/theme/results.typ\": n\nIt costs #n(\"known\") J.\n\nNot #n(\"nobody.knows\") J.\n"
    ))
    .with("paper/theme/results.typ", &read("results.typ"))
    .with("paper/theme/page.typ", &read("page.typ"))
    .with("out/emulated/numbers.json", "{\"numbers\": {}}")
    .with("out/numbers.json", "{\"numbers\": {\"known\": {\"text\": \"3.5\"}}}");
    let error = project.error();
    assert!(
        error.contains("numbers.json has no key `nobody.knows`"),
        "{error}"
    );
    assert!(
        error.contains("ROOT/paper/main.typ:5:6: while calling `n`"),
        "{error}"
    );
}
