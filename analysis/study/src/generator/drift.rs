//! Drift of a session: what warming, ageing or a changed setting does to the level while runs go by.

/// How the level moves from the first slot of a session to the last; the number is the whole change,
/// as a fraction (0.02 is 2 %).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Drift {
    /// No drift.
    None,
    /// Evenly over the session.
    Linear(f64),
    /// Fast at first, with a time constant of a fifth of the session.
    Exponential(f64),
    /// All at once in the middle.
    Step(f64),
}

/// Time constants of the exponential drift in one session.
const TIME_CONSTANTS: f64 = 5.0;

impl Drift {
    /// Logarithm of the level at `time`, which runs from 0 to 1 over the session.
    pub fn log_level(self, time: f64) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Linear(total) => libm::log1p(total) * time,
            Self::Exponential(total) => {
                libm::log1p(total) * libm::expm1(-TIME_CONSTANTS * time)
                    / libm::expm1(-TIME_CONSTANTS)
            }
            Self::Step(total) => {
                if time < 0.5 {
                    0.0
                } else {
                    libm::log1p(total)
                }
            }
        }
    }

    /// Name in the report.
    pub fn name(self) -> String {
        match self {
            Self::None => "no drift".to_owned(),
            Self::Linear(total) => format!("linear drift {} %", 100.0 * total),
            Self::Exponential(total) => format!("exponential drift {} %", 100.0 * total),
            Self::Step(total) => format!("step of {} %", 100.0 * total),
        }
    }
}
