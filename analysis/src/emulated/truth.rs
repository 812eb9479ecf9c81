//! The energy counter against the truth, which an emulated device knows.
//!
//! A card's sensor has a gain and an offset that stay what they are; the rest is ticks. A line
//! through the counter's energy over the true energy of all runs shows the first two, and the
//! distance of the runs from it the rest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rows::KnownRow;
use crate::estimate::round_for_record;
use statistics::sum::Sum;

/// The counter of one sweep's device against the truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterTruth {
    /// Name of the sweep.
    pub sweep: String,
    /// Product name of the device.
    pub device: String,
    /// Runs without a fault that have both energies.
    pub n: usize,
    /// Median over the runs of the distance of the counter from the truth, in percent.
    pub error_median_pct: f64,
    /// Largest distance of a run, in percent.
    pub error_max_pct: f64,
    /// Slope of the line of the counter over the truth; absent where all runs have one energy.
    pub gain: Option<f64>,
    /// The line at no energy, in joules.
    pub offset_j: Option<f64>,
    /// Largest distance of a run from that line, in percent of its true energy.
    pub residual_max_pct: Option<f64>,
}

/// The counter against the truth for each sweep and device, sorted.
pub(super) fn truth_of(rows: &[KnownRow]) -> Vec<CounterTruth> {
    let mut sweeps: BTreeMap<(&str, &str), Vec<(f64, f64)>> = BTreeMap::new();
    for known in rows.iter().filter(|known| known.row.is_faultless()) {
        let truth = known.true_energy_j.filter(|truth| *truth > 0.0);
        if let Some((truth, counter)) = truth.zip(known.row.energy_counter_j) {
            let key = (known.row.sweep.as_str(), known.row.device.as_str());
            sweeps.entry(key).or_default().push((truth, counter.get()));
        }
    }
    sweeps
        .into_iter()
        .map(|((sweep, device), pairs)| counter_truth(sweep, device, pairs))
        .collect()
}

/// `pairs` holds true and counted energy of each run, at least one.
fn counter_truth(sweep: &str, device: &str, mut pairs: Vec<(f64, f64)>) -> CounterTruth {
    // Sorted before summed: the result does not depend on the order of the runs.
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut errors: Vec<f64> = pairs
        .iter()
        .map(|(truth, counter)| (counter / truth - 1.0).abs() * 100.0)
        .collect();
    errors.sort_by(f64::total_cmp);
    let middle = errors.len() / 2;
    let median = f64::midpoint(errors[middle], errors[(errors.len() - 1) / 2]);
    let line = line(&pairs);
    let residual_max_pct = line.map(|(gain, offset_j)| {
        pairs
            .iter()
            .map(|(truth, counter)| (counter - offset_j - gain * truth).abs() / truth * 100.0)
            .fold(0.0, f64::max)
    });
    CounterTruth {
        sweep: sweep.to_owned(),
        device: device.to_owned(),
        n: pairs.len(),
        error_median_pct: round_for_record(median),
        error_max_pct: round_for_record(errors.last().copied().unwrap_or(median)),
        gain: line.map(|(gain, _)| round_for_record(gain)),
        offset_j: line.map(|(_, offset_j)| round_for_record(offset_j)),
        residual_max_pct: residual_max_pct.map(round_for_record),
    }
}

/// Slope and intercept of the least squares line; nothing where all `x` are one.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let n = points.len() as f64;
    let sum = |term: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(term).collect::<Sum>().value();
    let (mean_x, mean_y) = (sum(&|(x, _)| *x) / n, sum(&|(_, y)| *y) / n);
    let spread = sum(&|(x, _)| (x - mean_x) * (x - mean_x));
    // One energy but for rounding has no slope.
    if spread <= mean_x * mean_x * n * 1e-18 {
        return None;
    }
    let slope = sum(&|(x, y)| (x - mean_x) * (y - mean_y)) / spread;
    Some((slope, mean_y - slope * mean_x))
}

#[cfg(test)]
mod tests {
    use model::units::Joules;

    use super::*;
    use crate::row::Row;

    fn row(truth_j: f64, counter_j: f64) -> KnownRow {
        KnownRow {
            true_energy_j: Some(truth_j),
            row: Row {
                energy_counter_j: Some(Joules::new(counter_j)),
                ..crate::synthetic::row()
            },
        }
    }

    #[test]
    fn gain_and_offset_are_found_and_what_is_left_is_shown() {
        let energies = [1_000.0, 2_000.0, 3_000.0, 4_000.0];
        let exact: Vec<KnownRow> = energies.iter().map(|e| row(*e, 1.03 * e - 5.0)).collect();
        let found = truth_of(&exact).remove(0);
        assert_eq!(found.n, 4);
        assert!((found.gain.expect("a slope") - 1.03).abs() < 1e-9);
        assert!((found.offset_j.expect("an offset") + 5.0).abs() < 1e-6);
        assert!(found.residual_max_pct < Some(1e-9));
        assert!((2.0..3.0).contains(&found.error_max_pct));

        let mut off = exact;
        off[2] = row(3_000.0, 1.03 * 3_000.0 + 100.0);
        let found = truth_of(&off).remove(0);
        assert!(found.residual_max_pct > Some(1.0));
        assert!(found.error_max_pct > 6.0);
    }

    #[test]
    fn one_energy_has_an_error_and_no_line() {
        let found = truth_of(&[row(100.0, 104.0), row(100.0, 102.0)]).remove(0);
        assert_eq!((found.gain, found.residual_max_pct), (None, None));
        assert!((found.error_median_pct - 3.0).abs() < 1e-9);
    }

    #[test]
    fn where_no_truth_is_known_nothing_is_said() {
        let mut unknown = row(1.0, 1.0);
        unknown.true_energy_j = None;
        assert!(truth_of(&[unknown]).is_empty());
    }
}
