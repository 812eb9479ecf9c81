//! Tests: an encoder costs what `model::cost` counts for its name.

use model::cost::phase::Phase;

use crate::encoder::config::Config;
use crate::encoder::inputs::Inputs;
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::{Sequences, Task};
use crate::job::word::{Head, Word};

fn phase(name: &str, head: Head, sequences: Sequences) -> Phase {
    let mut job = Job::plain(name, Precision::Bf16, Task::Read(sequences));
    job.variant.head = head;
    let phases = model::cost::workload::phases(&job.point()).expect("a model of the vocabulary");
    assert_eq!(phases.len(), 1, "{name}");
    phases[0]
}

/// Products of matrices by this crate's shape: four square and two wide matrices a token and
/// layer, all pairs of positions in each head; and the head, once a sequence or hidden token.
fn multiply_adds(config: &Config, head: Head, sequences: Sequences) -> u64 {
    let (hidden, inner) = (config.hidden_size as u64, config.inner_size as u64);
    let (batch, tokens) = (sequences.batch as u64, sequences.tokens as u64);
    let token = 4 * hidden * hidden + 2 * hidden * inner;
    let pairs = 2 * tokens * tokens * hidden;
    let (rows, outputs) = match head {
        Head::Classification => (1, config.classes),
        Head::MaskedLm => (Inputs::hidden(sequences.tokens) as u64, config.vocab_size),
    };
    let of_head = rows * (hidden * hidden + hidden * outputs as u64);
    batch * (config.layers as u64 * (tokens * token + pairs) + of_head)
}

/// A name means the same shape here and where plans are costed.
#[test]
fn shapes_are_those_that_plans_are_costed_with() {
    for name in Config::BERT.into_iter().chain(Config::ROBERTA) {
        let config = Config::named(name).expect("a name of this worker");
        for head in Head::ALL {
            for (batch, tokens) in [(1, 128), (32, 100), (2, 3)] {
                let sequences = Sequences { batch, tokens };
                let phase = phase(name, *head, sequences);
                assert_eq!(phase.units, batch as u64, "{name}");
                assert_eq!(
                    phase.parameters,
                    config.parameters(*head),
                    "{name} {head:?}"
                );
                let counted = 2.0 * multiply_adds(&config, *head, sequences) as f64;
                assert_eq!(phase.matrix_operations, counted, "{name} {head:?}");
            }
        }
    }
}
