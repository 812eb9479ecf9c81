//! A profile as people read it.

use std::fmt;

use super::SensorProfile;
use crate::quantity::Identified;

/// Numbers of a list, or the reason why there are none.
struct List<'a>(&'a Identified<Vec<f64>>, usize);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Identified::Known(values) => {
                let shown: Vec<String> = values.iter().map(|v| format!("{v:.*}", self.1)).collect();
                f.write_str(&shown.join(" / "))
            }
            Identified::Unknown(reason) => write!(f, "({reason})"),
        }
    }
}

fn list<const N: usize>(values: &Identified<[f64; N]>, digits: usize) -> String {
    let values = match values {
        Identified::Known(values) => Identified::Known(values.to_vec()),
        Identified::Unknown(reason) => Identified::Unknown(*reason),
    };
    List(&values, digits).to_string()
}

impl fmt::Display for SensorProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counter = &self.counter;
        writeln!(f, "energy counter")?;
        writeln!(f, "  tick        {} ms", counter.period_ms)?;
        writeln!(
            f,
            "  jitter      {} ms (median / 95 %, as seen)",
            list(&counter.phase_jitter_ms, 2)
        )?;
        writeln!(f, "  latency     {} ms", counter.latency_ms)?;
        match &counter.resolution_j {
            Identified::Known(step) => writeln!(f, "  resolution  {:.3} J", step.value)?,
            Identified::Unknown(reason) => writeln!(f, "  resolution  ({reason})")?,
        }
        for field in &self.fields {
            let beat = if field.is_regular {
                "own beat"
            } else {
                "when asked"
            };
            writeln!(f, "{}", field.field.column())?;
            writeln!(f, "  refresh     {} ms, {beat}", field.update_period_ms)?;
            if field.field.is_board_power() {
                writeln!(
                    f,
                    "  window      {} ms, lag {} ms, duty {}",
                    field.window_ms, field.lag_ms, field.duty
                )?;
            }
            match &field.resolution {
                Identified::Known(step) => {
                    writeln!(f, "  resolution  {:.3} {}", step, field.field.unit())?;
                }
                Identified::Unknown(reason) => writeln!(f, "  resolution  ({reason})")?,
            }
            writeln!(
                f,
                "  rise        {} ms (10 / 50 / 90 %)",
                list(&field.rise_ms, 0)
            )?;
        }
        writeln!(f, "counter and power")?;
        for a in &self.agreement {
            let period = a
                .pulse_period_ms
                .map_or_else(String::new, |ms| format!(" {ms:.1} ms"));
            writeln!(
                f,
                "  {:16} {:7.2} W  {:7.2} W  {} %",
                format!("{}{period}", a.phase.name()),
                a.counter_w,
                a.field_w,
                a.difference_percent
            )?;
        }
        match &self.read_cost {
            Identified::Known(cost) => writeln!(
                f,
                "one reading     {:.0} µs, 99 % below {:.0} µs",
                cost.median_us, cost.p99_us
            )?,
            Identified::Unknown(reason) => writeln!(f, "one reading     ({reason})")?,
        }
        for (name, response) in [("clock", &self.clock), ("temperature", &self.temperature)] {
            writeln!(
                f,
                "{name:15} on {} ms, off {} ms (50 / 90 %)",
                list(&response.on_ms, 0),
                list(&response.off_ms, 0)
            )?;
        }
        match &self.cooling {
            Identified::Known(cooling) => {
                let poles: Vec<String> = cooling
                    .poles
                    .iter()
                    .map(|pole| format!("{:.1} K with {:.2} s", pole.amplitude_k, pole.tau_s))
                    .collect();
                writeln!(
                    f,
                    "cooling         {}, {:.0} % before the first reading",
                    poles.join(", "),
                    cooling.unresolved_share * 100.0
                )
            }
            Identified::Unknown(reason) => writeln!(f, "cooling         ({reason})"),
        }
    }
}
