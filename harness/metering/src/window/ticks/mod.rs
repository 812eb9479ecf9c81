//! The energy counter of a recording as a curve: known at its ticks, estimated between them.
//!
//! Inside a tick only its total is known. Where power went from one level to another, the levels on
//! both sides and the total say when (a step). Everywhere else power is taken as even over the tick.
//! How wrong that is shows in the power field: its short windows fall on many places inside ticks,
//! and their distance from what the curve says there measures what the curve cannot see.

mod shape;

use model::sample::Sample;
use model::units::Nanos;

use super::glimpse::{Glimpse, glimpses};
use super::spread::Spread;
use crate::beat::{self, Beat};
use crate::instrument::Instrument;
use crate::series::{Change, Field, changes, count, number};

/// The counter at a tick: time of the energy that it shows, and that energy in joules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) at_s: f64,
    pub(crate) energy_j: f64,
}

/// What happened inside a tick, as far as its neighbours tell.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    /// Power as good as even.
    Even,
    /// One step between the levels of the neighbours.
    Step {
        before_w: f64,
        after_w: f64,
        before_error_w: f64,
        after_error_w: f64,
    },
}

/// Energy from the tick before a time up to that time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Partial {
    /// Index of the tick before.
    pub(crate) tick: usize,
    /// Energy since that tick, in joules.
    pub(crate) energy_j: f64,
    /// How uncertain that is.
    pub(crate) spread: Spread,
    /// Power there, in watts.
    pub(crate) power_w: f64,
}

/// A level of power is known from two ticks: their difference has one degree of freedom, and that
/// the level went on unchanged into the tick is one more thing that is taken for granted.
const LEVEL_FREEDOM: f64 = 2.0;

/// The curve.
#[derive(Clone, Debug)]
pub(crate) struct Ticks {
    pub(crate) nodes: Vec<Node>,
    /// Standard uncertainty of all ticks' times together, in seconds.
    pub(crate) time_uncertainty_s: f64,
    pub(crate) period_s: f64,
    pub(crate) glimpses: Vec<Glimpse>,
    shapes: Vec<Shape>,
    unexplained: Vec<Unexplained>,
}

/// Variance of power inside a tick that its shape leaves unexplained.
#[derive(Clone, Copy, Debug)]
struct Unexplained {
    variance_w2: f64,
    /// How many readings of equal weight it stands on.
    freedom: f64,
}

/// Variance of the energy up to a share x of a tick, relative to W·T², where W is the variance of
/// short means of power around the tick's mean: (4x(1−x))^1.5 / 12.
///
/// At the middle it is that of a square wave of the tick's period and any phase: its energy there
/// spreads by Δ²T²/48 while W is Δ²/4. The exponent is what square waves of all periods from a tenth
/// of a tick to four ticks make of it on average: slow ones leave x²(1−x)², quick ones more near the
/// ends of the tick and less in its middle. A test holds both against such waves.
pub(super) fn bridge(share: f64) -> f64 {
    let x = 4.0 * share * (1.0 - share);
    (x * x * x).max(0.0).sqrt() / 12.0
}

impl Ticks {
    /// The curve of a recording; `None` where the counter never moves twice.
    pub(crate) fn of(samples: &[Sample], instrument: &Instrument, origin: Nanos) -> Option<Self> {
        let counter = &instrument.counter;
        let seen = changes(samples, Field::Energy, origin);
        let beat = beat::find(&seen, counter.period_s.value, counter.period_within).ok();
        let latency_s = counter.latency_s.value;
        let (mut nodes, time_uncertainty_s) = beat.map_or_else(
            || as_seen(&seen),
            |beat| (on_the_beat(&seen, &beat), beat.time_uncertainty_s),
        );
        for node in &mut nodes {
            node.at_s -= latency_s;
        }
        if nodes.len() < 2 {
            return None;
        }
        let glimpses = instrument
            .power
            .map_or_else(Vec::new, |power| glimpses(samples, &power, origin));
        let mut ticks = Self {
            shapes: vec![Shape::Even; nodes.len() - 1],
            unexplained: Vec::new(),
            period_s: beat.map_or(counter.period_s.value, |beat| beat.period_s.value),
            nodes,
            time_uncertainty_s,
            glimpses,
        };
        ticks.shape();
        Some(ticks)
    }

    /// Mean power of a tick, in watts.
    pub(crate) fn mean_w(&self, tick: usize) -> f64 {
        let (from, to) = (self.nodes[tick], self.nodes[tick + 1]);
        (to.energy_j - from.energy_j) / (to.at_s - from.at_s)
    }

    fn length_s(&self, tick: usize) -> f64 {
        self.nodes[tick + 1].at_s - self.nodes[tick].at_s
    }

    /// The tick that a time lies in.
    pub(crate) fn tick_at(&self, at_s: f64) -> Option<usize> {
        let after = self.nodes.partition_point(|node| node.at_s <= at_s);
        let tick = after.checked_sub(1)?;
        (after < self.nodes.len()).then_some(tick)
    }

    /// Energy since the tick before a time.
    pub(crate) fn partial(&self, at_s: f64) -> Option<Partial> {
        let tick = self.tick_at(at_s)?;
        let length_s = self.length_s(tick);
        let share = (at_s - self.nodes[tick].at_s) / length_s;
        let (energy_j, power_w, level_error_j) = self.inside(tick, share, self.shapes[tick]);
        let spread = self
            .bridged(tick, share)
            .and(Spread::new(level_error_j * level_error_j, LEVEL_FREEDOM));
        Some(Partial {
            tick,
            energy_j,
            spread,
            power_w,
        })
    }

    fn bridged(&self, tick: usize, share: f64) -> Spread {
        let length_s = self.length_s(tick);
        let Unexplained {
            variance_w2,
            freedom,
        } = self.unexplained[tick];
        Spread::new(bridge(share) * variance_w2 * length_s * length_s, freedom)
    }

    /// Spread of the energy between two times of one tick.
    pub(crate) fn spread_within(&self, tick: usize, from_s: f64, to_s: f64) -> Spread {
        let length_s = self.length_s(tick);
        let share = (to_s - from_s) / length_s;
        let level_w = match self.shapes[tick] {
            Shape::Even => 0.0,
            Shape::Step {
                before_error_w,
                after_error_w,
                ..
            } => before_error_w.max(after_error_w),
        };
        let level_j = level_w * (to_s - from_s);
        self.bridged(tick, share)
            .and(Spread::new(level_j * level_j, LEVEL_FREEDOM))
    }

    /// Energy up to a share of a tick of a shape, the power there, and what the levels leave open.
    fn inside(&self, tick: usize, share: f64, shape: Shape) -> (f64, f64, f64) {
        let (mean_w, length_s) = (self.mean_w(tick), self.length_s(tick));
        match shape {
            Shape::Even => (mean_w * share * length_s, mean_w, 0.0),
            Shape::Step {
                before_w,
                after_w,
                before_error_w,
                after_error_w,
            } => {
                let step_at = (after_w - mean_w) / (after_w - before_w);
                if share < step_at {
                    (
                        before_w * share * length_s,
                        before_w,
                        before_error_w * share * length_s,
                    )
                } else {
                    let rest_s = (1.0 - share) * length_s;
                    (
                        mean_w * length_s - after_w * rest_s,
                        after_w,
                        after_error_w * rest_s,
                    )
                }
            }
        }
    }

    /// Energy between two times by given shapes, in joules.
    pub(crate) fn energy_between_j(&self, from_s: f64, to_s: f64) -> Option<f64> {
        let up_to = |at_s: f64| {
            let tick = self.tick_at(at_s)?;
            let share = (at_s - self.nodes[tick].at_s) / self.length_s(tick);
            Some(self.nodes[tick].energy_j + self.inside(tick, share, self.shapes[tick]).0)
        };
        Some(up_to(to_s)? - up_to(from_s)?)
    }
}

/// Ticks where they were seen, for a counter without a beat.
fn as_seen(seen: &[Change]) -> (Vec<Node>, f64) {
    let nodes = seen
        .iter()
        .map(|change| Node {
            at_s: change.middle_s(),
            energy_j: number(change.raw) / 1e3,
        })
        .collect();
    let squares: f64 = seen.iter().map(|c| c.width_s() * c.width_s() / 12.0).sum();
    (nodes, (squares / count(seen.len().max(1))).sqrt())
}

/// Ticks where the beat has them.
fn on_the_beat(seen: &[Change], beat: &Beat) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::with_capacity(seen.len());
    for change in seen {
        let tick = if change.width_s() < 0.75 * beat.period_s.value {
            beat.number_near(change.middle_s())
        } else {
            // Several ticks went by: the reading shows the last of them.
            beat.number_before(change.by_s)
        };
        let node = Node {
            at_s: beat.time_s(tick),
            energy_j: number(change.raw) / 1e3,
        };
        match nodes.last_mut() {
            Some(last) if last.at_s >= node.at_s => last.energy_j = node.energy_j,
            _ => nodes.push(node),
        }
    }
    nodes
}
