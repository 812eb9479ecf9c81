//! Settings that a point asks for, and giving them back.

use model::axis::{Axis, AxisValue};
use model::point::Point;
use model::units::{Megahertz, Watts};

use crate::device::{DeviceError, Instrument};

/// Whether something was set and must be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settings {
    Untouched,
    Changed,
}

pub(super) fn apply(
    instrument: &mut dyn Instrument,
    point: &Point,
) -> Result<Settings, DeviceError> {
    let clock = requested(point, Axis::SmClockMhz).and_then(|mhz| u32::try_from(mhz).ok());
    let cap = requested(point, Axis::PowerCapW).and_then(|watts| u32::try_from(watts).ok());
    if clock.is_none() && cap.is_none() {
        return Ok(Settings::Untouched);
    }
    let control = instrument
        .control()
        .ok_or_else(|| DeviceError::ControlNotAllowed {
            axes: [Axis::SmClockMhz, Axis::PowerCapW]
                .into_iter()
                .filter(|axis| point.get(*axis).is_some())
                .map(Axis::name)
                .collect::<Vec<_>>()
                .join(" and "),
        })?;
    let set = (|| {
        if let Some(clock) = clock {
            control.lock_sm_clock(Megahertz::new(clock))?;
        }
        if let Some(cap) = cap {
            control.set_power_cap(Watts::new(f64::from(cap)))?;
        }
        Ok(())
    })();
    if let Err(error) = set {
        control.release()?;
        return Err(error);
    }
    Ok(Settings::Changed)
}

pub(super) fn release(
    instrument: &mut dyn Instrument,
    settings: Settings,
) -> Result<(), DeviceError> {
    match (settings, instrument.control()) {
        (Settings::Changed, Some(control)) => control.release(),
        _ => Ok(()),
    }
}

/// The whole-number value of a control axis.
fn requested(point: &Point, axis: Axis) -> Option<u64> {
    point.get(axis).and_then(AxisValue::as_integer)
}
