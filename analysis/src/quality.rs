//! What fewer bits cost in quality: raw outcomes of the project's own models to intervals.
//!
//! Every format reads the same documents, so formats are compared in pairs: only documents on which
//! two of them differ say anything about the difference.

use std::path::Path;

use model::quality::{ModelOutcomes, Outcomes, QUALITY_SCHEMA, VariantOutcomes};
use serde::Serialize;
use statistics::error::StatisticsError;
use statistics::interval::{Interval, Level};
use statistics::likelihood::Documents;
use statistics::location::mean_t;
use statistics::proportion::{PairedOutcomes, Share, newcombe_paired, wilson};
use statistics::test::mcnemar_exact;

use crate::Error;
use crate::table::quality_table;
use crate::write::{write_atomically, write_json};

/// The quality of one model in one number format.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// Name of the model.
    pub model: String,
    /// Name of the format.
    pub variant: String,
    /// Classes that were found.
    pub accuracy: Option<Accuracy>,
    /// Likelihood of the documents.
    pub likelihood: Option<Likelihood>,
    /// Tokens that were made.
    pub agreement: Option<Agreement>,
}

/// Share of documents whose class was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Accuracy {
    /// The share.
    pub share: Interval,
    /// Share less that of the reference; absent for the reference itself.
    pub difference: Option<Interval>,
    /// Documents that only this format classes right, and that only the reference does.
    pub only_here: u64,
    /// See [`Accuracy::only_here`].
    pub only_reference: u64,
    /// `McNemar`'s exact test of no difference.
    pub mcnemar_p: Option<f64>,
}

/// Perplexity over the documents.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Likelihood {
    /// Perplexity.
    pub perplexity: Interval,
    /// Perplexity by that of the reference; absent for the reference itself.
    pub ratio: Option<Interval>,
}

/// Made tokens beside those of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Mean share of a sequence's tokens that are the same; the interval is over sequences and ends
    /// at 0 and 1.
    pub tokens: Interval,
    /// Share of sequences that are the same from end to end.
    pub exact: Interval,
}

/// The results of a study: its conditions, and a row for each format of each model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QualityReport {
    /// Program and version that made the outcomes.
    pub worker: String,
    /// Library that computed.
    pub engine: String,
    /// Where.
    pub device: String,
    /// SHA-256 (hex) of the documents.
    pub held_out_sha256: String,
    /// Models: name, weights, task, and why which formats are missing.
    pub models: Vec<Studied>,
    /// The rows, reference first in each model.
    pub rows: Vec<Quality>,
}

/// A model of the study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Studied {
    /// Name.
    pub model: String,
    /// What tells its weights from others.
    pub weights_id: String,
    /// What it was asked.
    pub task: String,
    /// Missing formats, as `name: reason`.
    pub omitted: Vec<String>,
}

/// Reads recorded outcomes and writes `quality/quality.{json,csv,typ}`.
///
/// # Errors
/// The file cannot be read, is of another version, or its lists do not fit together.
pub fn stage(file: &Path, out: &Path) -> Result<QualityReport, Error> {
    let outcomes = read(file)?;
    let report = report(&outcomes).map_err(|problem| Error::content(file, problem))?;
    let table = quality_table(&report);
    let place = |ending: &str| out.join(format!("quality/quality.{ending}"));
    write_json(&place("json"), &report)?;
    write_atomically(&place("csv"), table.to_csv().as_bytes())?;
    write_atomically(&place("typ"), table.to_typst().as_bytes())?;
    Ok(report)
}

fn read(file: &Path) -> Result<Outcomes, Error> {
    let text = fs_err::read_to_string(file)?;
    let outcomes: Outcomes = serde_json::from_str(&text)
        .map_err(|error| Error::content(file, format!("holds no outcomes: {error}")))?;
    if outcomes.schema != QUALITY_SCHEMA {
        return Err(Error::content(
            file,
            format!(
                "'schema' is {}, expected {QUALITY_SCHEMA}; make it anew with `joulebench-worker \
                 quality`",
                outcomes.schema
            ),
        ));
    }
    Ok(outcomes)
}

/// Intervals of outcomes.
///
/// # Errors
/// The model and format of which lists do not fit together, and how.
pub fn report(outcomes: &Outcomes) -> Result<QualityReport, String> {
    let mut rows = Vec::new();
    for model in &outcomes.models {
        let Some(reference) = model.variants.first() else {
            return Err(format!("model '{}' has no variants", model.model));
        };
        for (index, variant) in model.variants.iter().enumerate() {
            let reference = (index > 0).then_some(reference);
            let row = quality(model, variant, reference).map_err(|error| {
                format!("model '{}', '{}': {error}", model.model, variant.variant)
            })?;
            rows.push(row);
        }
    }
    let studied = |model: &ModelOutcomes| Studied {
        model: model.model.clone(),
        weights_id: model.weights_id.clone(),
        task: model.task.clone(),
        omitted: model
            .omitted
            .iter()
            .map(|omission| format!("{}: {}", omission.variant, omission.reason))
            .collect(),
    };
    Ok(QualityReport {
        worker: outcomes.worker.clone(),
        engine: outcomes.engine.clone(),
        device: outcomes.device.clone(),
        held_out_sha256: outcomes.held_out_sha256.clone(),
        models: outcomes.models.iter().map(studied).collect(),
        rows,
    })
}

fn quality(
    model: &ModelOutcomes,
    variant: &VariantOutcomes,
    reference: Option<&VariantOutcomes>,
) -> Result<Quality, StatisticsError> {
    Ok(Quality {
        model: model.model.clone(),
        variant: variant.variant.clone(),
        accuracy: match variant.right.as_str() {
            "" => None,
            right => Some(accuracy(right, reference.map(|it| it.right.as_str()))?),
        },
        likelihood: match variant.nats.as_slice() {
            [] => None,
            _ => Some(likelihood(variant, reference)?),
        },
        agreement: match reference {
            Some(reference) if !variant.made.is_empty() => {
                Some(agreement(&variant.made, &reference.made)?)
            }
            _ => None,
        },
    })
}

fn accuracy(right: &str, reference: Option<&str>) -> Result<Accuracy, StatisticsError> {
    let flags = |text: &str| text.bytes().map(|byte| byte == b'1').collect::<Vec<bool>>();
    let here = flags(right);
    let count = here.iter().filter(|right| **right).count() as u64;
    let share = wilson(Share::new(count, here.len() as u64)?, Level::P95);
    let Some(reference) = reference else {
        return Ok(Accuracy {
            share,
            difference: None,
            only_here: 0,
            only_reference: 0,
            mcnemar_p: None,
        });
    };
    let pairs = PairedOutcomes::of(&here, &flags(reference))?;
    Ok(Accuracy {
        share,
        difference: Some(newcombe_paired(pairs, Level::P95)?),
        only_here: pairs.only_first,
        only_reference: pairs.only_second,
        mcnemar_p: Some(mcnemar_exact(pairs.only_first, pairs.only_second)),
    })
}

fn likelihood(
    variant: &VariantOutcomes,
    reference: Option<&VariantOutcomes>,
) -> Result<Likelihood, StatisticsError> {
    let counts = |outcomes: &VariantOutcomes| -> Vec<f64> {
        outcomes.tokens.iter().copied().map(f64::from).collect()
    };
    let tokens = counts(variant);
    let here = Documents::new(&variant.nats, &tokens)?;
    let ratio = match reference {
        None => None,
        Some(reference) => {
            let tokens = counts(reference);
            let there = Documents::new(&reference.nats, &tokens)?;
            Some(here.perplexity_ratio(there, Level::P95)?)
        }
    };
    Ok(Likelihood {
        perplexity: here.perplexity(Level::P95)?,
        ratio,
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "tokens of a sequence are far fewer than 2^53"
)]
fn agreement(made: &[Vec<u32>], reference: &[Vec<u32>]) -> Result<Agreement, StatisticsError> {
    if made.len() != reference.len() {
        return Err(StatisticsError::UnequalLengths {
            left: made.len(),
            right: reference.len(),
        });
    }
    let shares: Vec<f64> = made
        .iter()
        .zip(reference)
        .map(|(made, wanted)| {
            let same = made.iter().zip(wanted).filter(|(a, b)| a == b).count();
            same as f64 / made.len().max(wanted.len()).max(1) as f64
        })
        .collect();
    let tokens = mean_t(&shares, Level::P95)?;
    let exact = made.iter().zip(reference).filter(|(a, b)| a == b).count();
    Ok(Agreement {
        tokens: Interval {
            low: tokens.low.max(0.0),
            high: tokens.high.min(1.0),
            ..tokens
        },
        exact: wilson(Share::new(exact as u64, made.len() as u64)?, Level::P95),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(name: &str, right: &str, nats: [f64; 3], made: [[u32; 2]; 2]) -> VariantOutcomes {
        VariantOutcomes {
            variant: name.into(),
            right: right.into(),
            nats: nats.into(),
            tokens: vec![2, 3, 5],
            made: made.map(Vec::from).into(),
        }
    }

    fn outcomes() -> Outcomes {
        Outcomes {
            schema: QUALITY_SCHEMA,
            worker: "w".into(),
            engine: "e".into(),
            device: "cpu".into(),
            held_out_sha256: "00".into(),
            models: vec![ModelOutcomes {
                model: "m".into(),
                weights_id: "sha256:1".into(),
                task: "reads".into(),
                variants: vec![
                    variant("f32", "1101", [2.0, 3.0, 5.0], [[1, 2], [3, 4]]),
                    variant("q4", "1010", [2.2, 3.3, 5.5], [[1, 2], [3, 9]]),
                ],
                omitted: vec![],
            }],
        }
    }

    #[test]
    fn formats_are_compared_in_pairs_with_the_first() {
        let report = report(&outcomes()).expect("fits");
        let [reference, found] = report.rows.as_slice() else {
            panic!("two rows")
        };
        assert_eq!(reference.agreement, None);
        let accuracy = found.accuracy.expect("classes");
        assert_eq!(accuracy.share.value, 0.5);
        assert_eq!((accuracy.only_here, accuracy.only_reference), (1, 2));
        assert_eq!(accuracy.mcnemar_p, Some(1.0));
        assert_eq!(accuracy.difference.map(|it| it.value), Some(-0.25));
        let likelihood = found.likelihood.expect("nats");
        let ratio = likelihood.ratio.expect("a reference");
        // A tenth more for every token of every document: nothing scatters.
        for bound in [ratio.value, ratio.low, ratio.high] {
            assert!((bound - 0.1f64.exp()).abs() < 1e-9, "{ratio:?}");
        }
        let agreement = found.agreement.expect("made tokens");
        assert_eq!((agreement.tokens.value, agreement.exact.value), (0.75, 0.5));
        assert_eq!(agreement.tokens.high, 1.0);
    }

    #[test]
    fn lists_that_do_not_fit_are_named() {
        let mut short = outcomes();
        short.models[0].variants[1].right.pop();
        let message = report(&short).expect_err("three of four");
        assert!(message.contains("model 'm', 'q4'"), "{message}");
        let mut empty = outcomes();
        empty.models[0].variants.clear();
        let message = report(&empty).expect_err("nothing");
        assert!(message.contains("has no variants"), "{message}");
    }
}
