use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const A: [f64; 8] = [30.02, 29.99, 30.11, 29.97, 30.01, 29.99, 30.08, 30.05];
const B: [f64; 7] = [29.89, 29.93, 29.72, 29.98, 30.02, 29.98, 29.91];

fn close(got: f64, expected: f64, relative: f64) {
    assert!(
        (got - expected).abs() <= relative * expected.abs(),
        "got {got}, expected {expected}"
    );
}

/// `statsmodels.stats.weightstats.ttost_ind(a, b, -.15, .15, usevar="unequal")`, statsmodels 0.15.0.
#[test]
fn two_one_sided_tests_against_statsmodels() {
    let contrast = Contrast::difference(&A, &B).unwrap();
    close(contrast.statistic(-0.15), 6.311_032_231_900_324, 1e-10);
    close(contrast.statistic(0.15), -1.001_060_285_059_867_8, 1e-10);
    close(contrast.degrees(), 8.497_309_856_376_64, 1e-10);
    let claim = Claim::Within {
        low: -0.15,
        high: 0.15,
    };
    let decision = decide(&contrast, claim, Level::P95).unwrap();
    close(decision.p, 0.172_224_755_541_101_78, 1e-10);
    assert_eq!(decision.verdict, Verdict::Inconclusive);
    let one_side = decide(&contrast, Claim::Above { margin: -0.15 }, Level::P95).unwrap();
    close(one_side.p, 8.906_392_693_517_775e-5, 1e-10);
    assert_eq!(
        (one_side.verdict, one_side.runs_needed),
        (Verdict::Supported, None)
    );
}

/// Ten values with mean `mean` and standard deviation 1.
fn ten_around(mean: f64) -> Vec<f64> {
    let shape: Vec<f64> = (0..10).map(|i| f64::from(i) - 4.5).collect();
    let scale = (shape.iter().map(|x| x * x).sum::<f64>() / 9.0).sqrt();
    shape.iter().map(|x| mean + x / scale).collect()
}

/// statsmodels 0.15.0, `TTestPower` and `TTestIndPower`, alpha 0.05, alternative "larger".
#[test]
fn power_and_size_against_statsmodels() {
    for (effect, size, at_ten) in POWER {
        let contrast = Contrast::mean(&ten_around(effect)).unwrap();
        let claim = Claim::Above { margin: 0.0 };
        let got = power(&contrast, claim, Level::P95, 10);
        assert!((got - at_ten).abs() < 1e-8, "{effect}: {got} {at_ten}");
        assert_eq!(
            runs_needed(&contrast, claim, Level::P95, 0.8),
            Some(size),
            "{effect}"
        );
        let mirrored = Contrast::mean(&ten_around(-effect)).unwrap();
        let claim = Claim::Below { margin: 0.0 };
        assert_eq!(runs_needed(&mirrored, claim, Level::P95, 0.8), Some(size));
    }
    let two = Contrast::difference(&ten_around(0.5), &ten_around(0.0)).unwrap();
    let claim = Claim::Above { margin: 0.0 };
    assert_eq!(runs_needed(&two, claim, Level::P95, 0.8), Some(TWO_SIZE));
    assert!((power(&two, claim, Level::P95, 20) - TWO_AT_TWENTY).abs() < 1e-8);
}

const POWER: [(f64, usize, f64); 4] = [
    (0.1, 620, 0.088_240_508_487_582_8),
    (0.5, 27, 0.427_289_826_771_178_1),
    (1.0, 8, 0.897_516_994_339_682_6),
    (2.0, 4, 0.999_982_540_920_926_5),
];
const TWO_SIZE: usize = 51;
const TWO_AT_TWENTY: f64 = 0.463_374_349_296_408_64;

#[test]
fn three_verdicts_on_either_side_of_a_margin() {
    // Mean 3, standard error 0.316, t(.95, 9) = 1.833: limits 2.42 and 3.58.
    let contrast = Contrast::mean(&ten_around(3.0)).unwrap();
    let verdict = |claim| decide(&contrast, claim, Level::P95).unwrap().verdict;
    assert_eq!(verdict(Claim::Below { margin: 3.6 }), Verdict::Supported);
    assert_eq!(verdict(Claim::Below { margin: 3.5 }), Verdict::Inconclusive);
    assert_eq!(verdict(Claim::Below { margin: 2.4 }), Verdict::Refuted);
    assert_eq!(verdict(Claim::Above { margin: 2.4 }), Verdict::Supported);
    assert_eq!(verdict(Claim::Above { margin: 2.5 }), Verdict::Inconclusive);
    assert_eq!(verdict(Claim::Above { margin: 3.6 }), Verdict::Refuted);
    assert_eq!(
        verdict(Claim::Within {
            low: 2.4,
            high: 3.6
        }),
        Verdict::Supported
    );
    assert_eq!(
        verdict(Claim::Within {
            low: 2.5,
            high: 9.0
        }),
        Verdict::Inconclusive
    );
    assert_eq!(
        verdict(Claim::Within {
            low: 4.0,
            high: 9.0
        }),
        Verdict::Refuted
    );
    assert_eq!(
        verdict(Claim::Within {
            low: 0.0,
            high: 2.0
        }),
        Verdict::Refuted
    );
}

#[test]
fn an_estimate_against_the_claim_needs_no_more_runs() {
    let contrast = Contrast::mean(&ten_around(3.0)).unwrap();
    let decision = decide(&contrast, Claim::Below { margin: 2.9 }, Level::P95).unwrap();
    assert_eq!(
        (decision.verdict, decision.runs_needed),
        (Verdict::Inconclusive, None)
    );
    let decision = decide(&contrast, Claim::Below { margin: 3.1 }, Level::P95).unwrap();
    // (1.645 + 0.842)² / 0.1² = 618, and a little more for t.
    assert_eq!(decision.runs_needed, Some(620));
}

#[test]
fn ninety_five_per_cent_retained() {
    let quality = [0.958, 0.962, 0.960, 0.961, 0.959];
    let contrast = Contrast::paired_log_ratio(&quality, &[1.0; 5]).unwrap();
    let decision = decide(&contrast, Claim::retained(0.95).unwrap(), Level::P95).unwrap();
    assert_eq!(decision.verdict, Verdict::Supported);
    // The limit is the lower end of the two-sided 90 % interval.
    let ninety = crate::ratio::paired_log_ratio(&quality, &[1.0; 5], Level::P90).unwrap();
    close(libm::exp(decision.lower_limit), ninety.low, 1e-12);
    assert!(Claim::retained(0.0).is_err());
    assert!(Claim::equivalent_within(0.9).is_err());
    assert!(Claim::equivalent_within(1.05).is_ok());
}

#[test]
fn wrong_margins_are_refused() {
    let contrast = Contrast::mean(&A).unwrap();
    assert!(
        decide(
            &contrast,
            Claim::Within {
                low: 1.0,
                high: 1.0
            },
            Level::P95
        )
        .is_err()
    );
    assert!(decide(&contrast, Claim::Below { margin: f64::NAN }, Level::P95).is_err());
    assert!(
        decide(
            &contrast,
            Claim::Below { margin: 0.0 },
            Level::new(0.4).unwrap()
        )
        .is_err()
    );
    assert!(Contrast::mean(&[1.0, 1.0]).is_err());
}

#[test]
fn and_claims_stand_or_fall_together() {
    let contrast = Contrast::mean(&ten_around(3.0)).unwrap();
    let at = |margin| decide(&contrast, Claim::Below { margin }, Level::P95).unwrap();
    let (yes, open, no) = (at(3.6), at(3.5), at(2.4));
    assert_eq!(
        intersection_union(&[yes, yes]),
        Some((Verdict::Supported, yes.p))
    );
    assert_eq!(
        intersection_union(&[yes, open]),
        Some((Verdict::Inconclusive, open.p))
    );
    assert_eq!(
        intersection_union(&[yes, open, no]),
        Some((Verdict::Refuted, no.p))
    );
    assert_eq!(intersection_union(&[]), None);
}

proptest! {
    #[test]
    fn supported_is_p_below_alpha(
        values in vec(-10.0..10.0, 2..20),
        margin in -5.0..5.0,
        width in 0.1..8.0,
    ) {
        let contrast = Contrast::mean(&values).unwrap();
        for claim in [
            Claim::Below { margin },
            Claim::Above { margin },
            Claim::Within { low: margin, high: margin + width },
        ] {
            let decision = decide(&contrast, claim, Level::P95).unwrap();
            if (decision.p - 0.05).abs() > 1e-9 {
                prop_assert_eq!(decision.verdict == Verdict::Supported, decision.p < 0.05);
            }
        }
    }

    #[test]
    fn more_runs_never_lose_power(effect in 0.05..2.0, runs in 2usize..200) {
        let contrast = Contrast::mean(&ten_around(effect)).unwrap();
        let claim = Claim::Above { margin: 0.0 };
        let (less, more) = (
            power(&contrast, claim, Level::P95, runs),
            power(&contrast, claim, Level::P95, runs + 1),
        );
        prop_assert!(less <= more + 1e-10, "{} {}", less, more);
    }

    #[test]
    fn mirrored_data_give_mirrored_claims(values in vec(-10.0..10.0, 2..20), margin in -5.0..5.0) {
        let mirrored: Vec<f64> = values.iter().map(|value| -value).collect();
        let there = decide(&Contrast::mean(&values).unwrap(), Claim::Below { margin }, Level::P95);
        let back = decide(
            &Contrast::mean(&mirrored).unwrap(),
            Claim::Above { margin: -margin },
            Level::P95,
        );
        let (there, back) = (there.unwrap(), back.unwrap());
        prop_assert_eq!(there.verdict, back.verdict);
        prop_assert!((there.p - back.p).abs() < 1e-12);
    }
}
