//! Shape of the sentiment model.

use serde::{Deserialize, Serialize};

use crate::checkpoint::fields::{self, Field};

/// Shape of an embedding, an LSTM and one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Words that the model knows.
    pub vocab_size: usize,
    /// Width of a word.
    pub width: usize,
    /// Cells, and so the width of the hidden state.
    pub cells: usize,
    /// Length of a sequence where nothing else is asked for.
    pub words: usize,
}

impl Config {
    /// Names of the models, the smallest first.
    pub const NAMES: [&'static str; 1] = ["lstm-sentiment"];

    /// 5,000 words in 15 numbers, ten cells, 300 words.
    pub const SENTIMENT: Self = Self {
        vocab_size: 5_000,
        width: 15,
        cells: 10,
        words: 300,
    };

    /// The model of this name, where it is one of these.
    pub fn named(model: &str) -> Option<Self> {
        (model == "lstm-sentiment").then_some(Self::SENTIMENT)
    }

    /// Reads the text of a `config.json` with exactly these fields.
    ///
    /// # Errors
    /// The field at fault, and what was expected.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let config: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        fields::check_positive(&config.fields())?;
        Ok(config)
    }

    const fn fields(&self) -> [Field; 4] {
        [
            ("vocab_size", self.vocab_size),
            ("width", self.width),
            ("cells", self.cells),
            ("words", self.words),
        ]
    }

    /// The first field in which another shape differs, as `field is theirs, expected ours`.
    pub fn difference(&self, found: &Self) -> Option<String> {
        fields::difference(&self.fields(), &found.fields())
    }

    /// Rows of the matrices that feed the gates.
    pub const fn gates(&self) -> usize {
        4 * self.cells
    }

    /// Every tensor by the name that PyTorch gives it, with its shape.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let gates = self.gates();
        [
            ("embedding.weight", vec![self.vocab_size, self.width]),
            ("lstm.weight_ih_l0", vec![gates, self.width]),
            ("lstm.weight_hh_l0", vec![gates, self.cells]),
            ("lstm.bias_ih_l0", vec![gates]),
            ("lstm.bias_hh_l0", vec![gates]),
            ("dense.weight", vec![1, self.cells]),
            ("dense.bias", vec![1]),
        ]
        .map(|(name, shape)| (name.to_owned(), shape))
        .into()
    }

    /// Number of parameters.
    pub fn parameters(&self) -> u64 {
        crate::checkpoint::parameters(&self.tensors())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 5,000·15 + 40·15 + 40·10 + 2·40 + 10 + 1.
    #[test]
    fn parameters_are_counted_by_hand() {
        let config = Config::named("lstm-sentiment").expect("a name of this worker");
        assert_eq!(config.parameters(), 76_091);
        assert_eq!(Config::named("lstm"), None);
    }

    #[test]
    fn fields_that_do_not_fit_are_named() {
        let config = Config::named("lstm-sentiment").expect("a name of this worker");
        let text = serde_json::to_string(&config).expect("plain numbers");
        assert_eq!(Config::from_json(&text), Ok(config));
        let message = Config::from_json(&text.replace("15", "0")).expect_err("no width");
        assert_eq!(message, "'width' is 0, expected 1 or more");
        let message = Config::from_json(&text.replace("cells", "units")).expect_err("no cells");
        assert!(message.contains("cells"), "{message}");
        let smaller = Config { cells: 8, ..config };
        assert_eq!(
            config.difference(&smaller).as_deref(),
            Some("'cells' is 8, expected 10")
        );
        assert_eq!(config.difference(&config), None);
    }
}
