//! Holding claims against findings; the results as they lie in `claims.json`.

use model::provenance::Provenance;
use serde::{Deserialize, Serialize};

use super::evidence::{Findings, Number};
use super::source::{Claim, ClaimFile, Level, PaperValue};
use super::verdict::Verdict;

/// Version of `claims.json`. Changelog: 1 = first.
pub const CLAIMS_SCHEMA: u32 = 1;

/// The whole of `claims.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// [`CLAIMS_SCHEMA`] of the writer.
    pub schema: u32,
    /// The claims in the order of the paper.
    pub claims: Vec<ClaimResult>,
}

/// A claim and what the data say to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimResult {
    /// Short name.
    pub id: String,
    /// What is claimed.
    pub sentence: String,
    /// How far the claim reaches.
    pub level: Level,
    /// What it needs to be tested anew.
    pub needs: String,
    /// Where the paper makes it.
    pub place: String,
    /// The criterion in words.
    pub criterion: String,
    /// The outcome.
    pub verdict: Verdict,
    /// Why the data are missing, where they are.
    pub reason: Option<String>,
    /// The number that decided: the first of those with the claim's verdict.
    pub decisive: Option<Evidence>,
    /// Every number that was tested, in the order of the data.
    pub evidence: Vec<Evidence>,
    /// The value that the paper was written with.
    pub paper: Option<PaperValue>,
    /// Whether the decisive value is within the tolerance of the paper's.
    pub agrees_with_paper: Option<bool>,
}

/// A number and its part of the verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// What the number is of.
    pub subject: String,
    /// The estimate.
    pub value: f64,
    /// Lower bound.
    pub low: Option<f64>,
    /// Upper bound.
    pub high: Option<f64>,
    /// Confidence level of the bounds.
    pub level: f64,
    /// Runs, blocks or readings that entered.
    pub n: usize,
    /// Unit of value and bounds.
    pub unit: String,
    /// Measured, emulated or imported.
    pub provenance: Provenance,
    /// Verdict on this number alone.
    pub verdict: Verdict,
    /// Why there is no interval.
    pub reason: Option<String>,
}

/// Tests every claim.
pub fn judge(file: &ClaimFile, findings: &Findings<'_>) -> Claims {
    Claims {
        schema: CLAIMS_SCHEMA,
        claims: file
            .claims
            .iter()
            .map(|claim| result(claim, findings))
            .collect(),
    }
}

fn result(claim: &Claim, findings: &Findings<'_>) -> ClaimResult {
    let criterion = claim.test.criterion();
    let (evidence, reason) = match findings.numbers(&claim.test) {
        Ok(numbers) => {
            let judged = |number: Number| {
                let verdict = criterion.verdict(number.bounds());
                judged(number, verdict)
            };
            (numbers.into_iter().map(judged).collect(), None)
        }
        Err(reason) => (Vec::new(), Some(reason)),
    };
    let evidence: Vec<Evidence> = evidence;
    // Nobody promised data for a claim that is written before its measurement and has no value yet.
    let without = match claim.paper {
        None => Verdict::Inconclusive,
        Some(_) => Verdict::Unavailable,
    };
    let reason = reason.map(|reason| match claim.paper {
        None => format!("no data: {reason}"),
        Some(_) => reason,
    });
    let verdict = evidence.iter().map(|e| e.verdict).max().unwrap_or(without);
    let decisive = evidence.iter().find(|e| e.verdict == verdict).cloned();
    let agrees_with_paper = claim.paper.zip(decisive.as_ref()).map(|(paper, decisive)| {
        let distance = (decisive.value - paper.value).abs();
        distance <= paper.value.abs() * paper.tolerance_pct / 100.0
    });
    ClaimResult {
        id: claim.id.clone(),
        sentence: claim.sentence.clone(),
        level: claim.level,
        needs: claim.needs.clone(),
        place: claim.place.clone(),
        criterion: criterion.to_string(),
        verdict,
        reason,
        decisive,
        evidence,
        paper: claim.paper,
        agrees_with_paper,
    }
}

fn judged(number: Number, verdict: Verdict) -> Evidence {
    Evidence {
        subject: number.subject,
        value: number.value,
        low: number.low,
        high: number.high,
        level: number.level,
        n: number.n,
        unit: number.unit,
        provenance: number.provenance,
        verdict,
        reason: number.reason,
    }
}
