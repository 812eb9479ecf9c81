//! What models with few bits made of text with known answers: the raw outcomes of a quality study.
//!
//! `joulebench-worker quality` writes an [`Outcomes`]; the analysis turns it into intervals. It
//! holds what came out for each document, not the metrics, so that any statistic of pairs can be
//! computed later.

use serde::{Deserialize, Serialize};

/// Version of the format. Changelog: 1 = first.
pub const QUALITY_SCHEMA: u32 = 1;

/// Outcomes of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcomes {
    /// [`QUALITY_SCHEMA`].
    pub schema: u32,
    /// Program and version, as in `ready`.
    pub worker: String,
    /// Library that computes, with its version.
    pub engine: String,
    /// Where it computed.
    pub device: String,
    /// SHA-256 (hex) of the held-out documents.
    pub held_out_sha256: String,
    /// What each model made of them, in the order of the study.
    pub models: Vec<ModelOutcomes>,
}

/// Outcomes of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelOutcomes {
    /// Name of the model.
    pub model: String,
    /// What tells its weights from others.
    pub weights_id: String,
    /// What it was asked, one sentence.
    pub task: String,
    /// Outcomes by number format, the reference first.
    pub variants: Vec<VariantOutcomes>,
    /// Formats that the model cannot have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<Omission>,
}

/// Outcomes of one number format. A list has an element for each document, in the same order for
/// every variant, and is empty where the task has no such outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantOutcomes {
    /// Name of the format: that of the weights, and of the arithmetic where it is another than f32.
    pub variant: String,
    /// For each document `1` where its class was found, otherwise `0`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub right: String,
    /// Sum of −ln p over the tokens of each document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nats: Vec<f64>,
    /// How many tokens these are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<u32>,
    /// Tokens that were made after each prompt, greedily.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<Vec<u32>>,
}

/// A format that is not in the study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Omission {
    /// Name of the format.
    pub variant: String,
    /// Why.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_come_back_as_they_were_written() {
        let outcomes = Outcomes {
            schema: QUALITY_SCHEMA,
            worker: "w 1".into(),
            engine: "e 2".into(),
            device: "cpu".into(),
            held_out_sha256: "00".into(),
            models: vec![ModelOutcomes {
                model: "m".into(),
                weights_id: "sha256:1".into(),
                task: "reads.".into(),
                variants: vec![VariantOutcomes {
                    variant: "f32".into(),
                    right: "101".into(),
                    ..VariantOutcomes::default()
                }],
                omitted: vec![],
            }],
        };
        let text = serde_json::to_string(&outcomes).expect("serialises");
        assert!(
            text.contains(r#"{"variant":"f32","right":"101"}"#),
            "{text}"
        );
        let back: Outcomes = serde_json::from_str(&text).expect("parses");
        assert_eq!(back, outcomes);
    }
}
