use super::*;
use crate::bootstrap::Threads;
use crate::quantile::median;
use crate::sum::number;

fn plan(resamples: usize) -> Resampling {
    Resampling {
        resamples,
        ..Resampling::from_seed(4)
    }
}

fn drawn(scheme: BlockScheme, n: usize, resamples: usize) -> Vec<Vec<u32>> {
    let urn = Urn::of(n);
    plan(resamples).map_drawn(
        n,
        |generator, indices| scheme.fill(urn, generator, indices),
        || (),
        |(), indices| indices.to_vec(),
    )
}

/// Positions at which a resample does not go on to the next value.
fn breaks(indices: &[u32], n: u32) -> usize {
    indices
        .windows(2)
        .filter(|pair| pair[1] != (pair[0] + 1) % n)
        .count()
}

#[test]
fn fixed_blocks_stay_whole() {
    for indices in drawn(BlockScheme::Fixed { length: 7 }, 100, 300) {
        for (position, pair) in indices.windows(2).enumerate() {
            if position % 7 != 6 {
                assert_eq!(pair[1], (pair[0] + 1) % 100);
            }
        }
    }
}

/// A step starts a new block with chance 1/8, of which 1 in 100 lands on the next value by luck.
#[test]
fn stationary_blocks_have_their_mean_length() {
    let all = drawn(BlockScheme::Stationary { mean_length: 8 }, 100, 2_000);
    let total: usize = all.iter().map(|indices| breaks(indices, 100)).sum();
    let expected = 2_000.0 * 99.0 / 8.0 * 0.99;
    assert!(
        (number(total) - expected).abs() < 4.0 * expected.sqrt(),
        "{total} {expected}"
    );
}

#[test]
fn every_position_is_as_likely() {
    for scheme in [
        BlockScheme::Fixed { length: 9 },
        BlockScheme::Stationary { mean_length: 9 },
    ] {
        let mut counts = [0u32; 100];
        for index in drawn(scheme, 100, 10_000).concat() {
            counts[index as usize] += 1;
        }
        // Counts of a position within one resample are positively correlated by chance only: the
        // variance is at most the block length times the Poisson one.
        for count in counts {
            assert!(
                (f64::from(count) - 10_000.0).abs() < 4.5 * 300.0,
                "{scheme:?}: {count}"
            );
        }
    }
}

/// For blocks of one value, all resamples are independent draws: the bounds of the mean agree with
/// the ordinary percentile bootstrap up to four Monte-Carlo standard errors.
#[test]
fn blocks_of_one_are_independent_draws() {
    let series: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 40)).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / number(values.len());
    let one = block_bootstrap(
        &series,
        mean,
        BlockScheme::Fixed { length: 1 },
        Level::P95,
        &plan(9_999),
    )
    .unwrap();
    let plain = crate::bootstrap::percentile(
        &series,
        mean,
        Level::P95,
        SampleFloor::Protocol,
        &plan(9_999),
    )
    .unwrap();
    // Standard deviation of the mean 1.83; its 2.5 % point scatters by 1.83 · √(p(1−p)/B)/φ = 0.049.
    assert!(
        (one.low - plain.low).abs() < 4.0 * 0.049 * 1.42,
        "{one:?} {plain:?}"
    );
    assert!(
        (one.high - plain.high).abs() < 4.0 * 0.049 * 1.42,
        "{one:?} {plain:?}"
    );
}

#[test]
fn correlated_neighbours_make_wider_bounds() {
    // A slow wave: independent draws believe in 400 values, blocks in fewer.
    let series: Vec<f64> = (0..400).map(|i| libm::sin(f64::from(i) / 15.0)).collect();
    let width = |length| {
        block_bootstrap(
            &series,
            |values| values.iter().sum::<f64>() / number(values.len()),
            BlockScheme::Fixed { length },
            Level::P95,
            &plan(1_999),
        )
        .unwrap()
        .half_width()
    };
    assert!(width(20) > 3.0 * width(1), "{} {}", width(20), width(1));
}

#[test]
fn fewer_than_ten_blocks_are_refused() {
    let series: Vec<f64> = (0..59).map(f64::from).collect();
    let middle = |values: &[f64]| median(values).unwrap();
    let run = |scheme| block_bootstrap(&series, middle, scheme, Level::P95, &plan(99));
    assert_eq!(
        run(BlockScheme::Fixed { length: 6 }),
        Err(StatisticsError::BlockTooLong {
            block: 6,
            needed: 60,
            got: 59
        })
    );
    assert!(run(BlockScheme::Stationary { mean_length: 5 }).is_ok());
    assert!(run(BlockScheme::Fixed { length: 0 }).is_err());
    let short = block_bootstrap(
        &series[..15],
        middle,
        BlockScheme::Fixed { length: 1 },
        Level::P95,
        &plan(99),
    );
    assert!(matches!(
        short,
        Err(StatisticsError::ResamplingRefused { needed: 20, .. })
    ));
}

#[test]
fn the_same_bits_on_one_thread_and_on_sixteen() {
    let series: Vec<f64> = (0..200).map(|i| f64::from(i * i % 97)).collect();
    let on = |threads| {
        let plan = Resampling {
            threads,
            ..plan(500)
        };
        let scheme = BlockScheme::Stationary { mean_length: 10 };
        block_bootstrap(&series, |v| median(v).unwrap(), scheme, Level::P95, &plan).unwrap()
    };
    assert_eq!(
        on(Threads::ONE),
        on(Threads::Exactly(std::num::NonZeroUsize::new(16).unwrap()))
    );
}
