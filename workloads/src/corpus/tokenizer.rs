//! Tokenizers of the corpus, in the format of Hugging Face: whole words, or characters.

use serde_json::{Map, Value, json};

use super::{lexicon, speech};

/// Ids before those of the words: padding, begin, end, hidden word, unknown word. The first four
/// are where a small BERT has them.
const SPECIAL: [&str; 5] = ["[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]"];

/// Ids before those of the syllables: the end of a transcript, and what each begins with.
const OF_SPEECH: [&str; 5] = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|transcribe|>",
    "<|notimestamps|>",
];

/// `tokenizer.json` with an id for each word of the grammar; less than 128 in all.
pub fn words() -> Value {
    let words = lexicon::words().into_iter().map(str::to_owned);
    word_level(SPECIAL, words, SPECIAL[4])
}

/// `tokenizer.json` with an id for each syllable of the speech.
pub fn syllables() -> Value {
    word_level(OF_SPEECH, speech::syllables(), OF_SPEECH[0])
}

fn word_level(special: [&str; 5], words: impl Iterator<Item = String>, unknown: &str) -> Value {
    let vocabulary: Map<String, Value> = special
        .into_iter()
        .map(str::to_owned)
        .chain(words)
        .zip(0u32..)
        .map(|(word, id)| (word, id.into()))
        .collect();
    let added: Vec<Value> = special.into_iter().zip(0u32..).map(added).collect();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": { "type": "Lowercase" },
        "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": null,
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": unknown }
    })
}

fn added((content, id): (&str, u32)) -> Value {
    json!({
        "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true
    })
}

/// `tokenizer.json` with an id for each printable ASCII character and the end of a line: its code.
/// Other characters become question marks.
pub fn characters() -> Value {
    let vocabulary: Map<String, Value> = std::iter::once('\n')
        .chain(' '..='~')
        .map(|character| (character.to_string(), u32::from(character).into()))
        .collect();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": {
            "type": "Split", "pattern": { "Regex": "(?s)." }, "behavior": "Isolated",
            "invert": false
        },
        "post_processor": null,
        "decoder": { "type": "Fuse" },
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "?" }
    })
}

#[cfg(test)]
mod tests {
    use tokenizers::Tokenizer;

    use super::super::{Part, documents};
    use super::*;

    fn tokenizer(json: &Value) -> Tokenizer {
        Tokenizer::from_bytes(json.to_string()).expect("a tokenizer")
    }

    fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
        let encoding = tokenizer.encode(text, false).expect("encodes");
        encoding.get_ids().to_vec()
    }

    #[test]
    fn every_word_of_the_grammar_has_an_id_below_128() {
        let tokenizer = tokenizer(&words());
        assert!(tokenizer.get_vocab_size(true) <= 128);
        for document in documents(Part::Training, 1, 500) {
            let ids = ids(&tokenizer, &document.text);
            let words = document.text.replace('.', " .");
            assert_eq!(ids.len(), words.split_whitespace().count());
            assert!(ids.iter().all(|id| (5..128).contains(id)), "{ids:?}");
        }
        assert_eq!(ids(&tokenizer, "[MASK] quark")[..], [3, 4]);
    }

    #[test]
    fn every_syllable_has_an_id_behind_those_of_the_prompt() {
        let tokenizer = tokenizer(&syllables());
        let said: Vec<String> = speech::syllables().collect();
        let expected: Vec<u32> = (5..).take(said.len()).collect();
        assert_eq!(ids(&tokenizer, &said.join(" ")), expected);
        assert_eq!(tokenizer.decode(&[5, 0], true).expect("decodes"), said[0]);
    }

    #[test]
    fn characters_are_their_codes_and_come_back_as_text() {
        let tokenizer = tokenizer(&characters());
        let text = "we loved it.\nno é";
        let found = ids(&tokenizer, text);
        let codes: Vec<u32> = text
            .chars()
            .map(|c| if c.is_ascii() { c.into() } else { '?'.into() })
            .collect();
        assert_eq!(found, codes);
        let back = tokenizer.decode(&found, true).expect("decodes");
        assert_eq!(back, "we loved it.\nno ?");
    }
}
