//! Bar 10: warm-up and steady state.

use statistics::steady_state::{Attempt, Series, SteadyState, WARM_UP_S, steady_state};

use super::cell::{Answers, Cell, CellDraft, Question};
use super::{Bar, BarId};
use crate::error::Refusal;
use crate::generator::{Autoregression, count};
use crate::random::Stream;

/// Seconds of a window, which is also what its one extension adds.
const WINDOW_S: usize = 60;

/// How the level of the energy per second moves.
#[derive(Clone, Copy, Debug)]
enum Level {
    Flat,
    /// Higher by `excess` at the start, with a time constant in seconds.
    WarmUp {
        excess: f64,
        constant_s: f64,
    },
    /// Rises by so much per minute.
    Ramp {
        per_minute: f64,
    },
}

impl Level {
    fn at(self, time_s: f64) -> f64 {
        match self {
            Self::Flat => 1.0,
            Self::WarmUp { excess, constant_s } => 1.0 + excess * libm::exp(-time_s / constant_s),
            Self::Ramp { per_minute } => 1.0 + per_minute * time_s / 60.0,
        }
    }
}

/// A run of one cell, second by second.
#[derive(Clone, Copy, Debug)]
struct Seconds {
    level: Level,
    /// Coefficient of variation of one second.
    variation: f64,
    autocorrelation: f64,
}

pub(super) fn bar() -> Bar {
    let flat = |variation, autocorrelation| Seconds {
        level: Level::Flat,
        variation,
        autocorrelation,
    };
    let ramp = |per_minute, variation| Seconds {
        level: Level::Ramp { per_minute },
        variation,
        autocorrelation: 0.0,
    };
    Bar {
        id: BarId::WarmUp,
        title: "at most 5 % of flat windows cut, bias up to 0.2 % after exponential \
                warm-ups up to 20 %, no steady state in at least 95 % of 2 % ramps",
        calls: &["steady_state::steady_state"],
        note: Some(
            "The first 5 s are dropped; then 60 s are judged, and 120 s where the rule asks for the \
             extension. Energy has the level of the cell, time per iteration the same noise and no \
             trend. The bias is that of the kept part of steady windows; a warm-up with a constant \
             of 20 s is not over in time, and no steady state is found. Flat windows without a demand \
             show where the rule ends: seconds that scatter by 1 %, or that resemble their \
             neighbours.",
        ),
        cells: vec![
            flat_cell(flat(0.001, 0.0)),
            flat_cell(flat(0.005, 0.0)),
            beyond_cell(flat(0.01, 0.0)),
            beyond_cell(flat(0.005, 0.5)),
            warm_up_cell(0.05, 5.0, 0.002),
            warm_up_cell(0.2, 2.0, 0.002),
            warm_up_cell(0.2, 10.0, 0.002),
            warm_up_cell(0.2, 20.0, 0.002),
            warm_up_cell(0.2, 10.0, 0.005),
            ramp_cell("2 % in a minute", ramp(0.02, 0.002)),
            ramp_cell("2 % in a minute", ramp(0.02, 0.005)),
            ramp_cell("2 % in the extended window", ramp(0.01, 0.002)),
        ],
    }
}

/// What the rule makes of one run.
struct Outcome {
    /// Where the steady part starts; none without a steady state.
    steady_from: Option<usize>,
    /// Whether the rule asked for the extension.
    extended: bool,
    /// Mean energy of the steady part over the level that the run settles at, less one.
    bias: f64,
}

impl Seconds {
    fn run(self, stream: &mut Stream) -> Result<Outcome, Refusal> {
        let mut energy = Autoregression::new(self.autocorrelation, self.variation, stream);
        let mut latency = Autoregression::new(self.autocorrelation, self.variation, stream);
        let (mut time_s, mut energies, mut latencies) = (Vec::new(), Vec::new(), Vec::new());
        for attempt in [Attempt::First, Attempt::Extended] {
            for _ in 0..WINDOW_S {
                let middle_s = WARM_UP_S + count(time_s.len()) + 0.5;
                energies.push(self.level.at(middle_s) * (1.0 + energy.next(stream)));
                latencies.push(1.0 + latency.next(stream));
                time_s.push(middle_s);
            }
            let series = |values| Series {
                time_s: &time_s,
                values,
                resolution: 0.0,
            };
            let extended = attempt == Attempt::Extended;
            match steady_state(&[series(&energies), series(&latencies)], attempt)? {
                SteadyState::Steady { from } => {
                    let kept = &energies[from..];
                    return Ok(Outcome {
                        steady_from: Some(from),
                        extended,
                        bias: kept.iter().sum::<f64>() / count(kept.len()) - 1.0,
                    });
                }
                SteadyState::Extend(_) => {}
                SteadyState::NoSteadyState(_) => break,
            }
        }
        Ok(Outcome {
            steady_from: None,
            extended: true,
            bias: f64::NAN,
        })
    }

    fn draft(self, name: &str) -> CellDraft {
        let correlation = if self.autocorrelation > 0.0 {
            format!(", φ {}", self.autocorrelation)
        } else {
            String::new()
        };
        let variation = 100.0 * self.variation;
        CellDraft::new(format!("{name}, CV of a second {variation} %{correlation}"))
    }
}

fn flat_cell(seconds: Seconds) -> Cell {
    let mut draft = seconds.draft("flat");
    let cut = draft.ask(Question::share("cut, or no steady state").at_most(0.05));
    let extended = draft.ask(Question::share("extended"));
    draft.experiment(move |stream, answers| {
        let outcome = seconds.run(stream)?;
        answers.yes_no(cut, outcome.steady_from != Some(0));
        answers.yes_no(extended, outcome.extended);
        Ok(())
    })
}

/// Flat windows outside the bar: seconds that scatter too much for a small drift to be shown in two
/// minutes, or that resemble their neighbours, while the search for changes takes them as independent.
fn beyond_cell(seconds: Seconds) -> Cell {
    let mut draft = seconds.draft("flat");
    let cut = draft.ask(Question::share("cut, or no steady state"));
    draft.experiment(move |stream, answers| {
        answers.yes_no(cut, seconds.run(stream)?.steady_from != Some(0));
        Ok(())
    })
}

fn warm_up_cell(excess: f64, constant_s: f64, variation: f64) -> Cell {
    let seconds = Seconds {
        level: Level::WarmUp { excess, constant_s },
        variation,
        autocorrelation: 0.0,
    };
    let name = format!("warm-up of {} %, constant {constant_s} s", 100.0 * excess);
    let mut draft = seconds.draft(&name);
    let bias = draft.ask(Question::mean_share("bias of the kept part").within(-0.002, 0.002));
    let steady = draft.ask(Question::share("steady state found"));
    draft.experiment(move |stream, answers: &mut Answers| {
        let outcome = seconds.run(stream)?;
        answers.yes_no(steady, outcome.steady_from.is_some());
        if outcome.steady_from.is_some() {
            answers.value(bias, outcome.bias);
        }
        Ok(())
    })
}

fn ramp_cell(name: &str, seconds: Seconds) -> Cell {
    let mut draft = seconds.draft(&format!("ramp of {name}"));
    let refused = draft.ask(Question::share("no steady state").at_least(0.95));
    draft.experiment(move |stream, answers| {
        answers.yes_no(refused, seconds.run(stream)?.steady_from.is_none());
        Ok(())
    })
}
