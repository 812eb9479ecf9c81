//! Reviews: one or three opinions, with remarks that mean nothing between them.
//!
//! ```text
//! review   = [remark] opinion [[remark] opinion [remark] opinion]
//! opinion  = clause | clause* "but" clause | "although" clause* clause | clause "and" clause
//! clause   = who verb what | who never verb* what | what is adjective | what is not adjective*
//! ```
//! A star marks a part that says the opposite. More than half of the opinions of a review say what
//! the review says.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::lexicon::{
    ADVERBS, BLAMED, COMPANY, COPULAS, DETERMINERS, NEGATIVE, NEVER, NOT, NOUNS, POSITIVE, PRAISED,
    PRONOUNS, TIMES,
};
use super::{Document, Sentiment};

/// Writes the next review.
pub(super) fn review(rng: &mut ChaCha8Rng) -> Document {
    let sentiment = if chance(rng, 50) {
        Sentiment::Positive
    } else {
        Sentiment::Negative
    };
    let opinions = if chance(rng, 50) { 1 } else { 3 };
    // At most one of three opinions says the opposite.
    let dissent = (opinions == 3 && chance(rng, 60)).then(|| below(rng, opinions));
    let mut sentences = Vec::new();
    for number in 0..opinions {
        if chance(rng, 25) {
            sentences.push(remark(rng));
        }
        let says = if dissent == Some(number) {
            sentiment.opposite()
        } else {
            sentiment
        };
        sentences.push(opinion(rng, says));
    }
    Document {
        text: format!("{}.", sentences.join(". ")),
        sentiment,
    }
}

fn opinion(rng: &mut ChaCha8Rng, says: Sentiment) -> String {
    let against = says.opposite();
    match below(rng, 20) {
        0..=4 => format!("{} but {}", clause(rng, against), clause(rng, says)),
        5..=7 => format!("although {} {}", clause(rng, against), clause(rng, says)),
        8..=9 => format!("{} and {}", clause(rng, says), clause(rng, says)),
        _ => clause(rng, says),
    }
}

fn clause(rng: &mut ChaCha8Rng, says: Sentiment) -> String {
    let negated = chance(rng, 40);
    let words = if negated { says.opposite() } else { says };
    let what = format!("{} {}", pick(rng, DETERMINERS), pick(rng, NOUNS));
    if chance(rng, 40) {
        let verb = pick(rng, of(words, PRAISED, BLAMED));
        let who = pick(rng, PRONOUNS);
        let never = before(rng, negated, NEVER);
        return format!("{who} {never}{verb} {what}");
    }
    let copula = pick(rng, COPULAS);
    let not = before(rng, negated, NOT);
    let with_adverb = chance(rng, 30);
    let adverb = before(rng, with_adverb, ADVERBS);
    let adjective = pick(rng, of(words, POSITIVE, NEGATIVE));
    format!("{what} {copula} {not}{adverb}{adjective}")
}

fn remark(rng: &mut ChaCha8Rng) -> String {
    let again = if chance(rng, 30) { " again" } else { "" };
    format!(
        "{} went there{again} {}{}",
        pick(rng, PRONOUNS),
        pick(rng, TIMES),
        pick(rng, COMPANY)
    )
}

const fn of<'a>(says: Sentiment, positive: &'a [&str], negative: &'a [&str]) -> &'a [&'a str] {
    match says {
        Sentiment::Positive => positive,
        Sentiment::Negative => negative,
    }
}

/// A word with a space behind it, or nothing.
fn before(rng: &mut ChaCha8Rng, wanted: bool, words: &[&str]) -> String {
    if wanted {
        format!("{} ", pick(rng, words))
    } else {
        String::new()
    }
}

fn pick<'a>(rng: &mut ChaCha8Rng, words: &[&'a str]) -> &'a str {
    words[below(rng, words.len())]
}

fn chance(rng: &mut ChaCha8Rng, percent: usize) -> bool {
    below(rng, 100) < percent
}

/// A number below `end`; the bias of the remainder is below 2^-50 for lists of words.
fn below(rng: &mut ChaCha8Rng, end: usize) -> usize {
    let end = u64::try_from(end).expect("a list fits 64 bits");
    usize::try_from(rng.next_u64() % end).expect("less than the length of a list")
}
