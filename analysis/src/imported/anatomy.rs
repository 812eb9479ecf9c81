//! One H200, one row per kernel: sampled instant power beside the energy counter.

use std::path::Path;

use serde::Deserialize;

use super::reading::read_table;
use super::sensor::SensorQuantity;
use crate::Error;
use crate::estimate::{Estimate, Method, NoInterval};
use crate::quantity::{Percent, Quantity};
use model::units::Watts;

/// Name of the recording.
pub const SOURCE: &str = "h200-anatomy";
/// Its file in the folder of imported data.
pub const FILE: &str = "h200-anatomy/anatomy.csv";

/// The columns that are used; the README beside the file explains all of them.
#[derive(Debug, Deserialize)]
struct KernelRow {
    kernel: String,
    power_w: f64,
    inst_power_w: f64,
}

/// Power by counter and by polling for each kernel.
///
/// # Errors
/// [`Error::Io`] or [`Error::Content`] naming file and line.
pub fn read(path: &Path) -> Result<Vec<SensorQuantity>, Error> {
    let rows: Vec<KernelRow> = read_table(path)?;
    let mut quantities = Vec::new();
    for row in rows {
        if !(row.power_w.is_finite() && row.power_w > 0.0) {
            return Err(Error::content(
                path,
                format!(
                    "power_w of {} is {}, expected more than 0",
                    row.kernel, row.power_w
                ),
            ));
        }
        let key = |quantity: &str| format!("anatomy.{}.{quantity}", row.kernel);
        let difference_pct = (row.inst_power_w / row.power_w - 1.0) * 100.0;
        quantities.extend([
            SensorQuantity::new(
                SOURCE,
                key("counter_power"),
                "W",
                format!("mean power of {} by energy counter", row.kernel),
                &single(Watts::new(row.power_w)),
            ),
            SensorQuantity::new(
                SOURCE,
                key("instant_power"),
                "W",
                format!(
                    "mean of field 186 during {}, polled every 20 ms",
                    row.kernel
                ),
                &single(Watts::new(row.inst_power_w)),
            ),
            SensorQuantity::new(
                SOURCE,
                key("instant_vs_counter"),
                "%",
                format!(
                    "polled field 186 relative to the counter during {}",
                    row.kernel
                ),
                &single(Percent::new(difference_pct)),
            ),
        ]);
    }
    Ok(quantities)
}

/// A number that was read once.
pub(super) fn single<U: Quantity>(value: U) -> Estimate<U> {
    Estimate {
        value,
        interval: Err(NoInterval::OneValue),
        n: 1,
        method: Method::SingleReading,
    }
}
