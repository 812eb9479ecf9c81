use proptest::prelude::*;

use super::*;
use crate::draws::NormalDraws;
use crate::interval::Level;

/// Standard normal rows, each feature scaled by `scales`, shifted by `shift`.
fn rows(seed: u64, n: usize, scales: &[f64], shift: f64) -> Vec<f64> {
    let mut draws = NormalDraws::new(seed, 0);
    (0..n)
        .flat_map(|_| {
            scales
                .iter()
                .map(|s| s * draws.draw() + shift)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Eigenvalues that fall off, as those of real features do.
fn falling(dimension: usize) -> Vec<f64> {
    (1..=dimension)
        .map(|index| 1.0 / number(index).sqrt())
        .collect()
}

#[test]
fn two_dimensions_against_scipy() {
    let a = Gaussian::from_parts(vec![0.0, 0.0], &[2.0, 0.5, 0.5, 1.0], 100).unwrap();
    let b = Gaussian::from_parts(vec![1.0, 2.0], &[1.0, -0.3, -0.3, 3.0], 100).unwrap();
    let found = distance(&a, &b).unwrap();
    assert!(
        (found / 5.929_311_854_967_773 - 1.0).abs() < 1e-10,
        "{found}"
    );
}

#[test]
fn diagonal_covariances_have_a_closed_form() {
    let (s, t) = ([4.0, 1.0, 9.0], [1.0, 16.0, 0.25]);
    let diagonal = |d: [f64; 3]| [d[0], 0.0, 0.0, 0.0, d[1], 0.0, 0.0, 0.0, d[2]];
    let a = Gaussian::from_parts(vec![0.0; 3], &diagonal(s), 50).unwrap();
    let b = Gaussian::from_parts(vec![1.0; 3], &diagonal(t), 50).unwrap();
    // 3 + (2 − 1)² + (1 − 4)² + (3 − 0.5)².
    assert!((distance(&a, &b).unwrap() - 19.25).abs() < 1e-12);
}

#[test]
fn the_two_ways_agree() {
    for (n, m, dimension, bar) in [
        (200, 150, 24, 1e-10),
        (100, 100, 256, 1e-6),
        (60, 400, 128, 1e-6),
        (400, 60, 128, 1e-6),
    ] {
        let scales = falling(dimension);
        let (a, b) = (rows(1, n, &scales, 0.0), rows(2, m, &scales, 0.1));
        let features = [&a, &b].map(|values| Features::new(values, dimension).unwrap());
        let eigen = distance(
            &Gaussian::of(features[0]).unwrap(),
            &Gaussian::of(features[1]).unwrap(),
        )
        .unwrap();
        let cross = product(
            root_factor(features[0]).as_ref(),
            root_factor(features[1]).transpose(),
        );
        let cross = nuclear_norm("test", cross.as_ref()).unwrap();
        let [left, right] = features.map(|features| Gaussian::of(features).unwrap());
        let nuclear = assemble(&left, &right, cross);
        assert!((eigen / nuclear - 1.0).abs() < bar, "{eigen} and {nuclear}");
        let chosen = distance_of_features(features[0], features[1]).unwrap();
        assert!((chosen / nuclear - 1.0).abs() < 1e-10);
    }
}

#[test]
fn a_block_taken_out_leaves_the_statistics_of_the_rest() {
    let values = rows(3, 50, &falling(6), 1.0);
    let features = Features::new(&values, 6).unwrap();
    let reference = Reference::new(Gaussian::of(features).unwrap()).unwrap();
    // Blocks of 7 or 8 rows: the estimate by hand from the rows that remain.
    let blocks = 7;
    let all = reference.distance(reference.gaussian()).unwrap();
    let mut sum = 0.0;
    for block in 0..blocks {
        let (from, to) = (block * 50 / blocks, (block + 1) * 50 / blocks);
        let kept: Vec<usize> = (0..from).chain(to..50).collect();
        let kept = features.gather(&kept);
        let rest = Gaussian::of(Features::new(&kept, 6).unwrap()).unwrap();
        let ratio = 50.0 / number(to - from);
        sum += ratio * all - (ratio - 1.0) * reference.distance(&rest).unwrap();
    }
    let found = jackknife(features, Against::Fixed(&reference), blocks, Level::P95).unwrap();
    assert!((found.interval.value - sum / number(blocks)).abs() < 1e-10);
}

#[test]
fn the_floor_is_what_equal_sources_give() {
    // Isotropic: (2 d + d (d + 1) / 2) / N.
    assert!((floor_of_eigenvalues(&[1.0; 64], 1000) - 2.208).abs() < 1e-12);
    let scales = falling(48);
    let eigenvalues: Vec<f64> = scales.iter().map(|scale| scale * scale).collect();
    let predicted = floor_of_eigenvalues(&eigenvalues, 1000);
    let repetitions = 12;
    let mean: f64 = (0..repetitions)
        .map(|seed| {
            let (a, b) = (
                rows(seed, 1000, &scales, 0.0),
                rows(seed + 1000, 1000, &scales, 0.0),
            );
            let a = Features::new(&a, 48).unwrap();
            distance_of_features(a, Features::new(&b, 48).unwrap()).unwrap()
        })
        .sum::<f64>()
        / 12.0;
    assert!(
        (mean / predicted - 1.0).abs() < 0.05,
        "{mean} for {predicted}"
    );
}

#[test]
fn jackknife_and_limit_remove_the_bias() {
    // Two sources that differ by 10 % in scale: the truth is 0.01 Σ s².
    let scales = falling(16);
    let wider: Vec<f64> = scales.iter().map(|scale| 1.1 * scale).collect();
    let truth: f64 = scales
        .iter()
        .map(|scale| (0.1 * scale) * (0.1 * scale))
        .sum();
    let (mut covered, mut plug_in, mut corrected, mut limit) = (0, 0.0, 0.0, 0.0);
    for seed in 0..100 {
        let (a, b) = (
            rows(seed, 600, &scales, 0.0),
            rows(seed + 500, 600, &wider, 0.0),
        );
        let (a, b) = (
            Features::new(&a, 16).unwrap(),
            Features::new(&b, 16).unwrap(),
        );
        let found = jackknife(a, Against::Sample(b), DELETED_BLOCKS, Level::P95).unwrap();
        covered += usize::from(found.interval.contains(truth));
        plug_in += found.plug_in / 100.0;
        corrected += found.interval.value / 100.0;
        limit += extrapolate(a, Against::Sample(b), 15, seed).unwrap().limit / 100.0;
    }
    assert!(plug_in > 1.5 * truth);
    assert!(
        (corrected / truth - 1.0).abs() < 0.1,
        "{corrected} for {truth}"
    );
    assert!((limit / truth - 1.0).abs() < 0.15, "{limit} for {truth}");
    assert!(covered >= 88, "{covered} of 100");
}

#[test]
fn a_paired_difference_is_narrower_than_its_parts() {
    let scales = falling(12);
    let reference = rows(1, 800, &scales, 0.0);
    let reference = Gaussian::of(Features::new(&reference, 12).unwrap()).unwrap();
    let reference = Reference::new(reference).unwrap();
    let a = rows(2, 800, &scales, 0.3);
    // The same images with a little noise on top.
    let noise = rows(3, 800, &scales, 0.0);
    let b: Vec<f64> = a
        .iter()
        .zip(&noise)
        .map(|(value, noise)| value + 0.1 * noise)
        .collect();
    let (a, b) = (
        Features::new(&a, 12).unwrap(),
        Features::new(&b, 12).unwrap(),
    );
    let against = Against::Fixed(&reference);
    let single = jackknife(a, against, DELETED_BLOCKS, Level::P95).unwrap();
    let pair = jackknife_difference(a, b, against, DELETED_BLOCKS, Level::P95).unwrap();
    assert!(pair.interval.half_width() < 0.5 * single.interval.half_width());
    let twice = jackknife_difference(a, a, against, DELETED_BLOCKS, Level::P95).unwrap();
    assert!(twice.interval.half_width() < 1e-12 && twice.plug_in.abs() < 1e-12);
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let values = [0.0; 12];
    let (two, three) = (
        Features::new(&values, 2).unwrap(),
        Features::new(&values, 3).unwrap(),
    );
    assert!(distance_of_features(two, three).is_err());
    assert!(Features::new(&values, 5).is_err());
    assert!(Features::new(&[f64::NAN], 1).is_err());
    assert!(Gaussian::of(Features::new(&values, 12).unwrap()).is_err());
    assert!(jackknife(two, Against::Sample(three), 2, Level::P95).is_err());
}

proptest! {
    #[test]
    fn symmetric_not_negative_and_zero_on_itself(
        seed in 0u64..1000,
        n in 3usize..40,
        m in 3usize..40,
        dimension in 1usize..12,
    ) {
        let scales = falling(dimension);
        let (a, b) = (rows(seed, n, &scales, 0.0), rows(seed + 5000, m, &scales, 0.5));
        let (a, b) = (Features::new(&a, dimension).unwrap(), Features::new(&b, dimension).unwrap());
        let forth = distance_of_features(a, b).unwrap();
        let back = distance_of_features(b, a).unwrap();
        prop_assert!(forth >= 0.0);
        prop_assert!((forth - back).abs() <= 1e-9 * forth.max(1e-3), "{forth} {back}");
        prop_assert!(distance_of_features(a, a).unwrap() < 1e-10);
    }
}
