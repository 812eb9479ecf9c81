//! What an estimate can be of: a number with its unit in the type.

use model::units::{Hertz, Joules, Seconds, Watts};
use serde::{Deserialize, Serialize};

/// A unit-typed number that estimators accept.
pub trait Quantity: Copy {
    /// Symbol of the unit, `1` for plain ratios.
    const SYMBOL: &'static str;
    /// Wraps a number that is already in this unit.
    fn of(value: f64) -> Self;
    /// The bare number, in the unit of the type.
    fn number(self) -> f64;
}

macro_rules! model_quantity {
    ($($name:ident),*) => {
        $(impl Quantity for $name {
            const SYMBOL: &'static str = <$name>::SYMBOL;
            fn of(value: f64) -> Self {
                Self::new(value)
            }
            fn number(self) -> f64 {
                self.get()
            }
        })*
    };
}

model_quantity!(Joules, Seconds, Watts, Hertz);

macro_rules! own_quantity {
    ($(#[$doc:meta])* $name:ident, $symbol:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(f64);

        impl $name {
            /// Wraps a number that is already in this unit.
            pub const fn new(value: f64) -> Self {
                Self(value)
            }

            /// The bare number, in the unit of the type.
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl Quantity for $name {
            const SYMBOL: &'static str = $symbol;
            fn of(value: f64) -> Self {
                Self(value)
            }
            fn number(self) -> f64 {
                self.0
            }
        }
    };
}

own_quantity!(
    /// Energy for one unit of output, for example one decoded token.
    JoulesPerUnit, "J/unit"
);
own_quantity!(
    /// Units of output per second.
    UnitsPerSecond, "unit/s"
);
own_quantity!(
    /// A quotient of two values of one unit.
    Ratio, "1"
);
own_quantity!(
    /// A relative difference.
    Percent, "%"
);
