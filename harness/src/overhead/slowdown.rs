//! Work with and without sampling beside it, in turn, on the same machine.

use std::hint::black_box;
use std::sync::{Condvar, Mutex};

use model::units::{Nanos, Seconds};
use serde::{Deserialize, Serialize};
use statistics::interval::{Interval, Level};
use statistics::ratio::paired_log_ratio;

use super::OverheadError;
use crate::clock::monotonic_now;
use crate::device::{Backend, DeviceError};

/// How much longer work takes while the sampler runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slowdown {
    /// Readings per second of the sampler beside the work.
    pub rate_hz: u32,
    /// Time with sampling over time without, by pairs that follow each other; 1.01 is 1 % slower.
    pub ratio: Interval,
}

/// Pairs whose ratio is taken where nobody says how many.
pub const PAIRS: usize = 30;

/// What the sampler beside the work shall do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Rest,
    Sample,
    Leave,
}

/// Tells the sampler's thread what to do.
struct Switch {
    order: Mutex<Order>,
    changed: Condvar,
}

impl Switch {
    fn set(&self, order: Order) {
        *self.order.lock().expect("nobody panics with it") = order;
        self.changed.notify_all();
    }

    fn order(&self) -> Order {
        *self.order.lock().expect("nobody panics with it")
    }

    /// Waits until there is something to do.
    fn next(&self) -> Order {
        let order = self.order.lock().expect("nobody panics with it");
        let waited = self
            .changed
            .wait_while(order, |order| *order == Order::Rest);
        *waited.expect("nobody panics with it")
    }
}

/// Times a piece of work alone and with a sampler of the device beside it, `pairs` times each; who
/// comes first alternates. The sampler has a thread and opens the device once.
///
/// # Errors
/// Where the device cannot be opened or stops answering, or the times give no interval.
pub fn slowdown(
    backend: &Backend,
    device_index: u32,
    rate_hz: u32,
    pairs: usize,
    work: &mut dyn FnMut(),
) -> Result<Slowdown, OverheadError> {
    let switch = Switch {
        order: Mutex::new(Order::Rest),
        changed: Condvar::new(),
    };
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let sampler = scope.spawn(|| sample(backend, device_index, rate_hz, &switch));
        // Caches and clocks of the processor settle.
        work();
        for pair in 0..pairs {
            let with_first = pair % 2 == 1;
            for with_sampler in [with_first, !with_first] {
                if with_sampler {
                    switch.set(Order::Sample);
                    beside.push(timed(work));
                    switch.set(Order::Rest);
                } else {
                    alone.push(timed(work));
                }
            }
        }
        switch.set(Order::Leave);
        sampler.join().expect("the sampler gives errors back")
    })?;
    Ok(Slowdown {
        rate_hz,
        ratio: paired_log_ratio(&beside, &alone, Level::P95)?,
    })
}

fn sample(
    backend: &Backend,
    device_index: u32,
    rate_hz: u32,
    switch: &Switch,
) -> Result<(), DeviceError> {
    let mut instrument = backend.open(device_index)?;
    let period = Nanos::new(1_000_000_000 / u64::from(rate_hz.max(1)));
    while switch.next() == Order::Sample {
        let mut deadline = instrument.clock().now();
        while switch.order() == Order::Sample {
            instrument.clock().sleep_until(deadline);
            black_box(instrument.sense().sample()?);
            deadline = deadline + period;
        }
    }
    Ok(())
}

fn timed(work: &mut dyn FnMut()) -> f64 {
    let begin = monotonic_now();
    work();
    Seconds::from(monotonic_now().saturating_sub(begin)).get()
}

/// Arithmetic on every core for about this long: the same operations every time it is called.
pub fn arithmetic(duration: Nanos) -> impl FnMut() {
    let rounds = calibrated(duration);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    move || {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| black_box(multiply(black_box(rounds))));
            }
        });
    }
}

fn multiply(rounds: u64) -> u64 {
    let mut state = 1_u64;
    for _ in 0..rounds {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
    }
    state
}

/// Rounds that take about this long on this machine.
fn calibrated(duration: Nanos) -> u64 {
    const TRIAL: u64 = 4_000_000;
    let begin = monotonic_now();
    black_box(multiply(black_box(TRIAL)));
    let took = monotonic_now().saturating_sub(begin).get().max(1);
    TRIAL * duration.get() / took
}
