//! Quantities with their unit in the type.
//!
//! Raw readings stay the integers that the driver gave ([`Millijoules`], [`Milliwatts`],
//! [`Megahertz`], [`Nanos`]); derived quantities are `f64` in SI units ([`Joules`], [`Watts`],
//! [`Seconds`], [`Hertz`]). Only operators that physics knows are defined, so joules never meet
//! watts except through time.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Div, Mul, Sub};

use serde::{Deserialize, Serialize};

macro_rules! raw_quantity {
    ($(#[$doc:meta])* $name:ident($int:ty), $symbol:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name($int);

        impl $name {
            /// Wraps a reading that is already in this unit.
            pub const fn new(count: $int) -> Self {
                Self(count)
            }

            /// The bare integer, in the unit of the type.
            pub const fn get(self) -> $int {
                self.0
            }

            /// The difference to an earlier reading; `None` where the reading went backwards.
            pub fn checked_sub(self, earlier: Self) -> Option<Self> {
                self.0.checked_sub(earlier.0).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {}", self.0, $symbol)
            }
        }
    };
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $symbol:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(f64);

        impl $name {
            /// The symbol of the unit, for axes, tables and metadata.
            pub const SYMBOL: &'static str = $symbol;

            /// Wraps a number that is already in this unit.
            pub const fn new(value: f64) -> Self {
                Self(value)
            }

            /// The bare number, in the unit of the type.
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }

        impl Div<f64> for $name {
            type Output = Self;
            fn div(self, divisor: f64) -> Self {
                Self(self.0 / divisor)
            }
        }

        /// Two values of one unit divide to a plain ratio.
        impl Div for $name {
            type Output = f64;
            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
                parts.fold(Self(0.0), Add::add)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match f.precision() {
                    Some(digits) => write!(f, "{:.*} {}", digits, self.0, $symbol),
                    None => write!(f, "{} {}", self.0, $symbol),
                }
            }
        }
    };
}

raw_quantity!(
    /// Energy as the NVML counter gives it.
    Millijoules(u64), "mJ"
);
raw_quantity!(
    /// Energy as Linux powercap (RAPL) gives it.
    Microjoules(u64), "µJ"
);
raw_quantity!(
    /// Power as NVML gives it.
    Milliwatts(u64), "mW"
);
raw_quantity!(
    /// A clock as NVML gives it.
    Megahertz(u32), "MHz"
);
raw_quantity!(
    /// A moment or a duration on the one monotonic clock, in nanoseconds.
    ///
    /// Moments count from an arbitrary origin that harness and worker share on one machine
    /// (`CLOCK_MONOTONIC` on Linux); only differences mean anything.
    Nanos(u64), "ns"
);
quantity!(
    /// Energy.
    Joules, "J"
);
quantity!(
    /// Power.
    Watts, "W"
);
quantity!(
    /// Time.
    Seconds, "s"
);
quantity!(
    /// Frequency.
    Hertz, "Hz"
);

#[expect(clippy::cast_precision_loss, reason = "2^53 mJ are 285 years at 1 kW")]
impl From<Millijoules> for Joules {
    fn from(raw: Millijoules) -> Self {
        Self(raw.0 as f64 / 1e3)
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 µJ are 104 days at 1 kW")]
impl From<Microjoules> for Joules {
    fn from(raw: Microjoules) -> Self {
        Self(raw.0 as f64 / 1e6)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a power reading is far below 2^53 mW"
)]
impl From<Milliwatts> for Watts {
    fn from(raw: Milliwatts) -> Self {
        Self(raw.0 as f64 / 1e3)
    }
}

impl From<Megahertz> for Hertz {
    fn from(raw: Megahertz) -> Self {
        Self(f64::from(raw.0) * 1e6)
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 ns are 104 days")]
impl From<Nanos> for Seconds {
    fn from(raw: Nanos) -> Self {
        Self(raw.0 as f64 / 1e9)
    }
}

impl Nanos {
    /// A duration given in seconds, as plans write it; negative and non-finite values become zero.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is clamped to the range of u64 first"
    )]
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1e9).round().clamp(0.0, 1.8e19) as u64)
    }

    /// A duration given in milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// The later of two moments minus the earlier one, zero where they are out of order.
    #[must_use]
    pub const fn saturating_sub(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

/// Moment plus duration.
impl Add for Nanos {
    type Output = Self;
    fn add(self, duration: Self) -> Self {
        Self(self.0 + duration.0)
    }
}

impl Mul<Seconds> for Watts {
    type Output = Joules;
    fn mul(self, time: Seconds) -> Joules {
        Joules(self.0 * time.0)
    }
}

impl Mul<Watts> for Seconds {
    type Output = Joules;
    fn mul(self, power: Watts) -> Joules {
        power * self
    }
}

impl Div<Seconds> for Joules {
    type Output = Watts;
    fn div(self, time: Seconds) -> Watts {
        Watts(self.0 / time.0)
    }
}

impl Div<Watts> for Joules {
    type Output = Seconds;
    fn div(self, power: Watts) -> Seconds {
        Seconds(self.0 / power.0)
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these operations are one rounding each")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn power_times_time_is_energy() {
        let energy = Watts::new(100.0) * Seconds::new(2.0);
        assert_eq!(energy, Joules::new(200.0));
        assert_eq!(energy / Seconds::new(2.0), Watts::new(100.0));
        assert_eq!(energy / Watts::new(100.0), Seconds::new(2.0));
        assert!((energy / Joules::new(50.0) - 4.0).abs() < 1e-12);
    }

    #[test]
    fn raw_readings_convert_at_their_scale() {
        assert_eq!(Joules::from(Millijoules::new(1_500)), Joules::new(1.5));
        assert_eq!(Joules::from(Microjoules::new(1_500)), Joules::new(0.0015));
        assert_eq!(Watts::from(Milliwatts::new(74_580)), Watts::new(74.58));
        assert_eq!(Hertz::from(Megahertz::new(1_980)), Hertz::new(1.98e9));
        assert_eq!(Seconds::from(Nanos::from_seconds(2.5)), Seconds::new(2.5));
    }

    #[test]
    fn a_counter_that_went_backwards_has_no_difference() {
        let earlier = Millijoules::new(10);
        assert_eq!(Millijoules::new(9).checked_sub(earlier), None);
        assert_eq!(
            Millijoules::new(12).checked_sub(earlier),
            Some(Millijoules::new(2))
        );
    }

    #[test]
    fn display_carries_the_unit_and_honours_precision() {
        assert_eq!(format!("{:.2}", Joules::new(1.005_4)), "1.01 J");
        assert_eq!(Milliwatts::new(7).to_string(), "7 mW");
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
    }

    proptest! {
        #[test]
        fn power_and_time_come_back_out_of_energy(power in 1e-3_f64..1e6, time in 1e-6_f64..1e6) {
            let (power, time) = (Watts::new(power), Seconds::new(time));
            let energy = power * time;
            prop_assert_eq!(energy, time * power);
            prop_assert!(close((energy / time).get(), power.get()));
            prop_assert!(close((energy / power).get(), time.get()));
            prop_assert!(close(energy / energy, 1.0));
        }

        #[test]
        fn quantities_add_like_numbers(a in -1e6_f64..1e6, b in -1e6_f64..1e6, k in 1e-3_f64..1e3) {
            let (x, y) = (Joules::new(a), Joules::new(b));
            prop_assert_eq!((x + y).get(), a + b);
            prop_assert_eq!((x - y).get(), a - b);
            prop_assert_eq!([x, y].into_iter().sum::<Joules>(), x + y);
            prop_assert!(close(((x * k) / k).get(), a));
            prop_assert_eq!(x < y, a < b);
        }

        #[test]
        fn raw_readings_keep_every_count_below_two_to_the_51(count in 0_u64..1 << 51) {
            let back = |value: f64, scale: f64| (value * scale).round();
            #[expect(clippy::cast_precision_loss, reason = "below 2^51 by construction")]
            let exact = count as f64;
            prop_assert_eq!(back(Joules::from(Millijoules::new(count)).get(), 1e3), exact);
            prop_assert_eq!(back(Joules::from(Microjoules::new(count)).get(), 1e6), exact);
            prop_assert_eq!(back(Watts::from(Milliwatts::new(count)).get(), 1e3), exact);
            prop_assert_eq!(back(Seconds::from(Nanos::new(count)).get(), 1e9), exact);
        }

        #[test]
        fn a_difference_is_what_makes_the_later_reading(a in any::<u64>(), b in any::<u64>()) {
            match Millijoules::new(b).checked_sub(Millijoules::new(a)) {
                Some(difference) => prop_assert_eq!(a + difference.get(), b),
                None => prop_assert!(b < a),
            }
            prop_assert_eq!(Nanos::new(b).saturating_sub(Nanos::new(a)).get(), b.saturating_sub(a));
        }

        #[test]
        fn seconds_of_a_plan_become_nanoseconds_to_the_nearest(seconds in 0.0_f64..36_000.0) {
            let back = Seconds::from(Nanos::from_seconds(seconds));
            prop_assert!((back.get() - seconds).abs() <= 0.6e-9);
        }
    }

    #[test]
    fn impossible_durations_become_zero_and_endless_ones_the_longest() {
        for seconds in [-1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(Nanos::from_seconds(seconds), Nanos::new(0));
        }
        assert!(Nanos::from_seconds(f64::INFINITY) > Nanos::from_seconds(1e9));
    }
}
