//! What is drawn for a batch.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use serde_json::Value;
use tokenizers::Tokenizer;

use crate::Error;
use crate::corpus::Document;

/// `count` numbers below `end`, with repeats; the bias of the remainder is below 2^-32.
pub(super) fn draw(rng: &mut ChaCha8Rng, count: usize, end: usize) -> Vec<usize> {
    let end = u64::try_from(end).expect("a length fits 64 bits");
    (0..count)
        .map(|_| usize::try_from(rng.next_u64() % end).expect("less than a length"))
        .collect()
}

/// Token ids of each document.
pub(super) fn tokenise(tokenizer: &Value, documents: &[Document]) -> Result<Vec<Vec<u32>>, Error> {
    let refuse = |error: tokenizers::Error| Error::Training(format!("tokenizer: {error}"));
    let tokenizer = Tokenizer::from_bytes(tokenizer.to_string()).map_err(refuse)?;
    documents
        .iter()
        .map(|document| {
            let encoding = tokenizer.encode(document.text.as_str(), false);
            Ok(encoding.map_err(refuse)?.get_ids().to_vec())
        })
        .collect()
}
