//! Text whose meaning is known: what the project's own models are trained and judged on.
//!
//! A seeded grammar ([`grammar`]) writes reviews and knows of each whether it praises or blames.
//! Negations, concessions and the count of opinions decide, so a bag of words is not enough. The
//! part that a review belongs to is a function of its text, so that no review can be in both.

mod grammar;
mod lexicon;
pub mod speech;
mod tokenizer;

use std::collections::BTreeSet;

use model::run::hex;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sha2::{Digest, Sha256};

pub use tokenizer::{characters, syllables, words};

/// A review and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Small letters, spaces and full stops.
    pub text: String,
    /// What it says.
    pub sentiment: Sentiment,
}

/// Whether a review praises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sentiment {
    /// More of its opinions blame.
    Negative,
    /// More of its opinions praise.
    Positive,
}

impl Sentiment {
    /// The class of a classifier.
    pub const fn class(self) -> u32 {
        match self {
            Self::Negative => 0,
            Self::Positive => 1,
        }
    }

    const fn opposite(self) -> Self {
        match self {
            Self::Negative => Self::Positive,
            Self::Positive => Self::Negative,
        }
    }
}

/// What a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Models learn from it.
    Training,
    /// Models are judged on it, and never see it before.
    HeldOut,
}

/// One text in five is held out.
const HELD_OUT_BELOW: u8 = 51;

impl Part {
    /// The part of a text: a function of its SHA-256 alone.
    pub fn of(text: &str) -> Self {
        if Sha256::digest(text)[0] < HELD_OUT_BELOW {
            Self::HeldOut
        } else {
            Self::Training
        }
    }
}

/// The first `count` different reviews of a part, by the seed of the data.
pub fn documents(part: Part, seed: u64, count: usize) -> Vec<Document> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut seen = BTreeSet::new();
    let mut documents = Vec::with_capacity(count);
    while documents.len() < count {
        let document = grammar::review(&mut rng);
        if Part::of(&document.text) == part && seen.insert(document.text.clone()) {
            documents.push(document);
        }
    }
    documents
}

/// SHA-256 (hex) over the texts, a line each, with their classes.
pub fn digest(documents: &[Document]) -> String {
    let mut hash = Sha256::new();
    for document in documents {
        hash.update(format!(
            "{}\t{}\n",
            document.sentiment.class(),
            document.text
        ));
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::lexicon::{BLAMED, NEGATIVE, POSITIVE, PRAISED};
    use super::*;

    fn share(documents: &[Document], right: impl Fn(&Document) -> bool) -> f64 {
        documents.iter().filter(|document| right(document)).count() as f64 / documents.len() as f64
    }

    #[test]
    fn the_parts_share_no_document_and_repeat_themselves() {
        let training = documents(Part::Training, 1, 4000);
        let held_out = documents(Part::HeldOut, 1, 1000);
        let texts: BTreeSet<&str> = training.iter().map(|d| d.text.as_str()).collect();
        assert_eq!(texts.len(), 4000);
        assert!(held_out.iter().all(|d| !texts.contains(d.text.as_str())));
        assert_eq!(training, documents(Part::Training, 1, 4000));
        assert_ne!(
            digest(&training),
            digest(&documents(Part::Training, 2, 4000))
        );
        insta::assert_snapshot!(
            "first_documents",
            training[..8]
                .iter()
                .map(|d| format!("{} {}", d.sentiment.class(), d.text))
                .collect::<Vec<_>>()
                .join("\n")
        );
    }

    /// Classes are balanced, and who only counts kind and unkind words is often wrong.
    #[test]
    fn a_bag_of_words_is_not_enough() {
        let documents = documents(Part::Training, 1, 4000);
        let positive = share(&documents, |d| d.sentiment == Sentiment::Positive);
        assert!((0.45..0.55).contains(&positive), "{positive}");
        let count = |text: &str, words: [&[&str]; 2]| {
            text.split([' ', '.'])
                .filter(|word| words.iter().any(|list| list.contains(word)))
                .count()
        };
        let by_counting = share(&documents, |d| {
            let kind = count(&d.text, [POSITIVE, PRAISED]);
            let unkind = count(&d.text, [NEGATIVE, BLAMED]);
            (kind > unkind) == (d.sentiment == Sentiment::Positive) && kind != unkind
        });
        assert!((0.3..0.7).contains(&by_counting), "{by_counting}");
    }
}
