//! What a GPT costs at least: its shape, as costs are counted from it.

use model::cost::decoder::Decoder;
use model::cost::tally::Norm;
use model::cost::transformer::{Biases, Block};

use super::config::Config;

impl From<&Config> for Decoder {
    fn from(config: &Config) -> Self {
        Self {
            vocabulary: config.vocab_size as u64,
            layers: config.layers as u64,
            block: Block {
                width: config.hidden_size as u64,
                inner: config.inner_size as u64,
                heads: config.heads as u64,
                kv_heads: config.kv_heads() as u64,
                norm: Norm::Layer,
                biases: Biases::All,
                gated: false,
            },
            positions: Some(config.positions as u64),
            tied: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::cost::decoder::Lengths;
    use model::cost::number_format::NumberFormat;

    use super::*;
    use crate::gpt::config::Family;

    /// A name means the same shape here and where plans are costed.
    #[test]
    fn shapes_are_those_that_plans_are_costed_with() {
        for name in Config::GPT2.into_iter().chain(Config::STARCODER) {
            let config = Config::named(name).expect("a name of this worker");
            let costed = Decoder::named(name);
            assert_eq!(Some(Decoder::from(&config)), costed, "{name}");
        }
    }

    /// By hand for one block, two wide, eight inside, five tokens known, two heads, three tokens:
    /// qkv 2·6, output 2·2, feed-forward 2·2·8, so 48 multiply-adds a token; logits 10; six pairs
    /// of a query and a key, each 2 multiply-adds for the score and 2 for the value.
    #[test]
    fn a_model_small_enough_to_count_by_hand() {
        let config = Config {
            vocab_size: 5,
            positions: 4,
            hidden_size: 2,
            inner_size: 8,
            layers: 1,
            heads: 2,
            ..Config::tiny(Family::Gpt2)
        };
        let lengths = Lengths {
            batch: 1,
            prompt_tokens: 3,
            decode_tokens: 1,
        };
        let format = NumberFormat::of("bf16", "none").expect("a format of the vocabulary");
        let [prefill, decode] = Decoder::from(&config).phases(format, lengths);
        assert_eq!(
            prefill.matrix_operations,
            f64::from(2 * (3 * 48 + 6 * 4 + 10))
        );
        assert_eq!(decode.matrix_operations, f64::from(2 * (48 + 4 * 4 + 10)));
        // One key head for two queries: 2·4 in place of 2·6.
        let shared = Config {
            family: Family::StarCoder,
            ..config.clone()
        };
        let [prefill, _] = Decoder::from(&shared).phases(format, lengths);
        assert_eq!(
            prefill.matrix_operations,
            f64::from(2 * (3 * 44 + 6 * 4 + 10))
        );
        assert_eq!(prefill.parameters, shared.parameters());
    }
}
