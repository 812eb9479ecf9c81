//! One trace in memory to one row.

mod recording;

use std::hint::black_box;

use analysis::tidy::tidy;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn tidying(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tidy");
    for samples in [1_000, 10_000] {
        let trace = recording::recording(0, samples);
        group.throughput(Throughput::Elements(samples));
        group.bench_function(format!("{samples} samples"), |bencher| {
            bencher.iter(|| tidy(black_box(&trace)));
        });
    }
    group.finish();
}

criterion_group!(benches, tidying);
criterion_main!(benches);
