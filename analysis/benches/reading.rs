//! Reading one trace file: Parquet, seal, samples.

mod recording;

use std::hint::black_box;

use analysis::read::read_trace;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn reading(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = criterion.benchmark_group("read_trace");
    for samples in [1_000, 10_000] {
        let trace = recording::recording(0, samples);
        let path = folder.path().join(format!("{samples}.parquet"));
        recording::write(&path, &trace);
        group.throughput(Throughput::Elements(samples));
        group.bench_function(format!("{samples} samples"), |bencher| {
            bencher.iter(|| read_trace(black_box(&path)).expect("a good trace"));
        });
    }
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
