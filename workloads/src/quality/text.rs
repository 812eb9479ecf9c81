//! Text as the input of a job: the held-out documents of the project's own models, or a file of the
//! user's.

use std::path::{Path, PathBuf};

use tokenizers::Tokenizer;

use crate::Error;
use crate::checkpoint::Folder;
use crate::corpus::Document;

/// Environment variable that names the user's text file.
pub const TEXT_VARIABLE: &str = "JOULEBENCH_TEXT";

/// What a model can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readable {
    /// How many tokens it knows.
    pub vocabulary: usize,
    /// How many classes it tells apart, where those of texts are asked for.
    pub classes: Option<usize>,
}

impl Readable {
    /// For a model that is not asked for classes.
    pub const fn tokens(vocabulary: usize) -> Self {
        Self {
            vocabulary,
            classes: None,
        }
    }
}

/// Documents with the tokenizer of a model.
pub struct Texts {
    documents: Vec<(String, Option<u32>)>,
    tokenizer: Tokenizer,
    tokenizer_file: PathBuf,
    /// Tokens that the model knows.
    vocabulary: usize,
    /// What messages call the documents.
    name: String,
}

/// A document as a model reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Token ids.
    pub tokens: Vec<u32>,
    /// Its class, where it is known.
    pub class: Option<u32>,
}

impl Texts {
    /// Generated documents.
    ///
    /// # Errors
    /// The folder has no tokenizer.
    pub fn generated(
        documents: &[Document],
        folder: &Folder,
        readable: Readable,
    ) -> Result<Self, Error> {
        let documents = documents
            .iter()
            .map(|document| (document.text.clone(), Some(document.sentiment.class())));
        Ok(Self {
            documents: documents.collect(),
            tokenizer: folder.tokenizer()?,
            tokenizer_file: folder.tokenizer_file(),
            vocabulary: readable.vocabulary,
            name: "the held-out documents".to_owned(),
        })
    }

    /// A file of the user's: a document a line, with its class and a tabulator before the text
    /// where it has one.
    ///
    /// # Errors
    /// The file cannot be read, has no text or a class that the model does not have, or the folder
    /// has no tokenizer.
    pub fn file(file: &Path, folder: &Folder, readable: Readable) -> Result<Self, Error> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            Error::file(file, format!("cannot be read as UTF-8 text ({error})"))
        })?;
        // Some editors begin a file with a mark of its byte order, which is no text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let documents = text
            .lines()
            .enumerate()
            .filter(|(_, text)| !text.is_empty())
            .map(|(index, text)| {
                line(text, readable.classes)
                    .map_err(|problem| Error::file(file, format!("line {} {problem}", index + 1)))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if documents.is_empty() {
            return Err(Error::file(
                file,
                "has no text, expected a document a line, with CLASS and a tabulator before it \
                 where its class is known",
            ));
        }
        Ok(Self {
            documents,
            tokenizer: folder.tokenizer()?,
            tokenizer_file: folder.tokenizer_file(),
            vocabulary: readable.vocabulary,
            name: file.display().to_string(),
        })
    }

    /// `batch` pieces of `length` tokens, one after another out of the documents as one text, the
    /// seed says from which document on; at the end it goes on from the start.
    ///
    /// # Errors
    /// The text is shorter, or the tokenizer refuses it or makes a token that the model does not
    /// know.
    pub fn windows(&self, [batch, length]: [usize; 2], seed: u64) -> Result<Vec<u32>, Error> {
        let (count, wanted) = (self.documents.len(), batch * length);
        let first = place(seed, count);
        let mut tokens = Vec::with_capacity(wanted);
        for offset in 0..count {
            let (text, _) = &self.documents[(first + offset) % count];
            tokens.append(&mut self.encode(&format!("{text}\n"))?);
            if tokens.len() >= wanted {
                tokens.truncate(wanted);
                return Ok(tokens);
            }
        }
        Err(self.too_short(&format!(
            "{} tokens, {batch} prompts of {length} need {wanted}",
            tokens.len()
        )))
    }

    /// `batch` documents of `least` to `most` tokens, the seed says from which on; at the end it
    /// goes on from the start.
    ///
    /// # Errors
    /// There are fewer, or the tokenizer refuses one or makes a token that the model does not know.
    pub fn documents(&self, batch: usize, most: usize, seed: u64) -> Result<Vec<Text>, Error> {
        let count = self.documents.len();
        let first = place(seed, count);
        let mut found = Vec::with_capacity(batch);
        for offset in 0..count {
            let (text, class) = &self.documents[(first + offset) % count];
            let tokens = self.encode(text)?;
            if (1..=most).contains(&tokens.len()) {
                found.push(Text {
                    tokens,
                    class: *class,
                });
            }
            if found.len() == batch {
                return Ok(found);
            }
        }
        Err(self.too_short(&format!(
            "{} documents of 1 to {most} tokens, the batch needs {batch}",
            found.len()
        )))
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        let encoding = self.tokenizer.encode(text, false).map_err(|error| {
            Error::Request(format!(
                "{}: the tokenizer refuses the text ({error})",
                self.name
            ))
        })?;
        let tokens = encoding.get_ids();
        let is_unknown = |token: &&u32| **token as usize >= self.vocabulary;
        match tokens.iter().find(is_unknown) {
            None => Ok(tokens.to_vec()),
            Some(token) => Err(Error::file(
                &self.tokenizer_file,
                format!(
                    "makes the token {token}, the model knows 0 to {}; it belongs to another \
                     model, fetch the one of this model",
                    self.vocabulary.saturating_sub(1)
                ),
            )),
        }
    }

    fn too_short(&self, found: &str) -> Error {
        Error::Request(format!(
            "{} have {found}; choose a smaller batch or other lengths",
            self.name
        ))
    }
}

/// A place below `end`, the same for the same seed.
fn place(seed: u64, end: usize) -> usize {
    let end = u64::try_from(end.max(1)).expect("a count fits 64 bits");
    usize::try_from(seed % end).expect("less than a count")
}

/// Text and class of a line; where classes are asked for, a number before the first tabulator has
/// to be one of them.
fn line(line: &str, classes: Option<usize>) -> Result<(String, Option<u32>), String> {
    let Some((start, text)) = line.split_once('\t') else {
        return Ok((line.to_owned(), None));
    };
    let start = start.trim();
    let class: Option<u32> = start.parse().ok();
    if let Some(classes) = classes {
        let is_number = start.parse().is_ok_and(f64::is_finite);
        let is_class = class.is_some_and(|class| (class as usize) < classes);
        if is_number && !is_class {
            return Err(format!(
                "has the class '{start}', the model has the classes 0 to {}; correct it, or leave \
                 it and its tabulator out",
                classes.saturating_sub(1)
            ));
        }
    }
    Ok(match class {
        Some(class) => (text.to_owned(), Some(class)),
        // The tabulator is part of the text.
        None => (line.to_owned(), None),
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::corpus::{self, Part};

    const SENTIMENT: Readable = Readable {
        vocabulary: 5000,
        classes: Some(2),
    };

    fn folder() -> TempDir {
        let folder = TempDir::new().expect("a temporary folder");
        let tokenizer = corpus::words().to_string();
        std::fs::write(folder.path().join("tokenizer.json"), tokenizer).expect("writes");
        folder
    }

    fn of_file(content: &str) -> Result<Texts, Error> {
        let folder = folder();
        let file = folder.path().join("text.txt");
        std::fs::write(&file, content).expect("writes");
        Texts::file(&file, &Folder::new(folder.path()), SENTIMENT)
    }

    #[test]
    fn a_class_is_one_of_the_models() {
        let texts = of_file("\u{feff}1\twe loved the film.\n0\tthe soup was cold.\n");
        let found = texts.expect("reads").documents(2, 9, 0).expect("two");
        assert_eq!(found[0].class, Some(1), "the mark before it is no text");
        assert_eq!(found[0].tokens.len(), 5);
        for class in ["2", "-1", "0.5", "99999999999"] {
            let message = of_file(&format!("1\tgood\n\n{class}\tbad\n"));
            let message = message.err().expect("no such class").to_string();
            let expected = format!(
                "text.txt: line 3 has the class '{class}', the model has the classes 0 to 1"
            );
            assert!(message.contains(&expected), "{message}");
        }
        // Nobody asks a model that continues text for its class.
        assert_eq!(line("9\tgood", None), Ok(("good".into(), Some(9))));
        let tabulated = Ok(("so\tgood".to_owned(), None));
        assert_eq!(line("so\tgood", Some(2)), tabulated);
    }

    #[test]
    fn a_token_that_the_model_does_not_know_is_named_with_its_tokenizer() {
        let folder = folder();
        let file = folder.path().join("text.txt");
        std::fs::write(&file, "we loved the film.").expect("writes");
        let readable = Readable::tokens(1);
        let texts = Texts::file(&file, &Folder::new(folder.path()), readable).expect("reads");
        for message in [
            texts.documents(1, 9, 0).err(),
            texts.windows([1, 2], 0).err(),
        ] {
            let message = message.expect("a vocabulary of one").to_string();
            assert!(
                message.contains("tokenizer.json: makes the token "),
                "{message}"
            );
            assert!(message.contains("the model knows 0 to 0"), "{message}");
        }
    }

    #[test]
    fn a_line_is_a_document_and_may_have_a_class() {
        let texts = of_file("1\twe loved the film.\nthe soup was cold.\n").expect("reads");
        let found = texts.documents(2, 9, 0).expect("two");
        assert_eq!(found[0].class, Some(1));
        assert_eq!(found[1].class, None);
        assert_eq!(found[0].tokens.len(), 5);
        // From the second on, and round.
        let turned = texts.documents(2, 9, 1).expect("two");
        assert_eq!([&turned[0], &turned[1]], [&found[1], &found[0]]);
        // The words tokenizer drops the ends of lines.
        assert_eq!(texts.windows([2, 5], 0).expect("ten").len(), 10);
    }

    #[test]
    fn too_little_text_is_named() {
        let texts = of_file("we loved the film.").expect("reads");
        let message = texts.documents(2, 9, 0).expect_err("one").to_string();
        assert!(
            message.contains("1 documents of 1 to 9 tokens, the batch needs 2"),
            "{message}"
        );
        let message = texts.windows([2, 5], 0).expect_err("five").to_string();
        assert!(
            message.contains("5 tokens, 2 prompts of 5 need 10"),
            "{message}"
        );
        let message = of_file("\n\n").err().expect("empty").to_string();
        assert!(message.contains("text.txt: has no text"), "{message}");
    }

    #[test]
    fn a_missing_tokenizer_is_named() {
        let folder = TempDir::new().expect("a temporary folder");
        let documents = corpus::documents(Part::HeldOut, 1, 3);
        let found = Texts::generated(&documents, &Folder::new(folder.path()), SENTIMENT);
        let message = found.err().expect("none there").to_string();
        assert!(
            message.contains("tokenizer.json: is missing: text cannot be read without"),
            "{message}"
        );
    }
}
