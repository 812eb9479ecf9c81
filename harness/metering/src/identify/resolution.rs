//! How fine a field is.

use super::field::Seen;
use super::load::Load;
use crate::quantity::{Quantity, Unidentified};
use crate::series::{number, sorted};

impl Seen {
    /// The least step. Where every value is a multiple of some count above one, that is it; else,
    /// where idle readings take few values far apart, their distance.
    pub(super) fn resolution(&self, load: &Load) -> Result<Quantity, Unidentified> {
        let scale = self.field.counts_per_unit();
        let raws: Vec<i64> = self.changes.iter().map(|change| change.raw).collect();
        if raws.len() < 5 {
            return Err(Unidentified::TooFewChanges);
        }
        let step = raws.iter().fold(0, |gcd, raw| {
            greatest_common_divisor(gcd, (raw - self.first).abs())
        });
        let mut idle: Vec<i64> = load
            .idle()
            .iter()
            .flat_map(|(from, to)| self.refreshes(*from, *to))
            .map(|refresh| whole(refresh.value * scale))
            .collect();
        idle.sort_unstable();
        idle.dedup();
        let gaps = sorted(idle.windows(2).map(|pair| number(pair[1] - pair[0])));
        if step <= 1
            && let Some(least) = gaps.first().filter(|least| **least > 20.0)
        {
            let alike: Vec<f64> = gaps
                .iter()
                .copied()
                .filter(|gap| *gap < 1.5 * least)
                .collect();
            let (low, high) = (alike[0], alike[alike.len() - 1]);
            return Ok(Quantity::new(
                f64::midpoint(low, high) / scale,
                (high - low) / 2.0 / scale / 3_f64.sqrt(),
            ));
        }
        Ok(Quantity::new(number(step.max(1)) / scale, 0.0))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a raw count that was made a float before"
)]
fn whole(value: f64) -> i64 {
    value.round() as i64
}

pub(super) const fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
