//! Drawing resamples: a function of the seed alone, whatever the number of threads.

use std::num::NonZeroUsize;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Resamples of a published interval: with 9,999, the 2.5 % point is the 250th value exactly.
pub const RESAMPLES: usize = 9_999;

/// Resamples that share one stream of the generator: the unit of work of a thread.
const CHUNK: usize = 32;

/// How many threads work. The result does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// As many as the machine offers.
    Available,
    /// This many; one works on the calling thread, for callers that are themselves spread out.
    Exactly(NonZeroUsize),
}

impl Threads {
    /// The calling thread alone.
    pub const ONE: Self = Self::Exactly(NonZeroUsize::MIN);

    fn count(self) -> usize {
        match self {
            Self::Available => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            Self::Exactly(count) => count.get(),
        }
    }
}

/// How many resamples, from which seed, on how many threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampling {
    /// Number of resamples.
    pub resamples: usize,
    /// Seed of `ChaCha8`; chunks of resamples take streams 0, 1, 2, … of it.
    pub seed: u64,
    /// Threads that share the work.
    pub threads: Threads,
}

impl Resampling {
    /// [`RESAMPLES`] resamples from a seed, on all threads.
    pub const fn from_seed(seed: u64) -> Self {
        Self {
            resamples: RESAMPLES,
            seed,
            threads: Threads::Available,
        }
    }

    /// The same on the calling thread alone.
    #[must_use]
    pub const fn on_one_thread(self) -> Self {
        Self {
            threads: Threads::ONE,
            ..self
        }
    }

    /// Evaluates resamples of `n` values drawn with replacement, given as indices below `n`, in the
    /// order of the resamples. Several statistics of one resample share its indices.
    ///
    /// # Panics
    /// Where `n` is zero or does not fit 32 bits.
    pub fn map<T: Send>(&self, n: usize, evaluate: impl Fn(&[u32]) -> T + Sync) -> Vec<T> {
        let urn = Urn::of(n);
        self.map_drawn(
            n,
            |generator, indices| urn.fill(generator, indices),
            || (),
            |(), indices| evaluate(indices),
        )
    }

    /// Evaluates resamples of indices that `draw` fills in; `scratch` makes each thread's memory.
    pub(super) fn map_drawn<S, T: Send>(
        &self,
        n: usize,
        draw: impl Fn(&mut ChaCha8Rng, &mut [u32]) + Sync,
        scratch: impl Fn() -> S + Sync,
        evaluate: impl Fn(&mut S, &[u32]) -> T + Sync,
    ) -> Vec<T> {
        let chunks = self.resamples.div_ceil(CHUNK);
        let work = |from: usize, to: usize| {
            let mut memory = scratch();
            let mut indices = vec![0; n];
            let mut results = Vec::with_capacity((to - from) * CHUNK);
            for chunk in from..to {
                let mut generator = ChaCha8Rng::seed_from_u64(self.seed);
                generator.set_stream(chunk as u64);
                for _ in 0..CHUNK.min(self.resamples - chunk * CHUNK) {
                    draw(&mut generator, &mut indices);
                    results.push(evaluate(&mut memory, &indices));
                }
            }
            results
        };
        let threads = self.threads.count().clamp(1, chunks.max(1));
        if threads == 1 {
            return work(0, chunks);
        }
        std::thread::scope(|scope| {
            let shares: Vec<_> = (0..threads)
                .map(|thread| {
                    let (from, to) = (thread * chunks / threads, (thread + 1) * chunks / threads);
                    let work = &work;
                    scope.spawn(move || work(from, to))
                })
                .collect();
            let mut results = Vec::with_capacity(self.resamples);
            for share in shares {
                match share.join() {
                    Ok(part) => results.extend(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            results
        })
    }
}

/// Uniform draws below a number, without bias: Lemire's multiply-and-shift (ACM Transactions on
/// Modeling and Computer Simulation 29, 2019).
#[derive(Clone, Copy, Debug)]
pub(super) struct Urn {
    size: u32,
    /// 2³² modulo the size: low halves below it would favour some indices.
    reject_below: u32,
}

impl Urn {
    pub(super) fn of(size: usize) -> Self {
        let size = u32::try_from(size).expect("2^32 values would be 32 GiB: too many to resample");
        assert!(size > 0, "an empty sample cannot be resampled");
        Self {
            size,
            reject_below: size.wrapping_neg() % size,
        }
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low half is what decides, the high half is below the size"
    )]
    pub(super) fn draw(self, generator: &mut ChaCha8Rng) -> u32 {
        loop {
            let product = u64::from(generator.next_u32()) * u64::from(self.size);
            if product as u32 >= self.reject_below {
                return (product >> 32) as u32;
            }
        }
    }

    /// The position after `position`, the first after the last.
    #[inline]
    pub(super) const fn next(self, position: u32) -> u32 {
        if position + 1 == self.size {
            0
        } else {
            position + 1
        }
    }

    #[inline]
    pub(super) fn fill(self, generator: &mut ChaCha8Rng, indices: &mut [u32]) {
        for index in indices {
            *index = self.draw(generator);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(resamples: usize, threads: usize) -> Resampling {
        Resampling {
            resamples,
            seed: 7,
            threads: Threads::Exactly(NonZeroUsize::new(threads).unwrap()),
        }
    }

    #[test]
    fn the_same_resamples_on_any_number_of_threads() {
        let drawn = |threads| plan(1_001, threads).map(13, <[u32]>::to_vec);
        let alone = drawn(1);
        assert_eq!(alone.len(), 1_001);
        for threads in [2, 3, 16, 500] {
            assert_eq!(drawn(threads), alone, "{threads} threads");
        }
        assert_eq!(
            Resampling {
                threads: Threads::Available,
                ..plan(1_001, 1)
            }
            .map(13, <[u32]>::to_vec),
            alone
        );
    }

    #[test]
    fn resamples_differ_among_themselves_and_between_seeds() {
        let drawn = plan(200, 1).map(50, <[u32]>::to_vec);
        let mut distinct = drawn.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), 200);
        let other = Resampling {
            seed: 8,
            ..plan(200, 1)
        }
        .map(50, <[u32]>::to_vec);
        assert!(drawn.iter().zip(&other).all(|(a, b)| a != b));
    }

    #[test]
    fn every_index_is_as_likely() {
        // 70,000 draws of 7 indices: counts have standard deviation 92.6.
        let mut counts = [0u32; 7];
        for index in plan(10_000, 1).map(7, <[u32]>::to_vec).concat() {
            counts[index as usize] += 1;
        }
        for count in counts {
            assert!(
                (f64::from(count) - 10_000.0).abs() < 4.5 * 92.6,
                "{counts:?}"
            );
        }
    }

    #[test]
    fn no_resamples_are_no_results() {
        assert!(plan(0, 4).map(5, <[u32]>::len).is_empty());
    }
}
