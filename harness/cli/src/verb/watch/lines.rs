//! One line for each interval, for logs and pipes.

use std::fmt::Write as _;

use crate::args::watch::WatchArguments;
use crate::output::say;
use crate::verb::measure::quantity::scaled;

use super::Feed;
use super::state::Snapshot;

pub(super) fn run(feed: &mut Feed<'_>, arguments: &WatchArguments) -> anyhow::Result<()> {
    if !arguments.json {
        say!("{}", feed.state.title);
    }
    loop {
        feed.interval()?;
        if let Some(snapshot) = feed.state.snapshot() {
            if arguments.json {
                say!("{}", serde_json::to_string(&snapshot)?);
            } else {
                say!("{}", line(&snapshot));
            }
        }
        if arguments.once || !crate::output::is_open() {
            return Ok(());
        }
    }
}

/// `  12.0 s  441.2 W  1980 MHz  52 °C  3.012 kJ (integral -0.3 %)  power limit`
fn line(snapshot: &Snapshot) -> String {
    let mut text = format!("{:>7.1} s", snapshot.time_s);
    match (snapshot.power_w, snapshot.absence) {
        (Some(power_w), _) => {
            let _ = write!(text, "  {power_w:>7.1} W");
        }
        (None, Some(reason)) => {
            let _ = write!(
                text,
                "  power absent ({}: {})",
                reason.code(),
                reason.description()
            );
        }
        (None, None) => text.push_str("  power not read yet"),
    }
    if let Some(clock) = snapshot.sm_clock_mhz {
        let _ = write!(text, "  {clock:>4} MHz");
    }
    if let Some(celsius) = snapshot.temperature_c {
        let _ = write!(text, "  {celsius:>3} °C");
    }
    if let Some(energy_j) = snapshot.energy_j {
        let _ = write!(text, "  {:>9}", scaled(energy_j, "J"));
    }
    if let Some(ratio) = snapshot.integral_to_counter {
        let _ = write!(text, " (integral {:+.1} %)", (ratio - 1.0) * 100.0);
    }
    let reasons: Vec<&str> = snapshot
        .reasons
        .iter()
        .flatten()
        .map(|reason| reason.words())
        .collect();
    if !reasons.is_empty() {
        let _ = write!(text, "  {}", reasons.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::state::State;
    use super::super::state::tests::{busy_state, processor_without_energy};
    use super::*;

    #[test]
    fn a_line_has_what_can_be_read() {
        let of = |state: State| line(&state.snapshot().unwrap());
        insta::assert_snapshot!([of(busy_state()), of(processor_without_energy())].join("\n"));
    }
}
