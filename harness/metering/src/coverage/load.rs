//! Loads at random: what inference does to a board, in shuffled order.

use gpu_sim::{Work, kernels};
use model::units::Seconds;
use rand_chacha::ChaCha8Rng;

use super::bench::{Stretch, uniform};

/// Kernels that phases are drawn from: bound by arithmetic, by memory, by neither.
const KERNELS: [&str; 6] = [
    "gemm-bf16",
    "gemm-fp32",
    "gemm-bf16-1024",
    "copy",
    "babelstream",
    "softmax",
];

/// Log-uniform between two times.
fn log_uniform(random: &mut ChaCha8Rng, low_s: f64, high_s: f64) -> f64 {
    low_s * libm::exp(uniform(random) * libm::log(high_s / low_s))
}

fn kernel(random: &mut ChaCha8Rng) -> Option<Work> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index below the number of kernels"
    )]
    let index = (uniform(random) * 6.0) as usize;
    kernels::named(KERNELS[index]).map(Work::endless)
}

/// Random phases that fill at least a length. Of four phases one idles (0.05 to 1 s), two run one
/// kernel (0.05 to 3 s), and one alternates a kernel with idling at 10 to 400 ms for 0.3 to 3 s.
pub(crate) fn random_mix(random: &mut ChaCha8Rng, length_s: f64) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let mut filled_s = 0.0;
    let mut add = |work: Option<Work>, length_s: f64| {
        stretches.push(Stretch {
            work,
            length: Seconds::new(length_s),
        });
        length_s
    };
    while filled_s < length_s {
        let kind = uniform(random);
        filled_s += if kind < 0.25 {
            add(None, log_uniform(random, 0.05, 1.0))
        } else if kind < 0.75 {
            let work = kernel(random);
            add(work, log_uniform(random, 0.05, 3.0))
        } else {
            let work = kernel(random);
            let period_s = log_uniform(random, 0.01, 0.4);
            let duty = 0.2 + 0.6 * uniform(random);
            let total_s = log_uniform(random, 0.3, 3.0);
            let mut done_s = 0.0;
            while done_s < total_s {
                done_s += add(work, duty * period_s);
                done_s += add(None, (1.0 - duty) * period_s);
            }
            done_s
        };
    }
    stretches
}
