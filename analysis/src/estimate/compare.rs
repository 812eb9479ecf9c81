//! Points against points: ratios within blocks.

use std::collections::BTreeMap;

use model::axis::Axis;
use model::point::Point;

use super::group::{Setting, by_point};
use super::interval::paired_ratio;
use super::metric::{Metric, MetricVisitor};
use super::record::{Bare, ComparisonRecord};
use crate::quantity::Quantity;
use crate::row::Row;

/// The ratio of every two points of a setting that differ in exactly one axis, for the metrics of
/// [`Metric::COMPARED`]. The later point, in the order of axis values, is the numerator.
pub fn comparisons_of(rows: &[Row]) -> Vec<ComparisonRecord> {
    let groups: Vec<((Setting, Point), Vec<&Row>)> = by_point(rows).into_iter().collect();
    let mut comparisons = Vec::new();
    for (index, ((setting, earlier), below)) in groups.iter().enumerate() {
        for ((other, later), above) in &groups[index + 1..] {
            if setting != other || !differ_in_one_axis(earlier, later) {
                continue;
            }
            for metric in Metric::COMPARED {
                let ratio = PairedByBlock { above, below };
                let Some(bare) = metric.visit(ratio) else {
                    continue;
                };
                comparisons.push(ComparisonRecord {
                    sweep: setting.sweep.clone(),
                    provenance: setting.provenance,
                    device: setting.device.clone(),
                    metric,
                    numerator: later.clone(),
                    denominator: earlier.clone(),
                    value: bare.value,
                    low: bare.low,
                    high: bare.high,
                    level: bare.level,
                    n: bare.n,
                    method: bare.method,
                    reason: bare.reason,
                });
            }
        }
    }
    comparisons
}

fn differ_in_one_axis(a: &Point, b: &Point) -> bool {
    Axis::ALL
        .into_iter()
        .filter(|axis| a.get(*axis) != b.get(*axis))
        .count()
        == 1
}

struct PairedByBlock<'a> {
    above: &'a [&'a Row],
    below: &'a [&'a Row],
}

impl MetricVisitor for PairedByBlock<'_> {
    /// Nothing where no block has both.
    type Output = Option<Bare>;

    fn visit<U: Quantity>(self, get: fn(&Row) -> Option<U>) -> Self::Output {
        let by_block = |rows: &[&Row]| -> BTreeMap<u32, U> {
            rows.iter()
                .filter_map(|row| Some((row.block, get(row)?)))
                .collect()
        };
        let below = by_block(self.below);
        let pairs: Vec<(U, U)> = by_block(self.above)
            .into_iter()
            .filter_map(|(block, above)| Some((above, *below.get(&block)?)))
            .collect();
        paired_ratio(&pairs)
            .ok()
            .map(|estimate| Bare::of(&estimate))
    }
}
