use super::*;
use crate::draws::NormalDraws;

fn normal(seed: u64, n: usize, deviation: f64) -> Vec<f64> {
    let mut draws = NormalDraws::new(seed, 0);
    (0..n).map(|_| deviation * draws.draw()).collect()
}

#[test]
fn size_by_hand() {
    // t(0.975; 9) = 2.262157: (2.262157 · 2)² = 20.47.
    let size = TwoStage::CONFIRM.size(0.02).unwrap();
    assert_eq!(
        size,
        Size {
            blocks: 21,
            wanted: 21
        }
    );
    // (2.262157 · 4)² = 81.9 is above the cap.
    let capped = TwoStage::CONFIRM.size(0.04).unwrap();
    assert_eq!(
        capped,
        Size {
            blocks: 50,
            wanted: 82
        }
    );
    assert!(capped.is_capped() && !size.is_capped());
    assert_eq!(TwoStage::CONFIRM.size(0.0).unwrap().blocks, 10);
    assert_eq!(TwoStage::CONFIRM.size(1e300).unwrap().blocks, 50);
}

#[test]
fn the_interval_keeps_the_scatter_of_the_pilot() {
    let mut log_ratios = normal(1, 10, 0.02);
    let pilot = Moments::of("pilot", &log_ratios).unwrap();
    let blocks = TwoStage::CONFIRM
        .size(pilot.standard_deviation())
        .unwrap()
        .blocks;
    assert!(blocks > 10);
    assert_eq!(
        TwoStage::CONFIRM.outcome(&log_ratios).unwrap(),
        Precision::Unfinished { blocks }
    );
    // Whatever the second stage scatters, the width is that of the pilot.
    log_ratios.extend(normal(2, blocks, 0.5));
    let Precision::Met(interval) = TwoStage::CONFIRM.outcome(&log_ratios).unwrap() else {
        panic!("the second stage is complete");
    };
    let expected = 2.262_157_162_798_205 * pilot.standard_deviation() / number(blocks).sqrt();
    assert!((interval.half_width() - expected).abs() < 1e-11);
    assert!(interval.half_width() <= 0.01);
    assert_eq!((interval.n, interval.method), (blocks, Method::SteinT));
}

#[test]
fn a_cap_that_binds_is_said_with_the_width_that_was_reached() {
    let outcome = TwoStage::CONFIRM.outcome(&normal(3, 50, 0.1)).unwrap();
    let Precision::NotMet { reached, wanted } = outcome else {
        panic!("±1 % cannot be reached: {outcome:?}");
    };
    assert!(wanted > 50 && reached.n == 50 && reached.half_width() > 0.01);
}

#[test]
fn two_stages_cover() {
    // Standard deviation 2.5 %: about 26 to 34 blocks, so that the second stage matters.
    let plan = TwoStage {
        cap: 1000,
        ..TwoStage::CONFIRM
    };
    let (mut covered, mut blocks) = (0, 0.0);
    for seed in 0..4000 {
        let Precision::Met(interval) = plan.outcome(&normal(seed, 1000, 0.025)).unwrap() else {
            panic!("the cap is out of reach");
        };
        covered += usize::from(interval.contains(0.0));
        blocks += number(interval.n);
    }
    // 95 % is 3800 ± 14.
    assert!(covered >= 3750, "{covered} of 4000");
    let expected = plan.expected_blocks(0.025).unwrap();
    assert!(
        (blocks / 4000.0 / expected - 1.0).abs() < 0.03,
        "{} for {expected}",
        blocks / 4000.0
    );
}

#[test]
fn expected_blocks_lie_between_pilot_and_cap() {
    let plan = TwoStage::CONFIRM;
    assert!((plan.expected_blocks(0.0).unwrap() - 10.0).abs() < 1e-12);
    assert!((plan.expected_blocks(10.0).unwrap() - 50.0).abs() < 1e-3);
    assert!(plan.probability_not_met(10.0).unwrap() > 0.999);
    assert!(plan.probability_not_met(0.005).unwrap() < 1e-6);
}

#[test]
fn expected_half_width_by_hand() {
    // c4(2) = √(2/π): 12.7062 · 0.797885 / √2.
    let expected = 12.706_204_736_174_694 * (2.0 / std::f64::consts::PI).sqrt() / 2f64.sqrt();
    let found = expected_half_width(1.0, 2, Level::P95).unwrap();
    assert!((found / expected - 1.0).abs() < 1e-9);
    let runs = runs_for_half_width(0.01, 0.01, Level::P95, 100).unwrap();
    // n = 5: 2.776 · 0.9400 / √5 = 1.17 standard deviations; n = 6: 2.571 · 0.9515 / √6 = 0.999.
    assert_eq!(runs, Some(6));
    assert_eq!(
        runs_for_half_width(1.0, 0.01, Level::P95, 100).unwrap(),
        None
    );
}

#[test]
fn impossible_plans_are_refused() {
    let plan = TwoStage::CONFIRM;
    assert!(TwoStage { pilot: 1, ..plan }.size(0.1).is_err());
    assert!(TwoStage { cap: 9, ..plan }.size(0.1).is_err());
    assert!(
        TwoStage {
            half_width: 0.0,
            ..plan
        }
        .size(0.1)
        .is_err()
    );
    assert!(plan.outcome(&[0.0; 9]).is_err());
}
