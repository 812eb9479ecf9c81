//! The set that holds the whole Pareto front.

use statistics::blocks::Blocks;
use statistics::interval::Level;
use statistics::pareto::{Objectives, confidence_set_by};
use statistics::selection::{Critical, Simultaneous};

use super::best::method;
use crate::bar::{Cell, CellDraft, Question};
use crate::generator::count;
use crate::random::Stream;

/// Logarithms of energy and time of each configuration: a convex front, twins on it, then two that
/// are clearly and one that is barely dominated.
const TRUTH: [(f64, f64); 10] = [
    (0.00, 0.20),
    (0.01, 0.12),
    (0.03, 0.07),
    (0.07, 0.03),
    (0.12, 0.01),
    (0.20, 0.00),
    (0.03, 0.07),
    (0.08, 0.08),
    (0.20, 0.20),
    (0.015, 0.125),
];
/// The members of the front come first.
const MEMBERS: usize = 7;
/// Scatter on the log scale: of a run in each objective alone, in both, and of a block.
const OWN_LOG: f64 = 0.01;
const COMMON_LOG: f64 = 0.005;
const BLOCK_LOG: f64 = 0.02;

pub(super) fn cells() -> Vec<Cell> {
    let mut cells = vec![];
    for blocks in [5, 10] {
        for way in [Simultaneous::Bonferroni, Simultaneous::MaxT] {
            cells.push(cell(blocks, way));
        }
    }
    cells
}

fn cell(blocks: usize, way: Simultaneous) -> Cell {
    let method = method(way);
    let name = format!("n {blocks}, front of {MEMBERS} among {}", TRUTH.len());
    let mut draft = CellDraft::new(name);
    let complete = {
        let text = format!("{method}: every member in the set");
        draft.ask(Question::share(text).at_least(0.95))
    };
    let size = draft.ask(Question::mean(format!("{method}: size of the set")));
    let bare = (way == Simultaneous::Bonferroni).then(|| {
        let text = "front of the means has every member";
        draft.ask(Question::share(text).at_most(0.60).control())
    });
    let critical = Critical::all_pairs(way, TRUTH.len(), 2, blocks, Level::P95);
    draft.experiment(move |stream, answers| {
        let (energies, times) = campaign(blocks, stream);
        let tables = [
            Blocks::new(&energies, TRUTH.len())?,
            Blocks::new(&times, TRUTH.len())?,
        ];
        let objectives = Objectives::new(&tables)?;
        let has_all = |set: &[usize]| (0..MEMBERS).all(|member| set.contains(&member));
        let set = confidence_set_by(objectives, critical)?;
        answers.yes_no(complete, has_all(&set));
        answers.value(size, count(set.len()));
        if let Some(bare) = bare {
            answers.yes_no(bare, has_all(&objectives.means().front()));
        }
        Ok(())
    })
}

fn campaign(blocks: usize, stream: &mut Stream) -> (Vec<f64>, Vec<f64>) {
    let (mut energies, mut times) = (Vec::new(), Vec::new());
    for _ in 0..blocks {
        let block_log = BLOCK_LOG * stream.normal();
        for (energy_log, time_log) in TRUTH {
            let common_log = COMMON_LOG * stream.normal();
            energies.push(energy_log + block_log + common_log + OWN_LOG * stream.normal());
            times.push(time_log - block_log + common_log + OWN_LOG * stream.normal());
        }
    }
    (energies, times)
}
