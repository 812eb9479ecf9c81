//! Time of a bootstrap-t interval of 1,000 values with 9,999 resamples; `scipy_bootstrap.py` beside
//! this file times `scipy.stats.bootstrap` on as much data.

use criterion::{Criterion, criterion_group, criterion_main};
use statistics::bootstrap::{Resampling, SampleFloor, bootstrap_t, percentile};
use statistics::draws::NormalDraws;
use statistics::interval::Level;

fn bootstrap(criterion: &mut Criterion) {
    let mut draws = NormalDraws::new(1, 0);
    let values: Vec<f64> = (0..1_000).map(|_| libm::exp(0.5 * draws.draw())).collect();
    let everywhere = Resampling::from_seed(1);
    let mut group = criterion.benchmark_group("bootstrap of 1,000 values, B = 9,999");
    group.sample_size(20);
    group.bench_function("bootstrap-t, all threads", |bencher| {
        bencher.iter(|| bootstrap_t(&values, Level::P95, &everywhere));
    });
    group.bench_function("bootstrap-t, one thread", |bencher| {
        bencher.iter(|| bootstrap_t(&values, Level::P95, &everywhere.on_one_thread()));
    });
    let mean = |values: &[f64]| values.iter().sum::<f64>() / 1_000.0;
    group.bench_function("percentile of the mean, all threads", |bencher| {
        bencher.iter(|| {
            percentile(
                &values,
                mean,
                Level::P95,
                SampleFloor::Protocol,
                &everywhere,
            )
        });
    });
    group.finish();
}

criterion_group!(benches, bootstrap);
criterion_main!(benches);
