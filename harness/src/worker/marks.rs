//! The order in which marks make sense.

use model::mark::Mark;
use thiserror::Error;

/// Follows the marks of one worker and refuses those out of order.
#[derive(Clone, Debug, Default)]
pub struct MarkOrder {
    state: State,
    last_ns: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Starting,
    Between,
    Inside(String),
    Finished,
}

/// A mark that cannot follow the ones before it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("mark '{mark}' {problem}")]
pub struct OrderError {
    /// The mark's word.
    pub mark: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl MarkOrder {
    /// Takes the next mark.
    ///
    /// # Errors
    /// Where it cannot follow, or its stamp is before the one of the mark before it.
    pub fn follow(&mut self, mark: &Mark) -> Result<(), OrderError> {
        let (word, next) = match (&self.state, mark) {
            (State::Starting, Mark::Ready { .. }) => ("ready", State::Between),
            (State::Between, Mark::Begin { phase, .. }) => ("begin", State::Inside(phase.clone())),
            (State::Inside(open), Mark::End { phase, .. }) if open == phase => {
                ("end", State::Between)
            }
            (State::Between, Mark::Done { .. }) => ("done", State::Finished),
            (State::Starting | State::Between | State::Inside(_), Mark::Failed { .. }) => {
                ("failed", State::Finished)
            }
            (state, mark) => {
                return Err(OrderError {
                    mark: word(mark),
                    problem: format!("cannot come {}", place(state)),
                });
            }
        };
        let at = mark.at().get();
        if at < self.last_ns {
            return Err(OrderError {
                mark: word,
                problem: format!(
                    "is stamped {} ns before the mark it follows; stamp with CLOCK_MONOTONIC",
                    self.last_ns - at
                ),
            });
        }
        self.last_ns = at;
        self.state = next;
        Ok(())
    }
}

fn word(mark: &Mark) -> &'static str {
    match mark {
        Mark::Ready { .. } => "ready",
        Mark::Begin { .. } => "begin",
        Mark::End { .. } => "end",
        Mark::Done { .. } => "done",
        Mark::Failed { .. } => "failed",
    }
}

fn place(state: &State) -> String {
    match state {
        State::Starting => "before 'ready'".to_owned(),
        State::Between => "between two phases".to_owned(),
        State::Inside(phase) => format!("inside phase '{phase}'"),
        State::Finished => "after 'done'".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use model::units::Nanos;

    use super::*;

    fn begin(at: u64, phase: &str) -> Mark {
        Mark::Begin {
            at_ns: Nanos::new(at),
            phase: phase.into(),
        }
    }

    fn end(at: u64, phase: &str) -> Mark {
        Mark::End {
            at_ns: Nanos::new(at),
            phase: phase.into(),
            work: 1,
        }
    }

    fn ready() -> Mark {
        Mark::parse(
            r#"{"mark":"ready","at_ns":1,"worker":{"name":"n","engine":"e","device":"cpu",
            "weights":"none","output_phase":"decode","unit":"token"}}"#,
        )
        .expect("a complete mark")
    }

    #[test]
    fn a_whole_run_is_followed() {
        let mut order = MarkOrder::default();
        for mark in [
            ready(),
            begin(2, "a"),
            end(3, "a"),
            begin(3, "b"),
            end(9, "b"),
        ] {
            order.follow(&mark).expect("in order");
        }
    }

    #[test]
    fn what_cannot_follow_is_refused_with_its_place() {
        let mut order = MarkOrder::default();
        assert_eq!(
            order
                .follow(&begin(1, "a"))
                .expect_err("no ready yet")
                .to_string(),
            "mark 'begin' cannot come before 'ready'"
        );
        order.follow(&ready()).expect("first");
        order.follow(&begin(5, "a")).expect("opens");
        assert_eq!(
            order
                .follow(&end(6, "b"))
                .expect_err("another phase")
                .to_string(),
            "mark 'end' cannot come inside phase 'a'"
        );
        assert!(
            order
                .follow(&end(4, "a"))
                .expect_err("back in time")
                .problem
                .contains("1 ns before")
        );
    }
}
