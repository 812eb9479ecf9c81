//! The set that cannot be told from the best, the regret, the vertex, and the saving of the winner.

use statistics::blocks::Blocks;
use statistics::interval::Level;
use statistics::location::mean_t;
use statistics::selection::split::select_and_estimate;
use statistics::selection::vertex::vertex;
use statistics::selection::{Critical, Simultaneous, best_set, best_set_by};

use crate::bar::{Cell, CellDraft, Question};
use crate::generator::count;
use crate::random::Stream;

/// Clocks of the sweep.
const CLOCKS: usize = 11;
/// The best of them where the curve is not flat.
const BEST: usize = 5;
/// The clock that savings refer to.
const REFERENCE: usize = CLOCKS - 1;
/// Scatter of a run and of a block on the log scale.
const RUN_LOG: f64 = 0.01;
const BLOCK_LOG: f64 = 0.02;
/// How the energy depends on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Curve {
    /// The slowest and the fastest clock cost 5 % more than the best.
    Gentle,
    /// They cost 20 % more.
    Steep,
    /// All clocks cost the same.
    Flat,
}

impl Curve {
    /// Logarithm of the energy at a clock, less that of the best.
    fn log_level(self, clock: usize) -> f64 {
        let rise = match self {
            Self::Gentle => 0.05,
            Self::Steep => 0.2,
            Self::Flat => 0.0,
        };
        rise * setting(clock) * setting(clock)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gentle => "curve of 5 %",
            Self::Steep => "curve of 20 %",
            Self::Flat => "all equal",
        }
    }
}

/// One sweep over the clocks.
#[derive(Clone, Copy, Debug)]
struct Sweep {
    blocks: usize,
    curve: Curve,
    /// Whether the best clock scatters twice as much as the others.
    uneven: bool,
}

pub(super) fn cells() -> Vec<Cell> {
    let mut cells = vec![];
    for blocks in [5, 10] {
        for way in [Simultaneous::Bonferroni, Simultaneous::MaxT] {
            for curve in [Curve::Gentle, Curve::Steep, Curve::Flat] {
                cells.push(set_cell(
                    Sweep {
                        blocks,
                        curve,
                        uneven: false,
                    },
                    way,
                ));
            }
            cells.push(set_cell(
                Sweep {
                    blocks,
                    curve: Curve::Flat,
                    uneven: true,
                },
                way,
            ));
        }
        cells.push(curve_cell(Sweep {
            blocks,
            curve: Curve::Gentle,
            uneven: false,
        }));
    }
    cells
}

/// Setting of a clock, from −1 to 1.
fn setting(clock: usize) -> f64 {
    count(clock) / count(BEST) - 1.0
}

impl Sweep {
    /// Logarithms of the energies, block after block.
    fn draw(self, stream: &mut Stream) -> Vec<f64> {
        let mut logs = Vec::with_capacity(self.blocks * CLOCKS);
        for _ in 0..self.blocks {
            let block_log = BLOCK_LOG * stream.normal();
            for clock in 0..CLOCKS {
                let scatter = if self.uneven && clock == BEST {
                    2.0
                } else {
                    1.0
                };
                let run_log = scatter * RUN_LOG * stream.normal();
                logs.push(block_log + self.curve.log_level(clock) + run_log);
            }
        }
        logs
    }

    fn name(self) -> String {
        let scatter = if self.uneven {
            ", the best scatters twice as much"
        } else {
            ""
        };
        format!("n {}, {}{scatter}", self.blocks, self.curve.name())
    }
}

/// Name of the way in questions.
pub(super) fn method(way: Simultaneous) -> &'static str {
    match way {
        Simultaneous::Bonferroni => "Bonferroni",
        Simultaneous::MaxT => "max-t",
    }
}

fn set_cell(sweep: Sweep, way: Simultaneous) -> Cell {
    let method = method(way);
    let mut draft = CellDraft::new(sweep.name());
    let demand = |question: Question| {
        if way == Simultaneous::MaxT && sweep.uneven {
            // Max-t takes the scatter of all clocks to be the same.
            question
        } else {
            question.at_least(0.95)
        }
    };
    let contains = draft.ask(demand(Question::share(format!(
        "{method}: best in the set"
    ))));
    let size = draft.ask(Question::mean(format!("{method}: size of the set")));
    let regret = draft.ask(demand(Question::share(format!(
        "{method}: regret below its limit"
    ))));
    let argmin = (sweep.curve == Curve::Gentle && way == Simultaneous::Bonferroni).then(|| {
        draft.ask(
            Question::share("bare argmin is the best")
                .at_most(0.60)
                .control(),
        )
    });
    let critical = Critical::with_one(way, CLOCKS, sweep.blocks, Level::P95);
    draft.experiment(move |stream, answers| {
        let logs = sweep.draw(stream);
        let set = best_set_by(Blocks::new(&logs, CLOCKS)?, critical)?;
        answers.yes_no(contains, set.members.contains(&BEST));
        answers.value(size, count(set.members.len()));
        answers.yes_no(
            regret,
            sweep.curve.log_level(set.argmin) <= set.regret_limit,
        );
        if let Some(argmin) = argmin {
            answers.yes_no(argmin, set.argmin == BEST);
        }
        Ok(())
    })
}

/// What follows from a curve that is a parabola, and from choosing and estimating on separate blocks.
fn curve_cell(sweep: Sweep) -> Cell {
    let mut draft = CellDraft::new(sweep.name());
    let nominal = |text: &str| Question::share(text).within(0.94, 0.96);
    let vertex_set = draft.ask(nominal("Fieller set contains the vertex"));
    let split = draft.ask(nominal("saving by the other half of the blocks: coverage"));
    let cursed = draft.ask(Question::share("saving by the choosing blocks: coverage"));
    let settings: Vec<f64> = (0..CLOCKS).map(setting).collect();
    draft.experiment(move |stream, answers| {
        let logs = sweep.draw(stream);
        let table = Blocks::new(&logs, CLOCKS)?;
        let vertex = vertex(table, &settings, Level::P95)?;
        answers.yes_no(vertex_set, vertex.set.contains(0.0));
        let saving = |clock| sweep.curve.log_level(clock) - sweep.curve.log_level(REFERENCE);
        let estimate = select_and_estimate(table, REFERENCE, Level::P95)?;
        answers.yes_no(split, estimate.difference.contains(saving(estimate.chosen)));
        let chosen = best_set(table, Simultaneous::Bonferroni, Level::P95)?.argmin;
        let differences: Vec<f64> = table
            .rows()
            .map(|row| row[chosen] - row[REFERENCE])
            .collect();
        let interval = mean_t(&differences, Level::P95)?;
        answers.yes_no(cursed, interval.contains(saving(chosen)));
        Ok(())
    })
}
