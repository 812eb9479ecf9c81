//! What a plan asks of the GPU.

use std::collections::{BTreeMap, BTreeSet};

use model::axis::{Axis, AxisValue};
use model::plan::Plan;

use super::Setting;

/// The settings that a plan changes, with the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    values: BTreeMap<Setting, BTreeSet<u64>>,
}

/// Control axes and the settings that they change.
const AXES: [(Axis, Setting); 2] = [
    (Axis::SmClockMhz, Setting::SmClock),
    (Axis::PowerCapW, Setting::PowerLimit),
];

impl Wish {
    /// What a plan asks for; `None` where it asks for nothing.
    pub fn of(plan: &Plan) -> Option<Self> {
        let mut values: BTreeMap<Setting, BTreeSet<u64>> = BTreeMap::new();
        for point in &plan.points {
            for (axis, setting) in AXES {
                if let Some(value) = point.get(axis).and_then(AxisValue::as_integer) {
                    values.entry(setting).or_default().insert(value);
                }
            }
        }
        (!values.is_empty()).then_some(Self { values })
    }

    /// The settings.
    pub fn touches(&self) -> BTreeSet<Setting> {
        self.values.keys().copied().collect()
    }

    /// Axes and values, for people.
    pub fn in_words(&self) -> String {
        let mut words = Vec::new();
        for (axis, setting) in AXES {
            if let Some(values) = self.values.get(&setting) {
                let values: Vec<String> = values.iter().map(u64::to_string).collect();
                words.push(format!("{} to {}", axis.name(), values.join(", ")));
            }
        }
        words.join(" and ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{EMULATED_AXES, plan, plan_text};

    fn wish(axes: &str) -> Option<Wish> {
        let axes = format!("{EMULATED_AXES}\n{axes}");
        Wish::of(&plan(&plan_text("nvml", &axes, "")))
    }

    #[test]
    fn a_plan_says_what_it_changes() {
        assert_eq!(wish(""), None);
        let both = wish("sm_clock_mhz = [1980, 990]\npower_cap_w = [500]").unwrap();
        assert_eq!(
            both.in_words(),
            "sm_clock_mhz to 990, 1980 and power_cap_w to 500"
        );
        let cap = wish("power_cap_w = [500]").unwrap();
        assert_eq!(cap.touches(), [Setting::PowerLimit].into());
    }
}
