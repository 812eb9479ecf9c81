//! The order of the points within a block.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::point::Point;

/// Fisher–Yates with an unbiased draw for each place.
pub(super) fn shuffle(points: &mut [Point], seed: u64, block: u32) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(u64::from(block));
    for last in (1..points.len()).rev() {
        points.swap(last, draw_below(&mut random, last + 1));
    }
}

/// A uniform index below `bound`, by rejection so that no index is favoured.
fn draw_below(random: &mut ChaCha8Rng, bound: usize) -> usize {
    let bound = u64::try_from(bound).expect("a slice index fits u64");
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let draw = random.next_u64();
        if draw < limit {
            return usize::try_from(draw % bound).expect("smaller than a slice length");
        }
    }
}
