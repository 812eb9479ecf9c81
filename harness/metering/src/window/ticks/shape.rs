//! What happened inside a tick, judged from its neighbours and from the power field.

use super::{LEVEL_FREEDOM, Shape, Ticks, Unexplained};
use crate::series::count;
use crate::window::glimpse::Glimpse;

/// Ticks on each side whose glimpses tell of a tick; their weight falls with the square of the
/// distance.
const REACH: usize = 10;

/// How much smaller the variance of means over a part of the tick is than that of means over a
/// quarter: what is left beside the part goes with its square. A field that sees the whole tick sees
/// nothing of what happens inside.
fn seen_share(window_s: f64, tick_s: f64) -> f64 {
    let beside = ((1.0 - window_s / tick_s) / 0.75).clamp(LEAST_BESIDE, 1.3);
    beside * beside
}

/// Below this nothing is left to be told.
const LEAST_BESIDE: f64 = 0.3;

impl Ticks {
    /// Decides what happened inside each tick, and how much that leaves unexplained.
    pub(super) fn shape(&mut self) {
        for tick in 0..self.shapes.len() {
            if let Some(step) = self.step(tick) {
                self.shapes[tick] = step;
            }
        }
        let mut squares = vec![(0.0, 0.0); self.shapes.len()];
        for index in 0..self.glimpses.len() {
            let glimpse = self.glimpses[index];
            let middle_s = f64::midpoint(glimpse.from_s, glimpse.to_s);
            let Some(tick) = self.tick_at(middle_s) else {
                continue;
            };
            let Some(as_shaped) = self.surprise_w(&glimpse) else {
                continue;
            };
            let kept = self.shapes[tick];
            self.shapes[tick] = Shape::Even;
            let as_even = self.surprise_w(&glimpse).unwrap_or(as_shaped);
            // A step that the power field contradicts was none.
            let surprise_w = if as_shaped.abs() <= as_even.abs() {
                self.shapes[tick] = kept;
                as_shaped
            } else {
                as_even
            };
            let seen = seen_share(glimpse.to_s - glimpse.from_s, self.length_s(tick));
            squares[tick].0 += surprise_w * surprise_w / seen;
            squares[tick].1 += 1.0;
        }
        self.unexplained = (0..self.shapes.len())
            .map(|tick| self.unexplained(tick, &squares))
            .collect();
    }

    /// How far the power field lies from the curve, in watts.
    fn surprise_w(&self, glimpse: &Glimpse) -> Option<f64> {
        let energy_j = self.energy_between_j(glimpse.from_s, glimpse.to_s)?;
        Some(glimpse.power_w - energy_j / (glimpse.to_s - glimpse.from_s))
    }

    fn unexplained(&self, tick: usize, squares: &[(f64, f64)]) -> Unexplained {
        let (mut sum, mut weight, mut weight_squares) = (0.0, 0.0, 0.0);
        let others = squares.iter().enumerate();
        for (other, (square, n)) in others
            .take(tick + REACH + 1)
            .skip(tick.saturating_sub(REACH))
        {
            let distance = 1.0 + count(other.abs_diff(tick));
            let w = 1.0 / (distance * distance);
            sum += w * square;
            weight += w * n;
            weight_squares += w * w * n;
        }
        let outside_w = self.outside_w(tick);
        // A burst of share δ and height h makes the mean stick out by hδ and the variance hδ·h(1−δ):
        // twice the square of hδ where δ is a third.
        let burst_w2 = 2.0 * outside_w * outside_w;
        if weight > 0.0 {
            Unexplained {
                variance_w2: (sum / weight).max(burst_w2),
                freedom: weight * weight / weight_squares,
            }
        } else {
            Unexplained {
                variance_w2: self.steps_around_w2(tick).max(burst_w2),
                freedom: LEVEL_FREEDOM,
            }
        }
    }

    /// How far the mean of a tick lies outside those of its neighbours: something came and went.
    fn outside_w(&self, tick: usize) -> f64 {
        let Some((before_w, after_w)) = self.neighbours(tick) else {
            return 0.0;
        };
        let mean_w = self.mean_w(tick);
        let (low, high) = (before_w.min(after_w), before_w.max(after_w));
        (low - mean_w).max(mean_w - high).max(0.0)
    }

    /// Mean square of the differences to the neighbours: all that is known without a power field.
    fn steps_around_w2(&self, tick: usize) -> f64 {
        let from = tick.saturating_sub(3);
        let to = (tick + 4).min(self.shapes.len());
        let squares: Vec<f64> = (from + 1..to)
            .map(|t| self.mean_w(t) - self.mean_w(t - 1))
            .map(|d| d * d)
            .collect();
        squares.iter().sum::<f64>() / count(squares.len().max(1))
    }

    fn neighbours(&self, tick: usize) -> Option<(f64, f64)> {
        let before = self.mean_w(tick.checked_sub(1)?);
        let after = (tick + 1 < self.shapes.len()).then(|| self.mean_w(tick + 1))?;
        Some((before, after))
    }

    /// One step, where the mean lies between the levels on both sides.
    fn step(&self, tick: usize) -> Option<Shape> {
        let (before_w, after_w) = self.neighbours(tick)?;
        let mean_w = self.mean_w(tick);
        let is_between =
            (before_w < mean_w && mean_w < after_w) || (before_w > mean_w && mean_w > after_w);
        if !is_between {
            return None;
        }
        // How steady each level was: its change over the tick before, or after.
        let earlier_w = tick.checked_sub(2).map_or(before_w, |t| self.mean_w(t));
        let later_w = if tick + 2 < self.shapes.len() {
            self.mean_w(tick + 2)
        } else {
            after_w
        };
        Some(Shape::Step {
            before_w,
            after_w,
            before_error_w: (before_w - earlier_w).abs() / 2.0,
            after_error_w: (after_w - later_w).abs() / 2.0,
        })
    }
}
