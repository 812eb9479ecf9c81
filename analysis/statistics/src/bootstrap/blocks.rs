//! Resampling a series in blocks, so that neighbours stay together. For quantiles and traces within
//! one run; a mean over runs is never resampled so.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use serde::{Deserialize, Serialize};

use super::percentile::{SampleFloor, percentile_bounds};
use super::resample::{Resampling, Urn};
use crate::error::{StatisticsError, require_count, require_finite};
use crate::interval::{Interval, Level, Method};

/// Blocks that a series must hold.
const LEAST_BLOCKS: usize = 10;

/// How a series is cut into blocks. Both schemes join the end to the start, so that every value is
/// as likely to be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockScheme {
    /// Blocks of one length (circular block bootstrap; Politis and Romano 1992).
    Fixed {
        /// Values of a block.
        length: usize,
    },
    /// Blocks of geometric length (stationary bootstrap; Politis and Romano, JASA 89, 1994).
    Stationary {
        /// Mean number of values of a block.
        mean_length: usize,
    },
}

impl BlockScheme {
    const fn length(self) -> usize {
        match self {
            Self::Fixed { length } => length,
            Self::Stationary { mean_length } => mean_length,
        }
    }

    const fn method(self) -> Method {
        match self {
            Self::Fixed { .. } => Method::BlockBootstrap,
            Self::Stationary { .. } => Method::StationaryBootstrap,
        }
    }

    /// Fills one resample of the positions of a series.
    fn fill(self, urn: Urn, generator: &mut ChaCha8Rng, indices: &mut [u32]) {
        match self {
            Self::Fixed { length } => {
                for block in indices.chunks_mut(length) {
                    let mut position = urn.draw(generator);
                    for index in block {
                        *index = position;
                        position = urn.next(position);
                    }
                }
            }
            Self::Stationary { mean_length } => {
                let renew_below = (1_u64 << 32) / mean_length as u64;
                let mut position = urn.draw(generator);
                for index in indices {
                    *index = position;
                    position = if u64::from(generator.next_u32()) < renew_below {
                        urn.draw(generator)
                    } else {
                        urn.next(position)
                    };
                }
            }
        }
    }
}

/// Percentile bounds of a statistic of a series, over resamples of its blocks.
///
/// # Errors
/// A block length of zero; [`StatisticsError::BlockTooLong`] below ten blocks;
/// [`StatisticsError::ResamplingRefused`] below 20 values; a value or a statistic that is not finite.
pub fn block_bootstrap(
    series: &[f64],
    statistic: impl Fn(&[f64]) -> f64 + Sync,
    scheme: BlockScheme,
    level: Level,
    resampling: &Resampling,
) -> Result<Interval, StatisticsError> {
    require_count("values of a block", 1, scheme.length())?;
    require_count("resamples", 1, resampling.resamples)?;
    let needed = scheme.length().saturating_mul(LEAST_BLOCKS);
    if series.len() < needed {
        return Err(StatisticsError::BlockTooLong {
            block: scheme.length(),
            needed,
            got: series.len(),
        });
    }
    SampleFloor::Protocol.require(scheme.method(), series.len())?;
    require_finite("series", series)?;
    let urn = Urn::of(series.len());
    let mut replicates = resampling.map_drawn(
        series.len(),
        |generator, indices| scheme.fill(urn, generator, indices),
        || vec![0.0; series.len()],
        |resample, indices| {
            for (value, &index) in resample.iter_mut().zip(indices) {
                *value = series[index as usize];
            }
            statistic(resample)
        },
    );
    require_finite("resampled statistic", &replicates)?;
    replicates.sort_by(f64::total_cmp);
    let (low, high) = percentile_bounds(&replicates, level);
    Ok(Interval {
        value: statistic(series),
        low,
        high,
        level,
        n: series.len(),
        method: scheme.method(),
    })
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;
