//! Bar 7: claims against a margin, and the power that a plan promises.

use statistics::equivalence::{Claim, Contrast, Verdict, decide, power, runs_needed};
use statistics::interval::Level;

use super::cell::{Cell, CellDraft, Question};
use super::{Bar, BarId, Target};
use crate::error::Refusal;
use crate::generator::{Conditions, Order, Session, log_deviation};
use crate::random::Stream;

/// Energy or quality of the reference, in any unit.
const REFERENCE: f64 = 250.0;
/// Effect of a block, which pairing removes.
const BLOCK_VARIATION: f64 = 0.02;
/// A claim at the margin itself is a mistake in at most this share.
const LARGEST_SIZE: f64 = 0.055;
/// How far measured power may lie below the planned one.
const TOLERANCE: f64 = 0.02;

/// The claims under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// At least 95 % of the reference.
    Retained,
    /// At most 5 % more than the reference.
    AtMost,
    /// Within a factor of 1.05.
    Equivalent,
}

impl Kind {
    fn claim(self) -> Result<Claim, Refusal> {
        Ok(match self {
            Self::Retained => Claim::retained(0.95)?,
            Self::AtMost => Claim::at_most(1.05)?,
            Self::Equivalent => Claim::equivalent_within(1.05)?,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Retained => "at least 95 % retained",
            Self::AtMost => "at most 5 % more",
            Self::Equivalent => "within a factor of 1.05",
        }
    }
}

pub(super) fn bar() -> Bar {
    let mut cells = vec![];
    for (runs, variation) in [(5, 0.02), (10, 0.02), (10, 0.05), (20, 0.05)] {
        cells.push(size(runs, variation, Kind::Retained, 0.95));
    }
    cells.push(size(10, 0.02, Kind::AtMost, 1.05));
    cells.push(size(10, 0.02, Kind::Equivalent, 1.05));
    cells.push(size(10, 0.02, Kind::Equivalent, 1.0 / 1.05));
    for (runs, variation, ratio) in [
        (5, 0.02, 1.0),
        (10, 0.05, 1.0),
        (20, 0.05, 1.0),
        (10, 0.02, 0.98),
        (20, 0.05, 0.98),
    ] {
        cells.push(power_of(Some(runs), variation, Kind::Retained, ratio));
    }
    cells.push(power_of(Some(10), 0.03, Kind::Equivalent, 1.0));
    cells.push(power_of(None, 0.03, Kind::Retained, 1.0));
    cells.push(power_of(None, 0.03, Kind::Retained, 0.98));
    Bar {
        id: BarId::Margin,
        title: "claims at the margin itself in at most 5.5 %; power at most 2 % below the \
                planned",
        calls: &[
            "equivalence::decide",
            "equivalence::power",
            "equivalence::runs_needed",
        ],
        note: Some(
            "Paired by block; CV is that of one run, so a log-ratio scatters by √2 of it. The demand \
             on power is the noncentral-t power at the true ratio, less 2 %.",
        ),
        cells,
    }
}

/// Whether one session supports the claim at the true `ratio`.
fn supports(
    conditions: &Conditions,
    claim: Claim,
    ratio: f64,
    stream: &mut Stream,
) -> Result<bool, Refusal> {
    let mut session = Session::default();
    session.draw(
        conditions,
        &[REFERENCE, REFERENCE * ratio],
        Order::Blocked,
        stream,
    );
    let contrast = Contrast::paired_log_ratio(&session.energy_j[1], &session.energy_j[0])?;
    Ok(decide(&contrast, claim, Level::P95)?.verdict == Verdict::Supported)
}

fn conditions(runs: usize, variation: f64) -> Conditions {
    Conditions {
        block_variation: BLOCK_VARIATION,
        ..Conditions::plain(runs, variation)
    }
}

fn name(runs: usize, variation: f64, kind: Kind, ratio: f64) -> String {
    let variation = 100.0 * variation;
    format!(
        "n {runs}, CV {variation} %, {}, true ratio {ratio:.3}",
        kind.name()
    )
}

fn size(runs: usize, variation: f64, kind: Kind, ratio: f64) -> Cell {
    let mut draft = CellDraft::new(name(runs, variation, kind, ratio));
    let claimed = {
        let question = Question::share("claimed at the margin").of(Target::GeometricRatio);
        draft.ask(question.at_most(LARGEST_SIZE))
    };
    let conditions = conditions(runs, variation);
    draft.experiment(move |stream, answers| {
        let supported = supports(&conditions, kind.claim()?, ratio, stream)?;
        answers.yes_no(claimed, supported);
        Ok(())
    })
}

/// Power with `runs` blocks, or with as many as the plan asks for.
fn power_of(runs: Option<usize>, variation: f64, kind: Kind, ratio: f64) -> Cell {
    let (runs, planned) = plan(runs, variation, kind, ratio)
        .expect("scatter is positive, the margins are in order and the claim is true");
    let mut draft = CellDraft::new(name(runs, variation, kind, ratio));
    let claimed = {
        let text = format!("claimed; planned {:.1} %", 100.0 * planned);
        let question = Question::share(text).of(Target::GeometricRatio);
        draft.ask(question.at_least(planned - TOLERANCE))
    };
    let conditions = conditions(runs, variation);
    draft.experiment(move |stream, answers| {
        let supported = supports(&conditions, kind.claim()?, ratio, stream)?;
        answers.yes_no(claimed, supported);
        Ok(())
    })
}

/// Number of blocks and the power that the plan promises if the truth is known.
fn plan(
    runs: Option<usize>,
    variation: f64,
    kind: Kind,
    ratio: f64,
) -> Result<(usize, f64), Refusal> {
    let mean_log = libm::log(ratio);
    // Two values with the mean and the variance of the log-ratios: that of a difference of two runs
    // is twice that of one, and two values at ±a have the variance 2a².
    let half = log_deviation(variation);
    let truth = Contrast::mean(&[mean_log - half, mean_log + half])?;
    let claim = kind.claim()?;
    let runs = match runs {
        Some(runs) => runs,
        None => runs_needed(
            &truth,
            claim,
            Level::P95,
            statistics::equivalence::PLANNED_POWER,
        )
        .ok_or("the claim is not true")?,
    };
    Ok((runs, power(&truth, claim, Level::P95, runs)))
}
