//! Reference values: scipy 1.17.1, `wilcoxon` and `mannwhitneyu`.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Differences of Darwin's maize experiment, in eighths of an inch.
const MAIZE: [f64; 15] = [
    6.0, 8.0, 14.0, 16.0, 23.0, 24.0, 28.0, 29.0, 41.0, -48.0, 49.0, 56.0, 60.0, -67.0, 75.0,
];
const X: [f64; 5] = [1.1, 2.2, 3.3, 4.4, 9.1];
const Y: [f64; 6] = [0.5, 0.9, 2.0, 3.0, 3.1, 4.0];

fn close(got: f64, expected: f64, relative: f64) {
    assert!(
        (got - expected).abs() <= relative * expected,
        "got {got}, expected {expected}"
    );
}

#[test]
fn darwins_maize_is_exact() {
    let test = wilcoxon(&MAIZE).unwrap();
    assert_eq!((test.n, test.law), (15, RankLaw::Exact));
    close(test.statistic, 24.0, 0.0);
    close(test.p, 1352.0 / 32768.0, 0.0);
    let normal = wilcoxon_normal(&MAIZE).unwrap();
    close(normal.p, 0.040_888_132_911_855_91, 1e-10);
}

/// With ties: the exact value by enumerating the 512 signs in Python, the normal one by scipy.
#[test]
fn ties_share_ranks_and_zeros_are_left_out() {
    let differences = [1.0, 1.0, -2.0, 3.0, 3.0, -3.0, 4.0, 0.0, 5.0, 6.0];
    let exact = wilcoxon(&differences).unwrap();
    assert_eq!(exact.n, 9);
    close(exact.statistic, 8.0, 0.0);
    close(exact.p, 0.097_656_25, 0.0);
    close(
        wilcoxon_normal(&differences).unwrap().p,
        0.084_456_142_457_137_48,
        1e-10,
    );
    assert!(wilcoxon(&[0.0, 0.0]).is_err());
}

#[test]
fn many_differences_go_to_the_normal_law() {
    let many: Vec<f64> = (1..=51).map(f64::from).collect();
    assert_eq!(wilcoxon(&many).unwrap().law, RankLaw::Normal);
    assert_eq!(wilcoxon(&many[..50]).unwrap().law, RankLaw::Exact);
}

#[test]
fn mann_whitney_exact_and_normal() {
    let test = mann_whitney(&X, &Y).unwrap();
    assert_eq!((test.n, test.law), (11, RankLaw::Exact));
    close(test.statistic, 22.0, 0.0);
    close(test.p, 114.0 / 462.0, 1e-15);
    close(
        mann_whitney_normal(&X, &Y).unwrap().p,
        0.235_333_266_509_585_86,
        1e-10,
    );
}

#[test]
fn mann_whitney_with_ties_is_normal() {
    let (x, y) = ([1.0, 2.0, 2.0, 3.0, 5.0], [2.0, 3.0, 3.0, 4.0, 6.0, 7.0]);
    let test = mann_whitney(&x, &y).unwrap();
    assert_eq!(test.law, RankLaw::Normal);
    close(test.statistic, 7.0, 0.0);
    close(test.p, 0.163_045_055_854_237_34, 1e-10);
    assert!(matches!(
        mann_whitney_exact(&x, &y),
        Err(StatisticsError::Ties { .. })
    ));
    assert!(matches!(
        mann_whitney(&[1.0, 1.0], &[1.0]),
        Err(StatisticsError::NoVariance { .. })
    ));
}

/// 40 and 50 values: counts beyond 64 bits, which whole numbers still hold.
#[test]
fn mann_whitney_counts_many_arrangements() {
    let x: Vec<f64> = (1..=40).map(|i| (f64::from(i) * 1.37) % 1.0).collect();
    let y: Vec<f64> = (1..=50)
        .map(|i| (f64::from(i) * 2.71) % 1.0 + 0.1)
        .collect();
    let test = mann_whitney_exact(&x, &y).unwrap();
    close(test.statistic, 824.0, 0.0);
    close(test.p, 0.154_831_491_060_127_25, 1e-12);
    let more: Vec<f64> = (0..100).map(|i| 7.0 + f64::from(i)).collect();
    assert!(matches!(
        mann_whitney_exact(&x, &more),
        Err(StatisticsError::TooMany { .. })
    ));
    assert_eq!(mann_whitney(&x, &more).unwrap().law, RankLaw::Normal);
}

#[test]
fn all_ways_to_deal_are_counted() {
    assert_eq!(arrangements(2, 2), [1, 1, 2, 1, 1]);
    let largest: i128 = arrangements(60, 60).iter().sum();
    // 120 choose 60.
    assert_eq!(largest, 96_614_908_840_363_322_603_893_139_521_372_656);
}

proptest! {
    #[test]
    fn swapping_sides_turns_u_around(
        x in vec(0i8..30, 1..12),
        y in vec(0i8..30, 1..12),
    ) {
        let x: Vec<f64> = x.into_iter().map(f64::from).collect();
        let y: Vec<f64> = y.into_iter().map(f64::from).collect();
        if let (Ok(there), Ok(back)) = (mann_whitney(&x, &y), mann_whitney(&y, &x)) {
            prop_assert_eq!(there.p.to_bits(), back.p.to_bits());
            let pairs = number(x.len()) * number(y.len());
            prop_assert!((there.statistic + back.statistic - pairs).abs() < 1e-12);
            let mut u = 0.0;
            for a in &x {
                for b in &y {
                    u += if a > b { 1.0 } else if a < b { 0.0 } else { 0.5 };
                }
            }
            prop_assert!((there.statistic - u).abs() < 1e-12);
        }
    }

    #[test]
    fn ranks_see_only_the_order(differences in vec(-50.0..50.0, 1..20)) {
        let cubed: Vec<f64> = differences.iter().map(|d| d * d * d).collect();
        let (plain, other) = (wilcoxon(&differences).unwrap(), wilcoxon(&cubed).unwrap());
        prop_assert_eq!(plain.p.to_bits(), other.p.to_bits());
        prop_assert!(plain.p > 0.0 && plain.p <= 1.0);
        let mirrored: Vec<f64> = differences.iter().map(|d| -d).collect();
        prop_assert_eq!(wilcoxon(&mirrored).unwrap(), plain);
    }
}
