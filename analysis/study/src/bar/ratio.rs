//! Bar 3: the interval of a ratio of two configurations.

use statistics::interval::Level;
use statistics::ratio;

use super::cell::{Cell, CellDraft};
use super::coverage::{Coverage, NOMINAL_HIGH, NOMINAL_LOW};
use super::{Bar, BarId, Target};
use crate::generator::{Conditions, Drift, Order, Session, Split};

/// Geometric means of the reference and of the configuration, J: a saving of 12 %.
const LEVELS_J: [f64; 2] = [250.0, 220.0];

pub(super) fn bar() -> Bar {
    let base = Conditions {
        block_variation: 0.02,
        split: Split::Ratio(0.5),
        iterations: 30,
        autocorrelation: 0.5,
        ..Conditions::plain(10, 0.03)
    };
    let mut cells = vec![];
    for runs in [5, 10, 20, 30] {
        cells.push(paired(
            format!("n {runs}, CV 3 %, blocks 2 %"),
            Conditions { runs, ..base },
        ));
    }
    for variation in [0.005, 0.1] {
        let name = format!("n 10, CV {} %, blocks 2 %", 100.0 * variation);
        cells.push(paired(name, Conditions { variation, ..base }));
    }
    cells.push(paired(
        "n 5, CV 10 %, φ 0.97, between/within 2, blocks 10 %".to_owned(),
        Conditions {
            runs: 5,
            variation: 0.1,
            block_variation: 0.1,
            split: Split::Ratio(2.0),
            autocorrelation: 0.97,
            ..base
        },
    ));
    cells.push(paired(
        "n 10, CV 1 %, linear drift 4 %".to_owned(),
        Conditions {
            variation: 0.01,
            drift: Drift::Linear(0.04),
            ..base
        },
    ));
    for (runs, variation) in [(5, 0.02), (10, 0.1)] {
        cells.push(unpaired(Conditions::plain(runs, variation)));
    }
    Bar {
        id: BarId::Ratio,
        title: "94 to 96 %, n from 5, CV up to 10 %",
        calls: &[
            "ratio::paired_log_ratio",
            "ratio::welch_log_ratio",
            "ratio::fieller",
        ],
        note: None,
        cells,
    }
}

fn paired(name: String, conditions: Conditions) -> Cell {
    let mut draft = CellDraft::new(name);
    let target = Target::GeometricRatio;
    let coverage = Coverage::ask_nominal(&mut draft, "paired t on log-ratios", target);
    draft.experiment(move |stream, answers| {
        let mut session = Session::default();
        session.draw(&conditions, &LEVELS_J, Order::Blocked, stream);
        let [reference_j, configuration_j] = pair(&session);
        let interval = ratio::paired_log_ratio(configuration_j, reference_j, Level::P95)?;
        coverage.answer(answers, &interval, LEVELS_J[1] / LEVELS_J[0]);
        Ok(())
    })
}

fn unpaired(conditions: Conditions) -> Cell {
    let name = format!(
        "n {} each, CV {} %, independent",
        conditions.runs,
        100.0 * conditions.variation
    );
    let mut draft = CellDraft::new(name);
    let nominal = |question: super::Question| question.within(NOMINAL_LOW, NOMINAL_HIGH);
    let welch = Coverage::ask(
        &mut draft,
        "Welch on logarithms",
        Target::GeometricRatio,
        nominal,
    );
    let fieller = Coverage::ask(&mut draft, "Fieller", Target::ArithmeticRatio, nominal);
    draft.experiment(move |stream, answers| {
        let mut session = Session::default();
        session.draw(&conditions, &LEVELS_J, Order::Random, stream);
        let [reference_j, configuration_j] = pair(&session);
        // Both configurations have one coefficient of variation, so both ratios are the same number.
        let truth = LEVELS_J[1] / LEVELS_J[0];
        let interval = ratio::welch_log_ratio(configuration_j, reference_j, Level::P95)?;
        welch.answer(answers, &interval, truth);
        let interval = ratio::fieller(configuration_j, reference_j, Level::P95)?;
        fieller.answer(answers, &interval, truth);
        Ok(())
    })
}

fn pair(session: &Session) -> [&[f64]; 2] {
    [&session.energy_j[0], &session.energy_j[1]]
}
