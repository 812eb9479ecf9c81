//! Tests: an encoder costs what `model::cost` counts for its name.

use model::axis::{Axis, AxisValue};
use model::cost::workload;
use model::point::Point;

use crate::encoder::config::Config;
use crate::job::word::Head;

fn phase(name: &str, batch: u64, tokens: u64) -> Option<model::cost::phase::Phase> {
    let words = [(Axis::Model, name), (Axis::Precision, "bf16")];
    let counts = [(Axis::Batch, batch), (Axis::PromptTokens, tokens)];
    let point: Point = words
        .map(|(axis, word)| (axis, AxisValue::Text(word.into())))
        .into_iter()
        .chain(counts.map(|(axis, count)| (axis, AxisValue::Integer(count))))
        .collect();
    let phases = workload::iteration(&point).ok()?;
    assert_eq!(phases.len(), 1, "{name}");
    Some(phases[0])
}

/// Products of matrices by this crate's shape: four square and two wide matrices a token and
/// layer, all pairs of positions in each head, and the classifying head once a sequence.
fn multiply_adds(config: &Config, batch: u64, tokens: u64) -> u64 {
    let (hidden, inner) = (config.hidden_size as u64, config.inner_size as u64);
    let token = 4 * hidden * hidden + 2 * hidden * inner;
    let pairs = 2 * tokens * tokens * hidden;
    let head = hidden * hidden + hidden * config.classes as u64;
    batch * (config.layers as u64 * (tokens * token + pairs) + head)
}

/// A name means the same shape here and where plans are costed.
#[test]
fn shapes_are_those_that_plans_are_costed_with() {
    for name in Config::BERT.into_iter().chain(Config::ROBERTA) {
        let config = Config::named(name).expect("a name of this worker");
        for (batch, tokens) in [(1, 128), (32, 100)] {
            let Some(phase) = phase(name, batch, tokens) else {
                // The tiny ones are not in the vocabulary of plans yet.
                assert!(name.ends_with("-tiny"), "{name}");
                continue;
            };
            assert_eq!(phase.units, batch, "{name}");
            let parameters = config.parameters(Head::Classification);
            assert_eq!(phase.parameters, parameters, "{name}");
            let counted = 2.0 * multiply_adds(&config, batch, tokens) as f64;
            assert_eq!(phase.matrix_operations, counted, "{name}");
        }
    }
}
