//! From the answers of many experiments to one number with its Monte-Carlo interval.

use statistics::interval::Level;
use statistics::location::mean_t;
use statistics::proportion::{Share, clopper_pearson};
use statistics::quantile::quantile_interval;

use crate::bar::{BarId, Cell, Measure, Question, Requirement, Verdict};
use crate::error::{Refusal, StudyError};
use crate::report::{Measured, Row, significant};

/// Fewest answers of which a row says anything.
const FEWEST_ANSWERS: usize = 20;

/// Makes the row of one question.
pub(crate) fn row(
    bar: BarId,
    cell: &Cell,
    question: &Question,
    answers: &[f64],
) -> Result<Row, StudyError> {
    let mut row = Row {
        cell: cell.name.clone(),
        question: question.text.clone(),
        role: question.role,
        target: question.target,
        unit: question.measure.unit(),
        experiments: answers.len(),
        measured: None,
        requirement: question.requirement,
        verdict: Verdict::Unanswered,
        reason: None,
    };
    if answers.len() < FEWEST_ANSWERS && question.requirement != Requirement::Always {
        let reason = "fewer than 20 experiments had an answer";
        row.reason = Some(reason.to_owned());
        return Ok(row);
    }
    let measured = summarise(question.measure, answers).map_err(|source| StudyError::Summary {
        bar,
        cell: cell.name.clone(),
        question: question.text.clone(),
        source,
    })?;
    let verdict = question
        .requirement
        .judge(measured.value, measured.low, measured.high);
    let (verdict, reason) = question.settle(verdict);
    row.measured = Some(measured);
    row.verdict = verdict;
    row.reason = reason.map(str::to_owned);
    Ok(row)
}

/// The 95 % Monte-Carlo interval: Clopper–Pearson for shares, t for means, order statistics for
/// medians. With 10 significant digits, which are those that are published and judged.
fn summarise(measure: Measure, answers: &[f64]) -> Result<Measured, Refusal> {
    let interval = match measure {
        Measure::Share => {
            let hits = answers.iter().filter(|answer| **answer > 0.5).count();
            let share = Share::new(hits as u64, answers.len() as u64)?;
            clopper_pearson(share, Level::P95)
        }
        Measure::MeanShare | Measure::Mean => mean_t(answers, Level::P95)?,
        Measure::Median => quantile_interval(answers, 0.5, Level::P95)?,
    };
    Ok(Measured {
        value: significant(interval.value),
        low: significant(interval.low),
        high: significant(interval.high),
    })
}
