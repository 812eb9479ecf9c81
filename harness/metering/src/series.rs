//! Readings over time: when a column showed what.
//!
//! A driver shows a value until it refreshes it. Between the last reading of the old value and the
//! first of the new one lies the refresh; nothing more is known from these two readings alone.

use model::sample::Sample;
use model::units::{Nanos, Seconds};
use serde::{Deserialize, Serialize};

/// A column of the samples that a sensor profile describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Energy counter, mJ.
    Energy,
    /// `nvmlDeviceGetPowerUsage`, mW.
    Power,
    /// Field 185, mW.
    PowerAverage,
    /// Field 186, mW.
    PowerInstant,
    /// Field 185 with the memory scope, mW.
    MemoryPower,
    /// Clock of the multiprocessors, MHz.
    SmClock,
    /// Temperature of the chip, °C.
    Temperature,
}

impl Field {
    /// Every field, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::Energy,
        Self::Power,
        Self::PowerAverage,
        Self::PowerInstant,
        Self::MemoryPower,
        Self::SmClock,
        Self::Temperature,
    ];

    /// Name of the column of [`Sample`].
    pub const fn column(self) -> &'static str {
        match self {
            Self::Energy => "energy_mj",
            Self::Power => "power_mw",
            Self::PowerAverage => "power_average_mw",
            Self::PowerInstant => "power_instant_mw",
            Self::MemoryPower => "memory_power_mw",
            Self::SmClock => "sm_clock_mhz",
            Self::Temperature => "temperature_c",
        }
    }

    /// Unit of what a profile says about the field: J, W, MHz, °C.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Energy => "J",
            Self::Power | Self::PowerAverage | Self::PowerInstant | Self::MemoryPower => "W",
            Self::SmClock => "MHz",
            Self::Temperature => "°C",
        }
    }

    /// How many raw counts make one of [`Field::unit`].
    pub const fn counts_per_unit(self) -> f64 {
        match self {
            Self::SmClock | Self::Temperature => 1.0,
            _ => 1e3,
        }
    }

    /// Whether the field shows the power of the board.
    pub const fn is_board_power(self) -> bool {
        matches!(self, Self::Power | Self::PowerAverage | Self::PowerInstant)
    }

    /// The raw reading of a sample.
    pub fn raw(self, sample: &Sample) -> Option<i64> {
        let unsigned = |value: u64| i64::try_from(value).ok();
        match self {
            Self::Energy => sample.energy_mj.and_then(|v| unsigned(v.get())),
            Self::Power => sample.power_mw.and_then(|v| unsigned(v.get())),
            Self::PowerAverage => sample.power_average_mw.and_then(|v| unsigned(v.get())),
            Self::PowerInstant => sample.power_instant_mw.and_then(|v| unsigned(v.get())),
            Self::MemoryPower => sample.memory_power_mw.and_then(|v| unsigned(v.get())),
            Self::SmClock => sample.sm_clock_mhz.map(|v| i64::from(v.get())),
            Self::Temperature => sample.temperature_c,
        }
    }
}

/// Seconds from an origin to a moment; negative before it.
pub fn seconds_since(origin: Nanos, at: Nanos) -> f64 {
    if at >= origin {
        Seconds::from(at.saturating_sub(origin)).get()
    } else {
        -Seconds::from(origin.saturating_sub(at)).get()
    }
}

/// A value, and the readings between which it came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The value from here on, in raw counts.
    pub raw: i64,
    /// Start of the last reading of the old value, in seconds from the origin.
    pub after_s: f64,
    /// End of the first reading of the new value, likewise.
    pub by_s: f64,
}

impl Change {
    /// The middle of the two.
    pub fn middle_s(&self) -> f64 {
        f64::midpoint(self.after_s, self.by_s)
    }

    /// How far apart the two are.
    pub fn width_s(&self) -> f64 {
        self.by_s - self.after_s
    }
}

/// Every change of a column. Readings that failed are passed over, which widens the bracket.
pub fn changes(samples: &[Sample], field: Field, origin: Nanos) -> Vec<Change> {
    let mut found = Vec::new();
    let mut previous: Option<(i64, f64)> = None;
    for sample in samples {
        let Some(raw) = field.raw(sample) else {
            continue;
        };
        let at_s = seconds_since(origin, sample.at_ns);
        if let Some((old, after_s)) = previous
            && old != raw
        {
            found.push(Change {
                raw,
                after_s,
                by_s: at_s + Seconds::from(sample.read_ns).get(),
            });
        }
        previous = Some((raw, at_s));
    }
    found
}

/// The value of a sorted list below which a share of it lies; `None` of an empty list.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into a list in memory"
    )]
    let index = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(index).copied()
}

/// A sorted copy.
pub(crate) fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

/// A count as a float.
#[expect(
    clippy::cast_precision_loss,
    reason = "lists in memory are far below 2^53"
)]
pub(crate) const fn count(n: usize) -> f64 {
    n as f64
}

/// A raw reading as a float.
#[expect(clippy::cast_precision_loss, reason = "2^53 mJ are 285 years at 1 kW")]
pub(crate) const fn number(raw: i64) -> f64 {
    raw as f64
}

/// Mean and standard deviation (n − 1); `None` of fewer than two values.
pub(crate) fn mean_and_deviation(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let n = count(values.len());
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    Some((mean, (squares / (n - 1.0)).sqrt()))
}

#[cfg(test)]
mod tests {
    use model::units::Milliwatts;

    use super::*;

    fn sample(at_ms: u64, power_mw: Option<u64>) -> Sample {
        Sample {
            at_ns: Nanos::from_millis(at_ms),
            read_ns: Nanos::from_millis(1),
            power_mw: power_mw.map(Milliwatts::new),
            ..Sample::default()
        }
    }

    #[test]
    fn a_change_lies_between_the_last_old_and_the_first_new_reading() {
        let samples = [
            sample(1000, Some(5)),
            sample(1010, Some(5)),
            sample(1020, None),
            sample(1030, Some(7)),
        ];
        let found = changes(&samples, Field::Power, Nanos::from_millis(1000));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].raw, 7);
        assert!((found[0].after_s - 0.010).abs() < 1e-12);
        assert!((found[0].by_s - 0.031).abs() < 1e-12);
        assert!(
            (seconds_since(Nanos::from_millis(20), Nanos::from_millis(10)) + 0.01).abs() < 1e-12
        );
    }

    #[test]
    fn every_field_is_a_column_of_a_sample() {
        let names: Vec<&str> = model::sample::SAMPLE_COLUMNS
            .iter()
            .map(|c| c.name)
            .collect();
        for field in Field::ALL {
            assert!(names.contains(&field.column()), "{}", field.column());
        }
    }
}
