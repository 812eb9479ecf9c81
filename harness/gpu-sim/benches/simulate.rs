//! What a second of an emulated card costs.
//!
//! One run is 20 s of a language model: a prefill of some 0.2 s of matrix products, then decode steps
//! of some 10 ms that stream weights, read at 10 Hz, with and without a power limit that holds.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gpu_sim::{Board, Card, Gpu, Seeds, Work, kernels};
use model::units::Nanos;

const LENGTH_S: u64 = 20;

/// One run; the sum of its readings keeps the compiler from leaving anything out.
fn run(board: &Arc<Board>, limit_w: Option<f64>) -> u64 {
    let mut gpu = Gpu::with_card(
        Card::new(Arc::clone(board), Seeds { card: 1, run: 2 }),
        Nanos::new(0),
    );
    gpu.set_context(true);
    if let Some(limit_w) = limit_w {
        gpu.set_power_limit_w(limit_w);
    }
    let prefill = Work::times(kernels::named("gemm-bf16").expect("a kernel"), 100);
    let decode = Work::times(kernels::named("copy").expect("a kernel"), 5);
    let (mut phases, mut sum) = (0_u64, 0);
    for poll in 0..LENGTH_S * 10 {
        let until = Nanos::from_millis(poll * 100);
        loop {
            if !gpu.is_working() {
                gpu.set_work(Some(if phases % 65 == 0 { prefill } else { decode }));
                phases += 1;
            }
            if gpu.advance(until).is_none() {
                break;
            }
        }
        let shown = gpu.read();
        sum += shown.energy.get() + shown.power_usage.get();
    }
    sum
}

fn simulate(criterion: &mut Criterion) {
    let board = Board::named("h100-sxm").expect("a board that is compiled in");
    let mut group = criterion.benchmark_group("20 s of prefill and decode");
    // Time for each element is the time for each simulated second.
    group.throughput(Throughput::Elements(LENGTH_S));
    group.bench_function("free", |bencher| {
        bencher.iter(|| black_box(run(&board, None)));
    });
    group.bench_function("held", |bencher| {
        bencher.iter(|| black_box(run(&board, Some(350.0))));
    });
    group.finish();
}

criterion_group!(benches, simulate);
criterion_main!(benches);
