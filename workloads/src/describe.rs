//! What a model is and what it costs at least, without running it.

use std::fmt;

use model::cost::number_format::NumberFormat;
use serde::Serialize;

use crate::Error;
use crate::job::precision;
use crate::llama::config::Config;
use crate::llama::cost::{self, PhaseCost};
use crate::llama::generate::Extent;

/// A model at one point, with the floor of its costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    /// Name of the model.
    pub model: String,
    /// Shape of the model.
    pub config: Config,
    /// Number of parameters.
    pub parameters: u64,
    /// Number format of weights and activations.
    pub precision: String,
    /// Sequences and their lengths.
    pub extent: Extent,
    /// Arithmetic and memory traffic of each phase of one iteration.
    pub phases: Vec<PhaseCost>,
}

impl Description {
    /// Describes a model by name.
    ///
    /// # Errors
    /// The model or the number format is unknown.
    pub fn of(model: &str, precision_name: &str, extent: Extent) -> Result<Self, Error> {
        let Some(config) = Config::named(model) else {
            return Err(Error::Request(format!(
                "model '{model}' is unknown, expected one of {}",
                Config::NAMES.join(", ")
            )));
        };
        precision(precision_name)?;
        let format = NumberFormat::of(precision_name, "none")
            .map_err(|error| Error::Request(error.to_string()))?;
        Ok(Self {
            model: model.to_owned(),
            parameters: config.parameters(),
            precision: precision_name.to_owned(),
            extent,
            phases: vec![
                cost::prefill(&config, extent, format),
                cost::decode(&config, extent, format),
            ],
            config,
        })
    }
}

impl fmt::Display for Description {
    #[expect(clippy::cast_precision_loss, reason = "shown with four digits")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Extent {
            batch,
            prompt_tokens,
            decode_tokens,
        } = self.extent;
        writeln!(
            f,
            "{} in {}: {} parameters",
            self.model, self.precision, self.parameters
        )?;
        writeln!(
            f,
            "batch {batch}, {prompt_tokens} prompt tokens, {decode_tokens} decode tokens"
        )?;
        writeln!(
            f,
            "{:<8} {:>12} {:>10} {:>10} {:>12} {:>12}",
            "phase", "tokens", "passes", "TFLOP", "weights GB", "cache GB"
        )?;
        for phase in &self.phases {
            writeln!(
                f,
                "{:<8} {:>12} {:>10} {:>10.4} {:>12.4} {:>12.4}",
                phase.phase,
                phase.tokens,
                phase.passes,
                phase.flops as f64 / 1e12,
                phase.weight_bytes as f64 / 1e9,
                phase.kv_bytes as f64 / 1e9,
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_7b_model_is_described() {
        let extent = Extent {
            batch: 8,
            prompt_tokens: 512,
            decode_tokens: 128,
        };
        let description = Description::of("llama-7b", "bf16", extent).expect("known");
        insta::assert_snapshot!("llama_7b_text", description);
        insta::assert_json_snapshot!("llama_7b_json", description);
    }

    #[test]
    fn unknown_words_are_refused() {
        let extent = Extent {
            batch: 1,
            prompt_tokens: 1,
            decode_tokens: 1,
        };
        let message = Description::of("llama", "bf16", extent)
            .expect_err("unknown")
            .to_string();
        assert_eq!(
            message,
            "model 'llama' is unknown, expected one of llama-tiny, llama-7b"
        );
        assert!(Description::of("llama-tiny", "int3", extent).is_err());
    }
}
