//! Tests: a Whisper costs what `model::cost` counts for its name.

use model::cost::phase::Phase;
use model::cost::workload;

use super::config::{Config, PROMPT_TOKENS, WINDOW};
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::{Task, Transcripts};

fn phases(name: &str, transcripts: Transcripts) -> Option<Vec<Phase>> {
    let job = Job::plain(name, Precision::F32, Task::Transcribe(transcripts));
    workload::iteration(&job.point()).ok()
}

/// Multiply-adds of `tokens` tokens of the decoder that each see `seen` on average: eight square
/// and two wide matrices a layer, less the keys and values of the sound, and the head once.
fn decoder(config: &Config, tokens: usize, pairs: usize) -> usize {
    let (hidden, inner) = (config.hidden_size, config.inner_size);
    let token = 6 * hidden * hidden + 2 * hidden * inner;
    let sound = 2 * tokens * config.source_positions * hidden;
    let layer = tokens * token + 2 * pairs * hidden + sound;
    config.decoder_layers * layer + hidden * config.vocab_size
}

/// Multiply-adds until the first token is picked.
fn encode(config: &Config) -> usize {
    let (hidden, inner) = (config.hidden_size, config.inner_size);
    let (frames, places) = (config.frames(), config.source_positions);
    let convolutions = WINDOW * hidden * (frames * config.mel_bins + places * hidden);
    let place = 4 * hidden * hidden + 2 * hidden * inner;
    let blocks = config.encoder_layers * (places * place + 2 * places * places * hidden);
    let keys_values = config.decoder_layers * places * 2 * hidden * hidden;
    let pairs = PROMPT_TOKENS * (PROMPT_TOKENS + 1) / 2;
    convolutions + blocks + keys_values + decoder(config, PROMPT_TOKENS, pairs)
}

/// A name means the same shape here and where plans are costed.
#[test]
fn shapes_are_those_that_plans_are_costed_with() {
    for name in Config::NAMES {
        let config = Config::named(name).expect("a name of this worker");
        for (batch, decode_tokens) in [(1, 1), (8, 60)] {
            let transcripts = Transcripts {
                batch,
                decode_tokens,
            };
            let Some(phases) = phases(name, transcripts) else {
                // The smallest is not in the vocabulary of plans yet.
                assert_eq!(name, "whisper-micro");
                continue;
            };
            let [first, second] = phases.as_slice() else {
                panic!("{name} has {} phases", phases.len());
            };
            assert_eq!((first.name, first.units), ("encode", batch as u64));
            assert_eq!(first.parameters, config.parameters(), "{name}");
            let counted = 2 * batch * encode(&config);
            assert_eq!(first.matrix_operations, counted as f64, "{name}");

            assert_eq!(second.units, (batch * decode_tokens) as u64);
            let steps: usize = (1..=decode_tokens)
                .map(|step| decoder(&config, 1, PROMPT_TOKENS + step))
                .sum();
            assert_eq!(
                second.matrix_operations,
                (2 * batch * steps) as f64,
                "{name}"
            );
        }
    }
}
