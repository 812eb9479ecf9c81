//! Changing settings, and what the tool says about it.
//!
//! The wording follows public transcripts of the real tool. Two of its habits matter to callers
//! and are kept: a setting that the card does not have is only a warning, with exit code 0 unless
//! `--error-on-warning` is given; and everything is printed to standard output.

use std::fmt::Write as _;

use crate::card::Card;
use crate::exit::{Failure, INVALID_ARGUMENT, SUCCESS};
use crate::item::{Item, LimitOf};
use crate::value::Value;

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Persistence(bool),
    PowerLimit { milliwatts: u32 },
    LockGraphicsClocks { min_mhz: u32, max_mhz: u32 },
    ResetGraphicsClocks,
    LockMemoryClocks { min_mhz: u32, max_mhz: u32 },
    ResetMemoryClocks,
    ApplicationClocks { memory_mhz: u32, graphics_mhz: u32 },
    ResetApplicationClocks,
}

/// What is printed, and the exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) text: String,
    pub(crate) exit_code: u8,
}

/// How one card answered.
enum Answer {
    /// Done; these lines say what.
    Done(String),
    /// Not done, and nothing to be done about it.
    Warning(String, Failure),
    /// Not done; the cards after it are left alone.
    Error(String, u8),
}

/// Applies one setting to each card in turn.
pub(crate) fn apply(
    setting: Setting,
    cards: &mut [&mut dyn Card],
    warnings_are_errors: bool,
) -> Outcome {
    let mut text = String::new();
    let mut exit_code = SUCCESS;
    for card in cards {
        match apply_to(setting, *card) {
            Answer::Done(lines) => text.push_str(&lines),
            Answer::Warning(line, failure) => {
                text.push_str(&line);
                text.push_str("Treating as warning and moving on.\n");
                if warnings_are_errors {
                    exit_code = failure.exit_code();
                }
            }
            Answer::Error(line, code) => {
                text.push_str(&line);
                text.push_str("Terminating early due to previous errors.\n");
                return Outcome {
                    text,
                    exit_code: code,
                };
            }
        }
    }
    text.push_str("All done.\n");
    Outcome { text, exit_code }
}

fn apply_to(setting: Setting, card: &mut dyn Card) -> Answer {
    let bus_id = card.text(Item::BusId);
    match setting {
        Setting::Persistence(on) => set_persistence(on, card, &bus_id),
        Setting::PowerLimit { milliwatts } => set_power_limit(milliwatts, card, &bus_id),
        _ => match card.set(setting) {
            Ok(()) => Answer::Done(clocks_changed(setting, &bus_id)),
            Err(failure) => clocks_refused(setting, failure, &bus_id),
        },
    }
}

fn set_persistence(on: bool, card: &mut dyn Card, bus_id: &str) -> Answer {
    let word = if on { "Enabled" } else { "Disabled" };
    if card.is_on(Item::Persistence) == Some(on) {
        return Answer::Done(format!(
            "Persistence mode is already {word} for GPU {bus_id}.\n"
        ));
    }
    match card.set(Setting::Persistence(on)) {
        Ok(()) => Answer::Done(format!("{word} persistence mode for GPU {bus_id}.\n")),
        Err(Failure::NotSupported) => Answer::Warning(
            format!("Setting persistence mode is not supported for GPU {bus_id}.\n"),
            Failure::NotSupported,
        ),
        Err(failure) => Answer::Error(
            format!(
                "Unable to set persistence mode for GPU {bus_id}: {}\n",
                failure.words()
            ),
            failure.exit_code(),
        ),
    }
}

fn set_power_limit(milliwatts: u32, card: &mut dyn Card, bus_id: &str) -> Answer {
    let wanted = Value::Milliwatts(u64::from(milliwatts));
    let before = card.read(Item::Limit(LimitOf::Requested));
    let range = (
        card.read(Item::Limit(LimitOf::Min)),
        card.read(Item::Limit(LimitOf::Max)),
    );
    if let (Ok(Value::Milliwatts(min)), Ok(Value::Milliwatts(max))) = range
        && !(min..=max).contains(&u64::from(milliwatts))
    {
        return Answer::Error(
            format!(
                "Provided power limit {} is not a valid power limit which should be between {} \
                 and {} for GPU {bus_id}\n",
                wanted.with_unit(),
                Value::Milliwatts(min).with_unit(),
                Value::Milliwatts(max).with_unit()
            ),
            INVALID_ARGUMENT,
        );
    }
    match card.set(Setting::PowerLimit { milliwatts }) {
        Ok(()) => {
            let from = match before {
                Ok(limit) => format!(" from {}", limit.with_unit()),
                Err(_) => String::new(),
            };
            let mut lines = format!(
                "Power limit for GPU {bus_id} was set to {}{from}.\n",
                wanted.with_unit()
            );
            if card.is_on(Item::Persistence) == Some(false) {
                writeln!(
                    lines,
                    "\nWarning: persistence mode is disabled on device {bus_id}. The limit lasts \
                     only as long as the driver stays loaded; `-pm 1` keeps it loaded.\n"
                )
                .expect("a String takes all");
            }
            Answer::Done(lines)
        }
        Err(Failure::NotSupported) => Answer::Warning(
            format!("Changing power management limit is not supported for GPU: {bus_id}.\n"),
            Failure::NotSupported,
        ),
        Err(failure) => Answer::Error(
            format!(
                "Failed to set power management limit for GPU {bus_id}: {}\n",
                failure.words()
            ),
            failure.exit_code(),
        ),
    }
}

/// What is said of clocks that were changed. A reset is silent but for the last line.
fn clocks_changed(setting: Setting, bus_id: &str) -> String {
    match setting {
        Setting::LockGraphicsClocks { min_mhz, max_mhz } => format!(
            "GPU clocks set to \"(gpuClkMin {min_mhz}, gpuClkMax {max_mhz})\" for GPU {bus_id}\n"
        ),
        Setting::LockMemoryClocks { min_mhz, max_mhz } => format!(
            "Memory clocks set to \"(memClkMin {min_mhz}, memClkMax {max_mhz})\" for GPU \
             {bus_id}\n"
        ),
        Setting::ApplicationClocks {
            memory_mhz,
            graphics_mhz,
        } => format!(
            "Applications clocks set to \"(MEM {memory_mhz}, SM {graphics_mhz})\" for GPU \
             {bus_id}\n"
        ),
        Setting::Persistence(_)
        | Setting::PowerLimit { .. }
        | Setting::ResetGraphicsClocks
        | Setting::ResetMemoryClocks
        | Setting::ResetApplicationClocks => String::new(),
    }
}

fn clocks_refused(setting: Setting, failure: Failure, bus_id: &str) -> Answer {
    let what = match setting {
        Setting::LockGraphicsClocks { .. } => "Setting locked GPU clocks",
        Setting::ResetGraphicsClocks => "Resetting locked GPU clocks",
        Setting::LockMemoryClocks { .. } => "Setting locked Memory clocks",
        Setting::ResetMemoryClocks => "Resetting locked Memory clocks",
        Setting::ApplicationClocks { .. } => "Setting applications clocks",
        Setting::ResetApplicationClocks => "Resetting applications clocks",
        Setting::Persistence(_) | Setting::PowerLimit { .. } => "Changing the setting",
    };
    match (failure, setting) {
        (Failure::NoPermission, _) => Answer::Error(
            format!(
                "The current user does not have permission to change clocks for GPU {bus_id}.\n"
            ),
            failure.exit_code(),
        ),
        (Failure::NotSupported, _) => Answer::Warning(
            format!("{what} is not supported for GPU {bus_id}.\n"),
            failure,
        ),
        (
            Failure::InvalidArgument,
            Setting::ApplicationClocks {
                memory_mhz,
                graphics_mhz,
            },
        ) => Answer::Warning(
            format!(
                "Specified clock combination \"(MEM {memory_mhz}, SM {graphics_mhz})\" is not \
                 supported for GPU {bus_id}. Run 'nvidia-smi -q -d SUPPORTED_CLOCKS' to see list \
                 of supported clock combinations\n"
            ),
            failure,
        ),
        (failure, _) => Answer::Error(
            format!("{what} failed for GPU {bus_id}: {}\n", failure.words()),
            failure.exit_code(),
        ),
    }
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
