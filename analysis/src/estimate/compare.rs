//! Points against points: ratios within blocks.

use std::collections::{BTreeMap, BTreeSet};

use model::axis::Axis;
use model::point::Point;

use super::group::{Setting, by_point};
use super::interval::{geometric_mean, paired_ratio, two_stage_ratio};
use super::metric::{Metric, MetricVisitor};
use super::record::{Bare, ComparisonRecord};
use crate::quantity::Quantity;
use crate::row::Row;

/// The ratio of every two points of a setting that differ in exactly one respect, for the metrics of
/// [`Metric::COMPARED`]. Precision and quantisation are one respect, the number format: where weights
/// are quantised, the precision of the rest may have to change with them. The later point, in the order of axis values, is the numerator.
pub fn comparisons_of(rows: &[Row]) -> Vec<ComparisonRecord> {
    let groups: Vec<((Setting, Point), Vec<&Row>)> = by_point(rows, |row| row.enters_ratios)
        .into_iter()
        .collect();
    let mut comparisons = Vec::new();
    for (index, ((setting, earlier), below)) in groups.iter().enumerate() {
        for ((other, later), above) in &groups[index + 1..] {
            if setting != other || !differ_in_one_respect(earlier, later) {
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

fn differ_in_one_respect(a: &Point, b: &Point) -> bool {
    let respects: BTreeSet<Axis> = Axis::ALL
        .into_iter()
        .filter(|axis| a.get(*axis) != b.get(*axis))
        .map(|axis| match axis {
            Axis::Quantisation => Axis::Precision,
            other => other,
        })
        .collect();
    respects.len() == 1
}

/// The value of a block: that of its one run, or the geometric mean of its sentinels.
fn one_of_block<U: Quantity>(values: &[U]) -> Option<U> {
    match values {
        [] => None,
        [one] => Some(*one),
        several => geometric_mean(several).ok().map(|mean| mean.value),
    }
}

struct PairedByBlock<'a> {
    above: &'a [&'a Row],
    below: &'a [&'a Row],
}

impl PairedByBlock<'_> {
    /// The blocks that decided how many there are, in ratios to the reference of a plan with two
    /// stages. Other ratios of such a plan were looked at by nobody.
    fn pilot_blocks(&self) -> Option<u32> {
        let stages = [self.above, self.below].map(|rows| rows.first()?.two_stage);
        stages
            .into_iter()
            .flatten()
            .find(|stage| stage.is_reference)
            .map(|stage| stage.pilot_blocks)
    }
}

impl MetricVisitor for PairedByBlock<'_> {
    /// Nothing where no block has both.
    type Output = Option<Bare>;

    fn visit<U: Quantity>(self, get: fn(&Row) -> Option<U>) -> Self::Output {
        let by_block = |rows: &[&Row]| -> BTreeMap<u32, U> {
            let mut blocks: BTreeMap<u32, Vec<U>> = BTreeMap::new();
            for row in rows {
                if let Some(value) = get(row) {
                    blocks.entry(row.block).or_default().push(value);
                }
            }
            blocks
                .into_iter()
                .filter_map(|(block, values)| Some((block, one_of_block(&values)?)))
                .collect()
        };
        let below = by_block(self.below);
        let paired: Vec<(u32, (U, U))> = by_block(self.above)
            .into_iter()
            .filter_map(|(block, above)| Some((block, (above, *below.get(&block)?))))
            .collect();
        let pairs: Vec<(U, U)> = paired.iter().map(|(_, pair)| *pair).collect();
        let ratio = match self.pilot_blocks() {
            Some(blocks) => {
                let pilot = paired.iter().filter(|(block, _)| *block < blocks).count();
                two_stage_ratio(&pairs, pilot)
            }
            None => paired_ratio(&pairs),
        };
        ratio.ok().map(|estimate| Bare::of(&estimate))
    }
}
