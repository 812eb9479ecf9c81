//! Warnings in words.

use std::fmt::Write as _;

use harness::measure::{Settings, Warning};

use super::quantity::{percent, range, scaled};

/// Warnings, each with what to do about it in the line below.
pub(crate) fn warning_lines(warnings: &[Warning], settings: &Settings) -> Vec<String> {
    warnings
        .iter()
        .flat_map(|warning| {
            let hint = warning
                .hint(settings)
                .map(|hint| format!("   hint: {hint}"));
            std::iter::once(format!("warning: {}", words(warning))).chain(hint)
        })
        .collect()
}

fn words(warning: &Warning) -> String {
    match warning {
        Warning::NoEnergy {
            reason,
            description,
        } => {
            format!("no energy ({reason}): {description}")
        }
        Warning::CommandFailed { runs, ending } => {
            format!("the command failed in {runs} runs, first with {ending}")
        }
        Warning::WindowTooShort { window_s, share } => format!(
            "a window of {} is short for the sensor: ±{} in each run",
            scaled(*window_s, "s"),
            percent(*share)
        ),
        Warning::BudgetNotMet {
            asked,
            share,
            window_s,
        } => format!(
            "budget of the instrument not met: ±{} in each run, in windows of {}, where ±{} was asked for",
            percent(*share),
            scaled(*window_s, "s"),
            percent(*asked)
        ),
        Warning::OtherProcesses { count } => {
            format!("{count} other processes used the GPU before the first run")
        }
        Warning::ThermalDrift { first_c, last_c } => format!(
            "the GPU went from {first_c:.0} to {last_c:.0} °C between the first and the last run, \
             and power follows temperature"
        ),
        Warning::ClockNotSteady {
            low_mhz,
            high_mhz,
            reasons,
        } => {
            let mut text = format!(
                "the clock was not steady: {} MHz",
                range(*low_mhz, *high_mhz)
            );
            let held: Vec<&str> = reasons.iter().map(|reason| reason.words()).collect();
            if !held.is_empty() {
                let _ = write!(text, ", held down by {}", held.join(", "));
            }
            text
        }
        Warning::FirstRunApart { by } => {
            let side = if *by > 0.0 { "above" } else { "below" };
            format!("the first run lies {} {side} the others", percent(by.abs()))
        }
        Warning::Outliers { count } => format!("{count} runs lie far from the others"),
        Warning::SensorsDisagree { runs, by } => {
            let side = if *by > 0.0 { "above" } else { "below" };
            format!(
                "integrated power lies {} {side} the energy counter in {runs} runs, more than their \
                 uncertainties explain",
                percent(by.abs())
            )
        }
        Warning::IdleChanged { before_w, after_w } => {
            format!("idle power was {before_w:.1} W before and {after_w:.1} W after")
        }
        Warning::DeviceIdle { power_w, idle_w } => format!(
            "the GPU drew {power_w:.1} W while the command ran and {idle_w:.1} W without it"
        ),
        Warning::OneRun => "one run says nothing about scatter".to_owned(),
        Warning::PrecisionNotMet {
            asked,
            needed,
            runs,
        } => format!(
            "precision not met: ±{} needs {needed} runs, {runs} were allowed",
            percent(*asked)
        ),
    }
}
