use std::sync::LazyLock;

use proptest::prelude::*;

use super::split::select_and_estimate;
use super::vertex::{VertexSet, vertex};
use super::*;
use crate::draws::NormalDraws;
use crate::sum::number;

/// Eleven frequencies with a curve that rises to 5 % at the ends, block effects of 2 % and 1 %
/// scatter.
fn campaign(seed: u64, n: usize, curve: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut draws = NormalDraws::new(seed, 9);
    let mut values = Vec::with_capacity(n * 11);
    for _ in 0..n {
        let block = 0.02 * draws.draw();
        for setting in settings() {
            values.push(block + curve(setting) + 0.01 * draws.draw());
        }
    }
    values
}

fn settings() -> Vec<f64> {
    (0..11).map(|step| f64::from(step) / 5.0 - 1.0).collect()
}

#[test]
fn the_best_is_in_the_set() {
    // Equal configurations are the least favourable case: the first is a best one.
    for (n, simultaneous) in [
        (5, Simultaneous::Bonferroni),
        (10, Simultaneous::Bonferroni),
        (5, Simultaneous::MaxT),
        (10, Simultaneous::MaxT),
    ] {
        let critical = Critical::with_one(simultaneous, 11, n, Level::P95);
        let held = (0..2000)
            .filter(|&seed| {
                let values = campaign(seed, n, |_| 0.0);
                let set = best_set_by(Blocks::new(&values, 11).unwrap(), critical).unwrap();
                set.members.contains(&0)
            })
            .count();
        // 95 % is 1900 ± 10; max-t is exact, Bonferroni's bound is not reached.
        assert!(held >= 1870, "n {n}, {simultaneous:?}: {held} of 2000");
        assert!(
            simultaneous == Simultaneous::Bonferroni || held <= 1930,
            "n {n}: {held}"
        );
    }
}

#[test]
fn regret_stays_below_its_limit_and_savings_are_not_too_good() {
    let curve = |x: f64| 0.05 * (x - 0.1) * (x - 0.1);
    let (mut held, mut vertex_held, mut fits, mut saving) = (0, 0, 0, 0);
    let mut sizes = [0.0; 2];
    let max_t = Critical::with_one(Simultaneous::MaxT, 11, 10, Level::P95);
    for seed in 0..1000 {
        let values = campaign(seed, 10, curve);
        let blocks = Blocks::new(&values, 11).unwrap();
        let set = best_set(blocks, Simultaneous::Bonferroni, Level::P95).unwrap();
        let regret = curve(settings()[set.argmin]) - curve(0.0).min(curve(0.2));
        held += usize::from(regret <= set.regret_limit);
        let narrow = best_set_by(blocks, max_t).unwrap();
        held += usize::from(regret <= narrow.regret_limit);
        sizes[0] += number(set.members.len()) / 1000.0;
        sizes[1] += number(narrow.members.len()) / 1000.0;
        let vertex = vertex(blocks, &settings(), Level::P95).unwrap();
        vertex_held += usize::from(vertex.set.contains(0.1));
        fits += usize::from(vertex.lack_of_fit.p > 0.05);
        let split = select_and_estimate(blocks, 10, Level::P95).unwrap();
        let truth = curve(settings()[split.chosen]) - curve(1.0);
        saving += usize::from(split.difference.contains(truth));
    }
    assert!(held >= 1900, "regret limit held {held} of 2000");
    assert!(sizes[1] < sizes[0], "{sizes:?}");
    // 95 % is 950 ± 7.
    assert!(
        (929..=971).contains(&vertex_held),
        "vertex set {vertex_held}"
    );
    assert!((929..=971).contains(&fits), "parabola accepted {fits}");
    assert!((929..=971).contains(&saving), "savings {saving}");
}

#[test]
fn what_no_parabola_fits_is_noticed() {
    let values = campaign(4, 10, |x| if x > 0.5 { 0.1 } else { 0.0 });
    let blocks = Blocks::new(&values, 11).unwrap();
    let vertex = vertex(blocks, &settings(), Level::P95).unwrap();
    assert!(vertex.lack_of_fit.p < 1e-6, "{vertex:?}");
    assert_eq!(
        (vertex.lack_of_fit.between, vertex.lack_of_fit.within),
        (8, 90)
    );
}

#[test]
fn the_vertex_of_an_exact_parabola() {
    // 3 + 2 (x − 7)² at uneven settings; every block has its own offset, and scatter that cancels.
    let settings = [1.0, 2.0, 5.0, 11.0];
    let mut values = Vec::new();
    for (offset, scatter) in [(0.0, 1e-3), (5.0, -1e-3)] {
        for (index, x) in settings.iter().enumerate() {
            let sign = [1.0, -1.0, 1.0, -1.0][index];
            values.push(3.0 + 2.0 * (x - 7.0) * (x - 7.0) + offset + sign * scatter);
        }
    }
    let vertex = vertex(Blocks::new(&values, 4).unwrap(), &settings, Level::P95).unwrap();
    assert!((vertex.setting - 7.0).abs() < 1e-10, "{vertex:?}");
    assert!((vertex.value - 5.5).abs() < 1e-10, "{vertex:?}");
    assert!((vertex.curvature - 4.0).abs() < 1e-10, "{vertex:?}");
    assert!(vertex.lack_of_fit.p > 0.999);
}

#[test]
fn a_flat_curve_has_no_bounded_vertex() {
    let unbounded = (0..100)
        .filter(|&seed| {
            let values = campaign(seed, 10, |_| 0.0);
            let blocks = Blocks::new(&values, 11).unwrap();
            vertex(blocks, &settings(), Level::P95).unwrap().set == VertexSet::Unbounded
        })
        .count();
    assert!(unbounded >= 85, "{unbounded} of 100");
}

static CRITICAL: LazyLock<[Critical; 2]> = LazyLock::new(|| {
    [Simultaneous::Bonferroni, Simultaneous::MaxT]
        .map(|simultaneous| Critical::with_one(simultaneous, 4, 6, Level::P95))
});

proptest! {
    #[test]
    fn the_set_holds_the_argmin_and_forgets_block_effects(
        values in prop::collection::vec(-1.0..1.0f64, 24),
        offsets in prop::collection::vec(-100i32..100, 6),
    ) {
        let blocks = Blocks::new(&values, 4).unwrap();
        for critical in CRITICAL.iter() {
            let set = best_set_by(blocks, *critical).unwrap();
            let means = blocks.means();
            prop_assert!(means.iter().all(|mean| *mean >= means[set.argmin]));
            prop_assert!(set.members.contains(&set.argmin));
            prop_assert!(set.regret_limit >= 0.0);
        }
        // Whatever is added to a whole block changes nothing.
        let shifted: Vec<f64> = values
            .iter()
            .enumerate()
            .map(|(index, value)| value + f64::from(offsets[index / 4]))
            .collect();
        let before = best_set(blocks, Simultaneous::Bonferroni, Level::P95).unwrap();
        let after =
            best_set(Blocks::new(&shifted, 4).unwrap(), Simultaneous::Bonferroni, Level::P95)
                .unwrap();
        prop_assert_eq!(before.argmin, after.argmin);
        prop_assert_eq!(before.members, after.members);
        prop_assert!((before.regret_limit - after.regret_limit).abs() < 1e-9);
    }
}

#[test]
fn one_configuration_has_no_rival() {
    let blocks = Blocks::new(&[1.0, 2.0, 3.0], 1).unwrap();
    assert!(best_set(blocks, Simultaneous::Bonferroni, Level::P95).is_err());
    let four = [1.0, 2.0, 3.0, 4.0];
    assert!(vertex(Blocks::new(&four, 2).unwrap(), &[1.0, 2.0], Level::P95).is_err());
    assert!(select_and_estimate(Blocks::new(&four, 1).unwrap(), 1, Level::P95).is_err());
}
