//! What a block holds: each point once in random order and, where the plan has a reference, the
//! reference at the beginning, in the middle and at the end.

use crate::point::Point;
use crate::run::{Place, Role};

use super::order;

/// The runs of a block in the order of execution.
pub(super) fn compose(
    points: &[Point],
    reference: Option<&Point>,
    seed: u64,
    block: u32,
) -> Vec<(Role, Point)> {
    let mut points = points.to_vec();
    order::shuffle(&mut points, seed, block);
    let mut runs: Vec<(Role, Point)> = points
        .into_iter()
        .map(|point| (Role::Point, point))
        .collect();
    if let Some(reference) = reference {
        let sentinel = |place| (Role::Sentinel(place), reference.clone());
        runs.insert(runs.len().div_ceil(2), sentinel(Place::Middle));
        runs.insert(0, sentinel(Place::First));
        runs.push(sentinel(Place::Last));
    }
    runs
}
