//! A combination of axis values: what one run executes.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::axis::{Axis, AxisValue, Domain};

/// One value for each axis of the sweep, in the order of [`Axis::ALL`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<Axis, AxisValue>")]
pub struct Point(BTreeMap<Axis, AxisValue>);

impl Point {
    /// The value of an axis, where the sweep has it.
    pub fn get(&self, axis: Axis) -> Option<&AxisValue> {
        self.0.get(&axis)
    }

    /// The point with one more value.
    #[must_use]
    pub fn with(mut self, axis: Axis, value: AxisValue) -> Self {
        self.0.insert(axis, value);
        self
    }

    /// Axes and values in the order of [`Axis::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Axis, &AxisValue)> {
        self.0.iter().map(|(axis, value)| (*axis, value))
    }

    /// Whether the point has every value that `other` has.
    pub fn contains(&self, other: &Self) -> bool {
        other
            .iter()
            .all(|(axis, value)| self.get(axis) == Some(value))
    }
}

/// Refuses fractions of what is counted: they are read because other axes take them.
impl TryFrom<BTreeMap<Axis, AxisValue>> for Point {
    type Error = String;

    fn try_from(values: BTreeMap<Axis, AxisValue>) -> Result<Self, String> {
        for (axis, value) in &values {
            let takes = matches!(axis.domain(), Domain::Decimals(..));
            if !takes && matches!(value, AxisValue::Decimal(_)) {
                return Err(format!(
                    "axis '{axis}' has the value '{value}', expected {}",
                    axis.domain()
                ));
            }
        }
        Ok(Self(values))
    }
}

impl FromIterator<(Axis, AxisValue)> for Point {
    fn from_iter<I: IntoIterator<Item = (Axis, AxisValue)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self
            .iter()
            .map(|(axis, value)| format!("{axis}={value}"))
            .collect();
        f.write_str(&words.join(" "))
    }
}
