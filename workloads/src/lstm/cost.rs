//! Tests: the sentiment model costs what `model::cost` counts for its name.

use model::cost::workload;

use super::config::Config;
use crate::job::Job;
use crate::job::precision::Precision;
use crate::job::task::{Sequences, Task};

/// A word takes a product with each matrix of the gates, a sequence one for its score.
#[test]
fn shapes_are_those_that_plans_are_costed_with() {
    for name in Config::NAMES {
        let config = Config::named(name).expect("a name of this worker");
        for (batch, tokens) in [(1, config.words), (32, 100)] {
            let sequences = Sequences { batch, tokens };
            let job = Job::plain(name, Precision::F32, Task::Read(sequences));
            let phases = workload::iteration(&job.point()).expect("a point of the vocabulary");
            assert_eq!(phases.len(), 1);
            assert_eq!(phases[0].units, batch as u64);
            // PyTorch adds two biases to the gates where one would do.
            let parameters = phases[0].parameters + config.gates() as u64;
            assert_eq!(parameters, config.parameters());
            let word = config.gates() * (config.width + config.cells);
            let counted = 2 * batch * (tokens * word + config.cells);
            assert_eq!(phases[0].matrix_operations, counted as f64);
        }
    }
}
