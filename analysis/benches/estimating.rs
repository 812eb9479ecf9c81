//! Values of runs to an estimate with its interval.

mod recording;

use std::hint::black_box;

use analysis::estimate::{estimates_of, geometric_mean, paired_ratio};
use analysis::tidy::tidy;
use criterion::{Criterion, criterion_group, criterion_main};
use model::units::Joules;

fn energies(count: u32) -> Vec<Joules> {
    (0..count)
        .map(|index| Joules::new(3.5 + f64::from(index * 7 % 11) * 0.01))
        .collect()
}

fn estimating(criterion: &mut Criterion) {
    for count in [5, 30] {
        let values = energies(count);
        criterion.bench_function(&format!("geometric_mean/{count} runs"), |bencher| {
            bencher.iter(|| geometric_mean(black_box(&values)));
        });
        let pairs: Vec<(Joules, Joules)> =
            values.iter().map(|value| (*value, *value / 2.0)).collect();
        criterion.bench_function(&format!("paired_ratio/{count} blocks"), |bencher| {
            bencher.iter(|| paired_ratio(black_box(&pairs)));
        });
    }
    let rows: Vec<_> = (0..60)
        .map(|index| tidy(&recording::recording(index, 1_000)))
        .collect();
    criterion.bench_function("estimates_of/60 rows", |bencher| {
        bencher.iter(|| estimates_of(black_box(&rows)));
    });
}

criterion_group!(benches, estimating);
criterion_main!(benches);
