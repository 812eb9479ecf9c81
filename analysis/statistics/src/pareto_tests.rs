use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::draws::NormalDraws;

/// Energy and time over `n` blocks: `truth` plus block effects and 1 % scatter.
fn campaign(seed: u64, n: usize, truth: &[(f64, f64)]) -> (Vec<f64>, Vec<f64>) {
    let mut draws = NormalDraws::new(seed, 2);
    let (mut energy, mut time) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let block = 0.02 * draws.draw();
        for (of_energy, of_time) in truth {
            let common = 0.005 * draws.draw();
            energy.push(of_energy + block + common + 0.01 * draws.draw());
            time.push(of_time - block + common + 0.01 * draws.draw());
        }
    }
    (energy, time)
}

/// A convex front of six, and three that it dominates.
const TRUTH: [(f64, f64); 9] = [
    (0.00, 0.20),
    (0.01, 0.12),
    (0.03, 0.07),
    (0.07, 0.03),
    (0.12, 0.01),
    (0.20, 0.00),
    (0.08, 0.08),
    (0.20, 0.20),
    (0.012, 0.122),
];

#[test]
fn front_by_hand() {
    let rows = vec![1.0, 5.0, 2.0, 2.0, 5.0, 1.0, 3.0, 3.0, 2.0, 2.0, 1.0, 6.0];
    let means = Means::from_rows(rows, 2).unwrap();
    // Equal points do not dominate each other.
    assert_eq!(means.front(), [0, 1, 2, 4]);
    assert_eq!(means.front_within(1.0), [0, 1, 2, 3, 4, 5]);
    assert_eq!(means.front_within(0.5), [0, 1, 2, 4, 5]);
    assert_eq!(means.representatives(0.0), [0, 1, 2]);
    assert_eq!(means.representatives(3.0), [0, 2]);
    assert!(Means::from_rows(vec![1.0; 3], 2).is_err());
    assert!(Means::from_rows(vec![1.0, f64::NAN], 2).is_err());
}

#[test]
fn one_percent_is_its_logarithm() {
    assert!((ONE_PERCENT - libm::log1p(0.01)).abs() < 1e-18);
}

#[test]
fn the_whole_front_is_in_the_set() {
    for simultaneous in [Simultaneous::Bonferroni, Simultaneous::MaxT] {
        for n in [5, 10] {
            let critical = Critical::all_pairs(simultaneous, 9, 2, n, Level::P95);
            let (mut held, mut size) = (0, 0);
            for seed in 0..1000 {
                let (energy, time) = campaign(seed, n, &TRUTH);
                let tables = [
                    Blocks::new(&energy, 9).unwrap(),
                    Blocks::new(&time, 9).unwrap(),
                ];
                let objectives = Objectives::new(&tables).unwrap();
                let set = confidence_set_by(objectives, critical).unwrap();
                held += usize::from((0..6).all(|member| set.contains(&member)));
                size += set.len();
            }
            assert!(held >= 950, "{simultaneous:?}, n {n}: {held} of 1000");
            // Something must leave, or the set says nothing.
            assert!(n < 10 || size < 8300, "{simultaneous:?}, n {n}: {size}");
        }
    }
}

#[test]
fn membership_is_certain_for_the_corners_and_doubtful_in_between() {
    let (energy, time) = campaign(3, 10, &TRUTH);
    let tables = [
        Blocks::new(&energy, 9).unwrap(),
        Blocks::new(&time, 9).unwrap(),
    ];
    let objectives = Objectives::new(&tables).unwrap();
    let shares = membership_probabilities(objectives, 2000, 7).unwrap();
    assert!(shares[5] > 0.99 && shares[7] < 0.01, "{shares:?}");
    assert!(shares[8] > 0.02 && shares[8] < 0.98, "{shares:?}");
    assert_eq!(
        shares,
        membership_probabilities(objectives, 2000, 7).unwrap()
    );
    assert!(membership_probabilities(objectives, 0, 7).is_err());
}

#[test]
fn two_blocks_are_enumerated_by_resampling() {
    // Block 0 puts only configuration 0 on the front, block 1 only configuration 1; half of each
    // leaves both. So each is a member in three of four resamples.
    let energy = [0.0, 1.0, 1.0, 0.0];
    let time = [0.0, 0.5, 2.0, 1.0];
    let tables = [
        Blocks::new(&energy, 2).unwrap(),
        Blocks::new(&time, 2).unwrap(),
    ];
    let means = Objectives::new(&tables).unwrap().means();
    assert_eq!(means.front(), [1]);
    let shares = membership_probabilities(Objectives::new(&tables).unwrap(), 8000, 1).unwrap();
    // In the mixed half the means are (0.5, 1) and (0.5, 0.75): configuration 1 wins.
    assert!((shares[0] - 0.25).abs() < 0.02, "{shares:?}");
    assert!((shares[1] - 0.75).abs() < 0.02, "{shares:?}");
}

#[test]
fn tables_of_different_shape_are_refused() {
    let (a, b) = ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let tables = [Blocks::new(&a, 2).unwrap(), Blocks::new(&b, 2).unwrap()];
    assert!(Objectives::new(&tables).is_err());
    assert!(Objectives::new(&tables[..1]).is_err());
}

static CRITICAL: LazyLock<[Critical; 2]> = LazyLock::new(|| {
    [Simultaneous::Bonferroni, Simultaneous::MaxT]
        .map(|simultaneous| Critical::all_pairs(simultaneous, 6, 2, 4, Level::P95))
});

proptest! {
    #[test]
    fn the_set_holds_the_front_of_the_means(
        energy in prop::collection::vec(-1.0..1.0f64, 24),
        time in prop::collection::vec(-1.0..1.0f64, 24),
    ) {
        let tables = [Blocks::new(&energy, 6).unwrap(), Blocks::new(&time, 6).unwrap()];
        let objectives = Objectives::new(&tables).unwrap();
        let means = objectives.means();
        let front = means.front();
        for critical in CRITICAL.iter() {
            let set = confidence_set_by(objectives, *critical).unwrap();
            prop_assert!(front.iter().all(|member| set.contains(member)));
        }
        let near = means.front_within(0.1);
        prop_assert!(front.iter().all(|member| near.contains(member)));
        let representatives = means.representatives(0.1);
        prop_assert!(representatives.iter().all(|member| front.contains(member)));
        for configuration in 0..6 {
            let wanted = means.row(configuration);
            let stands_for = |&representative: &usize| {
                means.row(representative).iter().zip(wanted).all(|(own, other)| *own <= other + 0.1)
            };
            prop_assert!(representatives.iter().any(stands_for));
        }
    }
}
