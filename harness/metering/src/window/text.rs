//! An energy and its budget as people read them.

use std::fmt;

use super::{Combined, Distribution, Gate, Kind, WindowEnergy};

impl fmt::Display for Combined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.3} J, 95 % in [{:.3}, {:.3}] J (±{:.2} %)",
            self.energy_j,
            self.interval_j[0],
            self.interval_j[1],
            self.relative_half_width() * 100.0
        )
    }
}

impl fmt::Display for WindowEnergy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "window of {:.3} s", self.duration_s)?;
        writeln!(f, "  sensed  {}", self.budget.sensed)?;
        writeln!(f, "  true    {}", self.budget.truth)?;
        for line in &self.budget.lines {
            let kind = match line.kind {
                Kind::TypeA => "A",
                Kind::TypeB => "B",
            };
            let shape = match line.distribution {
                Distribution::Normal => "normal",
                Distribution::Rectangular => "rectangular",
                Distribution::Triangular => "triangular",
            };
            writeln!(
                f,
                "  {:11} {kind} {:10.4} J  {shape:11}  {}",
                line.source.code(),
                line.standard_uncertainty_j,
                line.why
            )?;
        }
        match (self.agreement.relative_difference, self.agreement.gate) {
            (Some(difference), gate) => write!(
                f,
                "  power over time by counter: {:+.2} %, {}",
                difference * 100.0,
                Verdict(gate)
            ),
            (None, gate) => write!(f, "  power over time by counter: {}", Verdict(gate)),
        }
    }
}

struct Verdict(Gate);

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Gate::Open => f.write_str("they agree"),
            Gate::Untested(reason) => write!(f, "not tested ({reason})"),
            Gate::Closed(reason) => write!(f, "QUARANTINE ({reason})"),
        }
    }
}
