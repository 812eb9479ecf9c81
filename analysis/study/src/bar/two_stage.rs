//! Bar 4: the number of blocks in two stages, and what testing after every block does instead.

use statistics::interval::{Interval, Level};
use statistics::location;
use statistics::sequential::{Precision, TwoStage};

use super::cell::{Cell, CellDraft, Question};
use super::coverage::Coverage;
use super::{Bar, BarId, Target};
use crate::error::Refusal;
use crate::generator::count;
use crate::random::Stream;

/// Logarithm of the true ratio: a saving of 12 %.
const TRUTH_LOG: f64 = -0.127_833_371_509_884_9;
/// A cap that does not bind.
const UNCAPPED: usize = 2_000;
/// Standard normal quantile of a two-sided 95 % interval, for the oracle.
const Z: f64 = 1.959_963_984_540_054;
/// Mean number of blocks over that of the oracle, at most.
const MOST_OVER_ORACLE: f64 = 1.4;

pub(super) fn bar() -> Bar {
    let uncapped = TwoStage {
        cap: UNCAPPED,
        ..TwoStage::CONFIRM
    };
    Bar {
        id: BarId::TwoStage,
        title: "coverage at least 94.5 %, mean number of blocks at most 1.4 of the \
                oracle's where that exceeds the pilot; testing after every block fails",
        calls: &[
            "sequential::TwoStage::size",
            "sequential::TwoStage::outcome",
            "location::mean_t (control)",
        ],
        note: Some(
            "Log-ratios are normal; ±1 % is wanted, ±0.5 % in the last two-stage cell. The oracle \
             knows the standard deviation s and takes (1.96 s/r)² blocks. The interval is exact, \
             95 %, unless the pilot alone suffices, where it is wider than it need be; so the bar \
             lies half a percent below what is true, and even 10,000 experiments show it only two \
             times in three.",
        ),
        cells: vec![
            two_stage("s 1 %, no cap", uncapped, 0.01),
            two_stage("s 2 %, no cap", uncapped, 0.02),
            two_stage("s 3 %, no cap", uncapped, 0.03),
            two_stage("s 3 %, cap 50", TwoStage::CONFIRM, 0.03),
            two_stage("s 1 %, ±0.5 %, cap 50", TwoStage::HEADLINE, 0.01),
            naive(3, 0.01),
            naive(3, 0.02),
            naive(10, 0.02),
        ],
    }
}

fn two_stage(name: &str, plan: TwoStage, deviation: f64) -> Cell {
    let mut draft = CellDraft::new(format!("pilot {}, {name}", plan.pilot));
    let target = Target::GeometricRatio;
    let coverage = Coverage::ask(&mut draft, "Stein", target, |q| q.at_least(0.945));
    let root = Z * deviation / plan.half_width;
    let oracle = root * root;
    let capped = plan.cap < UNCAPPED;
    let blocks = {
        let question = Question::mean("blocks over the oracle's");
        draft.ask(if oracle > count(plan.pilot) && !capped {
            question.at_most(MOST_OVER_ORACLE)
        } else {
            question
        })
    };
    let met = draft.ask(Question::share("precision met"));
    draft.experiment(move |stream, answers| {
        let (interval, is_met) = session(plan, deviation, stream)?;
        coverage.answer(answers, &interval, TRUTH_LOG);
        answers.value(blocks, count(interval.n) / oracle);
        answers.yes_no(met, is_met);
        Ok(())
    })
}

/// Pilot, one look, second stage. Returns the interval on the log scale and whether it is as narrow
/// as was wanted.
fn session(
    plan: TwoStage,
    deviation: f64,
    stream: &mut Stream,
) -> Result<(Interval, bool), Refusal> {
    let mut log_ratios = Vec::new();
    let mut blocks = plan.pilot;
    loop {
        let missing = blocks - log_ratios.len();
        log_ratios.extend((0..missing).map(|_| TRUTH_LOG + deviation * stream.normal()));
        match plan.outcome(&log_ratios)? {
            Precision::Met(interval) => return Ok((interval, true)),
            Precision::NotMet { reached, .. } => return Ok((reached, false)),
            Precision::Unfinished { blocks: wanted } => blocks = wanted,
        }
    }
}

/// Negative control: a t interval after every block, until it is narrow enough.
fn naive(fewest: usize, deviation: f64) -> Cell {
    let name = format!(
        "tested after every block from {fewest}, s {} %",
        100.0 * deviation
    );
    let mut draft = CellDraft::new(name);
    let target = Target::GeometricRatio;
    let coverage = Coverage::ask(&mut draft, "t at stopping", target, |question| {
        if fewest == 3 {
            question.at_most(0.93).control()
        } else {
            question
        }
    });
    draft.experiment(move |stream, answers| {
        let mut log_ratios = Vec::new();
        loop {
            log_ratios.push(TRUTH_LOG + deviation * stream.normal());
            if log_ratios.len() < fewest {
                continue;
            }
            let interval = location::mean_t(&log_ratios, Level::P95)?;
            if interval.half_width() <= TwoStage::CONFIRM.half_width {
                coverage.answer(answers, &interval, TRUTH_LOG);
                return Ok(());
            }
        }
    })
}
